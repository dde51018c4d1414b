"""SIP dialog-info (RFC 4235) as leg events. Carries out specs/pbx.md section 5.

A document is at most 64 KiB, and one with a document type, and so with entities, is not read at all.
"""

from __future__ import annotations

import re
from datetime import datetime
from urllib.parse import unquote
from xml.parsers import expat

from callback_verification.pbx.dial_plan import MAX_TEXT, DialPlan, leg_id
from callback_verification.shapes import LegByNumber

MAX_DOCUMENT = 65_536
MAX_DEPTH = 16
_SPACE = "urn:ietf:params:xml:ns:dialog-info "
_DIALOG = ("dialog-info", "dialog")
_TOLD = {
    (*_DIALOG, "state"): "state",
    (*_DIALOG, "remote", "identity"): "remote",
    (*_DIALOG, "local", "identity"): "local",
}
_USER = re.compile(r"<?(?:sips?|tel):([^@;?>]+)", re.IGNORECASE)


def from_dialog_info(document: str | bytes, plan: DialPlan, received_at: datetime) -> tuple[LegByNumber, ...]:
    """The legs of one notification: those that the watched extension began and that are confirmed, and all that are
    over unless it was rung up itself. A document that cannot be read has none.

    Documents carry no time. `entity` is the extension, as `plan.officers` may name it.
    """
    reader = _Reader()
    try:
        octets = document.encode() if isinstance(document, str) else document
        if len(octets) > MAX_DOCUMENT:
            return ()
        reader.read(octets)
    except (expat.ExpatError, ValueError, LookupError):
        return ()
    found = (_leg(dialog, reader.entity, plan, received_at) for dialog in reader.dialogs)
    return tuple(leg for leg in found if leg is not None)


def _leg(dialog: dict[str, str], entity: str, plan: DialPlan, at: datetime) -> LegByNumber | None:
    name, state, direction = dialog.get("id", ""), dialog.get("state", "").strip(), dialog.get("direction", "")
    if not entity or not name or direction == "recipient":
        return None
    # An id is unique among the dialogs of its entity only.
    leg = leg_id(f"{entity} {name}")
    if state == "terminated":
        return LegByNumber("ended", leg, at)
    number = plan.e164(_user(dialog.get("remote", "")))
    if state != "confirmed" or direction != "initiator" or number is None:
        return None
    caller_number = plan.e164(_user(dialog.get("local", "")))
    return LegByNumber("connected", leg, at, number, caller_number, plan.officer(_user(entity)))


def _user(uri: str) -> str:
    """The user of a SIP address, or the number of a tel address."""
    matched = _USER.match(uri.strip())
    return unquote(matched[1]) if matched and len(uri) <= MAX_TEXT else ""


class _Reader:
    """Collects the dialogs of one document. Raises ValueError or ExpatError for what it does not read."""

    def __init__(self) -> None:
        self.entity = ""
        self.dialogs: list[dict[str, str]] = []
        self._path: tuple[str, ...] = ()

    def read(self, octets: bytes) -> None:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartDoctypeDeclHandler = _refuse
        parser.EntityDeclHandler = _refuse
        parser.StartElementHandler = self._begin
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.Parse(octets, True)

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._path) >= MAX_DEPTH:
            raise ValueError("nested too deep")
        # An element of another kind is on no path that is looked at.
        self._path += (name.removeprefix(_SPACE) if name.startswith(_SPACE) else "",)
        if self._path == _DIALOG[:1]:
            self.entity = attributes.get("entity", "")
        elif self._path == _DIALOG:
            self.dialogs.append({each: attributes[each] for each in ("id", "direction") if each in attributes})

    def _end(self, name: str) -> None:
        self._path = self._path[:-1]

    def _text(self, data: str) -> None:
        member = _TOLD.get(self._path)
        if member is not None:
            dialog = self.dialogs[-1]
            dialog[member] = dialog.get(member, "") + data


def _refuse(*declared: object) -> None:
    raise ValueError("a document type is not read")
