"""What a telephone exchange tells of a leg, and is told. Implements specs/protocol.md section 6.1."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Struct

from verifier.core.application import E164, Instant, PrincipalId
from verifier.core.messages import CallView
from verifier.core.text import line

LegId = Annotated[str, line(128)]


class LegEvent(Struct, frozen=True, forbid_unknown_fields=True):
    """What a PBX saw of the officer's outbound leg. May come late, twice and out of order."""

    event: Literal["connected", "ended"]
    leg_id: LegId
    number: E164
    at: Instant
    caller_number: E164 | None = None


class LegByNumber(Struct, frozen=True, forbid_unknown_fields=True):
    """The same without the id of the call. `leg_id` is the exchange's own for good, and `number` may be left out once
    the leg has ended. `officer_id` is the staff number of whose extension it is. Without it the leg matches no
    call where several officers are assigned."""

    event: Literal["connected", "ended"]
    leg_id: LegId
    at: Instant
    number: E164 | None = None
    caller_number: E164 | None = None
    officer_id: PrincipalId | None = None


class LegTaken(Struct, frozen=True):
    """The call a leg is matched with, after the event; none when no call or more than one waits for such a leg, or when
    the leg could be several officers'."""

    result: Literal["matched", "unmatched", "ambiguous"]
    call: CallView | None
