"""The check digit shows every single slip and every swap of neighbours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.core import damm

DIGITS = st.text("0123456789", min_size=8, max_size=8)


@pytest.mark.shows("CVP-5-4")
def test_the_published_example_of_the_check_digit() -> None:
    assert damm.check_digit("572") == "4"
    assert damm.is_valid("5724")


@pytest.mark.shows("CVP-5-4")
@given(DIGITS, st.integers(0, 8), st.integers(1, 9))
def test_every_wrong_digit_shows(digits: str, place: int, by: int) -> None:
    whole = digits + damm.check_digit(digits)
    other = str((int(whole[place]) + by) % 10)
    assert damm.is_valid(whole)
    assert not damm.is_valid(whole[:place] + other + whole[place + 1 :])


@pytest.mark.shows("CVP-5-4")
@given(DIGITS, st.integers(0, 7))
def test_every_swap_of_unequal_neighbours_shows(digits: str, place: int) -> None:
    whole = digits + damm.check_digit(digits)
    swapped = whole[:place] + whole[place + 1] + whole[place] + whole[place + 2 :]
    assert damm.is_valid(swapped) == (swapped == whole)
