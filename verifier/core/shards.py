"""Shards of the log. Each shard is a log of its own, with its own head, origin and checkpoints.

Implements specs/protocol.md sections 8.4 and 10.
"""

from __future__ import annotations

import re

MAX_SHARDS = 256
INDEX_BITS = 48
_SUFFIX = re.compile(r"/([1-9][0-9]{0,2})")


def shard_of(key: bytes, shards: int) -> int:
    """The number of the shard for a key. The first 8 bytes of the key must be evenly distributed."""
    return int.from_bytes(key[:8]) % shards


def shard_origin(origin: str, shard: int) -> str:
    """The origin line of a shard. The first shard has the origin line of the log."""
    return origin if shard == 0 else f"{origin}/{shard}"


def origin_shard(found: str, origin: str) -> int | None:
    """The number of the shard that an origin line names. None if the line is not of the log with this origin."""
    if found == origin:
        return 0
    suffix = _SUFFIX.fullmatch(found.removeprefix(origin)) if found.startswith(origin) else None
    shard = int(suffix[1]) if suffix is not None else MAX_SHARDS
    return shard if shard < MAX_SHARDS else None


def global_index(shard: int, index: int) -> int:
    """The global index of a leaf, from its shard and its index in the shard.

    Each shard has a range of 2^48 global indexes. In the first shard, the global index is the same as the index.
    """
    return shard << INDEX_BITS | index


def index_of(at: int) -> int:
    """The index of a leaf in its shard. `at` is the global index of the leaf."""
    return at & (1 << INDEX_BITS) - 1


def shard_at(at: int) -> int:
    """The number of the shard that has a leaf. `at` is the global index of the leaf."""
    return at >> INDEX_BITS
