"""A node's clock, checked for skew against the database's clock. Implements specs/protocol.md section 10 (CVP-10-8)."""

from __future__ import annotations

from datetime import UTC, datetime

from verifier.core.errors import Unavailable
from verifier.core.times import to_ms
from verifier.ports import Clock

# The database reports the start of a transaction, which may have waited. A node that is ahead only expires codes early.
MAX_BEHIND_MS = 5_000
MAX_AHEAD_MS = 10_000


class CheckedClock:
    """A clock in epoch milliseconds. `wall` is the system clock, `running` a monotonic clock in the same unit."""

    def __init__(self, wall: Clock, running: Clock) -> None:
        self._wall = wall
        self._running = running
        self._offset = wall() - running()

    def __call__(self) -> int:
        """The time. Raises Unavailable if the system clock has jumped too far since the last check."""
        now_ms = self._wall()
        self._check(now_ms - self._running() - self._offset)
        return now_ms

    def check_skew(self, database_time: str) -> None:
        """Compare with the database's own time, in ISO 8601. Raises Unavailable if the skew is too large."""
        at = datetime.fromisoformat(database_time)
        now_ms = self._wall()
        self._check(now_ms - to_ms(at if at.tzinfo else at.replace(tzinfo=UTC)))
        self._offset = now_ms - self._running()

    def _check(self, ahead_ms: int) -> None:
        if not -MAX_BEHIND_MS <= ahead_ms <= MAX_AHEAD_MS:
            raise Unavailable(f"this node's clock is {ahead_ms} ms ahead of the database's")
