"""The heads of the log, one for each shard.

A batch locks the heads of its shards, so only one batch at a time extends a shard.

Implements specs/protocol.md sections 8.4, 10 (CVP-10-2, CVP-10-5) and 10.2.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from verifier.core.checkpoint import Checkpoint, encode_proof, open_checkpoint
from verifier.core.errors import EvidenceError, InternalError, InvalidField, NotFound, Unavailable
from verifier.core.merkle import EMPTY_ROOT, Tree, leaf_hash, verify_consistency
from verifier.core.shards import MAX_SHARDS, global_index, index_of, origin_shard, shard_origin
from verifier.ledger import records
from verifier.ledger.rows import MAC_BYTES, SHARE_BYTES, Authenticator, added
from verifier.ledger.tiles import consistency_proof, read_entries, read_tree
from verifier.ledger.unit_of_work.log_entries import StagedLeaf
from verifier.ports import KeyRing, Row, Transaction

# If other nodes have added at most this many leaves, hash each leaf. Otherwise verify a consistency proof.
MAX_CATCH_UP = 4096
# The maximum number of entries in `HeadRow.writers`. A full list drops its oldest entry. A database is shared by fewer
# nodes than this.
MAX_WRITERS = 64
NODE_BYTES = 8


UNAUTHENTICATED = (
    "the rows of this database have no authenticators yet: stop every node, and run `verifier authenticate` once"
)


class HeadRow(Struct, frozen=True):
    """A row of `log_head`.

    - `size`: the number of leaves in this shard.
    - `shards`: the number of shards of the log.
    - `batches`: the number of batches that have written this head.
    - `shares`: this head's part of the sum of all row shares. The parts of all heads add up to the sum.
    - `writers`: the nodes that have written this head, each with the number of its last batch. The last writer is at
      the end.
    """

    origin: str
    size: int
    shards: int
    batches: int
    shares: bytes
    writers: bytes

    def covered(self) -> Row:
        """The columns that the authenticator covers. `writers` is left out if it is empty, as before migration 0015."""
        older = self.origin, self.size, self.shards, self.batches, self.shares
        return (*older, self.writers) if self.writers else older

    @classmethod
    def of(cls, row: Row) -> HeadRow:
        """Make a head from a row that begins with the columns of a head."""
        origin, size, shards, batches, shares, writers = row[:6]
        return cls(origin, size, shards, batches, shares or b"", writers or b"")

    def last_batch(self, node: bytes) -> int:
        """The number of a node's last batch, or 0 if the node is not listed."""
        at = self.writers.rfind(node)
        return 0 if at < 0 else self._batch_at(at)

    def follows(self, known: HeadRow, node: bytes, wrote: int) -> bool:
        """Whether this head can be a later state of `known`. `wrote` is the number of the last batch of `node`.

        The head must list `node` with the batch `wrote` or a later batch. If the head does not list `node`, then
        `writers` must be full and must list only later batches. If the head has no more batches than `known`, it must
        equal `known`, except for `shards`.
        """
        if self.batches <= known.batches:
            return replace(self, shards=known.shards) == known
        last = self.last_batch(node)
        full = len(self.writers) == 2 * NODE_BYTES * MAX_WRITERS
        return last >= wrote or (last == 0 and full and self._batch_at(0) > wrote)

    def _batch_at(self, at: int) -> int:
        return int.from_bytes(self.writers[at + NODE_BYTES : at + 2 * NODE_BYTES])

    def after(self, size: int, node: bytes) -> HeadRow:
        """The head after one more batch of `node`."""
        at, batches = self.writers.rfind(node), self.batches + 1
        others = self.writers if at < 0 else self.writers[:at] + self.writers[at + 2 * NODE_BYTES :]
        writers = others[-2 * NODE_BYTES * (MAX_WRITERS - 1) :] + node + batches.to_bytes(NODE_BYTES)
        return replace(self, size=size, batches=batches, writers=writers)


class Head(Struct, frozen=True):
    """The end of one shard: its tree, its latest checkpoint (`note`), and its row in `log_head`."""

    tree: Tree
    row: HeadRow
    note: str

    @property
    def size(self) -> int:
        return self.tree.size


