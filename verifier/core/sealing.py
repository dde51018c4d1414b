"""Encryption of an application's personal fields under its own key. Implements specs/protocol.md section 4.1.

AES-256-GCM with a random 96-bit nonce before the ciphertext. The context is authenticated, so that sealed data cannot
be moved to another row.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from msgspec import Struct

from verifier.core.errors import InternalError

NONCE_BYTES = 12
KEY_BYTES = 32


class ApplicationKeys(Struct, frozen=True):
    """The sub-keys of an application key, one for each use. They are wrapped and destroyed together."""

    sealing: bytes
    codes: bytes
    pseudonyms: bytes

    @classmethod
    def derive(cls, application_key: bytes) -> ApplicationKeys:
        """Derive each sub-key with HKDF-Expand-SHA256 (RFC 5869 section 2.3). `info` is the name of the use."""
        uses = cls.__struct_fields__
        return cls(*(HKDFExpand(SHA256(), KEY_BYTES, use.encode()).derive(application_key) for use in uses))

    @classmethod
    def unpack(cls, packed: bytes) -> ApplicationKeys:
        """Undo `pack`. Raises InternalError if `packed` has the wrong length."""
        if len(packed) != 3 * KEY_BYTES:
            raise InternalError("the keys of an application have the wrong length")
        return cls(packed[:KEY_BYTES], packed[KEY_BYTES:-KEY_BYTES], packed[-KEY_BYTES:])

    def pack(self) -> bytes:
        """The bytes of the three sub-keys, one after another."""
        return self.sealing + self.codes + self.pseudonyms


def seal(key: bytes, nonce: bytes, context: str, plaintext: bytes) -> bytes:
    """Encrypt. `nonce` must be 12 random bytes that were never used with this key."""
    return nonce + AESGCM(key).encrypt(nonce, plaintext, context.encode())


def unseal(key: bytes, context: str, sealed: bytes) -> bytes:
    """Decrypt. Raises InternalError if the bytes, the key or the context are not the same as for `seal`."""
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context.encode())
    except (InvalidTag, ValueError) as error:
        raise InternalError(f"sealed bytes cannot be decrypted: {context}") from error
