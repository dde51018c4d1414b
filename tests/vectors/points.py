"""Vectors of Ed25519 points on which libraries differ, in checkpoints.json (protocol section 8.1; RFC 8032)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.vectors.bank import SMALL_LOG, seed
from tests.vectors.files import Json, invalid

PRIME = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
SIGN = 1 << 255
IDENTITY = (1).to_bytes(32, "little")
# The y of each encoding of a point of small order, reduced or not.
SMALL = {
    "order-1": 1,
    "order-2": PRIME - 1,
    "order-4": 0,
    "order-8": ORDER_8,
    "order-8-other": PRIME - ORDER_8,
    "zero-unreduced": PRIME,
    "one-unreduced": PRIME + 1,
}
# Unreduced encodings of points of large order.
UNREDUCED = {"unreduced": PRIME + 3, "unreduced-last": SIGN - 1}


def points(text: str) -> Iterator[Json]:
    """Keys and signatures that some libraries accept, each with the known name."""
    for name, y in {**SMALL, **UNREDUCED}.items():
        for sign in (0, SIGN):
            key = (y | sign).to_bytes(32, "little")
            about = f"a key that is no point of large order: {name}{', x odd' if sign else ''}"
            yield _by(f"point-{name}{'-odd' if sign else ''}", about, text, key)
    yield _small_r(text)


def _by(name: str, about: str, text: str, key: bytes) -> Json:
    """A note that a careless library accepts as signed by the key, whose discrete logarithm is public."""
    scalar = _scalar(seed("small log"))
    signature = SMALL_LOG.public + (scalar % ORDER).to_bytes(32, "little")
    for line in range(64):
        tried = f"{text}{line}\n"
        if _taken(key, signature, tried.encode()):
            break
    typed = b"\x01" + key
    key_id = hashlib.sha256(f"{SMALL_LOG.name}\n".encode() + typed).digest()[:4]
    note = f"{tried}\n— {SMALL_LOG.name} {base64.b64encode(key_id + signature).decode()}\n"
    vkey = f"{SMALL_LOG.name}+{key_id.hex()}+{base64.b64encode(typed).decode()}"
    return invalid(name, about, "invalid_signature", note=note, keys=[vkey])


def _taken(key: bytes, signature: bytes, text: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, text)
    except (InvalidSignature, ValueError):
        return False
    return True


def _small_r(text: str) -> Json:
    """A signature whose R is the identity, which only the owner of the known key can make."""
    digest = hashlib.sha512(IDENTITY + SMALL_LOG.public + text.encode()).digest()
    s = int.from_bytes(digest, "little") * _scalar(seed("small log")) % ORDER
    signature = IDENTITY + s.to_bytes(32, "little")
    assert _taken(SMALL_LOG.public, signature, text.encode())
    typed = b"\x01" + SMALL_LOG.public
    key_id = hashlib.sha256(f"{SMALL_LOG.name}\n".encode() + typed).digest()[:4]
    line = base64.b64encode(key_id + signature).decode()
    note = f"{text}\n— {SMALL_LOG.name} {line}\n"
    return invalid("point-small-r", "a signature whose R is of small order", "invalid_signature", note=note)


def _scalar(secret: bytes) -> int:
    octets = hashlib.sha512(secret).digest()[:32]
    return int.from_bytes(octets, "little") & (1 << 254) - 8 | 1 << 254
