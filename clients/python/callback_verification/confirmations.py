"""Confirmation of a code by a logged-in customer. Implements specs/protocol.md section 7."""

from __future__ import annotations

from callback_verification.requests import Request, post
from callback_verification.verdicts import Verdict


def confirm(
    code: str,
    *,
    application_id: str | None = None,
    caller_number: str | None = None,
    idempotency_key: str | None = None,
) -> Request[Verdict]:
    """Ask for the verdict on a code of 9 digits, with or without spaces. The client needs the customer's own token.

    `caller_number` is the number that rang, if the customer's telephone shows it. `MalformedCode` means that the
    customer should ask the caller to repeat the code.

    After `NoAnswer`, send the same `Request` object again. If the service has already processed the request, the retry
    gets the same answer. If the call is over by then, `genuine` becomes `ended`.
    """
    body: dict[str, object] = {"code": code, "application_id": application_id, "caller_number": caller_number}
    return post("/v1/confirmations", Verdict, body, idempotency_key)
