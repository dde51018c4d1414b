"""Reports of suspicious calls. Implements specs/protocol.md section 7.6."""

from __future__ import annotations

from datetime import datetime

from callback_verification.requests import Request, instant, post
from callback_verification.shapes import ReportTaken


def send(
    *,
    at: datetime,
    caller_number: str = "",
    said: str = "",
    code: str = "",
    reporter_number: str | None = None,
    call_id: str | None = None,
    idempotency_key: str | None = None,
) -> Request[ReportTaken]:
    """Report a suspicious call. `at` is the time of that call.

    `call_id` is a call of the customer's own that they did not get. An IVR must also give `reporter_number`, the number
    from which the reporter is calling now.
    """
    body: dict[str, object] = {
        "at": instant(at),
        "caller_number": caller_number,
        "said": said,
        "code": code,
        "reporter_number": reporter_number,
        "call_id": call_id,
    }
    return post("/v1/reports", ReportTaken, body, idempotency_key)
