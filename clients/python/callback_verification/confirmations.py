"""Confirmation of a code by a logged-in customer. Implements specs/protocol.md section 7."""

from __future__ import annotations

from callback_verification.requests import Request, post
from callback_verification.verdicts import Verdict


def confirm(code: str, *, application_id: str | None = None, idempotency_key: str | None = None) -> Request[Verdict]:
    """Ask for the verdict on a code of 9 digits, with or without spaces. The client needs the customer's own token.

    After `NoAnswer`, send the same `Request` object again. If the service has already processed the request, the retry
    gets the same answer. If the call is over by then, `genuine` becomes `ended`.
    """
    body: dict[str, object] = {"code": code, "application_id": application_id}
    return post("/v1/confirmations", Verdict, body, idempotency_key)
