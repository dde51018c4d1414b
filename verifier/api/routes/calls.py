"""Operations on calls. Implements specs/openapi.yaml."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

from msgspec import Struct

from verifier.api.event_streams import stream
from verifier.api.operations import Asked, Limit, Operation, operation
from verifier.core import errors, legs, reconciliation
from verifier.core.application import ApplicationId, Instant
from verifier.core.errors import VerifierError
from verifier.core.messages.calls import (
    AskIdentity,
    CallId,
    Calls,
    CallView,
    Code,
    IssueCall,
    IssuedCall,
    RevokeCall,
    SipIdentity,
)
from verifier.core.messages.queue import Queue
from verifier.core.principal import Principal
from verifier.core.text import exact
from verifier.ledger.commands import Reply
from verifier.service import Service

_APPLICATION = {"application_id": ApplicationId}
_CALL = {"call_id": CallId}
_OFFICER = ("staff:officer",)
_LOST = (errors.NotFound, errors.Erased)


async def _leg_of_call(service: Service, asked: Asked[legs.LegEvent, None]) -> Reply[legs.CallOfLeg]:
    taken = await service.legs.of_call(asked.path["call_id"], asked.body, asked.idempotency)
    await _hear(service, asked.principal)
    return taken


async def _leg_by_number(service: Service, asked: Asked[legs.LegByNumber, None]) -> Reply[legs.LegTaken]:
    taken = await service.legs.by_number(asked.body, asked.idempotency)
    await _hear(service, asked.principal)
    return taken


async def _hear(service: Service, exchange: Principal) -> None:
    """Record a leg event as a sign of life. If that fails, the event still counts, and the exchange may fall silent."""
    with suppress(VerifierError):
        await service.exchanges.hear(exchange)


class CallsAsked(Struct, frozen=True, forbid_unknown_fields=True):
    """The query for a page of calls.

    With `since`, the page has only calls that were issued at that time or later.
    """

    since: Instant | None = None
    limit: Limit = 50
    cursor: CallId | None = None


class DiscrepanciesAsked(Struct, frozen=True, forbid_unknown_fields=True):
    """The query for a page of discrepancies between `since` and `until`.

    `since` and `until` are at most 31 days apart. The default is the last day.
    """

    kind: reconciliation.DiscrepancyKind | None = None
    since: Instant | None = None
    until: Instant | None = None
    limit: Limit = 50
    cursor: Annotated[str, exact("(call|leg|sgnl|look)_[0-9a-f]{32}")] | None = None


def operations() -> tuple[Operation, ...]:
    """Every operation on calls."""
    return (
        operation(
            id="issue_call",
            busy=True,
            method="POST",
            path="/v1/applications/{application_id}/calls",
            summary="Issue a call: a signed ticket, logged, and its code once the leg allows it",
            tag="calls",
            who=(*_OFFICER, "system:calls"),
            step_up=True,
            body=IssueCall,
            answer=IssuedCall,
            status=201,
            idempotent_key=True,
            path_types=_APPLICATION,
            raises=(*_LOST, errors.PolicyRefused, errors.CallOpen),
            handler=lambda service, asked: service.calls.issue(
                asked.principal, asked.path["application_id"], asked.body, asked.idempotency
            ),
        ),
        operation(
            id="list_calls",
            method="GET",
            path="/v1/calls",
            summary="An officer's own calls, newest first",
            tag="calls",
            who=_OFFICER,
            query=CallsAsked,
            answer=Calls,
            handler=lambda service, asked: service.desk.calls(
                asked.principal, asked.query.since, asked.query.cursor, asked.query.limit
            ),
        ),
        operation(
            id="list_queue",
            method="GET",
            path="/v1/queue",
            summary="An officer's announced calls of the day: due, later, missed, or made",
            tag="calls",
            who=_OFFICER,
            answer=Queue,
            handler=lambda service, asked: service.queues.list(asked.principal),
        ),
        operation(
            id="get_call",
            method="GET",
            path="/v1/calls/{call_id}",
            summary="The state of a call",
            tag="calls",
            who=(*_OFFICER, "staff:supervisor", "staff:auditor", "system:calls", "system:legs"),
            answer=CallView,
            path_types=_CALL,
            raises=_LOST,
            handler=lambda service, asked: service.calls.read(asked.principal, asked.path["call_id"]),
        ),
        operation(
            id="call_events",
            method="GET",
            path="/v1/calls/{call_id}/events",
            summary="A call as server-sent events: now, and at each change",
            tag="calls",
            who=_OFFICER,
            answer=CallView,
            content_type="text/event-stream",
            path_types=_CALL,
            raises=(errors.NotFound,),
            handler=lambda service, asked: stream(
                asked, service.desk.watch(asked.principal, asked.path["call_id"]), "call"
            ),
        ),
        operation(
            id="reveal_code",
            busy=True,
            method="GET",
            path="/v1/calls/{call_id}/code",
            summary="The code to read out, while the leg is connected to the number on file",
            tag="calls",
            who=_OFFICER,
            step_up=True,
            answer=Code,
            path_types=_CALL,
            raises=(errors.NotFound, errors.CallClosed, errors.LegNotConnected),
            handler=lambda service, asked: service.calls.reveal(asked.principal, asked.path["call_id"]),
        ),
        operation(
            id="leg_event",
            busy=True,
            method="POST",
            path="/v1/calls/{call_id}/legs",
            summary="A leg event of the PBX for a call",
            tag="calls",
            who=("system:legs",),
            body=legs.LegEvent,
            answer=legs.CallOfLeg,
            idempotent_key=True,
            path_types=_CALL,
            raises=_LOST,
            handler=_leg_of_call,
        ),
        operation(
            id="leg_by_number",
            method="POST",
            path="/v1/legs",
            summary="A leg event of a PBX that does not know the call: matched with the only possible call, or kept",
            tag="calls",
            who=("system:legs",),
            body=legs.LegByNumber,
            answer=legs.LegTaken,
            idempotent_key=True,
            raises=(errors.Erased,),
            handler=_leg_by_number,
        ),
        operation(
            id="exchange_alive",
            method="POST",
            path="/v1/legs/alive",
            summary="A PBX says that it is alive, so its silence about a customer means that nobody calls them",
            tag="calls",
            who=("system:legs",),
            answer=legs.ExchangeAlive,
            handler=lambda service, asked: service.exchanges.alive(asked.principal),
        ),
        operation(
            id="list_exchanges",
            method="GET",
            path="/v1/exchanges",
            summary="The telephone exchanges, and whether they are silent",
            tag="calls",
            who=(*_OFFICER, "staff:supervisor", "staff:auditor"),
            answer=legs.Exchanges,
            handler=lambda service, asked: service.exchanges.list(),
        ),
        operation(
            id="list_discrepancies",
            method="GET",
            path="/v1/reconciliation",
            summary="Codes without a leg or a use, and legs without a code, newest first",
            tag="calls",
            who=("staff:supervisor", "staff:auditor"),
            query=DiscrepanciesAsked,
            answer=reconciliation.Discrepancies,
            handler=lambda service, asked: service.reconciliation.list(
                asked.query.kind, asked.query.since, asked.query.until, asked.query.cursor, asked.query.limit
            ),
        ),
        operation(
            id="make_identity",
            method="POST",
            path="/v1/calls/{call_id}/identity",
            summary="The SIP Identity header (RFC 8224) for the INVITE of the officer's leg",
            tag="calls",
            who=("system:legs", "system:calls"),
            body=AskIdentity,
            answer=SipIdentity,
            path_types=_CALL,
            raises=(*_LOST, errors.CallClosed),
            handler=lambda service, asked: service.identities.make(asked.path["call_id"], asked.body),
        ),
        operation(
            id="revoke_call",
            method="POST",
            path="/v1/calls/{call_id}/revocation",
            summary="Withdraw a call",
            tag="calls",
            who=(*_OFFICER, "staff:supervisor"),
            body=RevokeCall,
            answer=CallView,
            idempotent_key=True,
            path_types=_CALL,
            raises=(*_LOST, errors.CallClosed),
            handler=lambda service, asked: service.calls.revoke(
                asked.principal, asked.path["call_id"], asked.idempotency
            ),
        ),
    )
