"""Soft limits on the requests of each person and on mistyped codes. Each node counts in its own memory.

Implements specs/protocol.md section 7.3. The limit on wrong codes is stored in the database, and is not in this module.
"""

from __future__ import annotations

import math
from collections import OrderedDict

from verifier.core.errors import RateLimited
from verifier.core.limits import Decision, Limit, decide
from verifier.ports import Clock

MAX_KEYS = 100_000
SLIPS = Limit(burst=30, period_ms=600_000)


class Throttle:
    """Applies one limit to many keys, each counted separately.

    It forgets keys that are back at their full limit, since they decide like new ones. It remembers at most MAX_KEYS
    keys. Above that, it forgets the least recently used key.
    """

    def __init__(self, name: str, limit: Limit, clock: Clock) -> None:
        self._limit = limit
        self._clock = clock
        self._tats: OrderedDict[str, int] = OrderedDict()
        self._name = name
        self._policy = f'"{name}";q={limit.burst};w={limit.period_ms // 1000}'
        self._reset = f";t={math.ceil(limit.interval_ms / 1000)}"

    def __len__(self) -> int:
        """How many keys it remembers."""
        return len(self._tats)

    def spend(self, key: str) -> Decision:
        """Count one event of a key. If the key has reached the limit, raises RateLimited with the time to wait."""
        now = self._clock()
        decision = decide(self._limit, self._tats.get(key), now)
        if not decision.allowed:
            raise RateLimited(retry_after=decision.retry_after)
        self._tats[key] = decision.tat
        self._tats.move_to_end(key)
        self._forget(now)
        return decision

    def _forget(self, now: int) -> None:
        """Forget up to two keys, the least recently used first. Each event adds at most one, so memory shrinks."""
        for _ in range(2):
            oldest = next(iter(self._tats))
            if self._tats[oldest] > now and len(self._tats) <= MAX_KEYS:
                return
            del self._tats[oldest]

    def headers(self, decision: Decision) -> dict[str, str]:
        """The headers `RateLimit` and `RateLimit-Policy` for a decision (draft-ietf-httpapi-ratelimit-headers)."""
        remaining = f'"{self._name}";r={decision.remaining}{self._reset}'
        return {"RateLimit-Policy": self._policy, "RateLimit": remaining}
