"""The audit of the whole log: leaves, tree, checkpoints, and that every ticket and receipt has its leaf.

Carries out specs/protocol.md section 8.3. It rebuilds the tree from the entries and trusts nothing stored, but that
an audit may begin where an earlier one ended.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from verifier.core.checkpoint import Checkpoint, open_checkpoint
from verifier.core.errors import EvidenceError, NotFound, VerifierError
from verifier.core.evidence import Trust, verify_evidence
from verifier.core.ids import made_at
from verifier.core.merkle import EMPTY_ROOT, TILE, TILE_HEIGHT, Tree, leaf_hash, verify_consistency
from verifier.core.statements import RECEIPT, TICKET, Receipt, digest
from verifier.log import Log
from verifier.ports import KeyRing, Row, Storage
from verifier.service import records
from verifier.service.opened import open_evidence

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
_RECEIPT_LEAVES = "SELECT call_id, receipt_leaf FROM calls WHERE call_id IN ($*)"
_LEAF_COUNT = "SELECT COUNT(*) FROM leaves"
_STORED_NODES = "SELECT level, COUNT(*), MAX(node_index) FROM nodes GROUP BY level ORDER BY level LIMIT 65"
_LEVELS = range(1, 9)
_WRONG_NODES = "the stored tree nodes are not those of the leaves"


class Audited(Struct):
    """What an audit saw; the log is whole when there are no findings.

    `before` leaves were taken as checked by an earlier audit. `checkpoint` is the latest, of all `leaves`.
    """

    leaves: int = 0
    before: int = 0
    checkpoints: int = 0
    statements: int = 0
    erased: int = 0
    forgotten: int = 0
    checkpoint: str = ""
    findings: list[str] = []

    def find(self, finding: str) -> None:
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(finding)


async def audit_log(
    storage: Storage,
    ring: KeyRing,
    trust: Trust,
    seen: Sequence[str] = (),
    checked: str | None = None,
    kept_since: int | None = None,
) -> Audited:
    """Walk the log. Findings are in words; only a database that cannot be read raises (Unavailable).

    `seen` are checkpoints that were kept elsewhere: a database that was restored from before them, or in which the
    past was written anew, is found by them and by nothing else. `checked` is the checkpoint of an earlier audit that
    found nothing: its leaves must still hash to its root, and only what follows them is opened and checked.
    Statements from before `kept_since` (epoch milliseconds) may have been forgotten.
    """
    audited = Audited()
    tree = Tree.resume(0, {}) if checked is None else await _resume(storage, trust, checked, audited)
    if tree is None:
        return audited
    audited.before = tree.size
    checkpoints = _Checkpoints(storage, trust, audited, tree.size)
    await checkpoints.check(tree)
    total = (await storage.fetch(_LEAF_COUNT))[0][0]
    while tree.size < total:
        rows = await storage.fetch(records.LEAVES_FROM, tree.size, tree.size + _CHUNK)
        if not rows or [row[0] for row in rows] != list(range(tree.size, tree.size + len(rows))):
            audited.find(f"leaves are missing from index {tree.size} on")
            return audited
        confirmed = [
            found for found in (_check_leaf(row, ring, trust, audited, kept_since) for row in rows) if found is not None
        ]
        await _check_confirmed(storage, confirmed, audited)
        hashes = [leaf_hash(bytes(row[1])) for row in rows]
        due: list[tuple[int, int, bytes]] = []
        # The tree stops at each checkpoint on the way, to be compared with it.
        while hashes:
            following = await checkpoints.next_size(tree.size)
            step = len(hashes) if following is None else min(len(hashes), following - tree.size)
            tree, completed = tree.extend(hashes[:step])
            due += completed
            hashes = hashes[step:]
            await checkpoints.check(tree)
        await _check_nodes(storage, due, audited)
    audited.leaves = tree.size
    if checkpoints.latest != tree.size:
        audited.find(f"the latest checkpoint has size {checkpoints.latest}, the log {tree.size}")
    await _count_nodes(storage, tree.size, audited)
    for note in seen:
        await _check_seen(storage, trust, note, tree, audited)
    # These two look at all calls each time: a call may claim any leaf, old or new.
    for row in await storage.fetch(_CALLS_WITHOUT_TICKET, TICKET, MAX_FINDINGS):
        audited.find(f"{row[0]} has no ticket in the log")
    for row in await storage.fetch(_CONFIRMED_WITHOUT_RECEIPT, RECEIPT, MAX_FINDINGS):
        audited.find(f"{row[0]} was confirmed without a receipt in the log")
    return audited


async def _resume(storage: Storage, trust: Trust, note: str, audited: Audited) -> Tree | None:
    """The tree of a checkpoint, its right edge read back and held against the root. None if that is not so."""
    checkpoint = _open_seen(trust, note, audited)
    if checkpoint is None:
        return None
    widths = {level: checkpoint.size >> TILE_HEIGHT * level for level in (0, *_LEVELS)}
    log = Log(storage)
    tiles = {level: await log.hashes(level, width // TILE * TILE, width) for level, width in widths.items()}
    try:
        tree = Tree.resume(checkpoint.size, tiles)
    except ValueError:
        tree = None
    if tree is None or tree.root() != checkpoint.root:
        count = (await storage.fetch(_LEAF_COUNT))[0][0]
        audited.find(_past_of(checkpoint, count))
        return None
    return tree


def _past_of(checkpoint: Checkpoint, leaves: int) -> str:
    if checkpoint.size > leaves:
        missing = checkpoint.size - leaves
        return (
            f"the log was rolled back: it had {checkpoint.size} leaves once, and has {leaves}; "
            f"at least {missing} are gone"
        )
    return f"the log was written anew: its first {checkpoint.size} leaves were others once"


def _open_seen(trust: Trust, note: str, audited: Audited) -> Checkpoint | None:
    try:
        return open_checkpoint(note, trust.log.keys, trust.log.origin)
    except EvidenceError as error:
        audited.find(f"a checkpoint that is said to have been seen is not this log's: {error.detail}")
        return None


class _Checkpoints:
    """The stored checkpoints in order of size, each checked against the tree when it has grown that far."""

    def __init__(self, storage: Storage, trust: Trust, audited: Audited, start: int) -> None:
        self._storage = storage
        self._trust = trust
        self._audited = audited
        self._waiting: list[Row] = []
        self._read_to = start - 1
        self.latest = -1

    async def next_size(self, size: int) -> int | None:
        """The size of the first checkpoint larger than `size`."""
        await self._fill()
        return next((row[0] for row in self._waiting if row[0] > size), None)

    async def check(self, tree: Tree) -> None:
        await self._fill()
        while self._waiting and self._waiting[0][0] <= tree.size:
            size, note = self._waiting.pop(0)
            self._compare(size, note, tree)
            self._audited.checkpoints += 1
            self._audited.checkpoint = note
            self.latest = size
            await self._fill()

    def _compare(self, size: int, note: str, tree: Tree) -> None:
        try:
            checkpoint = open_checkpoint(note, self._trust.log.keys, self._trust.log.origin)
        except EvidenceError as error:
            self._audited.find(f"the checkpoint of size {size} does not verify: {error.detail}")
            return
        if checkpoint.size != size or size != tree.size or checkpoint.root != tree.root():
            self._audited.find(f"the checkpoint of size {size} is not that of the leaves")

    async def _fill(self) -> None:
        if not self._waiting:
            rows: Sequence[Row] = await self._storage.fetch(records.CHECKPOINTS_FROM, self._read_to)
            self._waiting = list(rows)
            if rows:
                self._read_to = rows[-1][0]


async def _check_seen(storage: Storage, trust: Trust, note: str, tree: Tree, audited: Audited) -> None:
    """The log must begin with the leaves of a checkpoint that was once shown."""
    checkpoint = _open_seen(trust, note, audited)
    if checkpoint is None:
        return
    old, size = checkpoint.size, tree.size
    try:
        if old > size:
            raise NotFound
        if old == 0 and checkpoint.root == EMPTY_ROOT:
            return
        proof = await Log(storage).consistency_proof(old, size)
        verify_consistency(old_size=old, old_root=checkpoint.root, new_size=size, new_root=tree.root(), proof=proof)
    except VerifierError:
        audited.find(_past_of(checkpoint, size))


async def _check_confirmed(storage: Storage, confirmed: Sequence[tuple[str, int]], audited: Audited) -> None:
    """A call that has been set back to unused does not know its genuine receipt any more."""
    known = {row[0]: row[1] for row in await storage.fetch_in(_RECEIPT_LEAVES, [call_id for call_id, _ in confirmed])}
    for call_id, index in confirmed:
        if known.get(call_id) != index:
            audited.find(f"{call_id} does not know its genuine receipt, leaf {index}")


def _check_leaf(
    row: Row, ring: KeyRing, trust: Trust, audited: Audited, kept_since: int | None
) -> tuple[str, int] | None:
    """Check one leaf; the call and the index, if it is a genuine receipt."""
    index, entry, typ, statement_id, application_id, sealed, kek_id, wrapped_key, erased_at = row
    if sealed is None:
        if erased_at is not None:
            audited.erased += 1
        elif kept_since is not None and made_at(statement_id) < kept_since:
            audited.forgotten += 1
        else:
            audited.find(f"leaf {index} has lost its statement, and nothing was erased")
        return None
    try:
        key = None if application_id is None else ring.unwrap(application_id, kek_id or "", wrapped_key or b"")
        evidence = open_evidence(ring, key, statement_id, bytes(sealed))
        if digest(evidence.statement) != bytes(entry):
            audited.find(f"leaf {index} is not that of its statement")
        claims = verify_evidence(evidence, trust, typ).claims
        audited.statements += 1
    except VerifierError as error:
        audited.find(f"leaf {index}: {error.detail}")
        return None
    return (claims.call.call_id, index) if isinstance(claims, Receipt) and claims.call is not None else None


async def _check_nodes(storage: Storage, due: Sequence[tuple[int, int, bytes]], audited: Audited) -> None:
    """Compare the nodes that some leaves completed with the stored ones."""
    for wanted in _LEVELS:
        row = [(index, value) for level, index, value in due if level == wanted]
        if row:
            first, last = row[0][0], row[-1][0]
            stored = await storage.fetch(records.NODES_BETWEEN, wanted, first, last + 1)
            if [bytes(each[0]) for each in stored] != [value for _, value in row]:
                audited.find(f"{_WRONG_NODES} (level {wanted}, {first} to {last})")


async def _count_nodes(storage: Storage, size: int, audited: Audited) -> None:
    """Each level must have the nodes that are due, and no more. The log may be growing meanwhile."""
    stored = {row[0]: (row[1], row[2]) for row in await storage.fetch(_STORED_NODES)}
    now = (await storage.fetch(_LEAF_COUNT))[0][0]
    for level in sorted({*stored, *_LEVELS}):
        count, last = stored.get(level, (0, -1))
        most = now >> TILE_HEIGHT * level if level in _LEVELS else 0
        if not size >> TILE_HEIGHT * max(level, 0) <= count <= most or last != count - 1:
            audited.find(f"{_WRONG_NODES} (level {level} has {count}, {most} are due)")
