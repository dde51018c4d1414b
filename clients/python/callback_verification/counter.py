"""Requests of a clerk at the counter, for a customer who is present. Implements specs/protocol.md section 7.19.

The client needs the token of a clerk. Every request names the customer by one of their applications or by a number that
they have on file, and says why the clerk looks (`reason`). The answers are those that the customer gets in the app.
"""

from __future__ import annotations

from datetime import datetime

from callback_verification.quiet import Shape
from callback_verification.requests import Request, instant, post
from callback_verification.shapes import CallsChecked, Language, ReportTaken
from callback_verification.verdicts import Verdict


class CustomerFound(Shape, frozen=True):
    """Whose application or number it is. Compare the name with the identity document of the person at the counter."""

    name: str
    language: Language


def find(
    *, reason: str, application_id: str | None = None, number: str | None = None, idempotency_key: str | None = None
) -> Request[CustomerFound]:
    """Ask whose application or number it is. `NotFound` means that no single customer is found."""
    body: dict[str, object] = {"reason": reason, "application_id": application_id, "number": number}
    return post("/v1/counter/customers", CustomerFound, body, idempotency_key)


def check_calls(
    *,
    reason: str,
    begins: datetime,
    ends: datetime,
    application_id: str | None = None,
    number: str | None = None,
    caller_number: str | None = None,
    idempotency_key: str | None = None,
) -> Request[CallsChecked]:
    """Ask which calls the bank had with the customer from `begins` to `ends`, at most 31 days. As `me.check_calls`."""
    body: dict[str, object] = {
        "reason": reason,
        "application_id": application_id,
        "number": number,
        "from": instant(begins),
        "until": instant(ends),
        "caller_number": caller_number,
    }
    return post("/v1/counter/call-checks", CallsChecked, body, idempotency_key)


def confirm(
    code: str,
    *,
    reason: str,
    application_id: str | None = None,
    number: str | None = None,
    caller_number: str | None = None,
    idempotency_key: str | None = None,
) -> Request[Verdict]:
    """Ask for the verdict on a code that the customer has written down. As `confirmations.confirm`.

    With `number`, only calls to that number count.
    """
    body: dict[str, object] = {
        "reason": reason,
        "application_id": application_id,
        "number": number,
        "code": code,
        "caller_number": caller_number,
    }
    return post("/v1/counter/confirmations", Verdict, body, idempotency_key)


def report(
    *,
    reason: str,
    at: datetime,
    application_id: str | None = None,
    number: str | None = None,
    caller_number: str = "",
    said: str = "",
    code: str = "",
    call_id: str | None = None,
    idempotency_key: str | None = None,
) -> Request[ReportTaken]:
    """Take the report of a suspicious call for the customer. As `reports.send`."""
    body: dict[str, object] = {
        "reason": reason,
        "application_id": application_id,
        "number": number,
        "at": instant(at),
        "caller_number": caller_number,
        "said": said,
        "code": code,
        "call_id": call_id,
    }
    return post("/v1/counter/reports", ReportTaken, body, idempotency_key)
