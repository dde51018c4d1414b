"""Bulk reading: a member of staff who looks at many customers within an hour.

Implements specs/protocol.md section 7.17.

The hour slides. A clock hour would let somebody read twice as many around its turn.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from msgspec import Struct

from verifier.core.times import HOUR_MS


class Seen(Struct, frozen=True):
    """One look: when, in epoch milliseconds, and at which customer."""

    look_id: str
    at: int
    customer: Hashable


class BulkReadings:
    """Finds the bulk readings of one reader, who may look at `limit` customers within an hour.

    It keeps at most `limit` + 1 customers, however many looks there are. `known` has the times of the bulk readings
    that were found earlier.
    """

    def __init__(self, limit: int, known: Iterable[int]) -> None:
        self._limit = limit
        self._known = list(known)
        # When each customer was last looked at, the earliest first.
        self._latest: dict[Hashable, int] = {}

    def add(self, look: Seen) -> bool:
        """Add the next look in order of time. Returns whether it makes a new bulk reading.

        It does if the looks of the hour that ends with it are at more than `limit` customers. Within an hour before and
        after a bulk reading, there is no other.
        """
        latest = self._latest
        latest.pop(look.customer, None)
        latest[look.customer] = look.at
        # Later looks count those of the hour before them. Of more customers than that, the earliest would not matter.
        while next(iter(latest.values())) <= look.at - HOUR_MS or len(latest) > self._limit + 1:
            del latest[next(iter(latest))]
        if len(latest) <= self._limit or not apart(look.at, self._known):
            return False
        self._known.append(look.at)
        return True


def apart(at: int, known: Iterable[int]) -> bool:
    """Whether a time is an hour or more away from each known bulk reading."""
    return all(abs(at - each) >= HOUR_MS for each in known)
