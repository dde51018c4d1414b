"""A strict check of the points in Ed25519 keys and signatures (RFC 8032). Not all libraries make this check.

Implements specs/protocol.md section 8.1.
"""

from __future__ import annotations

ORDER = 2**252 + 27742317777372353535851937790883648493
_PRIME = 2**255 - 19
_ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
# The y coordinates of the 8 points of small order.
_SMALL = frozenset((0, 1, _PRIME - 1, _ORDER_8, _PRIME - _ORDER_8))


def is_point(octets: bytes) -> bool:
    """Whether 32 bytes are the canonical encoding of an edwards25519 point that is not of small order."""
    y = int.from_bytes(octets, "little") & (1 << 255) - 1
    return len(octets) == 32 and y < _PRIME and y not in _SMALL
