"""Converts times. Messages have times in RFC 3339 (UTC). The database has epoch milliseconds.

Implements specs/protocol.md section 3.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
# How far the clock of a caller may be ahead of ours.
FUTURE_SLACK_MS = 300_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def to_ms(instant: datetime) -> int:
    """Convert a datetime with a time zone to epoch milliseconds, rounded down."""
    return (instant - _EPOCH) // _MILLISECOND


def from_ms(ms: int) -> datetime:
    """Convert epoch milliseconds to a datetime in UTC."""
    return _EPOCH + timedelta(milliseconds=ms)


def optional_from_ms(ms: int | None) -> datetime | None:
    """Like `from_ms`, but returns None if `ms` is None."""
    return None if ms is None else from_ms(ms)
