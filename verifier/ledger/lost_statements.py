"""Why a leaf has no statement any more: an erasure, the removal of a contact, or retention.

Implements specs/protocol.md section 8.3 (CVP-8.3-5). Everything else is a finding of the audit.
"""

from __future__ import annotations

from collections.abc import Sequence

from verifier.core.errors import InternalError
from verifier.core.ids import made_at
from verifier.core.shards import index_of, origin_shard, shard_at
from verifier.core.statements import HISTORY
from verifier.ledger import records
from verifier.ledger.decrypted import deleted_context
from verifier.ports import KeyRing, Row, Storage


class LostStatements:
    """Explains the leaves that have no statement. `kept_since` is as for `audit_log`."""

    def __init__(self, storage: Storage, ring: KeyRing, origin: str, kept_since: int | None) -> None:
        self._storage = storage
        self._ring = ring
        self._origin = origin
        self._kept_since = kept_since

    @staticmethod
    def lost(leaf: Row) -> bool:
        """Whether a row of `LEAVES_FROM` has no statement. A deleted history has a seal without its person."""
        return leaf[5] is None or (leaf[2] == HISTORY and leaf[9] is None)

    def erased(self, leaf: Row) -> bool:
        """Whether the statement went with its application, or, if it was a history, was deleted by the service.

        A history belongs to no application. So only the seal that took its place shows that the service deleted it.
        """
        leaf_index, _, typ, statement_id, _, sealed, _, _, erased_at, _ = leaf
        if typ != HISTORY:
            return erased_at is not None
        if sealed is None:
            return False
        try:
            return self._ring.unseal(deleted_context(leaf_index, statement_id), bytes(sealed)) == b""
        except (InternalError, TypeError, ValueError):
            # SQLite lets a column hold a value of any type.
            return False

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
