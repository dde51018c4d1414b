"""Encryption of an application's personal fields under its own key. Implements specs/protocol.md section 4.1.

The algorithm is AES-256-GCM. Sealed data is a random nonce of 96 bits, and then the ciphertext. The encryption
authenticates the context, which names a row. So sealed data cannot be moved to another row.
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
    """The sub-keys of an application key. The name of each member is the use of its sub-key.

    All sub-keys are wrapped together, and destroyed together.
    """

    sealing: bytes
    codes: bytes
    pseudonyms: bytes

    @classmethod
    def derive(cls, application_key: bytes) -> ApplicationKeys:
        """Derive each sub-key with HKDF-Expand-SHA256 (RFC 5869 section 2.3).

        The `info` of HKDF is the name of the member, such as `sealing`.
        """
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
    """Encrypt `plaintext`. `nonce` must be 12 random bytes that were never used with this key."""
    return nonce + AESGCM(key).encrypt(nonce, plaintext, context.encode())


def unseal(key: bytes, context: str, sealed: bytes) -> bytes:
    """Decrypt the result of `seal`.

    Raises InternalError if the bytes were changed, or if `key` or `context` differs from the one for `seal`.
    """
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context.encode())
    except (InvalidTag, ValueError) as error:
        raise InternalError(f"sealed bytes cannot be decrypted: {context}") from error
