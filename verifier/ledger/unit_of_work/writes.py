"""The writes of a batch to tables without authenticators. Also the effects that are published after the commit.

Implements specs/protocol.md section 10.
"""

from __future__ import annotations

from msgspec import Struct, field

from verifier.core.reconciliation import DiscrepancyKind
from verifier.ledger import records
from verifier.ports import Row, Transaction

# The order in which the statements run. The old index entries of an application are deleted before its new entries are
# inserted. Erasure and retention come last, so that they also delete rows that the same batch has added.
ORDER = (
    records.INSERT_LEAF,
    records.DELETE_NUMBERS,
    records.DELETE_CONTACTS,
    records.INSERT_NUMBER,
    records.INSERT_CONTACT,
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
    records.FORGET_KEPT_HISTORIES,
    records.FORGET_LEAF,
    records.ADVANCE_FORGOTTEN,
    records.FORGET_LEAVES,
    records.FORGET_SESSIONS,
    records.FORGET_FIRST_SESSIONS,
    records.FORGET_MESSAGES,
    records.FORGET_IDEMPOTENCY,
)


class Writes:
    """Collects SQL statements with their parameters, and executes them at the end of a batch."""

    def __init__(self) -> None:
        self._staged: dict[str, dict[object, Row]] = {}

    def stage(self, sql: str, values: Row, key: object = None) -> None:
        """Stage one execution of a statement, with `values` as its parameters.

        An execution with the same `key` is replaced. `key` defaults to `values`.
        """
        self._staged.setdefault(sql, {})[tuple(values) if key is None else key] = values

    def drop(self, sql: str, column: int, value: object) -> None:
        """Remove the staged executions of a statement that have `value` at index `column` of their parameters."""
        staged = self._staged.get(sql, {})
        for key in [key for key, values in staged.items() if values[column] == value]:
            del staged[key]

    async def flush(self, transaction: Transaction) -> None:
        """Execute the staged statements in the order of `ORDER`. Each statement runs once, for all of its rows."""
        for sql in sorted(self._staged, key=ORDER.index):
            await transaction.execute_many(sql, list(self._staged[sql].values()))


class Effects(Struct):
    """What is published once the batch is durable.

    - `touched`: the blind indexes of customers whose calls have changed.
    - `discrepancies`: the kind and id of each new discrepancy.
    """

    touched: set[bytes] = field(default_factory=set)
    discrepancies: list[tuple[DiscrepancyKind, str]] = field(default_factory=list)
