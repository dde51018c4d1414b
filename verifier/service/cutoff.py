"""Who is cut off, as this node knows it. Implements specs/protocol.md section 2.1.

A node reads the suspensions from the database again and again (service/suspensions.py). Every decision asks the set in
memory, so it costs no statement.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Set

from verifier.ledger.tables import SuspensionRow
from verifier.ports import Clock, Row

# Older than this it is not relied on.
MAX_AGE_MS = 5_000
# A call that was under way to the database when its officer was suspended is durable by then, or never.
WATCHED_MS = 60_000


class CutOff:
    """The suspensions in force, and whose open calls are still to be looked for. `running` only ever runs forward."""

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
        """How long ago it was read; None before the first time."""
        return None if self._read_at is None else self._running() - self._read_at

    @property
    def fresh(self) -> bool:
        """Whether it may be relied on."""
        return self.age_ms is not None and self.age_ms <= MAX_AGE_MS

    def read(self, at: int, version: Row) -> None:
        """The database was asked at that time, and what it holds is of that version."""
        self._read_at, self.version = at, version

    def adopt(
        self, rows: Iterable[SuspensionRow], lifted: Set[str], since: int
    ) -> tuple[list[SuspensionRow], list[str]]:
        """Take these suspensions as in force: those that this node did not know, and the ids of those that ended.

        One that this node knew ends when its own id is among `lifted`, and not when its row is gone. The calls of the
        new ones are looked for, unless they were suspended before `since`: none of those is open.
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
        """Whose open calls are to be looked for now."""
        return list(self._watched)

    def looked(self, staff_ids: Collection[str], at: int) -> None:
        """Every open call of theirs was looked for at that time, and revoked."""
        for each in staff_ids:
            if at >= self._watched.get(each, at):
                self._watched.pop(each, None)
