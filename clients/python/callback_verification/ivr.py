"""The IVR passes on the digits a caller keyed. Carries out specs/protocol.md section 7.1."""

from __future__ import annotations

from callback_verification.requests import Request, post
from callback_verification.shapes import Language
from callback_verification.verdicts import SpokenVerdict


def confirm(
    digits: str,
    *,
    dialled_number: str,
    caller_number: str | None,
    application_id: str | None = None,
    language: Language | None = None,
    idempotency_key: str | None = None,
) -> Request[SpokenVerdict]:
    """Ask for the verdict on the digits; `caller_number` is None when it is withheld."""
    body: dict[str, object] = {
        "digits": digits,
        "dialled_number": dialled_number,
        "caller_number": caller_number,
        "application_id": application_id,
        "language": language,
    }
    return post("/v1/ivr/confirmations", SpokenVerdict, body, idempotency_key)
