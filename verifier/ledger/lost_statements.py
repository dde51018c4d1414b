"""Why a leaf has no statement any more: an erasure, the removal of a contact, or retention.

Implements specs/protocol.md section 8.3 (CVP-8.3-5). Everything else is a finding of the audit.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from verifier.core.errors import Tampered
from verifier.core.ids import made_at
from verifier.core.shards import index_of, origin_shard, shard_at
from verifier.core.statements import HISTORY
from verifier.ledger import records
from verifier.ledger.rows import Authenticator
from verifier.ledger.tables import DELETED_HISTORIES, DeletedHistory
from verifier.ports import KeyRing, Row, Storage


class LostStatements:
    """Explains the leaves that have no statement. `kept_since` is as for `audit_log`."""

    def __init__(self, storage: Storage, ring: KeyRing, origin: str, kept_since: int | None) -> None:
        self._storage = storage
        self._authenticator = Authenticator(ring)
        self._origin = origin
        self._kept_since = kept_since

    async def deleted(self, leaves: Sequence[Row]) -> dict[int, DeletedHistory]:
        """The call histories among these leaves, in order of their index, that the service has deleted, by index."""
        found = {}
        if leaves:
            ends = leaves[0][0], leaves[-1][0]
            for row in await self._storage.fetch(records.DELETED_HISTORIES_BETWEEN, *ends):
                # The audit of rows finds a row that does not verify. Here it explains nothing.
                with suppress(Tampered):
                    history = self._authenticator.read(DELETED_HISTORIES, row)
                    found[history.leaf_index] = history
        return found

    async def forgotten(self, lost: Sequence[Row]) -> set[str]:
        """The ids of the missing statements that retention has deleted.

        These statements are older than `kept_since`, and are marked as deleted. `lost` has the id and the leaf index of
        each missing statement.
        """
        if self._kept_since is None or not lost:
            return set()
        marks = {origin_shard(row[0], self._origin): row[1] for row in await self._storage.fetch(records.FORGOTTEN)}
        return {
            statement_id
            for statement_id, leaf_index in lost
            if made_at(statement_id) < self._kept_since and index_of(leaf_index) < marks.get(shard_at(leaf_index), 0)
        }


def erased(leaf: Row, deleted: DeletedHistory | None) -> bool:
    """Whether the statement of a leaf without one went with its application, or is a deleted call history.

    A history belongs to no application. So no erased application explains why it is missing.
    """
    _, _, typ, statement_id, application_id, _, _, _, erased_at, customer_index = leaf
    if typ != HISTORY:
        return erased_at is not None
    as_left = application_id is None and customer_index is None
    return as_left and deleted is not None and deleted.statement_id == statement_id
