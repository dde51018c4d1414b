"""When each telephone exchange was last heard. Implements specs/protocol.md section 10."""

from __future__ import annotations

from verifier.ledger.tables import ExchangeRow
from verifier.ledger.unit_of_work.declared import Declared
from verifier.ledger.unit_of_work.loading import Loaded


class ExchangeRows:
    """Telephone exchanges by the id of their system. Reading a row that does not verify raises Tampered."""

    def __init__(self, loaded: Loaded, declared: Declared) -> None:
        self._loaded = loaded
        self._declared = declared

    def of(self, system_id: str) -> ExchangeRow | None:
        """The row of an exchange, or None if it was never heard."""
        self._declared.named("an exchange", system_id, (self._declared.reads.exchange_id,))
        return self._loaded.exchanges.get(system_id)

    def put(self, row: ExchangeRow) -> None:
        """Add or change a row."""
        self._loaded.exchanges.put(row)
