"""A node's clock, checked for clock skew against the database's. Implements specs/protocol.md section 10 (CVP-10-8)."""

from __future__ import annotations

from datetime import UTC, datetime

from verifier.core.errors import Unavailable
from verifier.core.times import to_ms
from verifier.ports import Clock

# The database's time may be as old as a transaction that had to wait. If a node is ahead, codes only expire too early.
MAX_BEHIND_MS = 5_000
MAX_AHEAD_MS = 10_000


class CheckedClock:
    """Epoch milliseconds. `wall` is the system clock, which may be set; `running` a monotonic one, in the same unit."""

    def __init__(self, wall: Clock, running: Clock) -> None:
        self._wall = wall
        self._running = running
        self._agreed = wall() - running()

    def __call__(self) -> int:
        """The time. Raises Unavailable if the clock was set by too much since the last check."""
        now_ms = self._wall()
        self._check(now_ms - self._running() - self._agreed)
        return now_ms

    def agree(self, told: str) -> None:
        """Compare with the database's own time, in ISO 8601. Raises Unavailable if they differ too much."""
        at = datetime.fromisoformat(told)
        now_ms = self._wall()
        self._check(now_ms - to_ms(at if at.tzinfo else at.replace(tzinfo=UTC)))
        self._agreed = now_ms - self._running()

    def _check(self, ahead_ms: int) -> None:
        if not -MAX_BEHIND_MS <= ahead_ms <= MAX_AHEAD_MS:
            raise Unavailable(f"this node's clock is {ahead_ms} ms ahead of the database's")
