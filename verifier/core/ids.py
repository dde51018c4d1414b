"""Makes identifiers that sort by time of creation. They consist of a prefix, such as `call_`, and a UUIDv7 (RFC 9562).

Implements specs/protocol.md section 3.
"""

from __future__ import annotations

ENTROPY_BYTES = 10


def new_id(prefix: str, now_ms: int, entropy: bytes) -> str:
    """Return `<prefix>_` and the 32 hex digits of a UUIDv7. `now_ms` is in epoch milliseconds.

    `entropy` is `ENTROPY_BYTES` random bytes.
    """
    value = (now_ms & (1 << 48) - 1) << 80 | int.from_bytes(entropy, "big")
    value = value & ~(0xF << 76) | 0x7 << 76  # version 7
    value = value & ~(0x3 << 62) | 0x2 << 62  # variant 10
    return f"{prefix}_{value:032x}"


def made_at(each: str) -> int:
    """The creation time of an identifier, in epoch milliseconds. Raises ValueError if `each` is not an identifier."""
    return int(each.rpartition("_")[2][:12], 16)


def hex_at(ms: int) -> str:
    """The hex digits that every identifier of this millisecond begins with (RFC 9562 section 5.7)."""
    return f"{max(0, ms):012x}"
