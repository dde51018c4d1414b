"""What a customer can look at, with his own token. Carries out specs/protocol.md section 7.5."""

from __future__ import annotations

from callback_verification.requests import Request, get
from callback_verification.shapes import CallStatus, PastCalls


def call_status() -> Request[CallStatus]:
    """Is the bank on the phone with me now?"""
    return get("/v1/me/call-status", CallStatus)


def calls(*, limit: int = 20, cursor: str | None = None) -> Request[PastCalls]:
    """A page of every call ever issued on my applications, used or not."""
    return get("/v1/me/calls", PastCalls, {"limit": limit, "cursor": cursor})
