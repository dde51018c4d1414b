"""What each operation does: hand what was asked to the service. Carries out specs/openapi.yaml."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

import msgspec
from aiohttp_sse import sse_response
from msgspec import Meta, Struct

from verifier.api.operations import Asked
from verifier.api.throttle import Throttle
from verifier.core.errors import MalformedCode, Unavailable
from verifier.core.messages import (
    ApplicationView,
    CallStatus,
    CallView,
    PastCalls,
    ReceiptChecked,
    ReceiptView,
)
from verifier.service import Service

_encode = msgspec.json.Encoder().encode


class Page(Struct, frozen=True, forbid_unknown_fields=True):
    """A page of a list: at most `limit`, after `cursor` (the `next_cursor` of the page before)."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    cursor: Annotated[str, Meta(pattern=r"^call_[0-9a-f]{32}$")] | None = None


async def put_application(service: Service, asked: Asked) -> bytes:
    return await service.applications.register(asked.path["application_id"], asked.body)


async def get_application(service: Service, asked: Asked) -> ApplicationView:
    return await service.applications.read(asked.path["application_id"])


async def delete_application(service: Service, asked: Asked) -> bytes:
    return await service.applications.erase(asked.path["application_id"])


async def grant_exception(service: Service, asked: Asked) -> bytes:
    return await service.applications.grant_exception(
        asked.principal, asked.path["application_id"], asked.body, asked.idempotency
    )


async def issue_call(service: Service, asked: Asked) -> bytes:
    return await service.calls.issue(asked.principal, asked.path["application_id"], asked.body, asked.idempotency)


async def get_call(service: Service, asked: Asked) -> CallView:
    return await service.calls.read(asked.principal, asked.path["call_id"])


async def reveal_code(service: Service, asked: Asked) -> bytes:
    return await service.calls.reveal(asked.principal, asked.path["call_id"])


async def leg_event(service: Service, asked: Asked) -> bytes:
    return await service.calls.leg_event(asked.path["call_id"], asked.body, asked.idempotency)


async def revoke_call(service: Service, asked: Asked) -> bytes:
    return await service.calls.revoke(asked.principal, asked.path["call_id"], asked.idempotency)


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


async def my_calls(service: Service, asked: Asked) -> PastCalls:
    return await service.me.calls(asked.principal, asked.query.cursor, asked.query.limit)


async def my_call_status(service: Service, asked: Asked) -> CallStatus:
    return await service.me.call_status(asked.principal)


async def my_events(service: Service, asked: Asked) -> object:
    """Server-sent events, each a `CallStatus`: the present one first, then one at each change.

    When the status cannot be read any more the stream ends, and asking anew tells why.
    """
    async with sse_response(asked.request) as response:
        with suppress(ConnectionError, Unavailable):
            async for status in service.me.watch(asked.principal):
                if not response.is_connected():
                    break
                if status is not None:
                    await response.send(_encode(status).decode(), event="call-status")
        response.stop_streaming()
    return response


async def report_call(service: Service, asked: Asked) -> bytes:
    return await service.reports.take(asked.principal, asked.body, asked.idempotency)


async def get_receipt(service: Service, asked: Asked) -> ReceiptView:
    return await service.receipts.read(asked.principal, asked.path["receipt_id"])


async def verify_receipt(service: Service, asked: Asked) -> ReceiptChecked:
    return service.receipts.verify(asked.body)
