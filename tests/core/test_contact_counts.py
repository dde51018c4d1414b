"""The calls of a day to each contact of an application."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from verifier.core.contact_counts import calls_on, with_call

CALLS = st.lists(st.tuples(st.sampled_from(["a-_", "b", "c"]), st.integers(0, 1)), max_size=30)


@given(CALLS)
def test_calls_are_counted_for_each_contact_and_day(calls: list[tuple[str, int]]) -> None:
    counts = ""
    for contact, day in calls:
        counts = with_call(counts, contact, 739_000 + day)
    for key, count in Counter(calls).items():
        assert calls_on(counts, key[0], 739_000 + key[1]) == count
    assert calls_on(counts, "stranger", 739_000) == 0


def test_old_days_are_dropped() -> None:
    counts = with_call(with_call("", "a", 1), "b", 3)
    assert counts == "b:3:1"
    assert with_call("a:1:2", "b", 2) == "a:1:2 b:2:1"
