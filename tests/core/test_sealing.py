"""Sealed data can be decrypted only with its key and context."""

from __future__ import annotations

import pytest

from verifier.core.errors import InternalError
from verifier.core.sealing import KEY_BYTES, NONCE_BYTES, ApplicationKeys, seal, unseal

KEY, NONCE = bytes(range(KEY_BYTES)), bytes(NONCE_BYTES)
SEALED = seal(KEY, NONCE, "applications LN-1", b"facts")


def test_sealed_data_opens_with_its_key_and_context() -> None:
    assert unseal(KEY, "applications LN-1", SEALED) == b"facts"
    assert SEALED[:NONCE_BYTES] == NONCE


@pytest.mark.parametrize("sealed", [b"", SEALED[:NONCE_BYTES], SEALED[:-1], SEALED + b"x"])
def test_truncated_or_extended_sealed_data_does_not_open(sealed: bytes) -> None:
    with pytest.raises(InternalError, match="applications LN-1"):
        unseal(KEY, "applications LN-1", sealed)


def test_changed_sealed_data_or_another_key_or_context_does_not_open() -> None:
    for place in range(len(SEALED)):
        with pytest.raises(InternalError):
            unseal(KEY, "applications LN-1", SEALED[:place] + bytes([SEALED[place] ^ 1]) + SEALED[place + 1 :])
    for key, context in ((KEY[::-1], "applications LN-1"), (KEY, "applications LN-2")):
        with pytest.raises(InternalError):
            unseal(key, context, SEALED)


def test_the_keys_of_an_application_differ_and_are_packed_as_one() -> None:
    keys = ApplicationKeys.derive(KEY)
    assert len({keys.sealing, keys.codes, keys.pseudonyms, KEY}) == 4
    assert ApplicationKeys.unpack(keys.pack()) == keys
    for wrong in (b"", keys.pack()[:-1], keys.pack() + b"x"):
        with pytest.raises(InternalError):
            ApplicationKeys.unpack(wrong)
