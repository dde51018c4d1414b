"""Leg events of the bank's telephone exchange, by call or by number.

Carries out specs/protocol.md sections 6.1 and 6.5. Events come at least once and in any order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from verifier.core import call as lifecycle
from verifier.core.errors import Erased, InvalidField, NotFound
from verifier.core.legs import LegByNumber, LegEvent, LegTaken
from verifier.core.reconciliation import StrayKind
from verifier.core.statements import CallTicket
from verifier.core.times import to_ms
from verifier.service import records
from verifier.service.batch import Batch
from verifier.service.calls import view
from verifier.service.context import Context
from verifier.service.needs import Needs
from verifier.service.opened import OpenCall
from verifier.service.records import Leg, StrayLeg
from verifier.service.writer import Answer, Idempotency

# Clocks of exchange and service may differ by a minute.
SKEW_MS = 60_000
DAY_MS = 86_400_000
KEPT_MS = 31 * DAY_MS
# A number that is on file more often says nothing about whom an officer rings.
MAX_APPLICATIONS = 100

Kept = TypeVar("Kept", Leg, StrayLeg)


class _Heard(Struct, frozen=True):
    """One event, and under what the leg is kept; `number` is known of every leg that is connected."""

    event: Literal["connected", "ended"]
    leg_index: bytes
    leg_id: str
    at: int
    number: str | None
    caller_number: str | None
    officer_id: str | None


class _Reached(Struct, frozen=True):
    """Where a number leads: the applications it is on file for, no more than one too many, and their open calls."""

    application_ids: tuple[str, ...] = ()
    call_ids: tuple[str, ...] = ()

    @property
    def alone(self) -> str | None:
        """The application, where there is but one."""
        return self.application_ids[0] if len(self.application_ids) == 1 else None


class Legs:
    """Use cases of a telephone exchange."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def of_call(self, call_id: str, event: LegEvent, idempotency: Idempotency) -> bytes:
        """What the PBX saw of the officer's leg of a call; the answer is a `CallView` (law L5).

        A leg to another number, or from another, than the ticket's is recorded and changes nothing.
        Raises InvalidField when the time is outside the call's bounds, NotFound, Erased.
        """
        heard = self._heard(event, None)

        def decide(batch: Batch) -> Answer:
            opened = batch.call(call_id)
            if heard.at < opened.call.issued_at - SKEW_MS:
                raise InvalidField.at("/at", "the event is from before the call was issued")
            _not_from_the_future(heard, batch)
            followed = self._follow(batch, opened, heard)
            return lambda: view(followed)

        needs = Needs(call_ids=(call_id,), leg_index=heard.leg_index)
        return await self._context.writer.submit(needs, decide, idempotency)

    async def by_number(self, event: LegByNumber, idempotency: Idempotency) -> bytes:
        """The same without the call's id; the answer is a `LegTaken`.

        The event `connected` matches a leg with the one open call that it can mean, and with that call it stays. One
        that none or several wait for is kept for reconciliation, and never matched later.
        Raises InvalidField for a connected leg without a number, and for a time that is over a day old or to come;
        Erased where the leg's call has been.
        """
        if event.event == "connected" and event.number is None:
            raise InvalidField.at("/number", "a leg that is connected leads to a number")
        heard = self._heard(event, event.officer_id)
        reached = await self._reached(heard)

        def decide(batch: Batch) -> Answer:
            if heard.at < batch.now_ms - DAY_MS:
                raise InvalidField.at("/at", "the event is more than a day old")
            _not_from_the_future(heard, batch)
            opened, kind = self._match(batch, heard, reached)
            if opened is not None:
                followed = self._follow(batch, opened, heard)
                return lambda: LegTaken("matched", view(followed))
            self._stray(batch, heard, kind, reached)
            return lambda: LegTaken("ambiguous" if kind == "leg_ambiguous" else "unmatched", None)

        needs = Needs(
            application_id=reached.alone, call_ids=reached.call_ids, leg_index=heard.leg_index, leg_owner=True
        )
        return await self._context.writer.submit(needs, decide, idempotency)

    def _heard(self, event: LegEvent | LegByNumber, officer_id: str | None) -> _Heard:
        index = self._context.leg_index(event.leg_id)
        at = to_ms(event.at)
        return _Heard(event.event, index, event.leg_id, at, event.number, event.caller_number, officer_id)

    async def _reached(self, heard: _Heard) -> _Reached:
        # An officer dials once the answer to his issue is there, so what is read here holds the call he means.
        if heard.event != "connected" or heard.number is None:
            return _Reached()
        number_index = self._context.number_index(heard.number)
        rows = await self._context.storage.fetch(records.OPEN_CALLS_OF_NUMBER, number_index, MAX_APPLICATIONS + 1)
        call_ids = tuple(row[1] for row in rows if row[1] is not None)
        return _Reached(tuple(row[0] for row in rows), call_ids)

    def _match(self, batch: Batch, heard: _Heard, reached: _Reached) -> tuple[OpenCall | None, StrayKind]:
        """The call a leg has been matched with, or the one it is matched with now; without one, why there is none."""
        stray = batch.stray(heard.leg_index)
        none: StrayKind = "leg_without_code" if reached.application_ids else "leg_not_on_file"
        owner = batch.leg_owner(heard.leg_index)
        if owner is not None:
            return batch.call(owner), none
        if stray is not None and stray.connected_at is not None:
            return None, stray.kind
        if heard.event == "ended":
            return None, none
        if len(reached.application_ids) > MAX_APPLICATIONS:
            return None, "leg_ambiguous"
        ended_at = stray.ended_at if stray is not None else None
        found = [_readable(batch, each) for each in reached.call_ids]
        meant = [each for each in found if each is not None and self._can_mean(each, heard, batch.now_ms, ended_at)]
        if len(meant) == 1:
            if ended_at is not None:
                batch.put_leg(replace(_new_leg(meant[0], heard, batch.now_ms), ended_at=ended_at))
            return meant[0], none
        return None, "leg_ambiguous" if meant else none

    def _can_mean(self, opened: OpenCall, heard: _Heard, now_ms: int, ended_at: int | None) -> bool:
        """Whether a connected leg can be that of a call. One that had ended before the issue cannot."""
        call = lifecycle.settle(opened.call, now_ms, self._context.settings.rules)
        return (
            call.open
            and _of_ticket(opened.ticket, heard)
            and heard.officer_id in (None, call.officer_id)
            and heard.at >= call.issued_at - SKEW_MS
            and (ended_at is None or ended_at >= call.issued_at)
        )

    def _follow(self, batch: Batch, opened: OpenCall, heard: _Heard) -> OpenCall:
        """The call after one more event of a leg of its own."""
        call_id = opened.call.call_id
        leg = batch.legs(call_id).get(heard.leg_index) or _new_leg(opened, heard, batch.now_ms)
        # Only `connected` tells where a leg leads: by its end an exchange may have put in other numbers.
        of_ticket = heard.event == "ended" or _of_ticket(opened.ticket, heard)
        leg = replace(_add(leg, heard), on_file=leg.on_file and int(of_ticket), expires_at=batch.now_ms + KEPT_MS)
        batch.put_leg(leg)
        if not leg.on_file:
            self._not_of_ticket(batch, opened, leg, heard)
        rules = self._context.settings.rules
        call = lifecycle.settle(opened.call, batch.now_ms, rules)
        if call.open and self._context.cutoff.holds(opened.ticket.officer.id):
            call = lifecycle.revoke(call, batch.now_ms)
        if call.open:
            connected_at, ended_at = _leg_state(batch.legs(call_id).values())
            call = lifecycle.follow_leg(call, connected_at, ended_at, batch.now_ms, rules)
        batch.put_call(call)
        return replace(opened, call=call)

    def _not_of_ticket(self, batch: Batch, opened: OpenCall, leg: Leg, heard: _Heard) -> None:
        call = opened.call
        stray = batch.stray(leg.leg_index, call.call_id) or StrayLeg(
            stray_id=batch.new_id("leg"),
            leg_index=leg.leg_index,
            call_id=call.call_id,
            kind="leg_not_of_ticket",
            application_id=call.application_id,
            officer_id=call.officer_id,
            heard_at=batch.now_ms,
            expires_at=batch.now_ms + KEPT_MS,
        )
        sealed = stray.sealed or batch.ring.seal(stray.stray_id, heard.leg_id.encode())
        batch.put_stray(replace(stray, connected_at=leg.connected_at, ended_at=leg.ended_at, sealed=sealed))

    def _stray(self, batch: Batch, heard: _Heard, kind: StrayKind, reached: _Reached) -> None:
        """Keep a leg of no call. That one has ended must be remembered, lest its beginning is taken for news."""
        stray = batch.stray(heard.leg_index) or StrayLeg(
            stray_id=batch.new_id("leg"),
            leg_index=heard.leg_index,
            call_id="",
            kind=kind,
            application_id=None,
            officer_id=heard.officer_id,
            heard_at=batch.now_ms,
            expires_at=batch.now_ms + DAY_MS,
        )
        if heard.event == "connected" and stray.connected_at is None:
            alone = batch.find_application(reached.alone) if reached.alone is not None else None
            application_id = alone.application_id if alone is not None and alone.erased_at is None else None
            sealed = batch.ring.seal(stray.stray_id, heard.leg_id.encode())
            officer_id = heard.officer_id or stray.officer_id
            expires_at = batch.now_ms + KEPT_MS
            stray = replace(
                stray,
                kind=kind,
                application_id=application_id,
                officer_id=officer_id,
                sealed=sealed,
                expires_at=expires_at,
            )
        batch.put_stray(_add(stray, heard))


