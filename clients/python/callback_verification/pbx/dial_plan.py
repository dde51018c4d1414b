"""How an exchange writes numbers, channels and officers. Carries out specs/pbx.md section 2."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

MAX_TEXT: Final = 256
MAX_LEG_ID: Final = 128
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_SEPARATORS = str.maketrans("", "", " -.()")
_VISIBLE = re.compile(r"[\x20-\x7e]+")


class DialPlan(Struct, frozen=True):
    """The facts of one exchange.

    Without a `country_code` only numbers with a plus sign are understood. `outside_line` is what officers dial first to
    get a line, where the exchange has not taken it off: a number without it is then an inside one. A number without any
    prefix is a national one from `shortest_national` digits on, else an extension. `trunks` are the beginnings of the
    names of channels that lead outside; none means any. `officers` gives the staff number for an extension or account.
    """

    country_code: str = ""
    trunk_prefix: str = ""
    international_prefix: str = ""
    outside_line: str = ""
    shortest_national: int = 10
    trunks: tuple[str, ...] = ()
    officers: Mapping[str, str] = {}

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

    def leads_outside(self, channel: str) -> bool:
        """Whether a channel is one of the trunks'."""
        return not self.trunks or channel.startswith(self.trunks)

    def officer(self, *names: str) -> str | None:
        """The staff number for the first of these names that is known."""
        return next((self.officers[name] for name in names if name in self.officers), None)


def leg_id(name: str) -> str:
    """An exchange's name of a leg within the bounds of the protocol; one that is too long or odd becomes its digest."""
    if len(name) <= MAX_LEG_ID and _VISIBLE.fullmatch(name):
        return name
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()


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
