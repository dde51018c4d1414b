"""The linearizability checker accepts possible histories and refuses impossible ones."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.faults.linearizable import (
    AGAIN,
    DONE,
    GENUINE,
    NOT_GENUINE,
    Operation,
    State,
    linearizable,
    step,
    violations,
)

CONNECT = Operation("connect", "c", 0, 1, DONE)


def confirm(invoked: float, returned: float | None, answer: str = GENUINE, receipt: str = "r") -> Operation:
    return Operation("confirm", "c", invoked, returned, answer, receipt)


def guess(invoked: float, returned: float | None) -> Operation:
    return Operation("guess", "c", invoked, returned, NOT_GENUINE)


def end(invoked: float, returned: float | None) -> Operation:
    return Operation("end", "c", invoked, returned, DONE)


def revoke(invoked: float, returned: float | None) -> Operation:
    return Operation("revoke", "c", invoked, returned, DONE)


def look(invoked: float, returned: float, state: str) -> Operation:
    return Operation("look", "c", invoked, returned, state)


def status(invoked: float, returned: float, state: str) -> Operation:
    return Operation("status", "c", invoked, returned, state)


RING = Operation("ring", "c", -2, -1, DONE)

POSSIBLE = {
    "used once, told again": [CONNECT, confirm(2, 3), confirm(4, 5, AGAIN)],
    "two at once, one is told again": [CONNECT, confirm(2, 5, AGAIN), confirm(3, 4)],
    "used once, over, not genuine": [CONNECT, confirm(2, 3), end(4, 5), confirm(6, 7, NOT_GENUINE, "")],
    "in the grace after its leg": [CONNECT, end(2, 3), confirm(4, 5), confirm(6, 7, NOT_GENUINE, "")],
    "before its leg": [confirm(-2, -1, NOT_GENUINE, ""), CONNECT, confirm(2, 3)],
    "an answer that was lost": [CONNECT, confirm(2, None), confirm(4, 5, AGAIN, "x"), confirm(6, 7, AGAIN, "x")],
    "a request that was lost": [CONNECT, confirm(2, None), confirm(4, 5), confirm(6, 7, AGAIN)],
    "revoked while it was confirmed": [CONNECT, confirm(2, 5), revoke(3, 4), confirm(6, 7, NOT_GENUINE, "")],
    "seen before and after": [CONNECT, look(1, 4, "live"), confirm(2, 5), look(3, 6, "confirmed")],
}
POSSIBLE |= {
    "the third guess at once with the right code": [CONNECT, guess(2, 3), guess(4, 5), guess(6, 9), confirm(7, 8)],
    "locked on one channel": [CONNECT, *(guess(n, n + 1) for n in (2, 4, 6)), confirm(8, 9, NOT_GENUINE, "")],
    "revoked twice": [CONNECT, revoke(2, 3), revoke(4, 5)],
}
POSSIBLE |= {
    "asked at every step": [
        status(-4, -3, "expected"),
        RING,
        status(-1, -0.5, "ringing"),
        CONNECT,
        status(2, 3, "connected"),
        confirm(4, 5),
        end(6, 7),
        status(8, 9, "none"),
    ],
    "a ring that is heard last": [CONNECT, replace(RING, invoked=2, returned=3), status(4, 5, "connected")],
    "nobody answers": [RING, end(0, 1), status(2, 3, "expected")],
    "cannot be checked": [RING, status(0, 1, "unknown")],
    "locked on the line": [
        CONNECT,
        *(replace(guess(n, n + 1), channel=each) for n in (2, 4, 6) for each in ("app", "ivr")),
        status(8, 9, "connected"),
        end(10, 11),
        status(12, 13, "none"),
    ],
}

IMPOSSIBLE = {
    "denied while it rings": [RING, status(0, 1, "none")],
    "denied while it goes on": [CONNECT, status(2, 3, "none")],
    "denied before it rings": [status(0, 1, "none"), replace(RING, invoked=2, returned=3)],
    "rings again once it is connected": [CONNECT, status(2, 3, "connected"), status(4, 5, "ringing")],
    "connected before it is": [RING, status(-0.5, -0.2, "connected"), CONNECT],
    "connected after the end": [CONNECT, end(2, 3), status(4, 5, "connected")],
    "shown after it was withdrawn": [CONNECT, revoke(2, 3), status(4, 5, "connected")],
    "used twice": [CONNECT, confirm(2, 3), confirm(4, 5, GENUINE, "s")],
    "used twice at once": [CONNECT, confirm(2, 4), confirm(3, 5, GENUINE, "s")],
    "another receipt the second time": [CONNECT, confirm(2, 3), confirm(4, 5, AGAIN, "s")],
    "genuine and not genuine both": [CONNECT, confirm(2, 3), confirm(4, 5, NOT_GENUINE, "")],
    "genuine after it was revoked": [CONNECT, revoke(2, 3), confirm(4, 5)],
    "genuine again after its call ended": [CONNECT, confirm(2, 3), end(4, 5), confirm(6, 7, AGAIN)],
    "genuine before its leg": [confirm(-2, -1), CONNECT],
    "genuine again without a first time": [CONNECT, confirm(2, 3, AGAIN)],
    "an old state seen after a new one": [CONNECT, confirm(2, 3), look(4, 5, "live")],
    "a new state seen before an old one": [CONNECT, confirm(2, 9), look(3, 4, "confirmed"), look(5, 6, "live")],
    "genuine after three wrong codes": [CONNECT, *(guess(n, n + 1) for n in (2, 4, 6)), confirm(8, 9)],
    "locked after two wrong codes": [CONNECT, guess(2, 3), guess(4, 5), confirm(8, 9, NOT_GENUINE, "")],
    "a guess that is right": [CONNECT, replace(guess(2, 3), answer=GENUINE)],
    "a confirmation with a lost answer undone": [CONNECT, confirm(2, None), look(3, 4, "confirmed"), confirm(5, 6)],
}


@pytest.mark.parametrize("name", POSSIBLE)
def test_a_possible_history_is_accepted(name: str) -> None:
    assert linearizable(POSSIBLE[name])


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_an_impossible_history_is_refused(name: str) -> None:
    assert not linearizable(IMPOSSIBLE[name])


def test_calls_are_checked_one_by_one() -> None:
    other = [replace(op, call_id="d") for op in IMPOSSIBLE["used twice"]]
    assert [*violations([*POSSIBLE["used once, told again"], *other])] == ["d"]


def random_history(rng: random.Random, count: int) -> list[Operation]:
    """A history of one call. Each operation takes effect at a distinct time, within a random interval around it."""
    state, played_ = State(), []
    for n in range(count):
        kind = rng.choice(("connect", "confirm", "confirm", "confirm", "guess", "end", "revoke", "look", "look"))
        before, op = state, Operation(kind, "c", n - rng.random() * 4, n + rng.random() * 4, DONE)  # type: ignore[arg-type]
        if kind == "look":
            op = replace(op, answer=state.name)
        if kind == "confirm":
            told = {"live": GENUINE, "confirmed": AGAIN}.get(state.name, NOT_GENUINE) if state.app < 3 else NOT_GENUINE
            op = replace(op, answer=told, receipt=before.receipt or f"r{n}")
        if kind == "guess":
            op = replace(op, answer=NOT_GENUINE)
        if kind == "revoke" and not state.open and state.name != "revoked":
            continue
        after = step(state, op)
        assert after is not None
        state = after
        played_.append(replace(op, returned=None) if rng.random() < 0.1 else op)
    return played_


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=14))
def test_every_history_of_one_call_is_accepted_however_its_operations_overlap(seed: int, count: int) -> None:
    assert linearizable(random_history(random.Random(seed), count))


@given(st.integers(min_value=0), st.integers(min_value=3, max_value=14))
def test_a_second_use_of_a_code_is_refused_anywhere_in_a_history(seed: int, count: int) -> None:
    history = random_history(random.Random(seed), count)
    planted = confirm(-9, 99, GENUINE, "planted"), confirm(-9, 99, GENUINE, "planted too")
    assert not linearizable([*history, *planted])
