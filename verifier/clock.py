"""A node's clock, checked for skew against the database's clock. Implements specs/protocol.md section 10 (CVP-10-8)."""

from __future__ import annotations

from datetime import UTC, datetime

from verifier.core.errors import Unavailable
from verifier.core.times import to_ms
from verifier.ports import Clock

# A node's clock may be ahead of the database's clock by more than it may be behind. A node that is ahead only expires
# codes early. A node also seems to be ahead if its transaction had to wait, because the database reports the time when
# the transaction began.
MAX_BEHIND_MS = 5_000
MAX_AHEAD_MS = 10_000


class CheckedClock:
    """A clock in epoch milliseconds. `wall` is the system clock. `running` is a monotonic clock in milliseconds."""

    def __init__(self, wall: Clock, running: Clock) -> None:
        self._wall = wall
        self._running = running
        self._offset = wall() - running()

    def __call__(self) -> int:
        """The time in epoch milliseconds.

        Raises Unavailable if the system clock has jumped too far since the last successful `check_skew`.
        """
        now_ms = self._wall()
        self._check(now_ms - self._running() - self._offset)
        return now_ms

    def check_skew(self, database_time: str) -> None:
        """Compare the system clock with `database_time` (ISO 8601). Raises Unavailable if the skew is too large."""
        at = datetime.fromisoformat(database_time)
        now_ms = self._wall()
        self._check(now_ms - to_ms(at if at.tzinfo else at.replace(tzinfo=UTC)))
        self._offset = now_ms - self._running()

    def _check(self, ahead_ms: int) -> None:
        if not -MAX_BEHIND_MS <= ahead_ms <= MAX_AHEAD_MS:
            raise Unavailable(f"this node's clock is {ahead_ms} ms ahead of the database's")
