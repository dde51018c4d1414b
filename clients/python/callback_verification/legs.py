"""Leg events of a telephone exchange. The exchange may send an event late, twice or out of order.

Implements specs/protocol.md section 6.1.
"""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import structs

from callback_verification.quiet import Shape
from callback_verification.requests import Request, get, instant, post, segment
from callback_verification.shapes import CallOfLeg, Instant, LegByNumber, LegTaken


class ExchangeAlive(Shape, frozen=True):
    """The service has heard the exchange. Without a further sign of life within `silence_seconds`, it is silent."""

    at: Instant
    silence_seconds: int


class Exchange(Shape, frozen=True):
    """A telephone exchange, and when the service last heard of it."""

    system_id: str
    heard_at: Instant | None
    alive: bool


class Exchanges(Shape, frozen=True):
    """The telephone exchanges. While one of them is `silent`, customers are told that the service cannot check."""

    exchanges: tuple[Exchange, ...]
    silent: bool


def ringing(
    call_id: str,
    *,
    leg_id: str,
    number: str,
    at: datetime | None = None,
    caller_number: str | None = None,
    idempotency_key: str | None = None,
) -> Request[CallOfLeg]:
    """Report that the telephone of `number` rings. `at` defaults to the current time."""
    return _event(call_id, "ringing", leg_id, number, at, caller_number, idempotency_key)


def connected(
    call_id: str,
    *,
    leg_id: str,
    number: str,
    at: datetime | None = None,
    caller_number: str | None = None,
    idempotency_key: str | None = None,
) -> Request[CallOfLeg]:
    """Report that the leg is connected to `number`. `at` defaults to the current time."""
    return _event(call_id, "connected", leg_id, number, at, caller_number, idempotency_key)


def ended(
    call_id: str,
    *,
    leg_id: str,
    number: str,
    at: datetime | None = None,
    caller_number: str | None = None,
    idempotency_key: str | None = None,
) -> Request[CallOfLeg]:
    """Report that the leg has ended. `at` defaults to the current time."""
    return _event(call_id, "ended", leg_id, number, at, caller_number, idempotency_key)


def by_number(leg: LegByNumber, *, idempotency_key: str | None = None) -> Request[LegTaken]:
    """Report a leg event without a call id. If only one call is possible, the service matches the leg with that call.

    The adapters in `pbx` make such leg events.
    """
    return post("/v1/legs", LegTaken, {**structs.asdict(leg), "at": instant(leg.at)}, idempotency_key)


def alive() -> Request[ExchangeAlive]:
    """Report that the exchange is alive, and that all its events so far were reported.

    Repeat it at least every third of `silence_seconds` of the answer, but only while the exchange is heard.
    `pbx.Reporter` does that.
    """
    return Request("POST", "/v1/legs/alive", ExchangeAlive)


def exchanges() -> Request[Exchanges]:
    """List the telephone exchanges, for staff."""
    return get("/v1/exchanges", Exchanges)


def _event(
    call_id: str, event: str, leg_id: str, number: str, at: datetime | None, caller_number: str | None, key: str | None
) -> Request[CallOfLeg]:
    body: dict[str, object] = {
        "event": event,
        "leg_id": leg_id,
        "number": number,
        "at": instant(datetime.now(UTC) if at is None else at),
        "caller_number": caller_number,
    }
    return post(f"/v1/calls/{segment(call_id)}/legs", CallOfLeg, body, key)