def _readable(batch: Batch, call_id: str) -> OpenCall | None:
    """The call, unless its application has been erased meanwhile."""
    try:
        return batch.call(call_id)
    except (NotFound, Erased):
        return None


def _not_from_the_future(heard: _Heard, batch: Batch) -> None:
    if heard.at > batch.now_ms + SKEW_MS:
        raise InvalidField.at("/at", "the event is from the future")


def _of_ticket(ticket: CallTicket, heard: _Heard) -> bool:
    """Whether the leg leads to the number of the ticket and, as far as is said, comes from its caller number."""
    to = (heard.number or "").removeprefix("+")
    return ticket.dest.tn == (to,) and (
        heard.caller_number is None or heard.caller_number.removeprefix("+") == ticket.orig.tn
    )


def _new_leg(opened: OpenCall, heard: _Heard, now_ms: int) -> Leg:
    return Leg(opened.call.call_id, heard.leg_index, expires_at=now_ms + KEPT_MS)


def _add(leg: Kept, heard: _Heard) -> Kept:
    """A leg with one more event; of doubled events the earliest time holds."""
    if heard.event == "connected":
        return replace(leg, connected_at=heard.at if leg.connected_at is None else min(heard.at, leg.connected_at))
    return replace(leg, ended_at=heard.at if leg.ended_at is None else min(heard.at, leg.ended_at))


def _leg_state(legs: Iterable[Leg]) -> tuple[int | None, int | None]:
    """When the leg on file was connected and ended: of several, the one connected last and still up, if any."""
    connected: Sequence[Leg] = [leg for leg in legs if leg.on_file and leg.connected_at is not None]
    if not connected:
        return None, None
    last = max(connected, key=lambda leg: (leg.ended_at is None, leg.connected_at or 0, leg.ended_at or 0))
    return last.connected_at, last.ended_at
