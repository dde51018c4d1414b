"""Requests of customers. The client needs the customer's own token. Implements specs/protocol.md section 7.5."""

from __future__ import annotations

from datetime import datetime

from callback_verification.requests import Request, get, instant, post, put
from callback_verification.shapes import CallsChecked, CallStatus, MyApplications, PastCalls, Preferences


def call_status() -> Request[CallStatus]:
    """Ask whether the bank is on the phone with the customer now."""
    return get("/v1/me/call-status", CallStatus)


def calls(*, limit: int = 20, cursor: str | None = None) -> Request[PastCalls]:
    """List all calls that were issued on the customer's applications, page by page."""
    return get("/v1/me/calls", PastCalls, {"limit": limit, "cursor": cursor})


def check_calls(
    *, begins: datetime, ends: datetime, caller_number: str | None = None, idempotency_key: str | None = None
) -> Request[CallsChecked]:
    """Ask which calls the bank had with the customer from `begins` to `ends`, at most 31 days.

    The answer has these calls and no others, with a signed statement that says the same. `caller_number` is the number
    that the customer saw.
    """
    body: dict[str, object] = {"from": instant(begins), "until": instant(ends), "caller_number": caller_number}
    return post("/v1/me/call-checks", CallsChecked, body, idempotency_key)


def applications() -> Request[MyApplications]:
    """List the customer's applications, each with its stage, its officers and the announced calls."""
    return get("/v1/me/applications", MyApplications)


def preferences() -> Request[Preferences]:
    """Get the customer's preferences about calls."""
    return get("/v1/me/preferences", Preferences)


def put_preferences(*, marketing_calls: bool) -> Request[Preferences]:
    """Refuse marketing calls, or allow them again."""
    return put("/v1/me/preferences", Preferences, Preferences(marketing_calls))
