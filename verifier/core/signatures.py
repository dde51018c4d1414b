"""ES256 and Ed25519 signatures (RFC 7518, RFC 8032). The checks are so strict that all libraries agree on the result.

Implements specs/protocol.md section 8.1.
"""

from __future__ import annotations

import hashlib

from cryptography.exceptions import InvalidSignature as SignatureMismatch
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    EllipticCurvePublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from verifier.core.errors import InvalidSignature
from verifier.core.octets import from_base64url

_HALF = 32
# The hash is computed with hashlib, which is faster than the library cryptography. So ECDSA takes the finished hash.
_ES256 = ECDSA(Prehashed(SHA256()))
_PRIME = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
# The y coordinates of the 8 points of small order. These points are refused, because libraries differ on whether such a
# point is a valid key.
_SMALL = frozenset((0, 1, _PRIME - 1, _ORDER_8, _PRIME - _ORDER_8))


def p256_key(jwk: dict[str, object]) -> EllipticCurvePublicKey:
    """The public key of a JWK (RFC 7518 section 6.2.1). Raises InvalidSignature if its point is not on P-256."""
    try:
        x, y = (_coordinate(jwk[name]) for name in ("x", "y"))
        return EllipticCurvePublicNumbers(x, y, SECP256R1()).public_key()
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidSignature("the key is not a point of P-256") from error


def _coordinate(text: object) -> int:
    if not isinstance(text, str):
        raise TypeError("a coordinate must be a string")
    octets = from_base64url(text)
    if len(octets) != _HALF:
        raise ValueError("a coordinate of P-256 has 32 bytes")
    return int.from_bytes(octets)


def sign_es256(key: EllipticCurvePrivateKey, octets: bytes) -> bytes:
    """Sign with ES256 (RFC 7518 section 3.4). Returns the numbers r and s, in 32 bytes each."""
    r, s = decode_dss_signature(key.sign(hashlib.sha256(octets).digest(), _ES256))
    return r.to_bytes(_HALF) + s.to_bytes(_HALF)


def verify_es256(key: EllipticCurvePublicKey, signature: bytes, signed: bytes) -> None:
    """Verify an ES256 signature. `signature` has the numbers r and s, in 32 bytes each. Raises InvalidSignature."""
    try:
        if len(signature) != 2 * _HALF:
            raise ValueError("an ES256 signature has 64 bytes")
        r, s = int.from_bytes(signature[:_HALF]), int.from_bytes(signature[_HALF:])
        key.verify(encode_dss_signature(r, s), hashlib.sha256(signed).digest(), _ES256)
    except (SignatureMismatch, ValueError) as error:
        raise InvalidSignature("the ES256 signature does not verify") from error


def is_point(octets: bytes) -> bool:
    """Whether 32 bytes are the canonical encoding of an edwards25519 point that is not of small order."""
    y = int.from_bytes(octets, "little") & (1 << 255) - 1
    return len(octets) == _HALF and y < _PRIME and y not in _SMALL


def verify_ed25519(public_key: bytes, signature: bytes, signed: bytes) -> None:
    """Verify an Ed25519 signature. Raises InvalidSignature.

    The signature is refused if the key or the point R is of small order. It is also refused if the number S is not less
    than the order of the group.
    """
    point, scalar = signature[:_HALF], int.from_bytes(signature[_HALF:], "little")
    try:
        if len(signature) != 2 * _HALF or not is_point(public_key) or not is_point(point) or scalar >= _ORDER:
            raise ValueError("the signature does not have the form of RFC 8032")
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, signed)
    except (SignatureMismatch, ValueError) as error:
        raise InvalidSignature("the Ed25519 signature does not verify") from error
