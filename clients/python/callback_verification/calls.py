"""Calls: issue, read, show the code, revoke. Implements specs/protocol.md sections 4 to 6."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from callback_verification.requests import Request, get, instant, post, segment
from callback_verification.shapes import Call, Calls, Code, IssuedCall, Purpose, Queue, SipIdentity


def issue(
    application_id: str,
    *,
    purpose: Purpose,
    number: str,
    caller_number: str,
    officer_id: str | None = None,
    exception_id: str | None = None,
    idempotency_key: str | None = None,
) -> Request[IssuedCall]:
    """Issue the ticket of a call, before the officer dials. A system must give `officer_id`."""
    body: dict[str, object] = {
        "purpose": purpose,
        "number": number,
        "caller_number": caller_number,
        "officer_id": officer_id,
        "exception_id": exception_id,
    }
    return post(f"/v1/applications/{segment(application_id)}/calls", IssuedCall, body, idempotency_key)


def read(call_id: str) -> Request[Call]:
    """Read a call."""
    return get(f"/v1/calls/{segment(call_id)}", Call)


def code(call_id: str) -> Request[Code]:
    """Get the code that the officer reads out. If law L5 does not allow this yet, the client raises LegNotConnected."""
    return get(f"/v1/calls/{segment(call_id)}/code", Code)


def identity(
    call_id: str, *, kind: Literal["plain", "shaken", "rcd"] = "shaken", attest: Literal["A", "B", "C"] = "A"
) -> Request[SipIdentity]:
    """Get the SIP Identity header (RFC 8224) for the INVITE to the customer. The header is valid for one minute."""
    body: dict[str, object] = {"kind": kind, "attest": attest}
    return post(f"/v1/calls/{segment(call_id)}/identity", SipIdentity, body, None)


def revoke(call_id: str, *, reason: str = "", idempotency_key: str | None = None) -> Request[Call]:
    """Revoke a call."""
    return post(f"/v1/calls/{segment(call_id)}/revocation", Call, {"reason": reason}, idempotency_key)


def find(*, since: datetime | None = None, limit: int = 20, cursor: str | None = None) -> Request[Calls]:
    """List the officer's own calls, page by page, newest first. `since` is the earliest time of issue."""
    query = {"since": since and instant(since).isoformat(), "limit": limit, "cursor": cursor}
    return get("/v1/calls", Calls, query)


def queue() -> Request[Queue]:
    """List the announced calls of the officer's customers, the most urgent first."""
    return get("/v1/queue", Queue)
