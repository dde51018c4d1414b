"""Instants are RFC 3339 UTC on the wire and whole milliseconds at rest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.core.times import from_ms, optional_from_ms, to_ms


@pytest.mark.shows("CVP-3-3")
@given(st.integers(0, 253_402_300_799_999))
def test_an_instant_converts_to_the_wire_and_back(ms: int) -> None:
    assert to_ms(from_ms(ms)) == ms


def test_a_fraction_of_a_millisecond_is_rounded_down_in_any_zone() -> None:
    instant = datetime(1970, 1, 1, 8, 0, 0, 1999, tzinfo=timezone(timedelta(hours=8)))
    assert to_ms(instant) == 1
    assert to_ms(datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)) == -1


def test_a_missing_time_converts_to_none() -> None:
    assert optional_from_ms(None) is None
    assert optional_from_ms(0) == datetime(1970, 1, 1, tzinfo=UTC)
