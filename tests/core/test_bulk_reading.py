"""When looks are a bulk reading: more than so many customers within an hour."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.core.bulk_reading import BulkReadings, Seen
from verifier.core.times import HOUR_MS

MINUTE = 60_000


def looks(*seen: tuple[int, str]) -> list[Seen]:
    """Looks at a time in minutes and at a customer."""
    return [Seen(f"look_{n}", at * MINUTE, customer) for n, (at, customer) in enumerate(seen)]


def found_in(seen: list[Seen], limit: int, known: list[int]) -> list[str]:
    readings = BulkReadings(limit, known)
    return [each.look_id for each in seen if readings.add(each)]


@pytest.mark.shows("CVP-7.17-9")
@pytest.mark.parametrize(
    ("seen", "found"),
    [
        ([(0, "a"), (1, "b"), (2, "c")], []),
        ([(0, "a"), (1, "b"), (2, "c"), (3, "d")], ["look_3"]),
        ([(0, "a"), (1, "a"), (2, "a"), (3, "a"), (4, "b")], []),
        ([(0, "a"), (20, "b"), (40, "c"), (60, "d")], []),
        ([(1, "a"), (20, "b"), (40, "c"), (60, "d")], ["look_3"]),
        ([(0, "a"), (50, "b"), (70, "c"), (71, "d"), (72, "e")], ["look_4"]),
        ([(n, str(n)) for n in range(10)], ["look_3"]),
        ([(n, str(n)) for n in range(70)], ["look_3", "look_63"]),
        ([], []),
    ],
    ids=[
        "three of three",
        "a fourth",
        "the same again",
        "an hour later",
        "just within",
        "around the hour",
        "one, not one for each look",
        "one each hour",
        "none",
    ],
)
def test_more_than_three_customers_within_an_hour(seen: list[tuple[int, str]], found: list[str]) -> None:
    assert found_in(looks(*seen), 3, []) == found


@pytest.mark.shows("CVP-7.17-9")
@given(
    st.lists(st.tuples(st.integers(0, 200), st.sampled_from("abcdef")), max_size=40),
    st.lists(st.integers(0, 200), max_size=3),
    st.integers(1, 5),
)
def test_a_bulk_reading_is_found_exactly_where_the_customers_of_an_hour_say(
    drawn: list[tuple[int, str]], earlier: list[int], limit: int
) -> None:
    seen = looks(*sorted(drawn))
    known = [each * MINUTE for each in earlier]
    wanted = []
    for n, look in enumerate(seen):
        hour = {each.customer for each in seen[: n + 1] if each.at > look.at - HOUR_MS}
        if len(hour) > limit and min((abs(look.at - at) for at in known), default=HOUR_MS) >= HOUR_MS:
            known.append(look.at)
            wanted.append(look.look_id)
    assert found_in(seen, limit, [each * MINUTE for each in earlier]) == wanted
