"""Requests of customers. The client needs the customer's own token. Implements specs/protocol.md section 7.5."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from callback_verification.looks import MyLooks
from callback_verification.quiet import Shape
from callback_verification.requests import Request, get, instant, post, put
from callback_verification.shapes import (
    CallsChecked,
    CallStatus,
    Instant,
    ListedReceipts,
    MyApplications,
    PastCalls,
    Preferences,
)


class CallVerification(Shape, frozen=True):
    """Whether a call that rings is from the bank: `legit`, `not_legit` or `undetermined`. It never replaces a code."""

    verdict: Literal["legit", "not_legit", "undetermined"]
    at: Instant

    def __bool__(self) -> bool:
        raise TypeError("a call verification is neither true nor false; use .verdict")


def call_status() -> Request[CallStatus]:
    """Ask whether the bank is calling the customer now."""
    return get("/v1/me/call-status", CallStatus)


def verify_call(*, caller_number: str, rang_at: datetime) -> Request[CallVerification]:
    """Ask whether the call that rings on the customer's handset is from the bank.

    `caller_number` is the number that the handset shows, in E.164. `rang_at` is when the handset began to ring.
    """
    body: dict[str, object] = {"caller_number": caller_number, "rang_at": instant(rang_at)}
    return post("/v1/me/call-verification", CallVerification, body, None)


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


def looks(*, limit: int = 20, cursor: str | None = None) -> Request[MyLooks]:
    """List who looked at the customer's data, page by page, newest first."""
    return get("/v1/me/looks", MyLooks, {"limit": limit, "cursor": cursor})


def receipts(*, limit: int = 20, cursor: str | None = None) -> Request[ListedReceipts]:
    """List the customer's receipts, page by page, newest first: of verdicts, of reports and of call checks."""
    return get("/v1/me/receipts", ListedReceipts, {"limit": limit, "cursor": cursor})


def preferences() -> Request[Preferences]:
    """Get the customer's preferences about calls."""
    return get("/v1/me/preferences", Preferences)


def put_preferences(*, marketing_calls: bool) -> Request[Preferences]:
    """Refuse marketing calls, or allow them again."""
    return put("/v1/me/preferences", Preferences, Preferences(marketing_calls))
