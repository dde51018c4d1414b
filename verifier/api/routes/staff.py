"""Operations on suspensions and roles of staff, and on what staff looked at. Implements specs/openapi.yaml."""

from __future__ import annotations

from msgspec import Struct

from verifier.api.operations import Asked, Limit, Operation, operation
from verifier.core import errors, looks, suspensions
from verifier.core.application import PrincipalId
from verifier.core.principal import STAFF_ROLES
from verifier.service import Service

_STAFF = {"staff_id": PrincipalId}
_SUPERVISOR = ("staff:supervisor",)


class StaffMember(Struct, frozen=True):
    """A member of staff, by their staff number, and their roles. An office page shows what these roles allow."""

    staff_id: str
    roles: tuple[str, ...]


class SuspensionsAsked(Struct, frozen=True, forbid_unknown_fields=True):
    """The query for a page of the suspensions."""

    limit: Limit = 50
    cursor: suspensions.SuspensionId | None = None


async def _member(service: Service, asked: Asked[None, None]) -> StaffMember:
    return StaffMember(asked.principal.id, tuple(sorted(asked.principal.roles)))


def operations() -> tuple[Operation, ...]:
    """Every operation on suspensions, on one's own roles, and the auditors' search for looks."""
    return (
        operation(
            id="get_staff_member",
            method="GET",
            path="/v1/staff/me",
            summary="The staff number and the roles of the person who asks",
            tag="staff",
            who=tuple(f"staff:{role}" for role in STAFF_ROLES),
            answer=StaffMember,
            handler=_member,
        ),
        operation(
            id="suspend_staff",
            method="POST",
            path="/v1/staff/{staff_id}/suspension",
            summary="Suspend a member of staff: no act by them or in their name, and their open calls are revoked",
            tag="staff",
            who=(*_SUPERVISOR, "system:calls"),
            step_up=True,
            body=suspensions.SuspendStaff,
            answer=suspensions.Suspension,
            status=201,
            idempotent_key=True,
            path_types=_STAFF,
            handler=lambda service, asked: service.suspensions.suspend(
                asked.principal, asked.path["staff_id"], asked.body, asked.idempotency
            ),
        ),
        operation(
            id="lift_suspension",
            method="DELETE",
            path="/v1/staff/{staff_id}/suspension",
            summary="Lift a suspension; nobody lifts their own",
            tag="staff",
            who=_SUPERVISOR,
            step_up=True,
            answer=suspensions.Suspension,
            path_types=_STAFF,
            raises=(errors.NotFound,),
            handler=lambda service, asked: service.suspensions.lift(asked.principal, asked.path["staff_id"]),
        ),
        operation(
            id="list_suspensions",
            method="GET",
            path="/v1/staff/suspensions",
            summary="All suspensions with supervisor and reason, newest first, including lifted ones",
            tag="staff",
            who=(*_SUPERVISOR, "staff:auditor"),
            query=SuspensionsAsked,
            answer=suspensions.Suspensions,
            handler=lambda service, asked: service.suspensions.list(asked.query.cursor, asked.query.limit),
        ),
        operation(
            id="search_looks",
            method="POST",
            path="/v1/looks/search",
            summary="Who looked at whose data, by member of staff, application, customer or time, newest first",
            tag="staff",
            who=("staff:auditor",),
            body=looks.SearchLooks,
            answer=looks.Looks,
            handler=lambda service, asked: service.looks.search(asked.principal, asked.body),
        ),
    )
