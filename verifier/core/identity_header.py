"""The grammar of an Identity header (RFC 8224 section 4, with the tokens and white space of RFC 3261 section 25.1).

Implements specs/protocol.md section 6.4.
"""

from __future__ import annotations

import re

from verifier.core.errors import InvalidSignature
from verifier.core.text import unsafe

MAX_HEADER = 8192

# White space, including folded lines. Each text can match in only one way, so matching takes linear time.
_SPACE = r"(?:[ \t]|\r\n[ \t])*"
_WORD = r"[A-Za-z0-9.!%*_+`'~-]+"
_HOST = r"\[[0-9A-Fa-f:.]+\]"
_DIGEST = re.compile(rf"{_SPACE}([A-Za-z0-9_.-]+){_SPACE}")
# One parameter. It can have a value: an address in angle brackets, a quoted text, a token, or an IPv6 address in square
# brackets.
_PARAMETER = re.compile(
    rf";{_SPACE}({_WORD})(?:{_SPACE}={_SPACE}"
    rf"""(?:<([^<>\s]*)>|"((?:[^"\\\r\n]|\\[^\r\n])*)"|({_WORD}|{_HOST})))?{_SPACE}"""
)


def parse_header(header: str) -> tuple[str, dict[str, str]]:
    """Parse an Identity header. Returns the PASSporT, and the values of the parameters by lower-case name.

    A parameter without a value gets an empty value. A header with several values, separated by commas, is refused.
    Raises InvalidSignature if the header cannot be parsed.
    """
    fits = not unsafe(header) and len(header.encode()) <= MAX_HEADER
    text = header.strip(" \t\r\n") if fits else ""
    begun = _DIGEST.match(text)
    if begun is None:
        raise InvalidSignature("the header is not an Identity header")
    given: dict[str, str] = {}
    at = begun.end()
    while at < len(text):
        found = _PARAMETER.match(text, at)
        if found is None:
            raise InvalidSignature("the header's parameters cannot be read")
        name = found[1].lower()
        if name in given:
            raise InvalidSignature("the header has a parameter twice")
        quoted = re.sub(r"\\(.)", r"\1", found[3] or "")
        given[name] = found[2] or quoted or found[4] or ""
        at = found.end()
    if not given.get("info"):
        raise InvalidSignature("the header has no info")
    return begun[1], given
