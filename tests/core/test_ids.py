"""Identifiers are UUIDv7 of RFC 9562: sortable by time, and hard to guess."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.core.ids import new_id

TIMES = st.integers(0, (1 << 48) - 1)
ENTROPY = st.binary(min_size=10, max_size=10)


@pytest.mark.shows("CVP-3-2")
@given(TIMES, ENTROPY)
def test_an_id_is_a_uuid_of_version_7_that_carries_its_time(now_ms: int, entropy: bytes) -> None:
    prefix, digits = new_id("call", now_ms, entropy).split("_")
    made = uuid.UUID(digits)
    assert (prefix, made.version, made.variant) == ("call", 7, uuid.RFC_4122)
    assert made.int >> 80 == now_ms


@given(TIMES, TIMES, ENTROPY, ENTROPY)
def test_ids_sort_by_time(one: int, other: int, first: bytes, second: bytes) -> None:
    if one < other:
        assert new_id("call", one, first) < new_id("call", other, second)
