"""The heads of the log, one a shard: a batch that has taken one is alone in that shard until its transaction ends.

Implements specs/protocol.md section 10 (CVP-10-2, CVP-10-5), 10.2 and 8.4.
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

# Re-hash up to this many leaves that other nodes have added; beyond that, verify a consistency proof.
MAX_CATCH_UP = 4096
# More nodes than work on one database. A node that fell off the list is not missed.
MAX_WRITERS = 64
NODE_BYTES = 8


UNAUTHENTICATED = (
    "the rows of this database have no authenticators yet: stop every node, and run `verifier authenticate` once"
)


class HeadRow(Struct, frozen=True):
    """A row of `log_head`: the size of a shard, how many there are, how many batches have extended it, and the sum of
    the shares of the rows that they wrote. The sums of all heads together are that of all rows.

    `writers` are the names of the nodes that wrote last, each with the number of its last batch, the latest at the end.
    """

    origin: str
    size: int
    shards: int
    batches: int
    shares: bytes
    writers: bytes

    def covered(self) -> Row:
        """What the authenticator covers. A head from before migration 0015 has no writers."""
        older = self.origin, self.size, self.shards, self.batches, self.shares
        return (*older, self.writers) if self.writers else older

    @classmethod
    def of(cls, row: Row) -> HeadRow:
        """The head of a row that begins with these columns."""
        origin, size, shards, batches, shares, writers = row[:6]
        return cls(origin, size, shards, batches, shares or b"", writers or b"")

    def last_batch(self, node: bytes) -> int:
        """The number of a node's last batch; 0 where it is not named."""
        at = self.writers.rfind(node)
        return 0 if at < 0 else self._batch_at(at)

    def follows(self, known: HeadRow, node: bytes, wrote: int) -> bool:
        """Whether this head can be a later one than `known`, for a node whose own last batch had the number `wrote`.

        It cannot if that batch is missing, unless so many others have written since that this node fell off the list.
        """
        if self.batches <= known.batches:
            return replace(self, shards=known.shards) == known
        last = self.last_batch(node)
        full = len(self.writers) == 2 * NODE_BYTES * MAX_WRITERS
        return last >= wrote or (last == 0 and full and self._batch_at(0) > wrote)

    def _batch_at(self, at: int) -> int:
        return int.from_bytes(self.writers[at + NODE_BYTES : at + 2 * NODE_BYTES])

    def after(self, size: int, node: bytes) -> HeadRow:
        """The row after one more batch of this node."""
        at, batches = self.writers.rfind(node), self.batches + 1
        others = self.writers if at < 0 else self.writers[:at] + self.writers[at + 2 * NODE_BYTES :]
        writers = others[-2 * NODE_BYTES * (MAX_WRITERS - 1) :] + node + batches.to_bytes(NODE_BYTES)
        return replace(self, size=size, batches=batches, writers=writers)


class Head(Struct, frozen=True):
    """What a batch locks and extends: a shard's tree, its checkpoint, and the row of its head."""

    tree: Tree
    row: HeadRow
    note: str

    @property
    def size(self) -> int:
        return self.tree.size


