"""What a customer can look at, with his own token. Implements specs/protocol.md section 7.5."""

from __future__ import annotations

from callback_verification.requests import Request, get, put
from callback_verification.shapes import CallStatus, MyApplications, PastCalls, Preferences


def call_status() -> Request[CallStatus]:
    """Is the bank on the phone with me now?"""
    return get("/v1/me/call-status", CallStatus)


def calls(*, limit: int = 20, cursor: str | None = None) -> Request[PastCalls]:
    """A page of every call ever issued on my applications, used or not."""
    return get("/v1/me/calls", PastCalls, {"limit": limit, "cursor": cursor})


def applications() -> Request[MyApplications]:
    """How far my loans are, who may phone me about them, which calls are announced."""
    return get("/v1/me/applications", MyApplications)


def preferences() -> Request[Preferences]:
    """What I want to be phoned about."""
    return get("/v1/me/preferences", Preferences)


def put_preferences(*, marketing_calls: bool) -> Request[Preferences]:
    """Refuse marketing calls, or take the refusal back."""
    return put("/v1/me/preferences", Preferences, Preferences(marketing_calls))
