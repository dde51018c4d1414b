"""A logged-in customer enters the code he was told. Implements specs/protocol.md section 7."""

from __future__ import annotations

from callback_verification.requests import Request, post
from callback_verification.verdicts import Verdict


def confirm(code: str, *, application_id: str | None = None, idempotency_key: str | None = None) -> Request[Verdict]:
    """Ask for the verdict on a code: nine digits, with or without spaces.

    Sent with the customer's own token. Send the same request again after `NoAnswer`: the answer is the same, or that
    the call has ended.
    """
    body: dict[str, object] = {"code": code, "application_id": application_id}
    return post("/v1/confirmations", Verdict, body, idempotency_key)