class Heads:
    """The heads of one database. `shards` is the number of shards that this node knows of.

    `node` is a name of 8 bytes that no other node has. `check_clock` gets the database's own time with each head, and
    raises Unavailable if the clocks differ too much.
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
        """Create the log if there is none, and check that it is this one, signed by this key ring.

        Raises InternalError for another log, Unavailable if the clocks differ too much or the log was changed.
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
            raise InternalError(f"the database has more logs than the {self.shards} that its heads say")
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
        """Create the head of an empty shard, if there is none."""
        origin = shard_origin(self._origin, shard)
        row = HeadRow(origin, 0, shards, 0, bytes(SHARE_BYTES), b"")
        created = origin, shards, row.shares, self._mac(row)
        await transaction.execute_many(records.CREATE_HEAD, [created])

    def _mac(self, row: HeadRow) -> bytes:
        return self._authenticator.digest("log_head", row.covered())[:MAC_BYTES]

    def _check_ring(self, note: str) -> None:
        """Raise InternalError for another ring's checkpoint. Nodes with two rings could not read each other's rows."""
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
        """Split the log into this many shards, with every head locked. Raises InvalidField for fewer than now."""
        await self.open(transaction)
        # In the order in which every batch locks them.
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

        Once this transaction has been committed, everything before it is durable too.
        """
        row = await self._lock(transaction, shard)
        tree, note = await self._tree(transaction, shard, row.size)
        # A commit that writes nothing would prove nothing.
        await self._advance(transaction, Head(tree, row, note))
        return note

    async def lock(self, transaction: Transaction, shards: Collection[int]) -> tuple[dict[int, Head], int]:
        """Lock the heads of these shards until the transaction ends. Returns them, and the number of shards.

        Heads are locked in order, so no two batches deadlock. Raises Unavailable if the clocks differ too much, or the
        log was set back or changed.
        """
        heads: dict[int, Head] = {}
        for shard in sorted(shards):
            row = await self._lock(transaction, shard)
            tree, note = await self._tree(transaction, shard, row.size)
            heads[shard] = Head(tree, row, note)
        return heads, self.shards

    async def _lock(self, transaction: Transaction, shard: int) -> HeadRow:
        """Lock the head of a shard and verify it.

        Raises Unavailable for a head that was set back: it has fewer shards or batches than this node knows, or lacks
        this node's last batch.
        """
        origin = shard_origin(self._origin, shard)
        found = await transaction.fetch(records.TAKE_HEAD, origin)
        if not found or found[0][2] < self.shards:
            raise Unavailable(f"the log in the database has fewer shards than the {self.shards} that this node knows")
        *_, mac, told = found[0]
        self._check_clock(told)
        if mac is None:
            raise InternalError(UNAUTHENTICATED)
        row = HeadRow.of(found[0])
        self._authenticator.check("log_head", (*row.covered(), mac))
        known = self._known.get(shard)
        if known is not None and not row.follows(known.row, self._node, self._wrote.get(shard, 0)):
            raise Unavailable("the head in the database is older than what this node has seen: it was set back")
        self.shards = row.shards
        return row

    async def _tree(self, transaction: Transaction, shard: int, size: int) -> tuple[Tree, str]:
        """The tree of a shard and its checkpoint, with what other nodes have added.

        Raises Unavailable if the database holds another tree, or a checkpoint that this key ring has not signed. It was
        restored from a backup, or changed.
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
                # Some of its leaves or nodes are gone.
                raise _other_log(size) from error
            if known is not None:
                await _check_begins(transaction, shard, known, tree)
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
        """Add a batch's leaves to its shards: each shard gets a signed checkpoint, each leaf its proof.

        `shares` is what the batch adds to the sum of the rows' shares. Any head can keep it.
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
            placed = [(level, global_index(shard, index), value) for level, index, value in nodes]
            await transaction.execute_many(records.INSERT_CHECKPOINT, [(global_index(shard, tree.size), note)])
            await transaction.execute_many(records.INSERT_NODE, placed)
            grown[shard] = replace(grown[shard], tree=tree, note=note)
        for shard, head in grown.items():
            if head is not heads[shard]:
                grown[shard] = await self._advance(transaction, head)
        return grown

    async def _advance(self, transaction: Transaction, head: Head) -> Head:
        """Write the head that this batch leaves."""
        row = head.row.after(head.size, self._node)
        kept = row.origin, row.size, row.batches, row.shares, row.writers, self._mac(row)
        await transaction.execute_many(records.ADVANCE_HEAD, [kept])
        return replace(head, row=row)

    def keep(self, heads: Mapping[int, Head]) -> None:
        """Remember these heads, since the transaction has been committed."""
        for shard, head in heads.items():
            known = self._known.get(shard)
            if known is None or known.row.batches <= head.row.batches:
                self._known[shard] = head
            self._wrote[shard] = max(self._wrote.get(shard, 0), head.row.last_batch(self._node))


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
        raise _other_log(tree.size) from error


def _other_log(size: int) -> Unavailable:
    return Unavailable(f"the log of {size} leaves in the database is not the one that was signed")
