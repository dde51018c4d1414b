"""Reads the stored entries and hashes of a shard by tile level (C2SP tlog-tiles), and makes consistency proofs.

Implements specs/protocol.md section 8.2.
"""

from __future__ import annotations

from verifier.core.errors import NotFound
from verifier.core.merkle import TILE, TILE_HEIGHT, Tree, consistency_ranges, leaf_hash, prove, tiles_for
from verifier.core.shards import global_index
from verifier.ledger import records
from verifier.ports import Reader


async def read_entries(reader: Reader, shard: int, start: int, end: int) -> list[bytes]:
    """The entries with indexes from `start` to `end - 1`. Returns fewer entries if the log ends earlier."""
    rows = await reader.fetch(records.ENTRIES_BETWEEN, global_index(shard, start), global_index(shard, end))
    return [bytes(row[0]) for row in rows]


async def read_hashes(reader: Reader, shard: int, level: int, start: int, end: int) -> list[bytes]:
    """The hashes of tree level `8 * level` with indexes from `start` to `end - 1`.

    Returns fewer hashes if the log ends earlier.
    """
    if level == 0:
        return [leaf_hash(entry) for entry in await read_entries(reader, shard, start, end)]
    rows = await reader.fetch(records.NODES_BETWEEN, level, global_index(shard, start), global_index(shard, end))
    return [bytes(row[0]) for row in rows]


async def read_tree(reader: Reader, shard: int, size: int) -> Tree:
    """Read the tree of this size. This reads only the right edge: the rightmost partial tile of each level."""
    tiles: dict[int, list[bytes]] = {}
    level = 0
    while (width := size >> TILE_HEIGHT * level) > 0:
        tiles[level] = await read_hashes(reader, shard, level, width // TILE * TILE, width)
        level += 1
    return Tree.resume(size, tiles)


async def consistency_proof(reader: Reader, shard: int, old: int, new: int) -> list[bytes]:
    """The consistency proof between the trees of sizes `old` and `new` (RFC 6962 section 2.1.2).

    Raises InvalidProof unless 1 <= `old` <= `new`. Raises NotFound beyond the end of the log.
    """
    ranges = consistency_ranges(old, new)
    tiles = {}
    for tile in tiles_for(ranges, new):
        start = tile.index * TILE
        tiles[tile] = await read_hashes(reader, shard, tile.level, start, start + tile.width)
    try:
        return prove(ranges, tiles)
    except LookupError as error:
        raise NotFound("the log has not grown that far") from error
