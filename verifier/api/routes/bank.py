"""Operations on applications and on exceptions to the contact policy. Implements specs/openapi.yaml."""

from __future__ import annotations

from verifier.api.operations import Asked, Operation, operation
from verifier.core import errors
from verifier.core.application import ApplicationId, Registration
from verifier.core.messages.calls import Applications, ApplicationView, ErasedView, SearchApplications
from verifier.core.messages.policy_exceptions import (
    DecideException,
    ExceptionRequest,
    ExceptionRequests,
    GrantedException,
    GrantException,
    RequestException,
    RequestId,
)
from verifier.core.names import check_names
from verifier.service import Service

_APPLICATION = {"application_id": ApplicationId}
_OFFICER = ("staff:officer",)
_LOST = (errors.NotFound, errors.Erased)


async def _register(service: Service, asked: Asked[Registration, None]) -> ApplicationView:
    check_names(asked.body)
    return await service.applications.register(asked.path["application_id"], asked.body)


async def _application(service: Service, asked: Asked[None, None]) -> ApplicationView:
    if asked.principal.kind == "staff":
        return await service.desk.application(asked.principal, asked.path["application_id"])
    return await service.applications.read(asked.principal, asked.path["application_id"])


def operations() -> tuple[Operation, ...]:
    """Every operation on applications and policy exceptions."""
    return (
        operation(
            id="put_application",
            method="PUT",
            path="/v1/applications/{application_id}",
            summary="Register or update a loan application",
            tag="applications",
            who=("system:applications",),
            body=Registration,
            answer=ApplicationView,
            path_types=_APPLICATION,
            raises=(errors.Erased,),
            handler=_register,
        ),
        operation(
            id="get_application",
            method="GET",
            path="/v1/applications/{application_id}",
            summary="Read a loan application; officers only those that they are assigned to",
            tag="applications",
            who=("system:applications", *_OFFICER),
            answer=ApplicationView,
            path_types=_APPLICATION,
            raises=_LOST,
            handler=_application,
        ),
        operation(
            id="search_applications",
            method="POST",
            path="/v1/applications/search",
            summary="Search the applications that an officer is assigned to",
            tag="applications",
            who=_OFFICER,
            body=SearchApplications,
            answer=Applications,
            handler=lambda service, asked: service.desk.applications(
                asked.principal, asked.body.query, asked.body.cursor, asked.body.limit
            ),
        ),
        operation(
            id="delete_application",
            method="DELETE",
            path="/v1/applications/{application_id}",
            summary="Erase an application by destroying its key; the log stays verifiable",
            tag="applications",
            who=("system:applications",),
            answer=ErasedView,
            path_types=_APPLICATION,
            raises=(errors.NotFound,),
            handler=lambda service, asked: service.applications.erase(asked.path["application_id"]),
        ),
        operation(
            id="grant_exception",
            method="POST",
            path="/v1/applications/{application_id}/exceptions",
            summary="A second person lifts rules of the contact policy for one call",
            tag="exceptions",
            who=("staff:supervisor",),
            step_up=True,
            body=GrantException,
            answer=GrantedException,
            status=201,
            idempotent_key=True,
            path_types=_APPLICATION,
            raises=_LOST,
            handler=lambda service, asked: service.policy_exceptions.grant(
                asked.principal, asked.path["application_id"], asked.body, asked.idempotency
            ),
        ),
        operation(
            id="request_exception",
            method="POST",
            path="/v1/applications/{application_id}/exception-requests",
            summary="An officer asks a second person to lift rules of the contact policy for one call",
            tag="exceptions",
            who=_OFFICER,
            body=RequestException,
            answer=ExceptionRequest,
            status=201,
            idempotent_key=True,
            path_types=_APPLICATION,
            raises=(errors.NotFound,),
            handler=lambda service, asked: service.policy_exceptions.request(
                asked.principal, asked.path["application_id"], asked.body, asked.idempotency
            ),
        ),
        operation(
            id="list_exception_requests",
            method="GET",
            path="/v1/exception-requests",
            summary="Requests of the last day: all for supervisors, for officers their own",
            tag="exceptions",
            who=(*_OFFICER, "staff:supervisor"),
            answer=ExceptionRequests,
            handler=lambda service, asked: service.policy_exceptions.list(asked.principal),
        ),
        operation(
            id="decide_exception",
            method="POST",
            path="/v1/exception-requests/{request_id}/decision",
            summary="A second person grants or declines a request; granted exceptions are logged",
            tag="exceptions",
            who=("staff:supervisor",),
            step_up=True,
            body=DecideException,
            answer=ExceptionRequest,
            idempotent_key=True,
            path_types={"request_id": RequestId},
            raises=(*_LOST, errors.CallClosed),
            handler=lambda service, asked: service.policy_exceptions.decide(
                asked.principal, asked.path["request_id"], asked.body, asked.idempotency
            ),
        ),
    )
