"""The check digit detects every wrong digit and every swap of neighbours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.core import damm

DIGITS = st.text("0123456789", min_size=8, max_size=8)


@pytest.mark.shows("CVP-5-4")
def test_the_check_digit_matches_the_published_example() -> None:
    assert damm.check_digit("572") == "4"
    assert damm.is_valid("5724")


@pytest.mark.shows("CVP-5-4")
@given(DIGITS, st.integers(0, 8), st.integers(1, 9))
def test_each_wrong_digit_is_detected(digits: str, place: int, by: int) -> None:
    whole = digits + damm.check_digit(digits)
    other = str((int(whole[place]) + by) % 10)
    assert damm.is_valid(whole)
    assert not damm.is_valid(whole[:place] + other + whole[place + 1 :])


@pytest.mark.shows("CVP-5-4")
@given(DIGITS, st.integers(0, 7))
def test_each_swap_of_unequal_neighbours_is_detected(digits: str, place: int) -> None:
    whole = digits + damm.check_digit(digits)
    swapped = whole[:place] + whole[place + 1] + whole[place] + whole[place + 2 :]
    assert damm.is_valid(swapped) == (swapped == whole)
