"""Operations on helpers: for the customer who invites them, and for the helpers. Implements specs/openapi.yaml."""

from __future__ import annotations

from verifier.api.operations import Asked, Operation, operation
from verifier.api.throttle import Throttle
from verifier.core import errors
from verifier.core.errors import MalformedCode
from verifier.core.messages.confirmations import Verdict
from verifier.core.messages.helpers import (
    ConfirmForPerson,
    EnterInvitation,
    Helped,
    HelpedCallStatus,
    Helper,
    HelperId,
    Helpers,
    Helping,
    Invited,
    InviteHelper,
)
from verifier.ledger.commands import Reply
from verifier.service import Service

_HELPER: dict[str, type[str]] = {"helper_id": HelperId}


def operations(slips: Throttle) -> tuple[Operation, ...]:
    """Every operation on helpers. `slips` is the soft limit on mistyped codes."""

    async def confirm_for(service: Service, asked: Asked[ConfirmForPerson, None]) -> Reply[Verdict]:
        helper_id = asked.path["helper_id"]
        try:
            return await service.confirmations.confirm_for(asked.principal, helper_id, asked.body, asked.idempotency)
        except MalformedCode:
            slips.spend(asked.principal.key)
            raise

    return (
        operation(
            id="my_helpers",
            method="GET",
            path="/v1/me/helpers",
            summary="My helpers, and when each of them looked",
            tag="helpers",
            who=("customer",),
            answer=Helpers,
            handler=lambda service, asked: service.helpers.list(asked.principal),
        ),
        operation(
            id="invite_helper",
            method="POST",
            path="/v1/me/helpers",
            summary="Invite somebody I trust to look at my calls; the invitation is shown once",
            tag="helpers",
            who=("customer",),
            body=InviteHelper,
            answer=Invited,
            status=201,
            idempotent_key=True,
            raises=(errors.NotFound, errors.TooManyHelpers),
            handler=lambda service, asked: service.helpers.invite(asked.principal, asked.body, asked.idempotency),
        ),
        operation(
            id="confirm_helper",
            method="POST",
            path="/v1/me/helpers/{helper_id}/confirmation",
            summary="Confirm that this is my helper, or let them look for 30 more days",
            tag="helpers",
            who=("customer",),
            answer=Helper,
            idempotent_key=True,
            path_types=_HELPER,
            raises=(errors.NotFound,),
            handler=lambda service, asked: service.helpers.confirm(
                asked.principal, asked.path["helper_id"], asked.idempotency
            ),
        ),
        operation(
            id="end_helper",
            method="DELETE",
            path="/v1/me/helpers/{helper_id}",
            summary="End a helper or an invitation at once",
            tag="helpers",
            who=("customer",),
            answer=Helper,
            path_types=_HELPER,
            raises=(errors.NotFound,),
            handler=lambda service, asked: service.helpers.end(asked.principal, asked.path["helper_id"]),
        ),
        operation(
            id="people_i_help",
            method="GET",
            path="/v1/me/helping",
            summary="The people I help",
            tag="helpers",
            who=("customer",),
            answer=Helping,
            handler=lambda service, asked: service.helping.list(asked.principal),
        ),
        operation(
            id="enter_invitation",
            method="POST",
            path="/v1/me/helping",
            summary="Enter an invitation that somebody gave me; they confirm next",
            tag="helpers",
            who=("customer",),
            body=EnterInvitation,
            answer=Helped,
            status=201,
            idempotent_key=True,
            raises=(errors.NotFound, errors.TooManyHelpers),
            handler=lambda service, asked: service.helping.enter(asked.principal, asked.body, asked.idempotency),
        ),
        operation(
            id="stop_helping",
            method="DELETE",
            path="/v1/me/helping/{helper_id}",
            summary="Help this person no longer",
            tag="helpers",
            who=("customer",),
            answer=Helped,
            path_types=_HELPER,
            raises=(errors.NotFound,),
            handler=lambda service, asked: service.helping.end(asked.principal, asked.path["helper_id"]),
        ),
        operation(
            id="confirm_for_person",
            method="POST",
            path="/v1/me/helping/{helper_id}/confirmations",
            summary="Enter the code that the person I help has heard",
            tag="helpers",
            who=("customer",),
            body=ConfirmForPerson,
            answer=Verdict,
            idempotent_key=True,
            path_types=_HELPER,
            raises=(errors.MalformedCode, errors.NotFound),
            handler=confirm_for,
        ),
        operation(
            id="helped_call_status",
            method="GET",
            path="/v1/me/helping/{helper_id}/call-status",
            summary="Are you calling the person I help now?",
            tag="helpers",
            who=("customer",),
            answer=HelpedCallStatus,
            path_types=_HELPER,
            raises=(errors.NotFound,),
            handler=lambda service, asked: service.helping.call_status(asked.principal, asked.path["helper_id"]),
        ),
    )