class Heads:
    """The heads of one database. `shards` is the number of shards that this node knows.

    `node` is this node's unique name, 8 bytes. `check_clock` gets the database's own time whenever a head is locked,
    and raises Unavailable if the clock skew is too large.
    """

    def __init__(
        self, ring: KeyRing, authenticator: Authenticator, origin: str, node: bytes, check_clock: Callable[[str], None]
    ) -> None:
        self.shards = 1
        self._node = node
        self._ring = ring
        self._authenticator = authenticator
        self._origin = origin
        self._check_clock = check_clock
        self._known: dict[int, Head] = {}
        self._wrote: dict[int, int] = {}

    async def open(self, transaction: Transaction) -> None:
        """Create the log if there is none. Check that the log has this node's origin, and was signed by its key ring.

        Raises InternalError for another origin or another key ring. Raises Unavailable if the clock skew is too large,
        or if the log was changed.
        """
        await self._create(transaction, 0, 1)
        first = await transaction.fetch(records.LATEST_CHECKPOINT, global_index(0, 0), global_index(1, 0))
        origins = {row[0] for row in await transaction.fetch(records.HEAD_ORIGINS)}
        others = sorted(each for each in origins if origin_shard(each, self._origin) is None)
        if others:
            raise InternalError(f"the database holds the log {others[0]!r}, not {self._origin!r}")
        if first:
            self._check_ring(first[0][0])
        await self._lock(transaction, 0)
        ours = {shard_origin(self._origin, shard) for shard in range(self.shards)}
        if origins - ours:
            raise InternalError(f"the database has more shards than the {self.shards} that its heads say")
        for shard in range(self.shards):
            latest = await transaction.fetch(
                records.LATEST_CHECKPOINT, global_index(shard, 0), global_index(shard + 1, 0)
            )
            if latest:
                self._check_ring(latest[0][0])
            else:
                await self._begin(transaction, shard)
            await self._tree(transaction, shard, (await self._lock(transaction, shard)).size)

    async def _create(self, transaction: Transaction, shard: int, shards: int) -> None:
        """Create the head of an empty shard, unless the head exists."""
        origin = shard_origin(self._origin, shard)
        row = HeadRow(origin, 0, shards, 0, bytes(SHARE_BYTES), b"")
        created = origin, shards, row.shares, self._mac(row)
        await transaction.execute_many(records.CREATE_HEAD, [created])

    def _mac(self, row: HeadRow) -> bytes:
        return self._authenticator.digest("log_head", row.covered())[:MAC_BYTES]

    def _check_ring(self, note: str) -> None:
        """Raise InternalError if another key ring signed the checkpoint.

        Nodes with that key ring could not read the rows that this node writes.
        """
        try:
            open_checkpoint(note, self._ring.log_keys(), self._origin)
        except EvidenceError as error:
            raise InternalError(
                "the database's log was signed by another key ring than this one, or by a newer copy of it"
            ) from error

    async def _begin(self, transaction: Transaction, shard: int) -> None:
        empty = Checkpoint(shard_origin(self._origin, shard), 0, EMPTY_ROOT)
        note = self._ring.sign_checkpoint(empty.text())
        await transaction.execute_many(records.INSERT_CHECKPOINT, [(global_index(shard, 0), note)])

    async def split(self, transaction: Transaction, shards: int) -> None:
        """Split the log into this many shards. Locks every head.

        Raises InvalidField if the log already has more shards, or if `shards` is more than MAX_SHARDS.
        """
        await self.open(transaction)
        # Every batch locks heads in order of shard, so `split` must use the same order to avoid deadlocks.
        heads = [await self._lock(transaction, shard) for shard in range(self.shards)]
        if not self.shards <= shards <= MAX_SHARDS:
            raise InvalidField(
                f"the log has {self.shards} shards; it can be split into up to {MAX_SHARDS}, not into fewer"
            )
        for shard in range(self.shards, shards):
            await self._create(transaction, shard, shards)
            await self._begin(transaction, shard)
        for row in heads:
            mac = self._mac(replace(row, shards=shards))
            await transaction.execute_many(records.SET_SHARDS, [(row.origin, shards, mac)])

    async def latest(self, transaction: Transaction, shard: int) -> str:
        """The latest checkpoint of a shard. Raises Unavailable as `lock` does.

        This also writes the head. Once the caller has committed that write, all earlier batches are durable too.
        """
        row = await self._lock(transaction, shard)
        tree, note = await self._tree(transaction, shard, row.size)
        # A commit without a write would not prove that earlier batches are durable.
        await self._advance(transaction, Head(tree, row, note))
        return note

    async def lock(self, transaction: Transaction, shards: Collection[int]) -> tuple[dict[int, Head], int]:
        """Lock the heads of these shards until the transaction ends. Returns the heads, and the number of all shards.

        Heads are locked in order of shard, so no two batches deadlock. Raises Unavailable if the clock skew is too
        large, or if the log was set back or changed.
        """
        heads: dict[int, Head] = {}
        for shard in sorted(shards):
            row = await self._lock(transaction, shard)
            tree, note = await self._tree(transaction, shard, row.size)
            heads[shard] = Head(tree, row, note)
        return heads, self.shards

    async def _lock(self, transaction: Transaction, shard: int) -> HeadRow:
        """Lock the head of a shard and verify it.

        Raises Unavailable if the head was set back. A head was set back if it has fewer shards or batches than this
        node has seen, or if it does not list this node's last batch.
        """
        origin = shard_origin(self._origin, shard)
        found = await transaction.fetch(records.LOCK_HEAD, origin)
        if not found or found[0][2] < self.shards:
            raise Unavailable(f"the log in the database has fewer shards than the {self.shards} that this node knows")
        *_, mac, database_time = found[0]
        self._check_clock(database_time)
        if mac is None:
            raise InternalError(UNAUTHENTICATED)
        row = HeadRow.of(found[0])
        self._authenticator.check("log_head", (*row.covered(), mac))
        known = self._known.get(shard)
        if known is not None and not row.follows(known.row, self._node, self._wrote.get(shard, 0)):
            raise Unavailable("the head in the database is older than the one that this node has seen: it was set back")
        self.shards = row.shards
        return row

    async def _tree(self, transaction: Transaction, shard: int, size: int) -> tuple[Tree, str]:
        """Read the tree and the checkpoint of a shard, including leaves that other nodes have added.

        Raises Unavailable if the tree does not extend the tree that this node knows, or if this key ring did not sign
        the checkpoint. In both cases the database was restored from a backup, or changed.
        """
        head = self._known.get(shard)
        known = None if head is None else head.tree
        if known is not None and 0 <= size - known.size <= MAX_CATCH_UP:
            entries = await read_entries(transaction, shard, known.size, size) if size > known.size else ()
            tree, _ = known.extend([leaf_hash(entry) for entry in entries])
        else:
            try:
                tree = await read_tree(transaction, shard, size)
            except ValueError as error:
                # Leaves or tree nodes are missing.
                raise _other_log(size) from error
            if known is not None:
                await _check_extends(transaction, shard, known, tree)
        notes = await transaction.fetch(records.CHECKPOINT_OF, global_index(shard, size))
        checkpoint = Checkpoint(shard_origin(self._origin, shard), size, tree.root())
        if tree.size != size or not notes or not notes[0][0].startswith(checkpoint.text()):
            raise _other_log(size)
        note: str = notes[0][0]
        if head is None or head.note != note:
            try:
                open_checkpoint(note, self._ring.log_keys(), self._origin)
            except EvidenceError as error:
                raise _other_log(size) from error
        return tree, note

    async def extend(
        self,
        transaction: Transaction,
        heads: Mapping[int, Head],
        staged: Mapping[int, Sequence[StagedLeaf]],
        shares: int,
    ) -> dict[int, Head]:
        """Append the leaves of a batch. Sign a checkpoint for each changed shard, and make each leaf's inclusion proof.

        `shares` is how much the sum of all row shares changes. The change is stored in the first head. Any other head
        would do, since an audit adds up all heads.
        """
        grown = dict(heads)
        if shares:
            first = min(heads)
            row = heads[first].row
            grown[first] = replace(heads[first], row=replace(row, shares=added(row.shares, shares)))
        for shard, leaves in staged.items():
            tree, nodes = heads[shard].tree.extend([leaf_hash(leaf.entry) for leaf in leaves])
            origin = shard_origin(self._origin, shard)
            note = self._ring.sign_checkpoint(Checkpoint(origin, tree.size, tree.root()).text())
            for leaf in leaves:
                index = index_of(leaf.leaf_index)
                leaf.proof = encode_proof(index, tree.inclusion_proof(index), note)
            stored = [(level, global_index(shard, index), value) for level, index, value in nodes]
            await transaction.execute_many(records.INSERT_CHECKPOINT, [(global_index(shard, tree.size), note)])
            await transaction.execute_many(records.INSERT_NODE, stored)
            grown[shard] = replace(grown[shard], tree=tree, note=note)
        for shard, head in grown.items():
            if head is not heads[shard]:
                grown[shard] = await self._advance(transaction, head)
        return grown

    async def _advance(self, transaction: Transaction, head: Head) -> Head:
        """Write the row of a head, after counting one more batch of this node. Returns the new head."""
        row = head.row.after(head.size, self._node)
        kept = row.origin, row.size, row.batches, row.shares, row.writers, self._mac(row)
        await transaction.execute_many(records.ADVANCE_HEAD, [kept])
        return replace(head, row=row)

    def remember(self, heads: Mapping[int, Head]) -> None:
        """Remember these heads as the latest that this node knows. Call this after the commit."""
        for shard, head in heads.items():
            known = self._known.get(shard)
            if known is None or known.row.batches <= head.row.batches:
                self._known[shard] = head
            self._wrote[shard] = max(self._wrote.get(shard, 0), head.row.last_batch(self._node))


async def _check_extends(transaction: Transaction, shard: int, known: Tree, tree: Tree) -> None:
    """Raise Unavailable unless `tree` extends `known`."""
    if known.size == 0:
        return
    try:
        proof = await consistency_proof(transaction, shard, known.size, tree.size)
        verify_consistency(
            old_size=known.size, old_root=known.root(), new_size=tree.size, new_root=tree.root(), proof=proof
        )
    except (EvidenceError, NotFound) as error:
        raise _other_log(tree.size) from error


def _other_log(size: int) -> Unavailable:
    return Unavailable(f"the log of {size} leaves in the database is not the one that was signed")
