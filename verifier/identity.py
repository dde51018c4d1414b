"""Signs SIP identities with a key from a file. Implements specs/protocol.md section 6.4.

A certification authority of the telephone network certifies this key. So the key is not in the key ring.
"""

from __future__ import annotations

from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from verifier.core.signatures import sign_es256
from verifier.files import read_bounded

MAX_PEM = 65_536


class FileIdentitySigner:
    """Implements `verifier.ports.IdentitySigner` with a key from a PEM file.

    Raises ValueError if the file has no P-256 key, or if `x5u` is not an https address.
    """

    def __init__(self, path: Path, x5u: str) -> None:
        try:
            key = load_pem_private_key(read_bounded(path, MAX_PEM), None)
        except (OSError, TypeError, ValueError) as error:
            raise ValueError(f"the key for SIP identity cannot be read: {error}") from error
        if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
            raise ValueError("the key for SIP identity must be an EC key on P-256")
        if not x5u.startswith("https://"):
            raise ValueError("the certificate for SIP identity needs an https address")
        self._key = key
        self.x5u = x5u

    def sign(self, octets: bytes) -> bytes:
        """Sign the octets. Returns the 64 bytes of an ES256 signature (RFC 7518 section 3.4)."""
        return sign_es256(self._key, octets)


def certificate_key(pem: bytes) -> EllipticCurvePublicKey:
    """The public key of a certificate in PEM. Raises ValueError if the key is not on P-256."""
    try:
        key = x509.load_pem_x509_certificate(pem).public_key()
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise ValueError("the certificate cannot be read") from error
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise ValueError("the certificate's key is not on P-256")
    return key
