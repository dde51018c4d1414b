"""What a customer is told without a code: every state, leg mode and silence of the exchange (section 6.6, law L13)."""

from __future__ import annotations

import asyncio
import itertools
import os
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.world import DESK, Person, World, another_code
from verifier.core import words
from verifier.core.call import CallRules, LegMode, State
from verifier.core.errors import CallClosed, LegNotConnected
from verifier.core.messages.customers import StatusState, VerifyCall
from verifier.core.policy import ContactPolicy
from verifier.core.times import from_ms
from verifier.ports import Storage
from verifier.storage import open_storage
from verifier.storage.migrate import migrate

Reach = Callable[[World, Person], Awaitable[object]]


async def issued(world: World, person: Person) -> str:
    call_id: str = (await world.issue(person))["call"]["call_id"]
    return call_id


async def ringing(world: World, person: Person) -> str:
    call_id = await issued(world, person)
    await world.leg(call_id, "ringing", person.number)
    return call_id


async def live(world: World, person: Person) -> str:
    call_id = await ringing(world, person)
    await world.leg(call_id, "connected", person.number)
    return call_id


async def confirmed(world: World, person: Person) -> str:
    call_id = await live(world, person)
    await world.confirm(person, await world.reveal(call_id))
    return call_id


async def ended(world: World, person: Person) -> str:
    call_id = await confirmed(world, person)
    await world.leg(call_id, "ended", person.number)
    return call_id


async def hung_up(world: World, person: Person) -> str:
    call_id = await live(world, person)
    await world.leg(call_id, "ended", person.number)
    return call_id


async def rung_again(world: World, person: Person) -> str:
    call_id = await hung_up(world, person)
    await world.leg(call_id, "ringing", person.number, leg_id="leg-2", at=world.clock() + 1)
    return call_id


async def unanswered(world: World, person: Person) -> str:
    call_id = await ringing(world, person)
    await world.leg(call_id, "ended", person.number)
    return call_id


async def revoked(world: World, person: Person) -> None:
    await world.revoke(await live(world, person))


async def expired(world: World, person: Person) -> None:
    await issued(world, person)
    world.clock.advance(601)


async def expired_while_connected(world: World, person: Person) -> None:
    await live(world, person)
    world.clock.advance(601)


async def locked(world: World, person: Person) -> None:
    code = await world.reveal(await live(world, person))
    for step in range(1, 4):
        await world.confirm(person, another_code(code, step))
        await world.ring_in(person.number, another_code(code, step))


async def nothing(world: World, person: Person) -> None:
    """No call was issued."""


# For each history: the state of the call, and the status with `required` and with `observed`.
TABLE: list[tuple[Reach, State | None, StatusState, StatusState]] = [
    (nothing, None, "none", "none"),
    (issued, "issued", "expected", "expected"),
    (ringing, "ringing", "ringing", "expected"),
    (unanswered, "issued", "expected", "expected"),
    (live, "live", "connected", "expected"),
    (hung_up, "live", "expected", "expected"),
    (rung_again, "live", "ringing", "expected"),
    (confirmed, "confirmed", "connected", "expected"),
    (ended, "ended", "none", "none"),
    (expired, "expired", "none", "none"),
    (expired_while_connected, "expired", "connected", "expected"),
    (revoked, "revoked", "none", "none"),
    (locked, "locked", "connected", "expected"),
]


def test_the_table_has_every_state_of_a_call() -> None:
    assert {state for _, state, _, _ in TABLE} - {None} == set(get_args(State))


@pytest.mark.shows("CVP-6.6-2", "CVP-6.6-3", "CVP-6.6-4", "CVP-6.6-5")
@pytest.mark.parametrize(
    ("row", "mode", "alive"), list(itertools.product(range(len(TABLE)), get_args(LegMode), [True, False]))
)
async def test_the_status_of_each_call_in_each_leg_mode_with_the_exchange_alive_or_silent(
    storage: Storage, tmp_path: Path, row: int, mode: LegMode, alive: bool
) -> None:
    reach, state, required, observed = TABLE[row]
    wanted = required if mode == "required" else observed
    if not alive and mode != "off":
        wanted = "unknown"
    async with World(storage, tmp_path / "ring.json", CallRules(leg_mode=mode)) as world:
        await world.register(person := Person(1))
        await world.alive()
        await reach(world, person)
        if alive:
            await world.alive()
        else:
            world.clock.advance(61)
        status = await world.service.me.call_status(person.principal)
        calls = (await world.service.me.calls(person.principal, None, 1)).calls
        assert [call.state for call in calls] == ([] if state is None else [state])
        assert (status.state, status.on_call) == (wanted, wanted == "connected")
        assert bool(status.calls) == (wanted in ("expected", "ringing", "connected"))
        if wanted in ("none", "unknown"):
            text = words.NO_CALL if wanted == "none" else words.UNKNOWN
            assert status.words == words.in_both(text)


