"""Base64 has one spelling for each sequence of octets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.core.octets import base64, base64url, from_base64, from_base64url


@given(st.binary(max_size=64))
def test_what_is_written_reads_back(octets: bytes) -> None:
    assert from_base64(base64(octets)) == octets
    assert from_base64url(base64url(octets)) == octets


@pytest.mark.parametrize("text", ["YQ", "YR==", "YQ=", "YQ==\n", " YQ==", "Y-_=", "YQ==YQ=="])
def test_another_spelling_of_base64_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the words are ours or those of base64
        from_base64(text)


@pytest.mark.parametrize("text", ["YR", "YQ==", "YQ\n", "a+b/", "Y"])
def test_another_spelling_of_base64url_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the words are ours or those of base64
        from_base64url(text)
