"""Invitations: ten letters that nobody takes for a call code."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.core.code import parse_code
from verifier.core.errors import InvalidField, MalformedCode
from verifier.core.invitations import (
    ENTROPY_BYTES,
    LENGTH,
    LETTERS,
    make_invitation,
    parse_invitation,
    show_invitation,
)

octets = st.binary(min_size=ENTROPY_BYTES, max_size=ENTROPY_BYTES)


@pytest.mark.shows("CVP-7.18-1")
@given(octets)
def test_an_invitation_can_be_typed_as_it_is_shown_and_is_no_code(random: bytes) -> None:
    letters = make_invitation(random)
    assert (len(letters), set(letters) <= set(LETTERS)) == (LENGTH, True)
    shown = show_invitation(letters)
    for typed in (shown, shown.lower(), f" {shown.replace('-', ' ')} ", shown.replace("-", "－")):
        assert parse_invitation(typed) == letters
    with pytest.raises(MalformedCode):
        parse_code(shown)


@pytest.mark.shows("CVP-7.18-1")
def test_an_invitation_holds_more_than_forty_bits_and_no_word_and_no_digit() -> None:
    assert len(set(LETTERS)) ** LENGTH > 2**40
    assert not set("AEIOUY0123456789") & set(LETTERS)


def test_each_letter_is_as_likely_as_the_others_in_each_place() -> None:
    made = [make_invitation(n.to_bytes(ENTROPY_BYTES)) for n in range(20**2)]
    for place in (0, 1):
        assert set(Counter(each[place] for each in made).values()) == {20}


@pytest.mark.parametrize(
    "typed", ["", "482177306", "482 177 306", "BCDFG-HJKL", "BCDFG-HJKLMN", "BCDFG-HJKLA", "ａ" * 10]
)
def test_a_slip_is_told_as_a_slip(typed: str) -> None:
    with pytest.raises(InvalidField):
        parse_invitation(typed)
