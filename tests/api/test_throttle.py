"""What a throttle remembers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from verifier.api.throttle import MAX_KEYS, Throttle
from verifier.core.errors import RateLimited
from verifier.core.limits import Decision, Limit, decide

LIMIT = Limit(3, 600)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 900)), max_size=200))
def test_a_key_that_was_forgotten_decides_as_if_it_was_remembered(events: list[tuple[int, int]]) -> None:
    now = 0
    throttle = Throttle("people", LIMIT, lambda: now)
    tats: dict[int, int] = {}
    for key, pause in events:
        now += pause
        expected = decide(LIMIT, tats.get(key), now)
        tats[key] = expected.tat
        assert _decision(throttle, key) == (expected if expected.allowed else expected.retry_after)


def test_keys_at_their_full_limit_are_forgotten() -> None:
    now = 0
    throttle = Throttle("people", LIMIT, lambda: now)
    for key in range(1_000):
        throttle.spend(str(key))
    now += LIMIT.period_ms
    for _ in range(500):
        throttle.spend("a person who goes on")
        now += LIMIT.interval_ms
    assert len(throttle) == 1


def test_a_crowd_cannot_fill_the_memory() -> None:
    throttle = Throttle("people", LIMIT, lambda: 0)
    for key in range(MAX_KEYS + 10):
        throttle.spend(str(key))
    assert len(throttle) == MAX_KEYS


def _decision(throttle: Throttle, key: int) -> Decision | int:
    try:
        return throttle.spend(str(key))
    except RateLimited as refused:
        return refused.retry_after
