"""Invitations: the ten letters with which a customer invites a helper. Implements specs/protocol.md section 7.18.

The letters are those that RFC 8628 section 6.1 suggests for codes that people type: no vowels, so no words, and no
digits. So nobody mixes up an invitation and a call code, which has nine digits. Ten letters hold 43 bits.
"""

from __future__ import annotations

from verifier.core.errors import InvalidField

LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
LENGTH = 10
# So many random bytes that the letters are as good as uniform.
ENTROPY_BYTES = 16
_SEPARATORS = str.maketrans("", "", " \t\u00a0\u3000-\u2010\u2011\u2012\u2013\u2014\uff0d\u00b7")


def make_invitation(octets: bytes) -> str:
    """The ten letters of an invitation, from random bytes."""
    rest, letters = int.from_bytes(octets), ""
    for _ in range(LENGTH):
        rest, at = divmod(rest, len(LETTERS))
        letters += LETTERS[at]
    return letters


def show_invitation(letters: str) -> str:
    """An invitation as it is shown: `BCDFG-HJKLM`."""
    return f"{letters[:5]}-{letters[5:]}"


def parse_invitation(typed: str) -> str:
    """The ten letters of an invitation that somebody typed. Case, spaces and dashes do not matter.

    Raises InvalidField if they are not ten of the letters. Such a slip costs no try.
    """
    letters = typed.translate(_SEPARATORS).upper()
    if len(letters) != LENGTH or not set(letters) <= set(LETTERS):
        raise InvalidField.at("/invitation", "An invitation has ten letters, as in BCDFG-HJKLM, and no digits")
    return letters
