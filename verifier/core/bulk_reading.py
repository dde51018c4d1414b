"""Bulk reading: a member of staff who looks at many customers within an hour.

Implements specs/protocol.md section 7.17.

The hour slides. A clock hour would let somebody read twice as many around its turn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable

from msgspec import Struct

from verifier.core.times import HOUR_MS


class Seen(Struct, frozen=True):
    """One look: when, in epoch milliseconds, and at which customer. `found` is whether it made a bulk reading."""

    look_id: str
    at: int
    customer: Hashable
    found: bool


def bulk_readings(looks: Iterable[Seen], limit: int) -> list[str]:
    """The ids of looks of one reader that make a new bulk reading. `looks` are in order of time.

    A look makes a bulk reading if the looks of the hour that ends with it are at more than `limit` customers. Within an
    hour before and after a bulk reading, there is no other.
    """
    looks = list(looks)
    known = [each.at for each in looks if each.found]
    customers: Counter[Hashable] = Counter()
    found: list[str] = []
    first = 0
    for look in looks:
        customers[look.customer] += 1
        while looks[first].at <= look.at - HOUR_MS:
            customers[looks[first].customer] -= 1
            first += 1
        customers += Counter()  # drops the customers without a look in this hour
        if len(customers) > limit and all(abs(look.at - each) >= HOUR_MS for each in known):
            known.append(look.at)
            found.append(look.look_id)
    return found
