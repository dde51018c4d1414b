"""Operations for an IVR. Implements specs/protocol.md section 7.1."""

from __future__ import annotations

from callback_verification.requests import Request, post, segment
from callback_verification.shapes import IvrTurn, Language
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
    """Ask for the verdict on the digits that a caller keyed. `caller_number` is None if the number is withheld."""
    body: dict[str, object] = {
        "digits": digits,
        "dialled_number": dialled_number,
        "caller_number": caller_number,
        "application_id": application_id,
        "language": language,
    }
    return post("/v1/ivr/confirmations", SpokenVerdict, body, idempotency_key)


def begin(
    *,
    dialled_number: str,
    caller_number: str | None,
    language: Language | None = None,
    idempotency_key: str | None = None,
) -> Request[IvrTurn]:
    """Begin a telephone dialogue that the service controls."""
    body: dict[str, object] = {
        "dialled_number": dialled_number,
        "caller_number": caller_number,
        "language": language,
    }
    return post("/v1/ivr/sessions", IvrTurn, body, idempotency_key)


def step(session_id: str, keys: str | None, *, idempotency_key: str | None = None) -> Request[IvrTurn]:
    """Send the keys that the caller pressed since the last turn. The answer is the next turn.

    `keys` is None if the caller was silent.
    """
    return post(f"/v1/ivr/sessions/{segment(session_id)}/steps", IvrTurn, {"keys": keys}, idempotency_key)
