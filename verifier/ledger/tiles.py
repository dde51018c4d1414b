"""The stored hashes of a shard's log, by tile level (C2SP tlog-tiles), and what can be proved by them.

Implements specs/protocol.md section 8.2.
"""

from __future__ import annotations

from verifier.core.errors import NotFound
from verifier.core.merkle import TILE, TILE_HEIGHT, Tree, consistency_ranges, leaf_hash, prove, tiles_for
from verifier.core.shards import global_index
from verifier.ledger import records
from verifier.ports import Reader


async def read_entries(reader: Reader, shard: int, start: int, end: int) -> list[bytes]:
    """The entries from index `start` up to `end`; fewer where the log ends."""
    rows = await reader.fetch(records.ENTRIES_BETWEEN, global_index(shard, start), global_index(shard, end))
    return [bytes(row[0]) for row in rows]


async def read_hashes(reader: Reader, shard: int, level: int, start: int, end: int) -> list[bytes]:
    """The hashes of tree level `8 * level` from index `start` up to `end`; fewer where the log ends."""
    if level == 0:
        return [leaf_hash(entry) for entry in await read_entries(reader, shard, start, end)]
    rows = await reader.fetch(records.NODES_BETWEEN, level, global_index(shard, start), global_index(shard, end))
    return [bytes(row[0]) for row in rows]


async def read_tree(reader: Reader, shard: int, size: int) -> Tree:
    """The tree of that size, from its right edge: the rightmost partial tile of each level."""
    tiles: dict[int, list[bytes]] = {}
    level = 0
    while (width := size >> TILE_HEIGHT * level) > 0:
        tiles[level] = await read_hashes(reader, shard, level, width // TILE * TILE, width)
        level += 1
    return Tree.resume(size, tiles)


async def consistency_proof(reader: Reader, shard: int, old: int, new: int) -> list[bytes]:
    """The proof that the tree of size `new` begins with that of size `old` (RFC 6962 section 2.1.2).

    Raises InvalidProof where none is defined, NotFound where the log has not grown that far.
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
