"""Leg events of a telephone exchange, and the answers to them. Implements specs/protocol.md section 6.1."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Struct

from verifier.core.application import E164, Instant, PrincipalId
from verifier.core.call import State
from verifier.core.text import line

LegId = Annotated[str, line(128)]
LegEventName = Literal["ringing", "connected", "ended"]


class LegEvent(Struct, frozen=True, forbid_unknown_fields=True):
    """An event of the officer's outbound leg. Events may arrive late, twice or out of order."""

    event: LegEventName
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

    event: LegEventName
    leg_id: LegId
    at: Instant
    number: E164 | None = None
    caller_number: E164 | None = None
    officer_id: PrincipalId | None = None


class CallOfLeg(Struct, frozen=True):
    """The call of a leg: its state, and the times of its leg. It has nothing else of the customer (section 7.17).

    An answer kept by an earlier release has no `rang_at`.
    """

    call_id: str
    state: State
    connected_at: datetime | None
    leg_ended_at: datetime | None
    rang_at: datetime | None = None


class LegTaken(Struct, frozen=True):
    """The result of a leg event. `call` is the call that the leg is matched with.

    `call` is null in three cases: no call waits for such a leg, several calls wait for it, or the leg could belong to
    several officers.
    """

    result: Literal["matched", "unmatched", "ambiguous"]
    call: CallOfLeg | None


class ExchangeAlive(Struct, frozen=True):
    """The answer to a telephone exchange that says that it is alive.

    After `silence_seconds` without an event or another such request, the exchange counts as silent.
    """

    at: datetime
    silence_seconds: int


class ExchangeView(Struct, frozen=True):
    """A telephone exchange, and when the service last heard of it. `heard_at` is null if it has heard nothing yet."""

    system_id: str
    heard_at: datetime | None
    alive: bool


class Exchanges(Struct, frozen=True):
    """The telephone exchanges of the systems file. `silent` is true if one of them is silent, or if there is none."""

    exchanges: tuple[ExchangeView, ...]
    silent: bool
