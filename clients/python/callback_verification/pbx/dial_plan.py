"""How an exchange writes numbers, channels and officers. Implements specs/pbx.md section 2."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote

from msgspec import Struct

MAX_TEXT: Final = 256
MAX_LEG_ID: Final = 128
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_SEPARATORS = str.maketrans("", "", " -.()")
_VISIBLE = re.compile(r"[\x20-\x7e]+")
_SERVER = re.compile(r"[\x21-\x7e]{0,64}")
_USER = re.compile(r"<?(?:sips?|tel):([^@;?>]+)", re.IGNORECASE)


class DialPlan(Struct, frozen=True):
    """The facts of one exchange.

    Without a `country_code` only numbers with a plus sign are understood. `outside_line` is what officers dial first to
    get a line, where the exchange has not taken it off: a number without it is then an inside one. A number without any
    prefix is a national one from `shortest_national` digits on, else an extension. `trunks` are the beginnings of the
    names of channels that lead outside; none means any. `officers` gives the staff number for an extension or account:
    a leg without one matches no call where several officers are assigned.
    `server` tells exchanges apart whose ids of channels may be the same: it belongs to every leg id.
    Raises ValueError for a `server` of more than 64 characters, or with other than visible ASCII ones.
    """

    country_code: str = ""
    trunk_prefix: str = ""
    international_prefix: str = ""
    outside_line: str = ""
    shortest_national: int = 10
    trunks: tuple[str, ...] = ()
    officers: Mapping[str, str] = {}
    server: str = ""

    def __post_init__(self) -> None:
        if not _SERVER.fullmatch(self.server):
            raise ValueError("server: at most 64 visible ASCII characters, without a space")

    def leg_id(self, *parts: str) -> str:
        """The id of a leg among those of all exchanges: the server's name, then the exchange's own name of the leg."""
        return leg_id(self.server, *parts) if self.server else leg_id(*parts)

    def e164(self, dialled: str) -> str | None:
        """The number that was dialled, in E.164; None for an extension, or what is no number."""
        if len(dialled) > MAX_TEXT:
            return None
        number = self._international(dialled.translate(_SEPARATORS))
        return number if number is not None and _E164.fullmatch(number) else None

    def _international(self, digits: str) -> str | None:
        if digits.startswith("+"):
            return digits
        if not digits.startswith(self.outside_line):
            return None
        digits = digits.removeprefix(self.outside_line)
        if self.international_prefix and digits.startswith(self.international_prefix):
            return "+" + digits.removeprefix(self.international_prefix)
        if not self.country_code:
            return None
        if self.trunk_prefix and digits.startswith(self.trunk_prefix):
            return f"+{self.country_code}{digits.removeprefix(self.trunk_prefix)}"
        return f"+{self.country_code}{digits}" if len(digits) >= self.shortest_national else None

    def is_extension(self, dialled: str) -> bool:
        """Whether a number is one inside the bank: digits alone, too few for a national number."""
        digits = dialled.translate(_SEPARATORS)
        return digits.isascii() and digits.isdigit() and len(digits) < self.shortest_national

    def leads_outside(self, channel: str) -> bool:
        """Whether a channel is one of the trunks'."""
        return not self.trunks or channel.startswith(self.trunks)

    def comes_from_outside(self, channel: str) -> bool:
        """Whether a calling channel is a trunk's: a call that came in and is put out again is no officer's, whatever
        number it shows. Without `trunks` nobody can tell."""
        return bool(self.trunks) and channel.startswith(self.trunks)

    def officer(self, *names: str) -> str | None:
        """The staff number for the first of these names that is known."""
        return next((self.officers[name] for name in names if name in self.officers), None)


def leg_id(*parts: str) -> str:
    """A name within the bounds of the protocol; one that is too long or odd becomes its digest. Parts stay apart."""
    name = parts[0] if len(parts) == 1 else " ".join(each.replace("%", "%25").replace(" ", "%20") for each in parts)
    if len(name) <= MAX_LEG_ID and _VISIBLE.fullmatch(name):
        return name
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()


def user(uri: str) -> str:
    """The user of a SIP address, or the number of a tel address."""
    matched = _USER.match(uri.strip()) if len(uri) <= MAX_TEXT else None
    return unquote(matched[1]) if matched else ""


def text(fields: object, *path: str) -> str:
    """The text at a path through objects; empty where there is none, or a longer one than any such field has."""
    for name in path:
        fields = fields.get(name) if isinstance(fields, Mapping) else None
    return fields if isinstance(fields, str) and len(fields) <= MAX_TEXT else ""


def folded(event: object) -> dict[str, object]:
    """Fields by their names in small letters, as libraries differ in them."""
    if not isinstance(event, Mapping):
        return {}
    return {name.lower(): value for name, value in event.items() if isinstance(name, str)}
