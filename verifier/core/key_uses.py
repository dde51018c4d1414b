"""The limit on uses of a key-encryption key. Implements specs/protocol.md section 11.

AES-256-GCM takes a random nonce of 96 bits for each use. A repeated nonce reveals plaintext and lets others forge
seals. NIST SP 800-38D, section 8.3, allows 2^32 uses of one key. By then the chance of a repeat is 2^-33;
at 2^30 it is 2^-37.
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
    """The uses by one process. It reserves leases in the database, so a crash loses no count.

    `_left` is what remains of the leases, negative if more was used than reserved. `_total` is the last known sum of
    all processes.
    """

    def __init__(self) -> None:
        # The event loop and the thread of a database seal at the same time.
        self._lock = Lock()
        self._left: dict[str, int] = {}
        self._total: dict[str, int] = {}

    def count(self, kid: str) -> None:
        """Count a use, before it happens. Raises Unavailable at the limit."""
        with self._lock:
            left = self._left.get(kid, 0)
            if self._total.get(kid, 0) - min(left, 0) >= REFUSED_FROM:
                raise Unavailable("a key-encryption key has been used as often as it may be; rotate it")
            self._left[kid] = left - 1

    def unreserved(self, active: str) -> dict[str, int]:
        """The uses to reserve: those beyond a lease, and a full lease of the active key once half of it is gone."""
        with self._lock:
            found = {kid: -left for kid, left in self._left.items() if left < 0}
            left = self._left.get(active, 0)
            if left < LEASE // 2:
                found[active] = LEASE - left
            return found

    def reserved(self, added: Mapping[str, int], totals: Mapping[str, int]) -> None:
        """Record durable reservations. A total never falls, whatever the database says."""
        with self._lock:
            for kid, uses in added.items():
                self._left[kid] = self._left.get(kid, 0) + uses
            for kid, total in totals.items():
                self._total[kid] = max(total, self._total.get(kid, 0))


def verdict(uses: int) -> str:
    """A warning about a key with this many uses, or an empty text."""
    if uses >= REFUSED_FROM:
        return "nothing can be sealed with it any more"
    if uses >= ROTATED_BEFORE:
        return "it should have been rotated before 2^30 uses, and is refused from 2^32 on"
    return "rotate it before 2^30 uses" if uses >= TOLD_FROM else ""
