"""Rate limits, with the generic cell rate algorithm (GCRA, ITU-T I.371 annex A).

Implements the bounds on guesses in specs/protocol.md section 7.
"""

from __future__ import annotations

import math

import msgspec


class Limit(msgspec.Struct, frozen=True):
    """At most `burst` events at once, and on average at most `burst` events in each `period_ms` milliseconds.

    Raises ValueError if `burst` is not positive. Also raises it for more than one event a millisecond, because the
    clock cannot tell such events apart.
    """

    burst: int
    period_ms: int

    def __post_init__(self) -> None:
        if not 0 < self.burst <= self.period_ms:
            raise ValueError("a limit must be at least one event, and at most one event a millisecond")

    @property
    def interval_ms(self) -> int:
        """The milliseconds after which one more event is allowed."""
        return self.period_ms // self.burst


class Decision(msgspec.Struct, frozen=True):
    """Whether events are allowed.

    `tat` is the theoretical arrival time to store, in epoch milliseconds. `remaining` is how many more events are
    allowed now. `retry_after` is in whole seconds.
    """

    allowed: bool
    tat: int
    remaining: int
    retry_after: int


def decide(limit: Limit, tat: int | None, now_ms: int, cost: int = 1) -> Decision:
    """Decide whether `cost` events are allowed now. `tat` is the stored arrival time, or None if none is stored.

    With cost 0, no event is counted, and `allowed` says whether one more event would be allowed.
    """
    interval_ms = limit.interval_ms
    current = max(tat or 0, now_ms)
    following = current + interval_ms * max(cost, 1)
    horizon = now_ms + interval_ms * limit.burst
    if following > horizon:
        return Decision(False, current, 0, math.ceil((following - horizon) / 1000))
    kept = current if cost == 0 else following
    return Decision(True, kept, (horizon - kept) // interval_ms, 0)
