"""Encryption of an application's personal fields under its own key. Carries out specs/protocol.md section 4.1.

AES-256-GCM with a random 96-bit nonce before the ciphertext; the context binds what is sealed to its row.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from verifier.core.errors import InternalError

NONCE_BYTES = 12
KEY_BYTES = 32


def seal(key: bytes, nonce: bytes, context: str, plaintext: bytes) -> bytes:
    """Encrypt under a key; `nonce` is 12 random bytes never used with this key before."""
    return nonce + AESGCM(key).encrypt(nonce, plaintext, context.encode())


def unseal(key: bytes, context: str, sealed: bytes) -> bytes:
    """Decrypt; raises InternalError when the bytes, the key or the context are not those of `seal`."""
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context.encode())
    except (InvalidTag, ValueError) as error:
        raise InternalError(f"sealed bytes do not open: {context}") from error
