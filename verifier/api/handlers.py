"""What each operation does: hand what was asked to the service. Implements specs/openapi.yaml."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from typing import Annotated, Any, cast

import msgspec
from aiohttp import web
from aiohttp_sse import EventSourceResponse
from msgspec import Meta, Struct

from verifier.api.connections import notice_vanishing
from verifier.api.operations import Asked
from verifier.api.throttle import Throttle
from verifier.core.application import Instant
from verifier.core.errors import MalformedCode, VerifierError
from verifier.core.messages import (
    Applications,
    ApplicationView,
    CallId,
    Calls,
    CallStatus,
    CallView,
    ExceptionRequests,
    MyApplications,
    PastCalls,
    Preferences,
    ReceiptChecked,
    ReceiptView,
    SipIdentity,
)
from verifier.core.names import check_names
from verifier.core.reconciliation import Discrepancies, DiscrepancyKind
from verifier.core.suspensions import SuspensionId, Suspensions
from verifier.core.text import exact
from verifier.service import Service

_encode = msgspec.json.Encoder().encode
PING_S = 15
# A client that does not acknowledge for so long is gone, though it has not said so.
VANISHED_S = 6
Limit = Annotated[int, Meta(ge=1, le=100)]


class Page(Struct, frozen=True, forbid_unknown_fields=True):
    """A page of a list: at most `limit`, after `cursor` (the `next_cursor` of the page before)."""

    limit: Limit = 20
    cursor: CallId | None = None


class DiscrepanciesAsked(Struct, frozen=True, forbid_unknown_fields=True):
    """A page of what does not fit together in a window of at most 31 days; the day before `until`, which is now."""

    kind: DiscrepancyKind | None = None
    since: Instant | None = None
    until: Instant | None = None
    limit: Limit = 50
    cursor: Annotated[str, exact("(call|leg)_[0-9a-f]{32}")] | None = None


class SuspensionsAsked(Struct, frozen=True, forbid_unknown_fields=True):
    """A page of the suspensions."""

    limit: Limit = 50
    cursor: SuspensionId | None = None


class CallsAsked(Struct, frozen=True, forbid_unknown_fields=True):
    """A page of the calls issued at or after `since`."""

    since: Instant | None = None
    limit: Limit = 50
    cursor: CallId | None = None


async def put_application(service: Service, asked: Asked) -> bytes:
    check_names(asked.body)
    return await service.applications.register(asked.path["application_id"], asked.body)


async def get_application(service: Service, asked: Asked) -> ApplicationView:
    if asked.principal.kind == "staff":
        return await service.desk.application(asked.principal, asked.path["application_id"])
    return await service.applications.read(asked.path["application_id"])


async def delete_application(service: Service, asked: Asked) -> bytes:
    return await service.applications.erase(asked.path["application_id"])


async def search_applications(service: Service, asked: Asked) -> Applications:
    body = asked.body
    return await service.desk.applications(asked.principal, body.query, body.cursor, body.limit)


async def grant_exception(service: Service, asked: Asked) -> bytes:
    return await service.policy_exceptions.grant(
        asked.principal, asked.path["application_id"], asked.body, asked.idempotency
    )


async def request_exception(service: Service, asked: Asked) -> bytes:
    return await service.policy_exceptions.request(
        asked.principal, asked.path["application_id"], asked.body, asked.idempotency
    )


async def list_exception_requests(service: Service, asked: Asked) -> ExceptionRequests:
    return await service.policy_exceptions.list(asked.principal)


async def decide_exception(service: Service, asked: Asked) -> bytes:
    return await service.policy_exceptions.decide(
        asked.principal, asked.path["request_id"], asked.body, asked.idempotency
    )


async def list_calls(service: Service, asked: Asked) -> Calls:
    query = asked.query
    return await service.desk.calls(asked.principal, query.since, query.cursor, query.limit)


async def call_events(service: Service, asked: Asked) -> object:
    return await _stream(asked, service.desk.watch(asked.principal, asked.path["call_id"]), "call")


async def issue_call(service: Service, asked: Asked) -> bytes:
    return await service.calls.issue(asked.principal, asked.path["application_id"], asked.body, asked.idempotency)


async def get_call(service: Service, asked: Asked) -> CallView:
    return await service.calls.read(asked.principal, asked.path["call_id"])


async def reveal_code(service: Service, asked: Asked) -> bytes:
    return await service.calls.reveal(asked.principal, asked.path["call_id"])


async def leg_event(service: Service, asked: Asked) -> bytes:
    return await service.legs.of_call(asked.path["call_id"], asked.body, asked.idempotency)


async def leg_by_number(service: Service, asked: Asked) -> bytes:
    return await service.legs.by_number(asked.body, asked.idempotency)


async def list_discrepancies(service: Service, asked: Asked) -> Discrepancies:
    query = asked.query
    return await service.reconciliation.list(query.kind, query.since, query.until, query.cursor, query.limit)


async def make_identity(service: Service, asked: Asked) -> SipIdentity:
    return await service.identities.make(asked.path["call_id"], asked.body)


async def revoke_call(service: Service, asked: Asked) -> bytes:
    return await service.calls.revoke(asked.principal, asked.path["call_id"], asked.idempotency)


async def suspend_staff(service: Service, asked: Asked) -> bytes:
    return await service.suspensions.suspend(asked.principal, asked.path["staff_id"], asked.body, asked.idempotency)


async def lift_suspension(service: Service, asked: Asked) -> bytes:
    return await service.suspensions.lift(asked.principal, asked.path["staff_id"])


async def list_suspensions(service: Service, asked: Asked) -> Suspensions:
    return await service.suspensions.list(asked.query.cursor, asked.query.limit)


class Confirming:
    """The two ways to confirm. Slips of the finger spend no attempt, but their number is limited softly."""

    def __init__(self, slips: Throttle) -> None:
        self._slips = slips

    async def confirm(self, service: Service, asked: Asked) -> bytes:
        try:
            return await service.confirmations.confirm(asked.principal, asked.body, asked.idempotency)
        except MalformedCode:
            self._slips.spend(asked.principal.key)
            raise

    async def confirm_by_phone(self, service: Service, asked: Asked) -> bytes:
        try:
            return await service.confirmations.confirm_by_phone(asked.body, asked.idempotency)
        except MalformedCode:
            self._slips.spend(asked.body.caller_number or "withheld")
            raise


async def begin_session(service: Service, asked: Asked) -> bytes:
    return await service.ivr.begin(asked.body, asked.idempotency)


async def step_session(service: Service, asked: Asked) -> bytes:
    return await service.ivr.step(asked.path["session_id"], asked.body, asked.idempotency)


async def my_calls(service: Service, asked: Asked) -> PastCalls:
    return await service.me.calls(asked.principal, asked.query.cursor, asked.query.limit)


async def my_call_status(service: Service, asked: Asked) -> CallStatus:
    return await service.me.call_status(asked.principal)


async def my_events(service: Service, asked: Asked) -> object:
    return await _stream(asked, service.me.watch(asked.principal), "call-status")


async def _stream(asked: Asked, watched: AsyncIterator[Any], event: str) -> object:
    """Server-sent events: what is watched as it is now, then one at each change.

    A first reading that fails is answered with its problem. The stream ends when it cannot be read any more, when the
    token that opened it would no longer be taken, and when its client is gone. Asking again tells why.
    """
    # Leaving a loop does not close what it ran over, and with it would stay the client's place among its streams.
    async with aclosing(cast(AsyncGenerator[Any, None], watched)):
        first = await anext(watched)
        response = EventSourceResponse(ping_interval=PING_S, send_timeout=VANISHED_S)
        response.headers.update(asked.sent)
        await response.prepare(asked.request)
        notice_vanishing(asked.request.transport, VANISHED_S)
        async with response:
            with suppress(OSError, VerifierError):
                await response.send(_encode(first).decode(), event=event)
                async for seen in watched:
                    if not response.is_connected() or _gone(asked.request):
                        break
                    await asked.identify()
                    if seen is not None:
                        await response.send(_encode(seen).decode(), event=event)
            response.stop_streaming()
        return response


def _gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


async def my_applications(service: Service, asked: Asked) -> MyApplications:
    return await service.me.applications(asked.principal)


async def get_preferences(service: Service, asked: Asked) -> Preferences:
    return await service.me.preferences(asked.principal)


async def put_preferences(service: Service, asked: Asked) -> bytes:
    return await service.me.put_preferences(asked.principal, asked.body)


async def report_call(service: Service, asked: Asked) -> bytes:
    return await service.reports.take(asked.principal, asked.body, asked.idempotency)


async def get_receipt(service: Service, asked: Asked) -> ReceiptView:
    return await service.receipts.read(asked.principal, asked.path["receipt_id"])


async def verify_receipt(service: Service, asked: Asked) -> ReceiptChecked:
    return service.receipts.verify(asked.body)
