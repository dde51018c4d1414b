"""Guess limits of applications, and daily caps. Implements specs/protocol.md sections 6.2 and 7.3."""

from __future__ import annotations

from verifier.ledger.read_set import ReadSet
from verifier.ledger.tables import LimitRow
from verifier.ledger.unit_of_work.declared import Declared
from verifier.ledger.unit_of_work.loading import Loaded


class LimitRows:
    """Limits by key, as changed by earlier commands of the batch.

    Reading a row that does not verify raises Tampered.
    """

    def __init__(self, loaded: Loaded, declared: Declared) -> None:
        self._loaded = loaded
        self._declared = declared

    def get(self, key: str) -> LimitRow | None:
        """The row of a limit. Returns None if nothing was counted yet."""
        self._declared.limit(key)
        return self._loaded.limits.rows.get(key)

    def tat(self, key: str) -> int | None:
        """The theoretical arrival time of a limit (GCRA), in epoch milliseconds.

        Returns None if nothing was counted yet.
        """
        row = self.get(key)
        return None if row is None else row.tat

    def caps(self, reads: ReadSet) -> tuple[str, ...]:
        """The keys of the daily caps of a command, as determined at the start of the batch."""
        return self._loaded.limits.caps(reads)

    def put(self, row: LimitRow) -> None:
        """Add or change a limit."""
        self._loaded.limits.rows.put(row)
