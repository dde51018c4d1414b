"""This node's copy of the suspensions in force. Implements specs/protocol.md section 2.1.

A node polls the database for suspensions (suspensions.py). Decisions use the copy in memory, without a query.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Set

from verifier.ledger.tables import SuspensionRow
from verifier.ports import Clock, Row

# The maximum age of the copy. An older copy must not be used for decisions.
MAX_AGE_MS = 5_000
# A node may issue a call while its officer is being suspended. The commit of that call succeeds or fails within this
# time.
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
        """The milliseconds since this node last read the suspensions, or None before the first read."""
        return None if self._read_at is None else self._running() - self._read_at

    @property
    def fresh(self) -> bool:
        """Whether the copy is recent enough for decisions."""
        age_ms = self.age_ms
        return age_ms is not None and age_ms <= MAX_AGE_MS

    def read(self, at: int, version: Row) -> None:
        """Record that the suspensions were read from the database at the time `at`, with this `version`."""
        self._read_at, self.version = at, version

    def adopt(
        self, rows: Iterable[SuspensionRow], lifted: Set[str], since: int
    ) -> tuple[list[SuspensionRow], list[str]]:
        """Update the copy with the suspensions in force. Returns new suspensions, and the ids of ended suspensions.

        A known suspension ends only if its id is in `lifted`. It does not end if its row is missing. Staff with a new
        suspension are added to `watched`, unless the suspension is older than `since`: calls that were open at that
        time are already closed.
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
        """The ids of the staff whose open calls must be revoked."""
        return list(self._watched)

    def looked(self, staff_ids: Collection[str], at: int) -> None:
        """Record that all calls of these people that were open at the time `at` have been revoked.

        People who have been watched for long enough are no longer watched.
        """
        for each in staff_ids:
            if at >= self._watched.get(each, at):
                self._watched.pop(each, None)
