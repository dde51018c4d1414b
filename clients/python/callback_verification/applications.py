"""Applications and exceptions from the contact policy. Implements specs/protocol.md sections 3.1 and 4.2."""

from __future__ import annotations

from collections.abc import Iterable

from callback_verification.requests import Request, delete, get, post, segment
from callback_verification.requests import put as _put
from callback_verification.shapes import (
    Application,
    Applications,
    ErasedApplication,
    GrantedException,
    Registration,
    Rule,
)


def put(application_id: str, registration: Registration) -> Request[Application]:
    """Register or update an application under the bank's own reference."""
    return _put(f"/v1/applications/{segment(application_id)}", Application, registration)


def read(application_id: str) -> Request[Application]:
    """Read a registered application."""
    return get(f"/v1/applications/{segment(application_id)}", Application)


def erase(application_id: str) -> Request[ErasedApplication]:
    """Destroy the application's key. This cannot be undone."""
    return delete(f"/v1/applications/{segment(application_id)}", ErasedApplication)


def grant_exception(
    application_id: str, *, officer_id: str, rules: Iterable[Rule], reason: str, idempotency_key: str | None = None
) -> Request[GrantedException]:
    """As a supervisor, lift rules of the contact policy for one call of one officer."""
    body: dict[str, object] = {"officer_id": officer_id, "rules": list(rules), "reason": reason}
    return post(f"/v1/applications/{segment(application_id)}/exceptions", GrantedException, body, idempotency_key)


def search(query: str = "", *, limit: int = 20, cursor: str | None = None) -> Request[Applications]:
    """List the officer's applications that contain every word of `query`, page by page."""
    body: dict[str, object] = {"query": query, "limit": limit, "cursor": cursor}
    return post("/v1/applications/search", Applications, body, None)
