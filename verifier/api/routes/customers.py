"""Operations of customers, in the app or by the IVR. Implements specs/openapi.yaml."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from verifier.api.event_streams import stream
from verifier.api.operations import Asked, Limit, Operation, operation
from verifier.api.throttle import Throttle
from verifier.core import errors, messages
from verifier.core.errors import MalformedCode
from verifier.core.text import exact
from verifier.ledger.commands import Reply
from verifier.service import Service

ReceiptId = Annotated[str, exact("(rcpt|rprt)_[0-9a-f]{32}")]

_LOST = (errors.NotFound, errors.Erased)


class Page(Struct, frozen=True, forbid_unknown_fields=True):
    """A page of a list: at most `limit` items after `cursor`, the `next_cursor` of the previous page."""

    limit: Limit = 20
    cursor: messages.CallId | None = None


class _Confirming:
    """The two ways to confirm. Typing errors cost no attempt, and a soft limit bounds their number."""

    def __init__(self, slips: Throttle) -> None:
        self._slips = slips

    async def confirm(self, service: Service, asked: Asked[messages.Confirm, None]) -> Reply[messages.Verdict]:
        try:
            return await service.confirmations.confirm(asked.principal, asked.body, asked.idempotency)
        except MalformedCode:
            self._slips.spend(asked.principal.key)
            raise

    async def confirm_by_phone(
        self, service: Service, asked: Asked[messages.ConfirmByPhone, None]
    ) -> Reply[messages.SpokenVerdict]:
        try:
            return await service.confirmations.confirm_by_phone(asked.body, asked.idempotency)
        except MalformedCode:
            self._slips.spend(asked.body.caller_number or "withheld")
            raise


def operations(slips: Throttle) -> tuple[Operation, ...]:
    """Every operation of customers. `slips` is the soft limit on mistyped codes."""
    confirming = _Confirming(slips)
    return (
        operation(
            id="confirm",
            method="POST",
            path="/v1/confirmations",
            summary="A logged-in customer enters the code that they heard",
            tag="confirmations",
            who=("customer",),
            body=messages.Confirm,
            answer=messages.Verdict,
            idempotent_key=True,
            raises=(errors.MalformedCode,),
            handler=confirming.confirm,
        ),
        operation(
            id="confirm_by_phone",
            method="POST",
            path="/v1/ivr/confirmations",
            summary="The IVR passes on the digits that a caller keyed",
            tag="confirmations",
            who=("system:ivr",),
            body=messages.ConfirmByPhone,
            answer=messages.SpokenVerdict,
            idempotent_key=True,
            raises=(errors.MalformedCode,),
            handler=confirming.confirm_by_phone,
        ),
        operation(
            id="begin_session",
            method="POST",
            path="/v1/ivr/sessions",
            summary="Begin the telephone dialogue with a caller",
            tag="ivr",
            who=("system:ivr",),
            body=messages.BeginSession,
            answer=messages.IvrTurn,
            status=201,
            idempotent_key=True,
            handler=lambda service, asked: service.ivr.begin(asked.body, asked.idempotency),
        ),
        operation(
            id="step_session",
            method="POST",
            path="/v1/ivr/sessions/{session_id}/steps",
            summary="Report keys or silence; the answer says what to say and do next",
            tag="ivr",
            who=("system:ivr",),
            body=messages.HeardKeys,
            answer=messages.IvrTurn,
            idempotent_key=True,
            path_types={"session_id": messages.SessionId},
            raises=(errors.NotFound,),
            handler=lambda service, asked: service.ivr.step(asked.path["session_id"], asked.body, asked.idempotency),
        ),
        operation(
            id="my_calls",
            method="GET",
            path="/v1/me/calls",
            summary="Every call ever issued on my applications, used or not",
            tag="me",
            who=("customer",),
            query=Page,
            answer=messages.PastCalls,
            handler=lambda service, asked: service.me.calls(asked.principal, asked.query.cursor, asked.query.limit),
        ),
        operation(
            id="my_call_status",
            method="GET",
            path="/v1/me/call-status",
            summary="Are you on the phone with me now?",
            tag="me",
            who=("customer",),
            answer=messages.CallStatus,
            handler=lambda service, asked: service.me.call_status(asked.principal),
        ),
        operation(
            id="my_events",
            method="GET",
            path="/v1/me/events",
            summary="The call status as server-sent events: now, and at each change",
            tag="me",
            who=("customer",),
            answer=messages.CallStatus,
            content_type="text/event-stream",
            handler=lambda service, asked: stream(asked, service.me.watch(asked.principal), "call-status"),
        ),
        operation(
            id="my_applications",
            method="GET",
            path="/v1/me/applications",
            summary="My loans: their stage, who may phone about them, and announced calls",
            tag="me",
            who=("customer",),
            answer=messages.MyApplications,
            handler=lambda service, asked: service.me.applications(asked.principal),
        ),
        operation(
            id="get_preferences",
            method="GET",
            path="/v1/me/preferences",
            summary="My preferences: marketing calls or none",
            tag="me",
            who=("customer",),
            answer=messages.Preferences,
            handler=lambda service, asked: service.me.preferences(asked.principal),
        ),
        operation(
            id="put_preferences",
            method="PUT",
            path="/v1/me/preferences",
            summary="Refuse marketing calls, or leave it to my consents again",
            tag="me",
            who=("customer",),
            body=messages.Preferences,
            answer=messages.Preferences,
            raises=(errors.NotFound,),
            handler=lambda service, asked: service.me.put_preferences(asked.principal, asked.body),
        ),
        operation(
            id="report_call",
            method="POST",
            path="/v1/reports",
            summary="Report a suspicious call",
            tag="reports",
            who=("customer", "system:ivr"),
            body=messages.ReportCall,
            answer=messages.ReportTaken,
            status=201,
            idempotent_key=True,
            handler=lambda service, asked: service.reports.take(asked.principal, asked.body, asked.idempotency),
        ),
        operation(
            id="get_receipt",
            method="GET",
            path="/v1/receipts/{receipt_id}",
            summary="Fetch my receipt of a verdict or a report",
            tag="receipts",
            who=("customer",),
            answer=messages.ReceiptView,
            path_types={"receipt_id": ReceiptId},
            raises=_LOST,
            handler=lambda service, asked: service.receipts.read(asked.principal, asked.path["receipt_id"]),
        ),
    )