@pytest.mark.shows("CVP-6.6-3")
async def test_a_newer_call_does_not_hide_one_whose_leg_goes_on(world: World, wang: Person) -> None:
    await expired_while_connected(world, wang)
    newer = await issued(world, wang)
    assert (await world.call_status(wang)).state == "connected"
    await world.revoke(newer)
    assert (await world.call_status(wang)).state == "connected"


class Heard(NamedTuple):
    """A leg event on its way: when it reaches the service, and what it says."""

    arrives: int
    leg_id: str
    event: str
    at: int


@st.composite
def phone_calls(draw: st.DrawFn) -> tuple[list[tuple[int, int]], list[Heard]]:
    """One call with one or two legs: when each leg rang and ended, and its events. Times are in seconds.

    Events are late by up to 20 s, come twice and in any order. `ringing` and `ended` may be lost. `connected` is not:
    an exchange repeats it until the service has answered.
    """
    legs: list[tuple[int, int]] = []
    events: list[Heard] = []
    now = draw(st.integers(0, 5))
    for leg in range(draw(st.integers(1, 2))):
        rang, answered = now, now + draw(st.integers(1, 40))
        over = answered + draw(st.integers(0, 120))
        legs.append((rang, over))
        for event, at in (("ringing", rang), ("connected", answered), ("ended", over)):
            lost = event != "connected" and draw(st.booleans())
            for _ in range(0 if lost else draw(st.integers(1, 2))):
                events.append(Heard(at + draw(st.integers(0, 20)), f"leg-{leg}", event, at))
        now = over + draw(st.integers(1, 30))
    return legs, sorted(events)


async def told(legs: list[tuple[int, int]], events: list[Heard], confirms_at: int) -> list[tuple[int, str]]:
    """The moments at which the bank denied its own call: the status was `none` or `unknown` while the call was on, or a
    handset that rang was told `not_legit`.
    """
    with tempfile.TemporaryDirectory(prefix="status-") as folder:
        storage = await open_storage(f"sqlite:{folder}/bank.sqlite3")
        await migrate(storage)
        wrong: list[tuple[int, str]] = []
        policy = ContactPolicy(caller_numbers=frozenset({DESK}))
        async with World(storage, Path(folder) / "ring.json", policy=policy) as world:
            await world.register(person := Person(1))
            call_id = await issued(world, person)
            begun = world.clock()
            for second in range(0, max(over for _, over in legs) + 25, 5):
                while events and events[0].arrives <= second:
                    heard = events.pop(0)
                    at = begun + 1000 * heard.at
                    world.clock.now_ms = max(world.clock.now_ms, at)
                    await world.leg(call_id, heard.event, person.number, leg_id=heard.leg_id, at=at)
                world.clock.now_ms = begun + 1000 * second
                # The end of the leg closes a confirmed call. The officer then needs another call to ring again.
                if second >= confirms_at and len(legs) == 1:
                    with suppress(LegNotConnected, CallClosed):
                        await world.confirm(person, await world.reveal(call_id))
                state = (await world.call_status(person)).state
                if any(rang <= second < over for rang, over in legs) and state in ("none", "unknown"):
                    wrong.append((second, state))
                for rang_at in (begun + 1000 * rang for rang, over in legs if rang <= second < over):
                    asked = VerifyCall(DESK, from_ms(rang_at))
                    verdict = (await world.service.ringing.verify(person.principal, asked)).verdict
                    if verdict == "not_legit":
                        wrong.append((second, verdict))
        await storage.close()
        return wrong


@pytest.mark.slow
@pytest.mark.shows("CVP-6.6-6")
@settings(max_examples=int(os.environ.get("STATUS_EXAMPLES", "100")), deadline=None)
@given(phone_calls(), st.integers(0, 400))
def test_no_order_or_loss_of_leg_events_hides_a_call_that_rings_or_goes_on(
    call: tuple[list[tuple[int, int]], list[Heard]], confirms_at: int
) -> None:
    legs, events = call
    assert asyncio.run(told(legs, list(events), confirms_at)) == []
