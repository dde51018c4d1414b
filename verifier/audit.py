"""The audit of the whole log: leaves, tree, checkpoints, and that every ticket and receipt has its leaf.

Carries out specs/protocol.md section 8.3. It rebuilds the tree from the entries and trusts nothing stored.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from verifier.core.checkpoint import open_checkpoint
from verifier.core.errors import EvidenceError, VerifierError
from verifier.core.evidence import Trust, verify_evidence
from verifier.core.merkle import Tree, leaf_hash
from verifier.core.statements import RECEIPT, TICKET, Receipt, digest
from verifier.ports import KeyRing, Row, Storage
from verifier.service import records
from verifier.service.opened import open_evidence

_CHUNK = 1000
MAX_FINDINGS = 100

_CALLS_WITHOUT_TICKET = (
    "SELECT c.call_id FROM calls c LEFT JOIN leaves l ON l.leaf_index = c.leaf_index "
    "WHERE l.statement_id IS NULL OR l.statement_id <> c.call_id OR l.typ <> $1"
)
_CONFIRMED_WITHOUT_RECEIPT = (
    "SELECT c.call_id FROM calls c LEFT JOIN leaves l ON l.leaf_index = c.receipt_leaf "
    "WHERE c.confirmed_at IS NOT NULL AND (l.typ IS NULL OR l.typ <> $1)"
)
_RECEIPT_LEAVES = "SELECT call_id, receipt_leaf FROM calls WHERE call_id IN ($*)"
_CHECKPOINT = "SELECT note FROM checkpoints WHERE size = $1"
_LEAF_COUNT = "SELECT COUNT(*) FROM leaves"
_STORED_NODES = "SELECT level, node_index, hash FROM nodes ORDER BY level, node_index"


class Audited(Struct):
    """What an audit saw; the log is whole when there are no findings."""

    leaves: int = 0
    checkpoints: int = 0
    statements: int = 0
    erased: int = 0
    findings: list[str] = []

    def find(self, finding: str) -> None:
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(finding)


async def audit_log(storage: Storage, ring: KeyRing, trust: Trust, seen: Sequence[str] = ()) -> Audited:
    """Walk the whole log. Findings are in words; only a database that cannot be read raises (Unavailable).

    `seen` are checkpoints that were kept elsewhere: a database that was restored from before them, or in which the
    past was written anew, is found by them and by nothing else.
    """
    audited = Audited()
    tree = Tree.resume(0, {})
    nodes: dict[tuple[int, int], bytes] = {}
    checkpoints = _Checkpoints(storage, trust, audited)
    await checkpoints.check(tree)
    total = (await storage.fetch(_LEAF_COUNT))[0][0]
    while tree.size < total:
        rows = await storage.fetch(records.LEAVES_FROM, tree.size, tree.size + _CHUNK)
        if not rows or [row[0] for row in rows] != list(range(tree.size, tree.size + len(rows))):
            audited.find(f"leaves are missing from index {tree.size} on")
            return audited
        confirmed = [found for found in (_check_leaf(row, ring, trust, audited) for row in rows) if found is not None]
        await _check_confirmed(storage, confirmed, audited)
        hashes = [leaf_hash(bytes(row[1])) for row in rows]
        # The tree stops at each checkpoint on the way, to be compared with it.
        while hashes:
            following = await checkpoints.next_size(tree.size)
            step = len(hashes) if following is None else min(len(hashes), following - tree.size)
            tree, completed = tree.extend(hashes[:step])
            nodes.update({(level, index): value for level, index, value in completed})
            hashes = hashes[step:]
            await checkpoints.check(tree)
    audited.leaves = tree.size
    if checkpoints.latest != tree.size:
        audited.find(f"the latest checkpoint has size {checkpoints.latest}, the log {tree.size}")
    await _check_nodes(storage, nodes, audited)
    for note in seen:
        await _check_seen(storage, trust, note, audited)
    for row in await storage.fetch(_CALLS_WITHOUT_TICKET, TICKET):
        audited.find(f"{row[0]} has no ticket in the log")
    for row in await storage.fetch(_CONFIRMED_WITHOUT_RECEIPT, RECEIPT):
        audited.find(f"{row[0]} was confirmed without a receipt in the log")
    return audited


class _Checkpoints:
    """The stored checkpoints in order of size, each checked against the tree when it has grown that far."""

    def __init__(self, storage: Storage, trust: Trust, audited: Audited) -> None:
        self._storage = storage
        self._trust = trust
        self._audited = audited
        self._waiting: list[Row] = []
        self._read_to = -1
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


async def _check_seen(storage: Storage, trust: Trust, note: str, audited: Audited) -> None:
    """Every checkpoint that was ever shown is stored; those that are have been compared with the leaves."""
    try:
        checkpoint = open_checkpoint(note, trust.log.keys, trust.log.origin)
    except EvidenceError as error:
        audited.find(f"a checkpoint that is said to have been seen is not this log's: {error.detail}")
        return
    if checkpoint.size > audited.leaves:
        audited.find(f"the log was rolled back: it had {checkpoint.size} leaves once, and has {audited.leaves}")
        return
    stored = await storage.fetch(_CHECKPOINT, checkpoint.size)
    if not stored or open_checkpoint(stored[0][0], trust.log.keys, trust.log.origin).root != checkpoint.root:
        audited.find(f"the log was written anew: its first {checkpoint.size} leaves were others once")


async def _check_confirmed(storage: Storage, confirmed: Sequence[tuple[str, int]], audited: Audited) -> None:
    """A call that has been set back to unused does not know its genuine receipt any more."""
    known = {row[0]: row[1] for row in await storage.fetch_in(_RECEIPT_LEAVES, [call_id for call_id, _ in confirmed])}
    for call_id, index in confirmed:
        if known.get(call_id) != index:
            audited.find(f"{call_id} does not know its genuine receipt, leaf {index}")


def _check_leaf(row: Row, ring: KeyRing, trust: Trust, audited: Audited) -> tuple[str, int] | None:
    """Check one leaf; the call and the index, if it is a genuine receipt."""
    index, entry, typ, statement_id, application_id, sealed, kek_id, wrapped_key, erased_at = row
    if sealed is None:
        if erased_at is None:
            audited.find(f"leaf {index} has lost its statement, and nothing was erased")
        audited.erased += 1
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


async def _check_nodes(storage: Storage, nodes: dict[tuple[int, int], bytes], audited: Audited) -> None:
    stored = {(row[0], row[1]): bytes(row[2]) for row in await storage.fetch(_STORED_NODES)}
    if stored != nodes:
        audited.find(f"the stored tree nodes are not those of the leaves ({len(stored)} stored, {len(nodes)} due)")
