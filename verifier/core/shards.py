"""Shards: the logs that a deployment's log may consist of, each with a head, an origin and checkpoints of its own.

Implements specs/protocol.md sections 8.4 and 10.
"""

from __future__ import annotations

import re

MAX_SHARDS = 256
INDEX_BITS = 48
_SUFFIX = re.compile(r"/([1-9][0-9]{0,2})")


def shard_of(key: bytes, shards: int) -> int:
    """Which of so many shards a key belongs to. The key is taken as it is: at least 8 bytes, evenly spread."""
    return int.from_bytes(key[:8]) % shards


def shard_origin(origin: str, shard: int) -> str:
    """The origin line of a shard; the first has the log's own."""
    return origin if shard == 0 else f"{origin}/{shard}"


def origin_shard(found: str, origin: str) -> int | None:
    """Which shard of the log an origin line names; None when it is none of its."""
    if found == origin:
        return 0
    suffix = _SUFFIX.fullmatch(found.removeprefix(origin)) if found.startswith(origin) else None
    shard = int(suffix[1]) if suffix is not None else MAX_SHARDS
    return shard if shard < MAX_SHARDS else None


def global_index(shard: int, index: int) -> int:
    """Where a database keeps what has this index in a shard's log: shards one after another, each 2^48 wide, so that
    in the first a place is the index."""
    return shard << INDEX_BITS | index


def index_of(at: int) -> int:
    """The index in its shard's log of what is kept at a place."""
    return at & (1 << INDEX_BITS) - 1


def shard_at(at: int) -> int:
    """The shard of what is kept at a place."""
    return at >> INDEX_BITS
