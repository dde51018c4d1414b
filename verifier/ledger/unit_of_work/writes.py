"""What a batch writes beside the rows that carry an authenticator, in a stated order.

Implements specs/protocol.md section 10.
"""

from __future__ import annotations

from verifier.ledger import records
from verifier.ports import Row, Transaction

# Deletions of what leads to an application come before its new numbers and officers. What an erasure or the end of
# retention lets go of comes last, after everything that the same batch has added.
ORDER = (
    records.INSERT_LEAF,
    records.DELETE_NUMBERS,
    records.INSERT_NUMBER,
    records.DELETE_ASSIGNMENTS,
    records.INSERT_ASSIGNMENT,
    records.INSERT_SESSION,
    records.UPDATE_SESSION,
    records.INSERT_MESSAGE,
    records.POSTPONE_MESSAGE,
    records.DELETE_MESSAGE,
    records.INSERT_IDEMPOTENCY,
    records.PRUNE_IDEMPOTENCY,
    records.PRUNE_SESSIONS,
    records.PRUNE_MESSAGES,
    records.FORGET_LEAF,
    records.ADVANCE_FORGOTTEN,
    records.FORGET_LEAVES,
    records.FORGET_SESSIONS,
    records.FORGET_FIRST_SESSIONS,
    records.FORGET_MESSAGES,
    records.FORGET_IDEMPOTENCY,
)


class Writes:
    """Parameters by statement. A later value under the same key replaces an earlier one."""

    def __init__(self) -> None:
        self._staged: dict[str, dict[object, Row]] = {}

    def stage(self, sql: str, values: Row, key: object = None) -> None:
        """Run a statement with the batch; `key` says which earlier values these replace, by default equal ones."""
        self._staged.setdefault(sql, {})[tuple(values) if key is None else key] = values

    def drop(self, sql: str, column: int, value: object) -> None:
        """Take back what has been staged for a statement with a value in a column."""
        staged = self._staged.get(sql, {})
        for key in [key for key, values in staged.items() if values[column] == value]:
            del staged[key]

    async def flush(self, transaction: Transaction) -> None:
        """Execute everything, one statement at a time over all its rows."""
        for sql in sorted(self._staged, key=ORDER.index):
            await transaction.execute_many(sql, list(self._staged[sql].values()))
