"""Checks GCRA against its promised bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.core.limits import Limit, decide

LIMIT = Limit(burst=6, period_ms=3_600_000)


@given(st.lists(st.integers(0, 900_000), min_size=1, max_size=200))
def test_a_window_allows_at_most_twice_the_burst_and_the_long_run_keeps_the_rate(gaps: list[int]) -> None:
    now, tat, allowed = 0, None, []
    for gap in gaps:
        now += gap
        decision = decide(LIMIT, tat, now)
        if decision.allowed:
            allowed.append(now)
            tat = decision.tat
    for start in allowed:
        within = [at for at in allowed if start <= at < start + LIMIT.period_ms]
        assert len(within) <= 2 * LIMIT.burst
    assert len(allowed) <= LIMIT.burst + (allowed[-1] - allowed[0]) // LIMIT.interval_ms if allowed else True


@pytest.mark.shows("CVP-6.2-3")
def test_a_burst_is_allowed_and_then_one_request_per_interval() -> None:
    tat = None
    for left in (5, 4, 3, 2, 1, 0):
        decision = decide(LIMIT, tat, 0)
        assert (decision.allowed, decision.remaining) == (True, left)
        tat = decision.tat
    refused = decide(LIMIT, tat, 0)
    assert (refused.allowed, refused.retry_after) == (False, 600)
    assert not decide(LIMIT, tat, 599_999).allowed
    assert decide(LIMIT, tat, 600_000).allowed


def test_a_long_pause_allows_no_more_than_a_burst() -> None:
    tat: int | None = decide(LIMIT, None, 0).tat
    later = 100 * LIMIT.period_ms
    for _ in range(LIMIT.burst):
        decision = decide(LIMIT, tat, later)
        assert decision.allowed
        tat = decision.tat
    assert not decide(LIMIT, tat, later).allowed


@pytest.mark.parametrize("burst", [0, -1, 1001])
def test_an_invalid_limit_is_refused(burst: int) -> None:
    with pytest.raises(ValueError, match="a limit must be"):
        Limit(burst, 1000)


def test_a_decision_at_cost_zero_changes_nothing() -> None:
    tat = None
    for _ in range(LIMIT.burst):
        assert decide(LIMIT, tat, 0, cost=0).allowed
        tat = decide(LIMIT, tat, 0).tat
    assert not decide(LIMIT, tat, 0, cost=0).allowed
    assert decide(LIMIT, tat, 0, cost=0).tat == tat
