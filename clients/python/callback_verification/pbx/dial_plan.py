"""The numbers, channels and officers of an exchange. Implements specs/pbx.md section 2."""

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
    """The dial plan of one exchange.

    - `country_code`: the country code of national numbers. Without a country code, national numbers are not understood.
    - `trunk_prefix`, `international_prefix`: the prefixes of national and of international numbers.
    - `outside_line`: the prefix that officers dial for an outside line. Leave it empty if the exchange removes the
      prefix. If it is set, a number that does not begin with `outside_line` is internal.
    - `shortest_national`: a number without a prefix is national if it has at least this many digits. A shorter number
      is an extension.
    - `trunks`: the prefixes of the names of outside channels. If `trunks` is empty, any channel may lead outside.
    - `officers`: the staff number for each extension and account. If a leg event has no officer, the service matches
      the leg with no call of an application with several officers.
    - `server`: a part of every leg id. It is needed because two exchanges may use the same channel ids.

    Raises ValueError unless `server` has at most 64 visible ASCII characters.
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
            raise ValueError("server must have at most 64 visible ASCII characters")

    def leg_id(self, *parts: str) -> str:
        """Return a leg id that is unique across exchanges. It joins `server` and `parts`, which name the leg."""
        return leg_id(self.server, *parts) if self.server else leg_id(*parts)

    def e164(self, dialled: str) -> str | None:
        """Return the dialled number in E.164. Return None for an extension, or for text that is not a number."""
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
        """Whether a number is an extension: it has only digits, and has fewer than `shortest_national` digits."""
        digits = dialled.translate(_SEPARATORS)
        return digits.isascii() and digits.isdigit() and len(digits) < self.shortest_national

    def leads_outside(self, channel: str) -> bool:
        """Whether a channel may belong to a trunk. If `trunks` is empty, the result is always true."""
        return not self.trunks or channel.startswith(self.trunks)

    def comes_from_outside(self, channel: str) -> bool:
        """Whether a calling channel belongs to a trunk, so that the call is an inbound call that was forwarded.

        If `trunks` is empty, this is unknown, and the result is always false.
        """
        return bool(self.trunks) and channel.startswith(self.trunks)

    def officer(self, *names: str) -> str | None:
        """Return the staff number for the first of `names` that is in `officers`, or None."""
        return next((self.officers[name] for name in names if name in self.officers), None)


def leg_id(*parts: str) -> str:
    """Join parts into an unambiguous leg id. An id that is too long or not visible ASCII is replaced by its SHA-256."""
    name = parts[0] if len(parts) == 1 else " ".join(each.replace("%", "%25").replace(" ", "%20") for each in parts)
    if len(name) <= MAX_LEG_ID and _VISIBLE.fullmatch(name):
        return name
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()


def user(uri: str) -> str:
    """Return the user part of a SIP address, or the number of a tel address."""
    matched = _USER.match(uri.strip()) if len(uri) <= MAX_TEXT else None
    return unquote(matched[1]) if matched else ""


def text(fields: object, *path: str) -> str:
    """Return the string at a path in nested objects, or "" if the string is missing or too long."""
    for name in path:
        fields = fields.get(name) if isinstance(fields, Mapping) else None
    return fields if isinstance(fields, str) and len(fields) <= MAX_TEXT else ""


def folded(event: object) -> dict[str, object]:
    """Return the fields of an event with lower-case names. Some libraries use other upper and lower case."""
    if not isinstance(event, Mapping):
        return {}
    return {name.lower(): value for name, value in event.items() if isinstance(name, str)}
