"""Reads the transparency log: checkpoint, tiles, entries, proofs (C2SP tlog-tiles).

Implements specs/protocol.md section 8.2.
"""

from __future__ import annotations

from collections.abc import Sequence

from verifier.core.checkpoint import open_checkpoint
from verifier.core.errors import EvidenceError, NotFound, VerifierError
from verifier.core.merkle import TILE, verify_consistency
from verifier.core.shards import global_index, origin_shard
from verifier.ledger import records
from verifier.ledger.tiles import consistency_proof, read_entries, read_hashes
from verifier.ports import Reader


class RolledBack(VerifierError):
    """The log does not extend a tree that was seen before."""

    slug = "rolled_back"
    title = "The log does not extend what was seen before"


class Log:
    """Reads one shard of the committed log. It never writes or signs."""

    def __init__(self, storage: Reader, shard: int = 0) -> None:
        self._storage = storage
        self._shard = shard

    async def checkpoint(self) -> str:
        """The latest signed checkpoint. Raises NotFound if the shard is unknown or has no checkpoint yet."""
        whole = global_index(self._shard, 0), global_index(self._shard + 1, 0)
        rows = await self._storage.fetch(records.LATEST_CHECKPOINT, *whole)
        if not rows:
            raise NotFound("the log has no checkpoint yet")
        return str(rows[0][0])

    async def hashes(self, level: int, start: int, end: int) -> list[bytes]:
        """The hashes of tree level `8 * level` with indexes from `start` to `end - 1`.

        Returns fewer hashes if the log ends earlier.
        """
        return await read_hashes(self._storage, self._shard, level, start, end)

    async def entries(self, start: int, end: int) -> list[bytes]:
        """The entries with indexes from `start` to `end - 1`. Returns fewer entries if the log ends earlier."""
        return await read_entries(self._storage, self._shard, start, end)

    async def tile(self, level: int, index: int, width: int) -> bytes:
        """The first `width` hashes of a tile. Raises NotFound beyond the end of the log."""
        hashes = await self.hashes(level, index * TILE, index * TILE + width)
        if len(hashes) < width:
            raise NotFound("the log has no such tile")
        return b"".join(hashes)

    async def bundle(self, index: int, width: int) -> bytes:
        """The first `width` entries of a bundle, each preceded by its length in 2 bytes.

        Raises NotFound beyond the end of the log.
        """
        entries = await self.entries(index * TILE, index * TILE + width)
        if len(entries) < width:
            raise NotFound("the log has no such entries")
        return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)

    async def consistency_proof(self, old: int, new: int) -> list[bytes]:
        """The consistency proof between two tree sizes. Raises the errors of `tiles.consistency_proof`."""
        return await consistency_proof(self._storage, self._shard, old, new)


async def check_seen(storage: Reader, note: str, vkeys: Sequence[str], origin: str) -> None:
    """Raise RolledBack unless the log extends the checkpoint `note`, which was seen before."""
    try:
        seen = open_checkpoint(note, vkeys, origin)
    except EvidenceError as error:
        raise RolledBack(f"the checkpoint that was seen is not from this log: {error.detail}") from error
    log = Log(storage, origin_shard(seen.origin, origin) or 0)
    try:
        latest = open_checkpoint(await log.checkpoint(), vkeys, origin)
    except NotFound as error:
        raise RolledBack(f"the log was rolled back to before {seen.origin} was split off") from error
    if seen.size > latest.size:
        raise RolledBack(f"the log was rolled back: it had {seen.size} leaves once, and has {latest.size}")
    if seen.size == 0:
        return
    try:
        proof = await log.consistency_proof(seen.size, latest.size)
        verify_consistency(
            old_size=seen.size, old_root=seen.root, new_size=latest.size, new_root=latest.root, proof=proof
        )
    except (EvidenceError, NotFound) as error:
        raise RolledBack(f"the log was rewritten: its first {seen.size} leaves have changed") from error


async def count_shards(storage: Reader) -> int:
    """The number of shards of the log, or 0 if no node has ever started on this database."""
    return len(await storage.fetch(records.HEAD_ORIGINS))
