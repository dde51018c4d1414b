"""Processes leg events from the bank's telephone exchange. An event names a call id or a number.

Implements specs/protocol.md sections 6.1 and 6.5. Each event arrives at least once, and events arrive in any order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from verifier.core import call as lifecycle
from verifier.core.call import Call, LegTimes
from verifier.core.errors import Erased, InvalidField, NotFound
from verifier.core.legs import CallOfLeg, LegByNumber, LegEvent, LegEventName, LegTaken
from verifier.core.reconciliation import StrayKind
from verifier.core.statements import CallTicket
from verifier.core.times import DAY_MS, optional_from_ms, to_ms
from verifier.ledger import records
from verifier.ledger.commands import About, Reply
from verifier.ledger.decrypted import DecryptedApplication, DecryptedCall
from verifier.ledger.idempotency import Idempotency
from verifier.ledger.read_set import ReadSet
from verifier.ledger.tables import Leg, StrayLeg
from verifier.ledger.unit_of_work import UnitOfWork
from verifier.service.call_state import current_state
from verifier.service.context import Context

# The maximum clock skew between the telephone exchange and the service.
SKEW_MS = 60_000
KEPT_MS = 31 * DAY_MS
# If more applications than this have a number on file, the number cannot identify the call.
MAX_APPLICATIONS = 100

Kept = TypeVar("Kept", Leg, StrayLeg)


class _Heard(Struct, frozen=True):
    """One leg event. `leg_index` is the blind index of `leg_id`. Only an `ended` event may lack a number."""

    event: LegEventName
    leg_index: bytes
    leg_id: str
    at: int
    number: str | None
    caller_number: str | None
    officer_id: str | None


class _Reached(Struct, frozen=True):
    """The applications that have the called number on file, and their open calls.

    `applications` counts these applications, up to MAX_APPLICATIONS + 1. `number_index` is the blind index of the
    number. It is None if there is no such application, or if there are more than MAX_APPLICATIONS.
    """

    number: str = ""
    applications: int = 0
    call_ids: tuple[str, ...] = ()
    number_index: bytes | None = None


class Legs:
    """Use cases of a telephone exchange."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def of_call(self, call_id: str, event: LegEvent, idempotency: Idempotency) -> Reply[CallOfLeg]:
        """Process a leg event with a call id (law L5).

        If the numbers of the leg differ from the ticket, the leg is recorded, but does not change the call. If the
        officer of the call is suspended or no longer assigned, the event revokes the call. Raises InvalidField if the
        event is from before the call was issued, or from the future. Raises NotFound or Erased.
        """
        heard = self._heard(event, None)

        def decide(work: UnitOfWork) -> About[CallOfLeg]:
            opened = work.calls.get(call_id)
            if heard.at < opened.call.issued_at - SKEW_MS:
                raise InvalidField.at("/at", "the event is from before the call was issued")
            _not_from_the_future(heard, work)
            followed = self._follow(work, opened, heard)
            return About(followed.call.application_id, lambda: _of_leg(followed.call))

        reads = ReadSet(call_ids=(call_id,), leg_index=heard.leg_index)
        return await self._context.writer.submit_kept(CallOfLeg, reads, decide, idempotency)

    async def by_number(self, event: LegByNumber, idempotency: Idempotency) -> Reply[LegTaken]:
        """Process a leg event without a call id.

        A `ringing` or `connected` event matches the leg with an open call if only one call fits. The event must name an
        officer, unless all applications with the number have the same officer. A leg without a match is kept for
        reconciliation. The result is final: a later event never changes the match.

        Raises InvalidField for a `ringing` or `connected` event without a number. Raises InvalidField if the event is
        from the future, or more than a day old. Raises Erased if the application of the matched call was erased.
        """
        if event.event != "ended" and event.number is None:
            raise InvalidField.at("/number", f"a leg that is {event.event} needs a number")
        heard = self._heard(event, event.officer_id)
        reached = await self._reached(heard)

        def decide(work: UnitOfWork) -> About[LegTaken]:
            if heard.at < work.now_ms - DAY_MS:
                raise InvalidField.at("/at", "the event is more than a day old")
            _not_from_the_future(heard, work)
            opened, kind = self._match(work, heard, reached)
            if opened is not None:
                followed = self._follow(work, opened, heard)
                return About(followed.call.application_id, lambda: LegTaken("matched", _of_leg(followed.call)))
            stray = self._stray(work, heard, kind, reached)
            result: Literal["ambiguous", "unmatched"] = "ambiguous" if kind == "leg_ambiguous" else "unmatched"
            return About(stray.application_id, lambda: LegTaken(result, None))

        reads = ReadSet(
            number_index=reached.number_index, call_ids=reached.call_ids, leg_index=heard.leg_index, leg_owner=True
        )
        return await self._context.writer.submit_kept(LegTaken, reads, decide, idempotency)

    def _heard(self, event: LegEvent | LegByNumber, officer_id: str | None) -> _Heard:
        index = self._context.leg_index(event.leg_id)
        at = to_ms(event.at)
        return _Heard(event.event, index, event.leg_id, at, event.number, event.caller_number, officer_id)

    async def _reached(self, heard: _Heard) -> _Reached:
        # Officers dial after the call is issued, so a read before the batch sees the call.
        if heard.event == "ended" or heard.number is None:
            return _Reached()
        number_index = self._context.number_index(heard.number)
        rows = await self._context.storage.fetch(records.OPEN_CALLS_OF_NUMBER, number_index, MAX_APPLICATIONS + 1)
        call_ids = tuple(row[1] for row in rows if row[1] is not None)
        return _Reached(heard.number, len(rows), call_ids, number_index if 0 < len(rows) <= MAX_APPLICATIONS else None)

    def _match(self, work: UnitOfWork, heard: _Heard, reached: _Reached) -> tuple[DecryptedCall | None, StrayKind]:
        """Match the leg with a call. Returns the call, or the kind of stray leg if none matches."""
        stray = work.legs.stray(heard.leg_index)
        none: StrayKind = "leg_without_code" if reached.applications else "leg_not_on_file"
        owner = work.legs.owner(heard.leg_index)
        if owner is not None:
            return work.calls.get(owner), none
        if stray is not None and (stray.rang_at is not None or stray.connected_at is not None):
            return None, stray.kind
        if heard.event == "ended":
            return None, none
        if reached.applications > MAX_APPLICATIONS:
            return None, "leg_ambiguous"
        ended_at = stray.ended_at if stray is not None else None
        found = [self._standing(work, each) for each in reached.call_ids]
        meant = [each for each in found if each is not None and _can_mean(each, heard, ended_at)]
        if len(meant) == 1 and (heard.officer_id is not None or _one_officer(work, reached)):
            if stray is not None:
                # The `ended` event arrived first, and was kept with a stray leg. Copy its time to the leg of the call.
                work.legs.put(replace(_new_leg(meant[0], heard, work.now_ms), ended_at=ended_at))
                work.legs.put_stray(replace(stray, application_id=meant[0].call.application_id))
            return meant[0], none
        return None, "leg_ambiguous" if meant else none

    def _standing(self, work: UnitOfWork, call_id: str) -> DecryptedCall | None:
        """Read a call and bring its state up to date. Returns None if its application was erased."""
        try:
            opened = work.calls.get(call_id)
        except (NotFound, Erased):
            return None
        work.calls.put(self._settled(work, opened))
        return work.calls.get(call_id)

    def _settled(self, work: UnitOfWork, opened: DecryptedCall) -> Call:
        application = work.applications.get(opened.call.application_id)
        return current_state(application, opened, work.now_ms, self._context.settings.rules)

    def _follow(self, work: UnitOfWork, opened: DecryptedCall, heard: _Heard) -> DecryptedCall:
        """Apply a leg event to the call of the leg. Returns the changed call."""
        call_id = opened.call.call_id
        leg = work.legs.of_call(call_id).get(heard.leg_index) or _new_leg(opened, heard, work.now_ms)
        # Do not compare the numbers of an `ended` event. The exchange may have replaced them by then.
        of_ticket = heard.event == "ended" or _of_ticket(opened.ticket, heard)
        leg = replace(_add(leg, heard), on_file=leg.on_file and int(of_ticket), expires_at=work.now_ms + KEPT_MS)
        work.legs.put(leg)
        if not leg.on_file:
            self._not_of_ticket(work, opened, leg, heard)
        rules = self._context.settings.rules
        call = self._settled(work, opened)
        if call.open and self._context.cutoff.holds(opened.ticket.officer.id):
            call = lifecycle.revoke(call, work.now_ms)
        # A leg may go on after its call has closed, and the customer is told so, but nothing of a revoked call. After
        # KEPT_MS, legs have been deleted.
        if call.state != "revoked" and work.now_ms < call.issued_at + KEPT_MS:
            call = lifecycle.follow_leg(call, _leg_times(work.legs.of_call(call_id).values()), work.now_ms, rules)
        work.calls.put(call)
        return replace(opened, call=call)

    def _not_of_ticket(self, work: UnitOfWork, opened: DecryptedCall, leg: Leg, heard: _Heard) -> None:
        call = opened.call
        stray = work.legs.stray(leg.leg_index, call.call_id) or StrayLeg(
            stray_id=work.new_id("leg"),
            leg_index=leg.leg_index,
            call_id=call.call_id,
            kind="leg_not_of_ticket",
            application_id=call.application_id,
            officer_id=call.officer_id,
            heard_at=work.now_ms,
            expires_at=work.now_ms + KEPT_MS,
        )
        sealed = stray.sealed or work.ring.seal(stray.stray_id, heard.leg_id.encode())
        times = {"rang_at": leg.rang_at, "connected_at": leg.connected_at, "ended_at": leg.ended_at}
        work.legs.put_stray(replace(stray, sealed=sealed, **times))

    def _stray(self, work: UnitOfWork, heard: _Heard, kind: StrayKind, reached: _Reached) -> StrayLeg:
        """Record an event of a leg without a call.

        If the `ended` event arrives first, it is recorded too. Otherwise a late event would look like a leg that still
        rings or is connected.
        """
        stray = work.legs.stray(heard.leg_index) or StrayLeg(
            stray_id=work.new_id("leg"),
            leg_index=heard.leg_index,
            call_id="",
            kind=kind,
            application_id=None,
            officer_id=heard.officer_id,
            heard_at=work.now_ms,
            expires_at=work.now_ms + DAY_MS,
        )
        if heard.event != "ended" and stray.rang_at is None and stray.connected_at is None:
            led_to = [each.application_id for each in _applications(work, reached)]
            sealed = work.ring.seal(stray.stray_id, heard.leg_id.encode())
            officer_id = heard.officer_id or stray.officer_id
            expires_at = work.now_ms + KEPT_MS
            stray = replace(
                stray,
                kind=kind,
                application_id=led_to[0] if len(led_to) == 1 else None,
                officer_id=officer_id,
                sealed=sealed,
                expires_at=expires_at,
                among=f" {' '.join(led_to)} " if len(led_to) > 1 else None,
            )
        stray = _add(stray, heard)
        work.legs.put_stray(stray)
        return stray


