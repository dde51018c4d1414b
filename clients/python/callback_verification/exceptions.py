"""Requests for exceptions from the contact policy. Implements specs/protocol.md section 4.2."""

from __future__ import annotations

from collections.abc import Iterable

from callback_verification.requests import Request, get, post, segment
from callback_verification.shapes import ExceptionRequest, ExceptionRequests, Purpose, Rule


def ask(
    application_id: str,
    *,
    purpose: Purpose,
    number: str,
    rules: Iterable[Rule],
    reason: str,
    idempotency_key: str | None = None,
) -> Request[ExceptionRequest]:
    """As an officer, ask a supervisor to lift rules for one call."""
    body: dict[str, object] = {"purpose": purpose, "number": number, "rules": list(rules), "reason": reason}
    path = f"/v1/applications/{segment(application_id)}/exception-requests"
    return post(path, ExceptionRequest, body, idempotency_key)


def requests() -> Request[ExceptionRequests]:
    """List the requests of the last day. Officers see their own requests. Supervisors see all requests."""
    return get("/v1/exception-requests", ExceptionRequests)


def decide(
    request_id: str, *, granted: bool, reason: str, idempotency_key: str | None = None
) -> Request[ExceptionRequest]:
    """As a supervisor, grant or decline a request. The log records the reason of a granted request."""
    body: dict[str, object] = {"granted": granted, "reason": reason}
    return post(f"/v1/exception-requests/{segment(request_id)}/decision", ExceptionRequest, body, idempotency_key)
