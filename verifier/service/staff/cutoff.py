"""The suspensions in force, as this node knows them. Implements specs/protocol.md section 2.1.

A node polls the database for suspensions (suspensions.py). Decisions use the copy in memory, without a query.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Set

from verifier.ledger.tables import SuspensionRow
from verifier.ports import Clock, Row

# A copy that is older than this is not used for decisions.
MAX_AGE_MS = 5_000
# A call may be issued while its officer is being suspended. After this time, the call is durable or will never be.
WATCHED_MS = 60_000


class CutOff:
    """Suspensions in force, and the staff whose open calls must be revoked. `running` is a monotonic clock in ms."""

    def __init__(self, running: Clock) -> None:
        self._running = running
        self._in_force: dict[str, set[str]] = {}
        self._watched: dict[str, int] = {}
        self._read_at: int | None = None
        self.version: Row | None = None

    def holds(self, staff_id: str) -> bool:
        """Whether a member of staff is suspended."""
        return staff_id in self._in_force

    def __len__(self) -> int:
        return len(self._in_force)

    @property
    def age_ms(self) -> int | None:
        """Milliseconds since the last read of the database. None before the first read."""
        return None if self._read_at is None else self._running() - self._read_at

    @property
    def fresh(self) -> bool:
        """Whether the copy is recent enough for decisions."""
        return self.age_ms is not None and self.age_ms <= MAX_AGE_MS

    def read(self, at: int, version: Row) -> None:
        """Record the time of a read of the database, and the version of the suspensions that was read."""
        self._read_at, self.version = at, version

    def adopt(
        self, rows: Iterable[SuspensionRow], lifted: Set[str], since: int
    ) -> tuple[list[SuspensionRow], list[str]]:
        """Adopt the suspensions in force. Returns new suspensions, and the ids of ended ones.

        A known suspension ends only when its id is in `lifted`, not when its row is missing. Newly suspended staff are
        added to `watched`. Suspensions from before `since` are not: calls from before that time are closed.
        """
        new = [row for row in rows if row.suspension_id not in self._in_force.get(row.officer_id, ())]
        known = set().union(*self._in_force.values())
        ended = sorted(known & lifted)
        for row in new:
            self._in_force.setdefault(row.officer_id, set()).add(row.suspension_id)
        left = {staff_id: ids - lifted for staff_id, ids in self._in_force.items()}
        self._in_force = {staff_id: ids for staff_id, ids in left.items() if ids}
        until = self._running() + WATCHED_MS
        self._watched.update({row.officer_id: until for row in new if row.suspended_at >= since})
        return new, ended

    def watched(self) -> list[str]:
        """The staff whose open calls must be revoked."""
        return list(self._watched)

    def looked(self, staff_ids: Collection[str], at: int) -> None:
        """Record that the calls of these people that were open at the time `at` have been revoked."""
        for each in staff_ids:
            if at >= self._watched.get(each, at):
                self._watched.pop(each, None)
