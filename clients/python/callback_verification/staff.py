"""Roles and suspensions of staff. Implements specs/protocol.md section 2.1."""

from __future__ import annotations

from callback_verification.requests import Request, delete, get, post, segment
from callback_verification.shapes import StaffMember, Suspension, Suspensions


def me() -> Request[StaffMember]:
    """Read the staff number and the roles of the person who asks."""
    return get("/v1/staff/me", StaffMember)


def suspend(staff_id: str, *, reason: str, idempotency_key: str | None = None) -> Request[Suspension]:
    """Suspend a member of staff. The caller must be a supervisor, or a system that may issue calls."""
    return post(f"/v1/staff/{segment(staff_id)}/suspension", Suspension, {"reason": reason}, idempotency_key)


def lift(staff_id: str) -> Request[Suspension]:
    """Lift a suspension. A supervisor may do this, but not for their own suspension."""
    return delete(f"/v1/staff/{segment(staff_id)}/suspension", Suspension)


def suspensions(*, limit: int = 50, cursor: str | None = None) -> Request[Suspensions]:
    """List all suspensions, page by page, newest first. Supervisors and auditors may do this."""
    return get("/v1/staff/suspensions", Suspensions, {"limit": limit, "cursor": cursor})
