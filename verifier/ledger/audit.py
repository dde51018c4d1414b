"""The audit of the log. In each shard, it checks the leaves, their statements, the tree, and the checkpoints.

Implements specs/protocol.md section 8.3. The audit rebuilds the tree from the entries and trusts no stored hash. An
audit may start where an earlier audit ended.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from verifier.core.checkpoint import Checkpoint, open_checkpoint
from verifier.core.errors import EvidenceError, NotFound, VerifierError
from verifier.core.evidence import Trust, verify_evidence
from verifier.core.merkle import EMPTY_ROOT, TILE, TILE_HEIGHT, Tree, leaf_hash, verify_consistency
from verifier.core.shards import global_index, index_of, origin_shard, shard_origin
from verifier.core.statements import RECEIPT, TICKET, Receipt, digest
from verifier.ledger import records
from verifier.ledger.decrypted import decrypt_evidence, leaf_context, unwrap_keys
from verifier.ledger.heads import UNAUTHENTICATED
from verifier.ledger.log import Log, count_shards
from verifier.ledger.lost_statements import LostStatements
from verifier.ledger.lost_statements import erased as is_erased
from verifier.ledger.row_audit import audit_rows, readable
from verifier.ports import KeyRing, Row, Storage

_CHUNK = 1000
MAX_FINDINGS = 100

_CALLS_WITHOUT_TICKET = (
    "SELECT c.call_id FROM calls c LEFT JOIN leaves l ON l.leaf_index = c.leaf_index "
    "WHERE l.statement_id IS NULL OR l.statement_id <> c.call_id OR l.typ <> $1 LIMIT $2"
)
_CONFIRMED_WITHOUT_RECEIPT = (
    "SELECT c.call_id FROM calls c LEFT JOIN leaves l ON l.leaf_index = c.receipt_leaf "
    "WHERE c.confirmed_at IS NOT NULL AND (l.typ IS NULL OR l.typ <> $1) LIMIT $2"
)
_LOST_TICKETS = "SELECT statement_id, leaf_index FROM leaves WHERE statement_id IN ($*) AND sealed IS NULL"
_FIRST_RECEIPTS = (
    "SELECT c.call_id, c.receipt_leaf, l.statement_id, l.customer_index FROM calls c "
    "LEFT JOIN leaves l ON l.leaf_index = c.receipt_leaf WHERE c.call_id IN ($*)"
)
_LEAF_COUNT = "SELECT COUNT(*) FROM leaves WHERE leaf_index >= $1 AND leaf_index < $2"
_STORED_NODES = (
    "SELECT level, COUNT(*), MAX(node_index) FROM nodes WHERE node_index >= $1 AND node_index < $2 "
    "GROUP BY level ORDER BY level LIMIT 65"
)
_LEVELS = range(1, 9)
_WRONG_NODES = "the stored tree nodes do not match the leaves"


class _Confirmed(Struct, frozen=True):
    """A genuine receipt for the code of a call, and the blind index of its person."""

    call_id: str
    leaf_index: int
    receipt_id: str
    person: bytes | None

    def follows(self, first: _Confirmed | None) -> bool:
        """Whether this is the first receipt of the call, or a later one of another person."""
        if first is None or self.leaf_index == first.leaf_index:
            return first is not None
        # An id begins with a prefix of 5 characters, and with 12 digits of its time.
        mine, before = ((each.receipt_id[:17], each.leaf_index) for each in (self, first))
        return mine > before and self.person != first.person


class Audited(Struct):
    """The result of an audit of all shards. Without findings, the log and the rows are intact.

    `before` is the number of leaves that an earlier audit has checked. `latest` has the last checkpoint of each shard.
    """

    leaves: int = 0
    before: int = 0
    checkpoints: int = 0
    statements: int = 0
    erased: int = 0
    forgotten: int = 0
    rows: int = 0
    latest: dict[int, str] = {}
    findings: list[str] = []

    def find(self, finding: str) -> None:
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(finding)


async def audit_log(
    storage: Storage,
    ring: KeyRing,
    trust: Trust,
    seen: Sequence[str] = (),
    checked: Sequence[str] = (),
    kept_since: int | None = None,
) -> Audited:
    """Audit the log. Returns the findings as texts. Raises Unavailable if the database cannot be read.

    - `seen`: checkpoints that were stored outside the database. An audit without them cannot notice that a backup was
      restored or that old leaves were rewritten.
    - `checked`: checkpoints of an earlier audit without findings, at most one for each shard. The leaves up to such a
      checkpoint must still hash to its root. Only later leaves are decrypted and checked.
    - `kept_since`: statements older than this time (epoch milliseconds) may be missing if they are marked as deleted.
    """
    audited = Audited()
    for each in await storage.damage(thorough=True):
        audited.find(f"the database is damaged: {each}")
    if audited.findings:
        # An audit of a damaged database would prove nothing, so stop here.
        return audited
    shown = _by_shard(seen, trust, audited)
    starts = _by_shard(checked, trust, audited)
    if sum(map(len, starts.values())) < len(checked):
        return audited
    with readable("a row of log_head", audited.find):
        heads = await storage.fetch(records.HEADS)
        if heads and all(row[4] is None and row[6] is None for row in heads):
            audited.find(UNAUTHENTICATED)
            return audited
    await _audit(storage, ring, trust, audited, kept_since, starts, shown)
    return audited


async def _audit(
    storage: Storage,
    ring: KeyRing,
    trust: Trust,
    audited: Audited,
    kept_since: int | None,
    starts: Mapping[int, Sequence[Checkpoint]],
    shown: Mapping[int, Sequence[Checkpoint]],
) -> None:
    """Audit each shard from its start, then the tables that all shards share."""
    shards = 0
    with readable("a row of log_head", audited.find):
        shards = await count_shards(storage)
    for shard in range(max(1, shards)):
        start = starts[shard][0] if shard in starts else None
        with readable(f"the log of shard {shard}", audited.find):
            await _Shard(storage, ring, trust, audited, shard, kept_since).audit(start, shown.get(shard, ()))
    for shard in sorted({*shown, *starts} - set(range(shards))):
        audited.find(f"the log was rolled back to before its shard {shard} was split off")
    # The next two queries read all calls, even if only newer leaves are audited: a call may name any leaf.
    for row in await storage.fetch(_CALLS_WITHOUT_TICKET, TICKET, MAX_FINDINGS):
        audited.find(f"{row[0]} has no ticket in the log")
    for row in await storage.fetch(_CONFIRMED_WITHOUT_RECEIPT, RECEIPT, MAX_FINDINGS):
        audited.find(f"{row[0]} was confirmed without a receipt in the log")
    with readable("a row", audited.find):
        audited.rows = await audit_rows(storage, ring, trust.log.origin, audited.find)


def _by_shard(notes: Sequence[str], trust: Trust, audited: Audited) -> dict[int, list[Checkpoint]]:
    """Open signed checkpoints and group them by shard. A checkpoint of another log becomes a finding."""
    found: dict[int, list[Checkpoint]] = {}
    for note in notes:
        try:
            checkpoint = open_checkpoint(note, trust.log.keys, trust.log.origin)
        except EvidenceError as error:
            audited.find(f"a given checkpoint is not from this log: {error.detail}")
            continue
        found.setdefault(origin_shard(checkpoint.origin, trust.log.origin) or 0, []).append(checkpoint)
    return found


def _past_of(checkpoint: Checkpoint, leaves: int) -> str:
    if checkpoint.size > leaves:
        missing = checkpoint.size - leaves
        return (
            f"the log was rolled back: it had {checkpoint.size} leaves once, and has {leaves}; "
            f"at least {missing} are gone"
        )
    return f"the log was rewritten: its first {checkpoint.size} leaves have changed"


class _Shard:
    """The audit of one shard. It adds findings to `audited`."""

    def __init__(
        self, storage: Storage, ring: KeyRing, trust: Trust, audited: Audited, shard: int, kept_since: int | None
    ) -> None:
        self._storage = storage
        self._ring = ring
        self._trust = trust
        self._audited = audited
        self._shard = shard
        self._lost = LostStatements(storage, ring, trust.log.origin, kept_since)
        self._log = Log(storage, shard)
        self._whole = global_index(shard, 0), global_index(shard + 1, 0)

    def _find(self, finding: str) -> None:
        self._audited.find(finding if self._shard == 0 else f"shard {self._shard}: {finding}")

    async def audit(self, start: Checkpoint | None, seen: Sequence[Checkpoint]) -> None:
        """Audit the shard from `start`, or from its beginning."""
        audited = self._audited
        tree = Tree.resume(0, {}) if start is None else await self._resume(start)
        if tree is None:
            return
        audited.before += tree.size
        checkpoints = _Checkpoints(self._storage, self._trust, self._find, self._shard, tree.size)
        await checkpoints.check(tree)
        total = await self._count()
        while tree.size < total:
            # Read no leaves that were added after the count. Such a read could stop in the middle of a batch, where
            # there is no checkpoint.
            end = min(tree.size + _CHUNK, total)
            rows = await self._storage.fetch(records.LEAVES_FROM, self._global(tree.size), self._global(end))
            if not rows or [index_of(row[0]) for row in rows] != list(range(tree.size, tree.size + len(rows))):
                self._find(f"leaves are missing from index {tree.size} on")
                return
            await self._check_lost(rows)
            kept = (self._check_leaf(row) for row in rows if row[5] is not None)
            await self._check_confirmed([found for found in kept if found is not None])
            hashes = [leaf_hash(bytes(row[1])) for row in rows]
            due: list[tuple[int, int, bytes]] = []
            # Extend the tree in steps. Stop at the size of each checkpoint, to compare the root of the checkpoint.
            while hashes:
                following = await checkpoints.next_size(tree.size)
                step = len(hashes) if following is None else min(len(hashes), following - tree.size)
                tree, completed = tree.extend(hashes[:step])
                due += completed
                hashes = hashes[step:]
                await checkpoints.check(tree)
            await self._check_nodes(due)
        audited.leaves += tree.size
        audited.checkpoints += checkpoints.count
        audited.latest[self._shard] = checkpoints.note
        if checkpoints.latest != tree.size:
            self._find(f"the latest checkpoint has size {checkpoints.latest}, the log {tree.size}")
        await self._count_nodes(tree.size)
        for checkpoint in seen:
            await self._check_seen(checkpoint, tree)

    def _global(self, index: int) -> int:
        return global_index(self._shard, index)

    async def _count(self) -> int:
        return int((await self._storage.fetch(_LEAF_COUNT, *self._whole))[0][0])

    async def _resume(self, checkpoint: Checkpoint) -> Tree | None:
        """Read the tree of a checkpoint from the stored hashes of its right edge.

        If the root differs, add a finding and return None.
        """
        widths = {level: checkpoint.size >> TILE_HEIGHT * level for level in (0, *_LEVELS)}
        tiles = {level: await self._log.hashes(level, width // TILE * TILE, width) for level, width in widths.items()}
        try:
            tree = Tree.resume(checkpoint.size, tiles)
        except ValueError:
            tree = None
        if tree is None or tree.root() != checkpoint.root:
            self._find(_past_of(checkpoint, await self._count()))
            return None
        return tree

    async def _check_seen(self, checkpoint: Checkpoint, tree: Tree) -> None:
        """Check that the log extends a checkpoint that was stored outside the database."""
        old, size = checkpoint.size, tree.size
        try:
            if old > size:
                raise NotFound
            if old == 0 and checkpoint.root == EMPTY_ROOT:
                return
            proof = await self._log.consistency_proof(old, size)
            verify_consistency(old_size=old, old_root=checkpoint.root, new_size=size, new_root=tree.root(), proof=proof)
        except VerifierError:
            self._find(_past_of(checkpoint, size))

    async def _check_confirmed(self, confirmed: Sequence[_Confirmed]) -> None:
        """Report each call whose row does not name its first genuine receipt. Such a call was set back to unused.

        Other contacts of a loan get later receipts for the same code.
        """
        rows = await self._storage.fetch_in(_FIRST_RECEIPTS, [each.call_id for each in confirmed])
        first = {row[0]: _Confirmed(*row) for row in rows if row[2] is not None}
        # Retention deletes a call together with its ticket. The receipt is newer, so it may still be there.
        unknown = {each.call_id for each in confirmed} - {row[0] for row in rows}
        lost = await self._storage.fetch_in(_LOST_TICKETS, unknown)
        forgotten = await self._lost.forgotten(lost)
        for each in confirmed:
            if each.call_id not in forgotten and not each.follows(first.get(each.call_id)):
                self._find(f"{each.call_id} does not name its genuine receipt, leaf {index_of(each.leaf_index)}")

    async def _check_lost(self, leaves: Sequence[Row]) -> None:
        """Report each leaf whose statement is missing, unless an erasure, retention or a removal has deleted it.

        Report each deleted call history that is there again.
        """
        deleted = await self._lost.deleted(leaves)
        for row in leaves:
            if row[5] is not None and row[0] in deleted:
                self._find(f"leaf {index_of(row[0])} is a call history that was deleted, and is there again")
        rows = [row for row in leaves if row[5] is None]
        erased = {row[3] for row in rows if is_erased(row, deleted.get(row[0]))}
        forgotten = await self._lost.forgotten([(row[3], row[0]) for row in rows if row[3] not in erased])
        self._audited.erased += len(erased)
        self._audited.forgotten += len(forgotten)
        for row in rows:
            if row[3] not in erased and row[3] not in forgotten:
                self._find(f"leaf {index_of(row[0])} has lost its statement, and nothing was erased")

    def _check_leaf(self, row: Row) -> _Confirmed | None:
        """Check one leaf and its statement. Returns the genuine receipt of a call, otherwise None."""
        leaf_index, entry, typ, statement_id, application_id, sealed, kek_id, wrapped_key, _, customer_index = row
        index = index_of(leaf_index)
        try:
            ring = self._ring
            keys = None if application_id is None else unwrap_keys(ring, application_id, kek_id, wrapped_key)
            evidence = decrypt_evidence(ring, keys, leaf_context(statement_id, typ, customer_index), bytes(sealed))
            if digest(evidence.statement) != bytes(entry):
                self._find(f"leaf {index} does not match its statement")
            claims = verify_evidence(evidence, self._trust, typ).claims
            self._audited.statements += 1
        except VerifierError as error:
            self._find(f"leaf {index}: {error.detail}")
            return None
        except (AttributeError, TypeError):
            # SQLite lets a column hold a value of any type.
            self._find(f"leaf {index} has a value of another type")
            return None
        if not isinstance(claims, Receipt) or claims.call is None or claims.verdict != "genuine":
            return None
        return _Confirmed(claims.call.call_id, leaf_index, statement_id, customer_index)

    async def _check_nodes(self, due: Sequence[tuple[int, int, bytes]]) -> None:
        """Compare stored tree nodes with `due`: the level, index and hash of each node that new leaves complete."""
        for wanted in _LEVELS:
            row = [(index, value) for level, index, value in due if level == wanted]
            if row:
                first, last = row[0][0], row[-1][0]
                if await self._log.hashes(wanted, first, last + 1) != [value for _, value in row]:
                    self._find(f"{_WRONG_NODES} (level {wanted}, {first} to {last})")

    async def _count_nodes(self, size: int) -> None:
        """Check that each tree level has the right number of stored nodes. The log may grow during the check."""
        rows = await self._storage.fetch(_STORED_NODES, *self._whole)
        stored = {row[0]: (row[1], index_of(row[2])) for row in rows}
        now = await self._count()
        for level in sorted({*stored, *_LEVELS}):
            count, last = stored.get(level, (0, -1))
            most = now >> TILE_HEIGHT * level if level in _LEVELS else 0
            if not size >> TILE_HEIGHT * max(level, 0) <= count <= most or last != count - 1:
                self._find(f"{_WRONG_NODES} (level {level} has {count} instead of {most})")


class _Checkpoints:
    """Reads the stored checkpoints of a shard in order of size, and compares each with the tree of the same size."""

    def __init__(self, storage: Storage, trust: Trust, find: Callable[[str], None], shard: int, start: int) -> None:
        self._storage = storage
        self._trust = trust
        self._find = find
        self._origin = shard_origin(trust.log.origin, shard)
        self._end = global_index(shard + 1, 0)
        self._waiting: list[Row] = []
        self._read_to = global_index(shard, start) - 1
        self.latest = -1
        self.note = ""
        self.count = 0

    async def next_size(self, size: int) -> int | None:
        """The size of the smallest checkpoint that is larger than `size`, or None if there is none."""
        await self._fill()
        return next((index_of(row[0]) for row in self._waiting if index_of(row[0]) > size), None)

    async def check(self, tree: Tree) -> None:
        await self._fill()
        while self._waiting and index_of(self._waiting[0][0]) <= tree.size:
            size, self.note = self._waiting.pop(0)
            self.latest = index_of(size)
            self.count += 1
            self._compare(self.latest, self.note, tree)
            await self._fill()

    def _compare(self, size: int, note: str, tree: Tree) -> None:
        try:
            checkpoint = open_checkpoint(note, self._trust.log.keys, self._trust.log.origin)
        except EvidenceError as error:
            self._find(f"the checkpoint of size {size} does not verify: {error.detail}")
            return
        whose = checkpoint.origin, checkpoint.size, size
        if whose != (self._origin, size, tree.size) or checkpoint.root != tree.root():
            self._find(f"the checkpoint of size {size} does not match the leaves")

    async def _fill(self) -> None:
        if not self._waiting:
            rows: Sequence[Row] = await self._storage.fetch(records.CHECKPOINTS_FROM, self._read_to, self._end)
            self._waiting = list(rows)
            if rows:
                self._read_to = rows[-1][0]
