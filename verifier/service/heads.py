"""The heads of the log, one a shard: who has taken one is alone in that shard until his transaction ends.

Carries out specs/protocol.md section 10 (CVP-10-2, CVP-10-5) and 8.4.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from verifier.core.checkpoint import Checkpoint, encode_proof, open_checkpoint
from verifier.core.errors import EvidenceError, InternalError, InvalidField, NotFound, Unavailable
from verifier.core.merkle import EMPTY_ROOT, Tree, leaf_hash, verify_consistency
from verifier.core.shards import MAX_SHARDS, index_of, place, shard_origin
from verifier.ports import KeyRing, Transaction
from verifier.service import records
from verifier.service.opened import StagedLeaf
from verifier.service.tiles import consistency_proof, read_entries, read_tree

# Of what others have added meanwhile a node hashes every leaf up to so many, and has the rest proved by stored hashes.
MAX_CATCH_UP = 4096


class Heads:
    """The heads of one database as a node knows them. `shards` is how many there are, as far as it has been told.

    `agree` is given the database's own time with each head, and refuses it by raising Unavailable.
    """

    def __init__(self, ring: KeyRing, origin: str, agree: Callable[[str], None]) -> None:
        self.shards = 1
        self._ring = ring
        self._origin = origin
        self._agree = agree
        self._trees: dict[int, Tree] = {}

    async def open(self, transaction: Transaction) -> None:
        """Make sure that there is a log, that it is this one, and that this ring has signed it.

        Raises InternalError for another's, Unavailable if the clocks do not agree.
        """
        await transaction.execute_many(records.CREATE_HEAD, [(self._origin,)])
        await self._lock(transaction, 0)
        ours = {shard_origin(self._origin, shard) for shard in range(self.shards)}
        others = sorted({row[0] for row in await transaction.fetch(records.HEAD_ORIGINS)} - ours)
        if others:
            raise InternalError(f"the database holds the log {others[0]!r}, not {self._origin!r}")
        for shard in range(self.shards):
            latest = await transaction.fetch(records.LATEST_CHECKPOINT, place(shard, 0), place(shard + 1, 0))
            if latest:
                self._check_ring(latest[0][0])
            else:
                await self._begin(transaction, shard)

    def _check_ring(self, note: str) -> None:
        """Two nodes with two rings would each lock the other out of half of what is at rest."""
        try:
            open_checkpoint(note, self._ring.log_keys(), self._origin)
        except EvidenceError as error:
            raise InternalError(
                "the database's log was signed by another key ring than this one, or by a newer copy of it"
            ) from error

    async def _begin(self, transaction: Transaction, shard: int) -> None:
        empty = Checkpoint(shard_origin(self._origin, shard), 0, EMPTY_ROOT)
        note = self._ring.sign_checkpoint(empty.text())
        await transaction.execute_many(records.INSERT_CHECKPOINT, [(place(shard, 0), note)])

    async def split(self, transaction: Transaction, shards: int) -> None:
        """Have so many shards from now on, once nobody is at work in any. Raises InvalidField for less than now."""
        await self.open(transaction)
        # In order, as everybody takes them.
        for shard in range(1, self.shards):
            await self._lock(transaction, shard)
        if not self.shards <= shards <= MAX_SHARDS:
            raise InvalidField(
                f"the log has {self.shards} shards; it can be split into up to {MAX_SHARDS}, not into fewer"
            )
        for shard in range(self.shards, shards):
            await transaction.execute_many(records.CREATE_HEAD, [(shard_origin(self._origin, shard),)])
            await self._begin(transaction, shard)
        await transaction.execute_many(records.SET_SHARDS, [(shards,)])

    async def latest(self, transaction: Transaction, shard: int) -> str:
        """The latest checkpoint of a shard. Raises Unavailable as `take` does.

        Once this transaction has been committed, what came before it cannot be lost any more either.
        """
        size, _ = await self._lock(transaction, shard)
        _, note = await self._tree(transaction, shard, size)
        return note

    async def take(self, transaction: Transaction, shards: Collection[int]) -> tuple[dict[int, Tree], int]:
        """Make other batches of these shards wait; return their trees, and how many shards there are until it ends.

        Heads are taken in order, so that no two batches each wait for the other. Raises Unavailable if the clocks do
        not agree, or the log is not what it was.
        """
        trees: dict[int, Tree] = {}
        count = 0
        for shard in sorted(shards):
            size, count = await self._lock(transaction, shard)
            trees[shard], _ = await self._tree(transaction, shard, size)
        return trees, count

    async def _lock(self, transaction: Transaction, shard: int) -> tuple[int, int]:
        """The size of a shard, and how many there are, which never become fewer."""
        found = await transaction.fetch(records.TAKE_HEAD, shard_origin(self._origin, shard))
        if not found or found[0][1] < self.shards:
            raise Unavailable(
                f"the log in the database has fewer shards than the {self.shards} that this node has known"
            )
        size, count, told = found[0]
        self._agree(told)
        self.shards = count
        return size, count

    async def _tree(self, transaction: Transaction, shard: int, size: int) -> tuple[Tree, str]:
        """A shard's tree and its checkpoint: what this node has known, and what others have added to it.

        Raises Unavailable when that is not what the database holds: it was restored to before what has been told, or
        written anew, and nothing may be added to it.
        """
        known = self._trees.get(shard)
        if known is not None and 0 <= size - known.size <= MAX_CATCH_UP:
            added = await read_entries(transaction, shard, known.size, size) if size > known.size else ()
            tree, _ = known.extend([leaf_hash(entry) for entry in added])
        else:
            tree = await read_tree(transaction, shard, size)
            if known is not None:
                await _check_begins(transaction, shard, known, tree)
        notes = await transaction.fetch(records.CHECKPOINT_OF, place(shard, size))
        text = Checkpoint(shard_origin(self._origin, shard), size, tree.root()).text()
        if tree.size != size or not notes or not notes[0][0].startswith(text):
            raise _other_than_known(size)
        return tree, notes[0][0]

    async def extend(
        self, transaction: Transaction, trees: Mapping[int, Tree], staged: Mapping[int, Sequence[StagedLeaf]]
    ) -> dict[int, Tree]:
        """The trees with a batch's leaves, by shard; each has a new signed checkpoint, each leaf its proof."""
        grown = dict(trees)
        for shard, leaves in staged.items():
            tree, nodes = trees[shard].extend([leaf_hash(leaf.entry) for leaf in leaves])
            origin = shard_origin(self._origin, shard)
            note = self._ring.sign_checkpoint(Checkpoint(origin, tree.size, tree.root()).text())
            for leaf in leaves:
                index = index_of(leaf.leaf_index)
                leaf.proof = encode_proof(index, tree.inclusion_proof(index), note)
            placed = [(level, place(shard, index), value) for level, index, value in nodes]
            await transaction.execute_many(records.INSERT_CHECKPOINT, [(place(shard, tree.size), note)])
            await transaction.execute_many(records.INSERT_NODE, placed)
            await transaction.execute_many(records.ADVANCE_HEAD, [(origin, tree.size)])
            grown[shard] = tree
        return grown

    def keep(self, trees: Mapping[int, Tree]) -> None:
        """What was taken or extended has been committed."""
        self._trees.update(trees)


async def _check_begins(transaction: Transaction, shard: int, known: Tree, tree: Tree) -> None:
    """Raise Unavailable unless the tree begins with the one that was known."""
    if known.size == 0:
        return
    try:
        proof = await consistency_proof(transaction, shard, known.size, tree.size)
        verify_consistency(
            old_size=known.size, old_root=known.root(), new_size=tree.size, new_root=tree.root(), proof=proof
        )
    except (EvidenceError, NotFound) as error:
        raise _other_than_known(tree.size) from error


def _other_than_known(size: int) -> Unavailable:
    return Unavailable(f"the log of {size} leaves in the database is not the one that this node has known")
