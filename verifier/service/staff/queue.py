"""An officer's work of the day: the calls that were announced to their customers. Implements specs/protocol.md 7.5."""

from __future__ import annotations

from verifier.core.application import AnnouncedCall
from verifier.core.messages.queue import Queue, QueuedCall, QueueState
from verifier.core.principal import Principal
from verifier.core.times import DAY_MS, from_ms, to_ms
from verifier.ledger.decrypted import DecryptedApplication, DecryptedCall
from verifier.service.context import Context
from verifier.service.staff.looks import LookRecords

MOST = 200
# The calls of one application that are looked at. The daily cap is lower.
_NEWEST = 20
_ORDER: tuple[QueueState, ...] = ("due", "later", "missed", "called")


class Queues:
    """The use case on queues. Each look is recorded before it is answered."""

    def __init__(self, context: Context, looks: LookRecords) -> None:
        self._context = context
        self._looks = looks

    async def list(self, officer: Principal) -> Queue:
        """The announced calls of the officer's applications, from a day before now to a day after now."""
        context, now_ms = self._context, self._context.clock()
        found: list[tuple[QueuedCall, DecryptedApplication]] = []
        after: str | None = ""
        while after is not None:
            opened, after = await context.reading.applications_of_officer(officer.id, after)
            for application in opened:
                announced = [each for each in application.registration.announced_calls if _is_near(each, now_ms)]
                calls = await context.reading.newest_calls_of(application, _NEWEST) if announced else []
                found += [(_queued(application, each, calls, now_ms), application) for each in announced]
        found.sort(key=lambda each: _urgency(each[0]))
        listed = found[:MOST]
        await self._looks.record_polled(officer, "list_queue", [application for _, application in listed])
        return Queue(tuple(call for call, _ in listed))


def _is_near(announced: AnnouncedCall, now_ms: int) -> bool:
    return to_ms(announced.not_before) - DAY_MS <= now_ms < to_ms(announced.not_after) + DAY_MS


def _queued(
    application: DecryptedApplication, announced: AnnouncedCall, calls: list[DecryptedCall], now_ms: int
) -> QueuedCall:
    begins, ends = to_ms(announced.not_before), to_ms(announced.not_after)
    since = [each.call for each in calls if each.call.issued_at >= begins]
    state: QueueState = "later" if now_ms < begins else "due" if now_ms < ends else "missed"
    # Without telephony, nobody knows whether the customer answered.
    if any(each.connected_at is not None or each.leg_mode == "off" for each in since):
        state = "called"
    return QueuedCall(
        application_id=application.application_id,
        name=application.registration.owner.name,
        product=application.registration.product,
        purpose=announced.purpose,
        not_before=announced.not_before,
        not_after=announced.not_after,
        state=state,
        tried_at=from_ms(since[0].issued_at) if since else None,
        open_call_id=application.row.open_call_id,
    )


def _urgency(call: QueuedCall) -> tuple[int, float, str]:
    """What is due ends soonest first, what comes later begins soonest first, and what is over ended latest first."""
    place = _ORDER.index(call.state)
    at = {"due": call.not_after.timestamp(), "later": call.not_before.timestamp()}
    return place, at.get(call.state, -call.not_after.timestamp()), call.application_id
