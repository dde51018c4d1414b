"""Operations on calls. Implements specs/openapi.yaml."""

from __future__ import annotations

from verifier.api import handlers
from verifier.api.operations import Operation
from verifier.core import errors, legs, messages, reconciliation
from verifier.core.application import ApplicationId

_APPLICATION = {"application_id": ApplicationId}
_CALL = {"call_id": messages.CallId}
_OFFICER = ("staff:officer",)
_LOST = (errors.NotFound, errors.Erased)


def operations() -> tuple[Operation, ...]:
    """Every operation on calls."""
    return (
        Operation(
            id="issue_call",
            method="POST",
            path="/v1/applications/{application_id}/calls",
            summary="Issue a call: a signed ticket, logged, and its code once the leg allows it",
            tag="calls",
            who=(*_OFFICER, "system:calls"),
            body=messages.IssueCall,
            answer=messages.IssuedCall,
            status=201,
            idempotent_key=True,
            path_types=_APPLICATION,
            raises=(*_LOST, errors.PolicyRefused, errors.CallOpen),
            handler=handlers.issue_call,
        ),
        Operation(
            id="list_calls",
            method="GET",
            path="/v1/calls",
            summary="An officer's own calls, newest first",
            tag="calls",
            who=_OFFICER,
            query=handlers.CallsAsked,
            answer=messages.Calls,
            handler=handlers.list_calls,
        ),
        Operation(
            id="get_call",
            method="GET",
            path="/v1/calls/{call_id}",
            summary="The state of a call",
            tag="calls",
            who=(*_OFFICER, "staff:supervisor", "staff:auditor", "system:calls", "system:legs"),
            answer=messages.CallView,
            path_types=_CALL,
            raises=_LOST,
            handler=handlers.get_call,
        ),
        Operation(
            id="call_events",
            method="GET",
            path="/v1/calls/{call_id}/events",
            summary="A call as server-sent events: now, and at each change",
            tag="calls",
            who=_OFFICER,
            answer=messages.CallView,
            content_type="text/event-stream",
            path_types=_CALL,
            raises=(errors.NotFound,),
            handler=handlers.call_events,
        ),
        Operation(
            id="reveal_code",
            method="GET",
            path="/v1/calls/{call_id}/code",
            summary="The code to read out, while the leg is connected to the number on file",
            tag="calls",
            who=_OFFICER,
            answer=messages.Code,
            path_types=_CALL,
            raises=(errors.NotFound, errors.CallClosed, errors.LegNotConnected),
            handler=handlers.reveal_code,
        ),
        Operation(
            id="leg_event",
            method="POST",
            path="/v1/calls/{call_id}/legs",
            summary="What the PBX saw of the officer's leg",
            tag="calls",
            who=("system:legs",),
            body=legs.LegEvent,
            answer=messages.CallView,
            idempotent_key=True,
            path_types=_CALL,
            raises=_LOST,
            handler=handlers.leg_event,
        ),
        Operation(
            id="leg_by_number",
            method="POST",
            path="/v1/legs",
            summary="What a PBX saw that does not know the call: matched with the one call it can mean, or kept",
            tag="calls",
            who=("system:legs",),
            body=legs.LegByNumber,
            answer=legs.LegTaken,
            idempotent_key=True,
            raises=(errors.Erased,),
            handler=handlers.leg_by_number,
        ),
        Operation(
            id="list_discrepancies",
            method="GET",
            path="/v1/reconciliation",
            summary="Codes without a leg or a use, and legs without a code, newest first",
            tag="calls",
            who=("staff:supervisor", "staff:auditor"),
            query=handlers.DiscrepanciesAsked,
            answer=reconciliation.Discrepancies,
            handler=handlers.list_discrepancies,
        ),
        Operation(
            id="make_identity",
            method="POST",
            path="/v1/calls/{call_id}/identity",
            summary="The SIP Identity header (RFC 8224) for the INVITE of the officer's leg",
            tag="calls",
            who=("system:legs", "system:calls"),
            body=messages.AskIdentity,
            answer=messages.SipIdentity,
            path_types=_CALL,
            raises=(*_LOST, errors.CallClosed),
            handler=handlers.make_identity,
        ),
        Operation(
            id="revoke_call",
            method="POST",
            path="/v1/calls/{call_id}/revocation",
            summary="Withdraw a call",
            tag="calls",
            who=(*_OFFICER, "staff:supervisor"),
            body=messages.RevokeCall,
            answer=messages.CallView,
            idempotent_key=True,
            path_types=_CALL,
            raises=(*_LOST, errors.CallClosed),
            handler=handlers.revoke_call,
        ),
    )
