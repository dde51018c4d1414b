"""Operations that confirm calls: in the app, through the bank's IVR, and in the telephone dialogue.

Implements specs/openapi.yaml.
"""

from __future__ import annotations

from verifier.api.operations import Asked, Operation, operation
from verifier.api.throttle import Throttle
from verifier.core import errors
from verifier.core.errors import MalformedCode
from verifier.core.messages.confirmations import Confirm, ConfirmByPhone, SpokenVerdict, Verdict
from verifier.core.messages.dialogues import BeginSession, HeardKeys, IvrTurn, SessionId
from verifier.ledger.commands import Reply
from verifier.service import Service


class _Confirming:
    """Handlers for confirmations in the app and through an IVR.

    A mistyped code costs no attempt. But a soft limit bounds how many mistyped codes a caller may send.
    """

    def __init__(self, slips: Throttle) -> None:
        self._slips = slips

    async def confirm(self, service: Service, asked: Asked[Confirm, None]) -> Reply[Verdict]:
        try:
            return await service.confirmations.confirm(asked.principal, asked.body, asked.idempotency)
        except MalformedCode:
            self._slips.spend(asked.principal.key)
            raise

    async def confirm_by_phone(self, service: Service, asked: Asked[ConfirmByPhone, None]) -> Reply[SpokenVerdict]:
        try:
            return await service.confirmations.confirm_by_phone(asked.body, asked.idempotency)
        except MalformedCode:
            self._slips.spend(asked.body.caller_number or "withheld")
            raise


def operations(slips: Throttle) -> tuple[Operation, ...]:
    """Every operation that confirms calls. `slips` is the soft limit on mistyped codes."""
    confirming = _Confirming(slips)
    return (
        operation(
            id="confirm",
            method="POST",
            path="/v1/confirmations",
            summary="A logged-in customer enters the code that they heard",
            tag="confirmations",
            who=("customer",),
            body=Confirm,
            answer=Verdict,
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
            body=ConfirmByPhone,
            answer=SpokenVerdict,
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
            body=BeginSession,
            answer=IvrTurn,
            status=201,
            idempotent_key=True,
            handler=lambda service, asked: service.ivr.begin(asked.body, asked.idempotency),
        ),
        operation(
            id="step_session",
            busy=True,
            method="POST",
            path="/v1/ivr/sessions/{session_id}/steps",
            summary="Report keys or silence; the answer says what to say and do next",
            tag="ivr",
            who=("system:ivr",),
            body=HeardKeys,
            answer=IvrTurn,
            idempotent_key=True,
            path_types={"session_id": SessionId},
            raises=(errors.NotFound,),
            handler=lambda service, asked: service.ivr.step(asked.path["session_id"], asked.body, asked.idempotency),
        ),
    )
