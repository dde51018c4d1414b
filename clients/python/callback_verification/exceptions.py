"""An officer asks for an exception from the contact policy, and a supervisor decides. Implements specs/protocol.md
section 4.2."""

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
    """An officer asks that rules be lifted for one call."""
    body: dict[str, object] = {"purpose": purpose, "number": number, "rules": list(rules), "reason": reason}
    path = f"/v1/applications/{segment(application_id)}/exception-requests"
    return post(path, ExceptionRequest, body, idempotency_key)


def requests() -> Request[ExceptionRequests]:
    """The requests of the last day: an officer's own, a supervisor's all."""
    return get("/v1/exception-requests", ExceptionRequests)


def decide(
    request_id: str, *, granted: bool, reason: str, idempotency_key: str | None = None
) -> Request[ExceptionRequest]:
    """A supervisor answers a request; the reason goes into the log with what is granted."""
    body: dict[str, object] = {"granted": granted, "reason": reason}
    return post(f"/v1/exception-requests/{segment(request_id)}/decision", ExceptionRequest, body, idempotency_key)