def _of_leg(call: Call) -> CallOfLeg:
    return CallOfLeg(
        call_id=call.call_id,
        state=call.state,
        connected_at=optional_from_ms(call.connected_at),
        leg_ended_at=optional_from_ms(call.leg_ended_at),
        rang_at=optional_from_ms(call.rang_at),
    )


def _can_mean(opened: DecryptedCall, heard: _Heard, ended_at: int | None) -> bool:
    """Whether a leg that rings or is connected can belong to this call. `ended_at` is None if the leg has not ended."""
    call = opened.call
    return (
        call.open
        and _of_ticket(opened.ticket, heard)
        and heard.officer_id in (None, opened.ticket.officer.id)
        and heard.at >= call.issued_at - SKEW_MS
        and (ended_at is None or ended_at >= call.issued_at)
    )


def _applications(work: UnitOfWork, reached: _Reached) -> Sequence[DecryptedApplication]:
    if reached.number_index is None:
        return []
    return work.applications.of_number(reached.number_index, reached.number)


def _one_officer(work: UnitOfWork, reached: _Reached) -> bool:
    """Whether only one officer is assigned to all applications with this number."""
    assigned = {officer.id for each in _applications(work, reached) for officer in each.registration.officers}
    return len(assigned) == 1


def _not_from_the_future(heard: _Heard, work: UnitOfWork) -> None:
    if heard.at > work.now_ms + SKEW_MS:
        raise InvalidField.at("/at", "the event is from the future")


