"""Leg events of a telephone exchange, and the answers to them. Implements specs/protocol.md section 6.1."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Struct

from verifier.core.application import E164, Instant, PrincipalId
from verifier.core.messages.calls import CallView
from verifier.core.text import line

LegId = Annotated[str, line(128)]


class LegEvent(Struct, frozen=True, forbid_unknown_fields=True):
    """An event of the officer's outbound leg. Events may arrive late, twice or out of order."""

    event: Literal["connected", "ended"]
    leg_id: LegId
    number: E164
    at: Instant
    caller_number: E164 | None = None


class LegByNumber(Struct, frozen=True, forbid_unknown_fields=True):
    """A leg event from a telephone exchange that does not know the call's id. The event `ended` may lack `number`.

    The exchange must not use the same `leg_id` for two legs. `officer_id` is the staff number of the officer whose
    extension made the call. Without `officer_id`, the leg matches no call if the applications with this number on file
    have more than one officer.
    """

    event: Literal["connected", "ended"]
    leg_id: LegId
    at: Instant
    number: E164 | None = None
    caller_number: E164 | None = None
    officer_id: PrincipalId | None = None


class LegTaken(Struct, frozen=True):
    """The result of a leg event. `call` is the call that the leg is matched with.

    `call` is null in three cases: no call waits for such a leg, several calls wait for it, or the leg could belong to
    several officers.
    """

    result: Literal["matched", "unmatched", "ambiguous"]
    call: CallView | None
