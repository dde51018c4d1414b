"""The statements that a batch signs and logs. Implements specs/protocol.md sections 8.2 and 10."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from verifier.core.messages.calls import LogEvidence
from verifier.core.shards import global_index, shard_of
from verifier.core.statements import digest, encode_claims
from verifier.ledger.decrypted import DecryptedApplication
from verifier.ports import KeyRing


class StagedLeaf(Struct):
    """A statement that this batch adds to the log, with its global leaf index.

    `proof` is the inclusion proof. It is empty until the tree is extended.
    """

    leaf_index: int
    entry: bytes
    typ: str
    statement_id: str
    statement: str
    application: DecryptedApplication | None
    customer_index: bytes | None
    proof: str = ""

    def evidence(self) -> LogEvidence:
        return LogEvidence(self.statement, self.proof)


class LogEntries:
    """The new leaves of each locked shard, in order. `sizes` are the sizes of the shards before the batch."""

    def __init__(self, ring: KeyRing, sizes: Mapping[int, int], shards: int) -> None:
        self.staged: dict[int, list[StagedLeaf]] = {}
        self.leaves: dict[int, StagedLeaf] = {}
        self._by_statement: dict[str, StagedLeaf] = {}
        self._ring = ring
        self._sizes = sizes
        self._shards = shards

    def append(
        self,
        typ: str,
        statement_id: str,
        claims: Struct,
        application: DecryptedApplication | None,
        customer_index: bytes | None = None,
    ) -> StagedLeaf:
        """Sign a statement and append it to the shard of its customer.

        A statement without a customer is appended to the first shard that the batch has locked.
        """
        statement = self._ring.sign(typ, encode_claims(claims))
        owner = customer_index if application is None else application.row.customer_index
        shard = min(self._sizes) if owner is None else shard_of(owner, self._shards)
        staged = self.staged.setdefault(shard, [])
        index = global_index(shard, self._sizes[shard] + len(staged))
        leaf = StagedLeaf(index, digest(statement), typ, statement_id, statement, application, customer_index)
        staged.append(leaf)
        self.leaves[index] = self._by_statement[statement] = leaf
        return leaf

    def leaf_of(self, statement: str) -> StagedLeaf | None:
        """The leaf that this batch adds for a statement. Returns None if it adds none."""
        return self._by_statement.get(statement)
