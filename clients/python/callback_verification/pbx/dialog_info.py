"""SIP dialog-info (RFC 4235): turns notifications into leg events. Implements specs/pbx.md section 5.

A document may have at most 64 KiB. A document with a document type is refused, since it could define entities.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from xml.parsers import expat

from callback_verification.pbx.dial_plan import DialPlan, user
from callback_verification.pbx.reading import IRRELEVANT, Reading, unread
from callback_verification.shapes import LegByNumber

MAX_DOCUMENT = 65_536
MAX_DEPTH = 16
_SPACE = "urn:ietf:params:xml:ns:dialog-info "
_DIALOG = ("dialog-info", "dialog")
_MEMBERS = {
    (*_DIALOG, "state"): "state",
    (*_DIALOG, "remote", "identity"): "remote",
    (*_DIALOG, "local", "identity"): "local",
}
_EVENTS: dict[str, Literal["ringing", "connected"]] = {"early": "ringing", "confirmed": "connected"}
_ATTRIBUTES = ("id", "call-id", "local-tag", "direction")


def from_dialog_info(document: str | bytes, plan: DialPlan, received_at: datetime) -> Reading:
    """Read one notification about a watched extension.

    If the extension began the dialog, an early dialog becomes a ringing leg, and a confirmed one a connected leg. A
    terminated dialog becomes an ended leg, unless another party had called the extension. Documents have no time, so
    `received_at` is required. The `entity` in the document is the address of the extension. The user part of `entity`
    is looked up in `plan.officers`.
    """
    reader = _Reader()
    try:
        octets = document.encode() if isinstance(document, str) else document
        if len(octets) > MAX_DOCUMENT:
            return unread("no_document")
        reader.read(octets)
    except (expat.ExpatError, ValueError, LookupError):
        return unread("no_document")
    if not reader.is_dialog_info:
        return unread("no_document")
    found = [_dialog(dialog, reader.entity, plan, received_at) for dialog in reader.dialogs]
    return Reading(
        tuple(leg for each in found for leg in each.legs),
        tuple(reason for each in found for reason in each.not_understood),
        tuple(pair for each in found for pair in each.beside),
        tuple(name for each in found for name in each.gone),
    )


def _dialog(dialog: dict[str, str], entity: str, plan: DialPlan, at: datetime) -> Reading:
    state, direction = dialog.get("state", "").strip(), dialog.get("direction", "")
    if direction == "recipient" or state not in (*_EVENTS, "terminated"):
        return IRRELEVANT if state else unread("no_outcome")
    if not entity or "id" not in dialog:
        return unread("no_id")
    # A phone may reuse a dialog id, so the leg id also has the Call-ID and the local tag. The remote tag is left out,
    # since it is unknown at first. Forks of a call still get different leg ids, since each fork has its own dialog id.
    slot = plan.leg_id(entity, dialog["id"])
    marks = [dialog[each] for each in ("call-id", "local-tag") if dialog.get(each)]
    leg = plan.leg_id(entity, dialog["id"], *marks)
    if state == "terminated":
        return Reading((LegByNumber("ended", leg, at),), gone=(slot,))
    if direction != "initiator":
        return unread("no_direction")
    remote = user(dialog.get("remote", ""))
    number = plan.e164(remote)
    if number is None:
        return IRRELEVANT if plan.is_extension(remote) else unread("no_number")
    caller_number = plan.e164(user(dialog.get("local", "")))
    told = LegByNumber(_EVENTS[state], leg, at, number, caller_number, plan.officer(user(entity)))
    return Reading((told,), beside=((leg, slot),))


class _Reader:
    """Collects the dialogs of one document. Raises ValueError or ExpatError if the document is invalid."""

    def __init__(self) -> None:
        self.is_dialog_info = False
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
            raise ValueError("the document is nested too deeply")
        # Elements of other namespaces get an empty name. An empty name matches no path, so these elements are ignored.
        self._path += (name.removeprefix(_SPACE) if name.startswith(_SPACE) else "",)
        if self._path == _DIALOG[:1]:
            self.is_dialog_info = True
            self.entity = attributes.get("entity", "")
        elif self._path == _DIALOG:
            self.dialogs.append({each: attributes[each] for each in _ATTRIBUTES if each in attributes})

    def _end(self, name: str) -> None:
        self._path = self._path[:-1]

    def _text(self, data: str) -> None:
        member = _MEMBERS.get(self._path)
        if member is not None:
            dialog = self.dialogs[-1]
            dialog[member] = dialog.get(member, "") + data


def _refuse(*declared: object) -> None:
    raise ValueError("a document type is not allowed")
