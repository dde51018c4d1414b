"""Operations at the counter of a branch, for a customer who is present. Implements specs/openapi.yaml."""

from __future__ import annotations

from verifier.api.operations import Asked, Operation, operation
from verifier.api.throttle import Throttle
from verifier.core import errors
from verifier.core.errors import MalformedCode
from verifier.core.messages.confirmations import Verdict
from verifier.core.messages.counter import (
    CheckCallsAtCounter,
    ConfirmAtCounter,
    CustomerFound,
    FindCustomer,
    ReportAtCounter,
)
from verifier.core.messages.customers import CallsChecked, ReportTaken
from verifier.ledger.commands import Reply
from verifier.service import Service

_CLERK = ("staff:counter",)


class _Confirming:
    """The handler for codes. A soft limit bounds how many mistyped codes a clerk may send."""

    def __init__(self, slips: Throttle) -> None:
        self._slips = slips

    async def confirm(self, service: Service, asked: Asked[ConfirmAtCounter, None]) -> Reply[Verdict]:
        try:
            return await service.counter.confirm(asked.principal, asked.body, asked.idempotency)
        except MalformedCode:
            self._slips.spend(asked.principal.key)
            raise


def operations(slips: Throttle) -> tuple[Operation, ...]:
    """Every operation at the counter. `slips` is the soft limit on mistyped codes."""
    return (
        operation(
            id="find_customer",
            method="POST",
            path="/v1/counter/customers",
            summary="Whose application or number is it? To compare with the identity document of who is present",
            tag="counter",
            who=_CLERK,
            step_up=True,
            body=FindCustomer,
            answer=CustomerFound,
            idempotent_key=True,
            raises=(errors.NotFound, errors.OwnCustomer),
            handler=lambda service, asked: service.counter.find(asked.principal, asked.body, asked.idempotency),
        ),
        operation(
            id="check_calls_at_counter",
            method="POST",
            path="/v1/counter/call-checks",
            summary="Did you call me? Asked for a customer who is present; the answer and the receipt are theirs",
            tag="counter",
            who=_CLERK,
            step_up=True,
            body=CheckCallsAtCounter,
            answer=CallsChecked,
            status=201,
            idempotent_key=True,
            raises=(errors.NotFound, errors.OwnCustomer),
            handler=lambda service, asked: service.counter.check_calls(asked.principal, asked.body, asked.idempotency),
        ),
        operation(
            id="confirm_at_counter",
            method="POST",
            path="/v1/counter/confirmations",
            summary="The verdict on a code that a customer who is present has written down",
            tag="counter",
            who=_CLERK,
            step_up=True,
            body=ConfirmAtCounter,
            answer=Verdict,
            idempotent_key=True,
            raises=(errors.MalformedCode, errors.NotFound, errors.OwnCustomer),
            handler=_Confirming(slips).confirm,
        ),
        operation(
            id="report_at_counter",
            method="POST",
            path="/v1/counter/reports",
            summary="Take the report of a suspicious call for a customer who is present",
            tag="counter",
            who=_CLERK,
            step_up=True,
            body=ReportAtCounter,
            answer=ReportTaken,
            status=201,
            idempotent_key=True,
            raises=(errors.NotFound, errors.OwnCustomer),
            handler=lambda service, asked: service.counter.report(asked.principal, asked.body, asked.idempotency),
        ),
    )
