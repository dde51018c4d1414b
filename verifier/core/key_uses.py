"""The limit on uses of a key-encryption key. Implements specs/protocol.md section 11.

AES-256-GCM takes a random nonce of 96 bits for each use. If a nonce repeats, it reveals plaintext, and lets others
forge sealed data. NIST SP 800-38D, section 8.3, allows 2^32 uses of one key. The chance of a repeated nonce is 2^-33
after 2^32 uses, and 2^-37 after 2^30 uses.
"""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock

from verifier.core.errors import Unavailable

LEASE = 16_384
TOLD_FROM = 2**29
ROTATED_BEFORE = 2**30
REFUSED_FROM = 2**32


class Uses:
    """Counts how often this process uses each key.

    The process reserves uses in the database in advance (leases), so a crash loses no count. `_left` has the reserved
    uses that are still free, by key. It is negative if the process has used a key more often than it had reserved.
    `_total` has the reserved uses of all processes, by key, as last read from the database.
    """

    def __init__(self) -> None:
        # The event loop and the thread of the database may both count a use at the same time, so counting needs a lock.
        self._lock = Lock()
        self._left: dict[str, int] = {}
        self._total: dict[str, int] = {}

    def count(self, kid: str) -> None:
        """Count one use of a key. Call this before the use. Raises Unavailable if the key has reached its limit."""
        with self._lock:
            left = self._left.get(kid, 0)
            if self._total.get(kid, 0) - min(left, 0) >= REFUSED_FROM:
                raise Unavailable("a key-encryption key has been used as often as it may be; rotate it")
            self._left[kid] = left - 1

    def unreserved(self, active: str) -> dict[str, int]:
        """How many uses to reserve now, by key.

        Each key needs a reservation for every use already made without one. The active key also needs a full lease,
        once less than half of its current lease is free.
        """
        with self._lock:
            found = {kid: -left for kid, left in self._left.items() if left < 0}
            left = self._left.get(active, 0)
            if left < LEASE // 2:
                found[active] = LEASE - left
            return found

    def reserved(self, added: Mapping[str, int], totals: Mapping[str, int]) -> None:
        """Record reservations that are durable. A total never falls, even if the database reports a smaller number."""
        with self._lock:
            for kid, uses in added.items():
                self._left[kid] = self._left.get(kid, 0) + uses
            for kid, total in totals.items():
                self._total[kid] = max(total, self._total.get(kid, 0))


def verdict(uses: int) -> str:
    """The warning about a key with this many uses. Empty if there is nothing to warn about."""
    if uses >= REFUSED_FROM:
        return "nothing can be sealed with it any more"
    if uses >= ROTATED_BEFORE:
        return "it should have been rotated before 2^30 uses, and is refused from 2^32 on"
    return "rotate it before 2^30 uses" if uses >= TOLD_FROM else ""
