"""When an application was closed. The bank says it, or the service dates it.

Implements specs/protocol.md section 3.1.
"""

from __future__ import annotations

from msgspec import UNSET
from msgspec.structs import replace

from verifier.core.application import Registration
from verifier.core.errors import InvalidField
from verifier.core.times import FUTURE_SLACK_MS, from_ms, to_ms


def check_closing(registration: Registration, now_ms: int) -> None:
    """Raise InvalidField for an impossible `closed_at`."""
    if registration.closed_at is UNSET:
        return
    if registration.status != "closed":
        raise InvalidField.at("/closed_at", "only a closed application has the time when it was closed")
    if not 0 <= to_ms(registration.closed_at) <= now_ms + FUTURE_SLACK_MS:
        raise InvalidField.at("/closed_at", "the application was closed in the future, or before 1970")


def needs_date(registration: Registration) -> bool:
    """Whether the application is closed and the bank does not say since when."""
    return registration.status == "closed" and registration.closed_at is UNSET


def closed_since(registration: Registration, updated_ms: int) -> int | None:
    """When a registered application was closed, in epoch milliseconds. None if it is not closed.

    What an earlier release has closed has no date. There, the last update counts.
    """
    if registration.status != "closed":
        return None
    return updated_ms if registration.closed_at is UNSET else to_ms(registration.closed_at)


def dated(registration: Registration, since_ms: int | None, now_ms: int) -> Registration:
    """Date the closing unless the bank has. If the application was closed already, it was so since `since_ms`."""
    if not needs_date(registration):
        return registration
    return replace(registration, closed_at=from_ms(now_ms if since_ms is None else since_ms))


def unchanged(held: Registration | None, registration: Registration) -> bool:
    """Whether an application has these facts already. `held` are its facts, or None if it is unknown or erased."""
    if held is not None and held.status == "closed" and needs_date(registration):
        # The service has dated the closing itself, and would keep its date.
        held = replace(held, closed_at=UNSET)
    return held == registration
