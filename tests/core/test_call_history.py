"""Windows of call histories: which are refused, and that no call of a window is left out (CVP-7.14)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.core.call import Call
from verifier.core.call_history import LONGEST_CALL_MS, MAX_WINDOW_MS, window
from verifier.core.errors import InvalidField
from verifier.core.times import DAY_MS, FUTURE_SLACK_MS

NOW = 1_795_406_400_000
TIMES = st.integers(-DAY_MS, NOW + DAY_MS)


def call(issued: int, ended: int | None) -> Call:
    return Call("call_1", "LN-1", "4412", 0, 1, "required", issued, issued + 600_000, ended_at=ended)


@pytest.mark.shows("CVP-7.14-5", "CVP-7.14-10")
@given(TIMES, TIMES, TIMES, st.one_of(st.just(0), st.integers(NOW - 60 * DAY_MS, NOW)))
def test_a_window_is_refused_or_is_what_was_asked_up_to_now(begins: int, ends: int, now: int, kept: int) -> None:
    fine = (
        0 <= begins <= ends <= now + FUTURE_SLACK_MS
        and ends - begins <= MAX_WINDOW_MS
        and (kept == 0 or begins - LONGEST_CALL_MS >= kept)
    )
    if not fine:
        with pytest.raises(InvalidField):
            window(begins, ends, now, kept)
        return
    found = window(begins, ends, now, kept)
    assert found.begins <= found.ends <= now // 1000
    assert found.begins * 1000 <= begins
    assert found.ends * 1000 >= min(ends, now // 1000 * 1000)
    assert found.ends * 1000 - ends < 1000


@pytest.mark.shows("CVP-7.14-1")
@given(
    st.integers(NOW - 32 * DAY_MS, NOW),
    st.one_of(st.none(), st.integers(0, LONGEST_CALL_MS)),
    st.integers(0, 31 * DAY_MS),
    st.integers(0, 31 * DAY_MS),
)
def test_each_call_that_overlaps_is_in_the_window_and_is_loaded(
    issued: int, lasted: int | None, back: int, length: int
) -> None:
    begins = NOW - back
    ends = min(begins + length, NOW)
    found = window(begins, ends, NOW, 0)
    ended = None if lasted is None else issued + lasted
    overlaps = issued <= ends and (ended is None or ended >= begins)
    one = call(issued, ended)
    assert overlaps <= found.holds(one)
    first, last = found.issued_between
    assert (found.holds(one) and ended is not None) <= (first <= issued <= last)
    # What the history says in whole seconds agrees with itself.
    if found.holds(one):
        assert issued // 1000 <= found.ends
        assert ended is None or ended // 1000 >= found.begins