def _of_ticket(ticket: CallTicket, heard: _Heard) -> bool:
    """Whether the leg goes to the number in the ticket.

    If the event has a caller number, that must be the caller number in the ticket.
    """
    to = (heard.number or "").removeprefix("+")
    return ticket.dest.tn == (to,) and (
        heard.caller_number is None or heard.caller_number.removeprefix("+") == ticket.orig.tn
    )


def _new_leg(opened: DecryptedCall, heard: _Heard, now_ms: int) -> Leg:
    return Leg(opened.call.call_id, heard.leg_index, expires_at=now_ms + KEPT_MS)


def _add(leg: Kept, heard: _Heard) -> Kept:
    """Add the time of an event to a leg. If an event is repeated, the earliest time counts."""
    if heard.event == "ringing":
        return replace(leg, rang_at=_earliest(leg.rang_at, heard.at))
    if heard.event == "connected":
        return replace(leg, connected_at=_earliest(leg.connected_at, heard.at))
    return replace(leg, ended_at=_earliest(leg.ended_at, heard.at))


def _earliest(known: int | None, at: int) -> int:
    return at if known is None else min(known, at)


def _leg_times(legs: Iterable[Leg]) -> LegTimes:
    """The times of the leg of a call.

    If a call has several legs, a leg that is still connected takes precedence, and then a leg that rings. Otherwise the
    leg that was connected last counts. A leg that rang and ended is forgotten. Legs whose numbers differ from the
    ticket are ignored.
    """
    on_file = [leg for leg in legs if leg.on_file]
    connected = [leg for leg in on_file if leg.connected_at is not None]
    last = max(
        connected, key=lambda leg: (leg.ended_at is None, leg.connected_at or 0, leg.ended_at or 0), default=None
    )
    rung = [leg.rang_at for leg in on_file if leg.rang_at is not None and leg.connected_at is None and not leg.ended_at]
    if last is None or last.connected_at is None:
        return LegTimes(max(rung, default=None))
    if last.ended_at is not None and rung:
        return LegTimes(max(*rung, last.connected_at + 1), last.connected_at, last.ended_at)
    rang_at = None if last.rang_at is None else min(last.rang_at, last.connected_at)
    return LegTimes(rang_at, last.connected_at, last.ended_at)
