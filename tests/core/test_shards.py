"""How shards are numbered: their origins, and the global index of a leaf."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.core.shards import INDEX_BITS, MAX_SHARDS, global_index, index_of, origin_shard, shard_at, shard_of
from verifier.core.shards import shard_origin as origin_of

ORIGIN = "verify.bank.example/log"
SHARDS = st.integers(0, MAX_SHARDS - 1)


@given(SHARDS)
def test_the_origin_of_a_shard_parses_back_to_the_shard(shard: int) -> None:
    assert origin_shard(origin_of(ORIGIN, shard), ORIGIN) == shard


@pytest.mark.parametrize("suffix", ["/0", "/00", "/01", "/256", "/1000", "/1/", "/", "1", "/-1", "/1\n", "/１"])
def test_a_malformed_suffix_is_no_shard(suffix: str) -> None:
    assert origin_shard(ORIGIN + suffix, ORIGIN) is None
    assert origin_shard("elsewhere.example/log", ORIGIN) is None


@given(SHARDS, st.integers(0, (1 << INDEX_BITS) - 1))
def test_a_global_index_holds_shard_and_index(shard: int, index: int) -> None:
    at = global_index(shard, index)
    assert (shard_at(at), index_of(at)) == (shard, index)
    assert at < 1 << 63
    assert shard or at == index


@given(st.binary(min_size=8, max_size=16), st.integers(1, MAX_SHARDS))
def test_the_first_eight_bytes_of_a_key_select_its_shard(key: bytes, shards: int) -> None:
    assert 0 <= shard_of(key, shards) < shards
    assert shard_of(key, shards) == shard_of(key[:8], shards)
