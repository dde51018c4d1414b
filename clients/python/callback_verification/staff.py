"""Suspensions of staff. Implements specs/protocol.md section 2.1."""

from __future__ import annotations

from callback_verification.requests import Request, delete, get, post, segment
from callback_verification.shapes import Suspension, Suspensions


def suspend(staff_id: str, *, reason: str, idempotency_key: str | None = None) -> Request[Suspension]:
    """Cut a member of staff off: a supervisor may, and a system that may issue calls."""
    return post(f"/v1/staff/{segment(staff_id)}/suspension", Suspension, {"reason": reason}, idempotency_key)


def lift(staff_id: str) -> Request[Suspension]:
    """End a suspension. Another supervisor may."""
    return delete(f"/v1/staff/{segment(staff_id)}/suspension", Suspension)


def suspensions(*, limit: int = 50, cursor: str | None = None) -> Request[Suspensions]:
    """A page of all suspensions, newest first, for supervisors and auditors."""
    return get("/v1/staff/suspensions", Suspensions, {"limit": limit, "cursor": cursor})
