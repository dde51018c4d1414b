"""The calls of a day to each contact of an application."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.core.contact_counts import all_to, calls_on, of_contacts, with_call

DAYS = st.lists(st.tuples(st.sampled_from(["a-_", "b", "c"]), st.integers(0, 2)), max_size=30)


@given(DAYS)
def test_calls_are_counted_for_each_contact_and_day(calls: list[tuple[str, int]]) -> None:
    counts = ""
    calls = sorted(calls, key=lambda each: each[1])
    for contact, day in calls:
        counts = with_call(counts, contact, 739_000 + day)
    last = dict(calls)
    for contact, day in last.items():
        assert calls_on(counts, contact, 739_000 + day) == calls.count((contact, day))
        assert calls_on(counts, contact, 739_001 + day) == 0
    assert calls_on(counts, "stranger", 739_000) == 0
    assert len(counts.split()) == len(last), "one entry for each contact"


@given(st.lists(st.sampled_from([-1, 0, 1]), max_size=30))
def test_no_move_across_the_date_line_brings_calls_back(moves: list[int]) -> None:
    """A contact who moves west has an earlier day. No day that begins again begins with a count of 0."""
    counts, day = "", 739_000
    made: list[int] = []
    for move in moves:
        day += move
        if made and day > max(made):
            made = []
        assert calls_on(counts, "a", day) == len(made)
        counts = with_call(counts, "a", day)
        made.append(day)


def test_the_calls_of_a_day_that_is_over_everywhere_are_dropped() -> None:
    """At 10:30 UTC it is one day at UTC+14, and the second day before it at UTC-12."""
    counts = with_call(with_call("", "west", 1), "east", 3)
    assert counts == "west:1:1 east:3:1"
    assert calls_on(counts, "west", 1) == 1
    assert with_call(counts, "east", 4) == "east:4:1"


@pytest.mark.parametrize(("calls", "text"), [(0, ""), (2, "a:7:2")])
def test_the_calls_of_one_contact_become_their_count(calls: int, text: str) -> None:
    counts = all_to("a", 7, calls)
    assert (counts, calls_on(counts, "a", 7), calls_on(counts, "a", 8)) == (text, calls, 0)


def test_only_the_counts_of_contacts_are_kept() -> None:
    assert of_contacts("a:1:2 b:1:1 c:2:1", {"a", "c", "new"}) == "a:1:2 c:2:1"
