"""What statements hold: telephone numbers as in RFC 8225, and commitments."""

from __future__ import annotations

import base64
import hashlib

import msgspec
import pytest

from verifier.core.statements import Tel, Tels, commitment, digest


@pytest.mark.shows("CVP-3-4")
def test_telephone_numbers_are_written_as_in_rfc_8225() -> None:
    assert msgspec.json.encode(Tel("12155551212")) == b'{"tn":"12155551212"}'
    assert msgspec.json.encode(Tels(("12155551213",))) == b'{"tn":["12155551213"]}'


@pytest.mark.shows("CVP-4-9")
def test_a_commitment_hides_and_binds() -> None:
    assert commitment("s", "482177306") == commitment("s", "482177306")
    assert commitment("s", "482177306") != commitment("t", "482177306")
    assert commitment("s", "482177306") != commitment("s", "482177307")
    opened = hashlib.sha256(b"s\x00482177306").digest()
    assert commitment("s", "482177306") == base64.urlsafe_b64encode(opened).decode().rstrip("=")


def test_the_entry_of_a_statement_is_the_hash_of_its_text() -> None:
    assert digest("a.b.c") == hashlib.sha256(b"a.b.c").digest()
