"""Times: RFC 3339 UTC in messages, epoch milliseconds at rest.

Implements specs/protocol.md section 3.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def to_ms(instant: datetime) -> int:
    """Epoch milliseconds of an aware datetime, rounded down."""
    return (instant - _EPOCH) // _MILLISECOND


def from_ms(ms: int) -> datetime:
    """The aware UTC datetime of epoch milliseconds."""
    return _EPOCH + timedelta(milliseconds=ms)


def optional_from_ms(ms: int | None) -> datetime | None:
    """`from_ms`, or None if `ms` is None."""
    return None if ms is None else from_ms(ms)
