"""What customers do, in the app or by the IVR. Implements specs/openapi.yaml."""

from __future__ import annotations

from typing import Annotated

from verifier.api import handlers
from verifier.api.operations import Operation
from verifier.api.throttle import Throttle
from verifier.core import errors, messages
from verifier.core.text import exact

ReceiptId = Annotated[str, exact("(rcpt|rprt)_[0-9a-f]{32}")]

_LOST = (errors.NotFound, errors.Erased)


def operations(slips: Throttle) -> tuple[Operation, ...]:
    """Every operation of customers; `slips` limits softly how often a finger may slip."""
    confirming = handlers.Confirming(slips)
    return (
        Operation(
            id="confirm",
            method="POST",
            path="/v1/confirmations",
            summary="A logged-in customer enters the code he was told",
            tag="confirmations",
            who=("customer",),
            body=messages.Confirm,
            answer=messages.Verdict,
            idempotent_key=True,
            raises=(errors.MalformedCode,),
            handler=confirming.confirm,
        ),
        Operation(
            id="confirm_by_phone",
            method="POST",
            path="/v1/ivr/confirmations",
            summary="The IVR passes on the digits a caller keyed",
            tag="confirmations",
            who=("system:ivr",),
            body=messages.ConfirmByPhone,
            answer=messages.SpokenVerdict,
            idempotent_key=True,
            raises=(errors.MalformedCode,),
            handler=confirming.confirm_by_phone,
        ),
        Operation(
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
            handler=handlers.begin_session,
        ),
        Operation(
            id="step_session",
            method="POST",
            path="/v1/ivr/sessions/{session_id}/steps",
            summary="What the caller keyed, or silence; the answer is what to say and do next",
            tag="ivr",
            who=("system:ivr",),
            body=messages.HeardKeys,
            answer=messages.IvrTurn,
            idempotent_key=True,
            path_types={"session_id": messages.SessionId},
            raises=(errors.NotFound,),
            handler=handlers.step_session,
        ),
        Operation(
            id="my_calls",
            method="GET",
            path="/v1/me/calls",
            summary="Every call ever issued on my applications, used or not",
            tag="me",
            who=("customer",),
            query=handlers.Page,
            answer=messages.PastCalls,
            handler=handlers.my_calls,
        ),
        Operation(
            id="my_call_status",
            method="GET",
            path="/v1/me/call-status",
            summary="Are you on the phone with me now?",
            tag="me",
            who=("customer",),
            answer=messages.CallStatus,
            handler=handlers.my_call_status,
        ),
        Operation(
            id="my_events",
            method="GET",
            path="/v1/me/events",
            summary="The call status as server-sent events: now, and at each change",
            tag="me",
            who=("customer",),
            answer=messages.CallStatus,
            content_type="text/event-stream",
            handler=handlers.my_events,
        ),
        Operation(
            id="my_applications",
            method="GET",
            path="/v1/me/applications",
            summary="How far my loans are, who may phone about them, and which calls are announced",
            tag="me",
            who=("customer",),
            answer=messages.MyApplications,
            handler=handlers.my_applications,
        ),
        Operation(
            id="get_preferences",
            method="GET",
            path="/v1/me/preferences",
            summary="What I want: marketing calls or none",
            tag="me",
            who=("customer",),
            answer=messages.Preferences,
            handler=handlers.get_preferences,
        ),
        Operation(
            id="put_preferences",
            method="PUT",
            path="/v1/me/preferences",
            summary="Refuse marketing calls, or leave it to my consents again",
            tag="me",
            who=("customer",),
            body=messages.Preferences,
            answer=messages.Preferences,
            raises=(errors.NotFound,),
            handler=handlers.put_preferences,
        ),
        Operation(
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
            handler=handlers.report_call,
        ),
        Operation(
            id="get_receipt",
            method="GET",
            path="/v1/receipts/{receipt_id}",
            summary="Fetch my receipt of a verdict or a report",
            tag="receipts",
            who=("customer",),
            answer=messages.ReceiptView,
            path_types={"receipt_id": ReceiptId},
            raises=_LOST,
            handler=handlers.get_receipt,
        ),
    )
