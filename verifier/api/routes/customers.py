"""Operations for customers. Implements specs/openapi.yaml."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from verifier.api.event_streams import stream
from verifier.api.operations import Limit, Operation, operation
from verifier.api.symbols import draw_receipt
from verifier.core import errors, looks
from verifier.core.messages.calls import CallId
from verifier.core.messages.confirmations import DrawnReceipt, ListedReceipts, ReceiptView, VerifyReceipt
from verifier.core.messages.customers import (
    CallsChecked,
    CallStatus,
    CallVerification,
    CheckCalls,
    MyApplications,
    PastCalls,
    Preferences,
    ReportCall,
    ReportTaken,
    VerifyCall,
)
from verifier.core.text import exact

ReceiptId = Annotated[str, exact("(rcpt|rprt|hist)_[0-9a-f]{32}")]

_LOST = (errors.NotFound, errors.Erased)


class Page(Struct, frozen=True, forbid_unknown_fields=True):
    """The query for a page of at most `limit` items. `cursor` is the `next_cursor` of the previous page."""

    limit: Limit = 20
    cursor: CallId | None = None


class LooksAsked(Struct, frozen=True, forbid_unknown_fields=True):
    """The query for a page of the looks at my data. `cursor` is the `next_cursor` of the previous page."""

    limit: Limit = 20
    cursor: looks.LookId | None = None


class ReceiptsAsked(Struct, frozen=True, forbid_unknown_fields=True):
    """The query for a page of my receipts. `cursor` is the `next_cursor` of the previous page."""

    limit: Limit = 20
    cursor: ReceiptId | None = None


def operations() -> tuple[Operation, ...]:
    """Every operation for customers: on their own calls, applications, preferences, reports and receipts."""
    return (
        operation(
            id="my_calls",
            method="GET",
            path="/v1/me/calls",
            summary="Every call ever issued on my applications, used or not",
            tag="me",
            who=("customer",),
            query=Page,
            answer=PastCalls,
            handler=lambda service, asked: service.me.calls(asked.principal, asked.query.cursor, asked.query.limit),
        ),
        operation(
            id="check_calls",
            method="POST",
            path="/v1/me/call-checks",
            summary="Did you call me? My calls in a window, with a signed statement: these and no others, or none",
            tag="me",
            who=("customer",),
            body=CheckCalls,
            answer=CallsChecked,
            status=201,
            idempotent_key=True,
            handler=lambda service, asked: service.call_checks.check(asked.principal, asked.body, asked.idempotency),
        ),
        operation(
            id="my_call_status",
            method="GET",
            path="/v1/me/call-status",
            summary="Are you calling me now?",
            tag="me",
            who=("customer",),
            answer=CallStatus,
            handler=lambda service, asked: service.me.call_status(asked.principal),
        ),
        operation(
            id="verify_call",
            method="POST",
            path="/v1/me/call-verification",
            summary="My handset rings: is that you?",
            tag="me",
            who=("customer",),
            body=VerifyCall,
            answer=CallVerification,
            handler=lambda service, asked: service.ringing.verify(asked.principal, asked.body),
        ),
        operation(
            id="my_events",
            method="GET",
            path="/v1/me/events",
            summary="The call status as server-sent events: now, and at each change",
            tag="me",
            who=("customer",),
            answer=CallStatus,
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
            answer=MyApplications,
            handler=lambda service, asked: service.me.applications(asked.principal),
        ),
        operation(
            id="my_looks",
            method="GET",
            path="/v1/me/looks",
            summary="Who looked at my data: each look of staff and of the bank's systems, newest first",
            tag="me",
            who=("customer",),
            query=LooksAsked,
            answer=looks.MyLooks,
            handler=lambda service, asked: service.looks.mine(asked.principal, asked.query.cursor, asked.query.limit),
        ),
        operation(
            id="my_receipts",
            method="GET",
            path="/v1/me/receipts",
            summary="My receipts, newest first: of verdicts, of reports and of call checks",
            tag="me",
            who=("customer",),
            query=ReceiptsAsked,
            answer=ListedReceipts,
            handler=lambda service, asked: service.receipts.mine(
                asked.principal, asked.query.cursor, asked.query.limit
            ),
        ),
        operation(
            id="get_preferences",
            method="GET",
            path="/v1/me/preferences",
            summary="My preferences: marketing calls or none",
            tag="me",
            who=("customer",),
            answer=Preferences,
            handler=lambda service, asked: service.me.preferences(asked.principal),
        ),
        operation(
            id="put_preferences",
            method="PUT",
            path="/v1/me/preferences",
            summary="Refuse marketing calls, or leave it to my consents again, with or without an application",
            tag="me",
            who=("customer",),
            body=Preferences,
            answer=Preferences,
            handler=lambda service, asked: service.me.put_preferences(asked.principal, asked.body),
        ),
        operation(
            id="report_call",
            method="POST",
            path="/v1/reports",
            summary="Report a suspicious call",
            tag="reports",
            who=("customer", "system:ivr"),
            body=ReportCall,
            answer=ReportTaken,
            status=201,
            idempotent_key=True,
            handler=lambda service, asked: service.reports.take(asked.principal, asked.body, asked.idempotency),
        ),
        operation(
            id="get_receipt",
            method="GET",
            path="/v1/receipts/{receipt_id}",
            summary="Fetch my receipt of a verdict, a report or a call check",
            tag="receipts",
            who=("customer",),
            answer=ReceiptView,
            path_types={"receipt_id": ReceiptId},
            raises=_LOST,
            handler=lambda service, asked: service.receipts.read(asked.principal, asked.path["receipt_id"]),
        ),
        operation(
            id="draw_receipt",
            method="POST",
            path="/v1/receipts/symbols",
            summary="Draw a receipt as QR codes to print, from which it can be verified offline",
            tag="receipts",
            who=("customer", "staff:counter"),
            body=VerifyReceipt,
            answer=DrawnReceipt,
            handler=draw_receipt,
        ),
    )
