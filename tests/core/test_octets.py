"""Each sequence of octets has one base64 encoding."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.core.octets import base64, base64url, from_base64, from_base64url


@given(st.binary(max_size=64))
def test_encoded_octets_decode_to_the_same_octets(octets: bytes) -> None:
    assert from_base64(base64(octets)) == octets
    assert from_base64url(base64url(octets)) == octets


@pytest.mark.parametrize("text", ["YQ", "YR==", "YQ=", "YQ==\n", " YQ==", "Y-_=", "YQ==YQ=="])
def test_a_non_canonical_base64_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the words are ours or those of base64
        from_base64(text)


@pytest.mark.parametrize("text", ["YR", "YQ==", "YQ\n", "a+b/", "Y"])
def test_a_non_canonical_base64url_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the words are ours or those of base64
        from_base64url(text)
