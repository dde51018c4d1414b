"""Leg events may be repeated and arrive in any order; the outcome is the same (law L5)."""

from __future__ import annotations

import asyncio
import itertools
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.world import DESK, NOON, Person, World, another_code
from verifier.core.errors import CallClosed, InvalidField, LegNotConnected
from verifier.storage import open_storage

ELSEWHERE = "+8613700137000"


@pytest.mark.shows("CVP-6-2")
@pytest.mark.parametrize("order", list(itertools.permutations(["connected", "ended", "connected"])))
async def test_repeated_and_reordered_events_have_the_same_outcome(
    world: World, wang: Person, order: tuple[str, ...]
) -> None:
    call_id = (await world.issue(wang))["call"]["call_id"]
    world.clock.advance(10)
    times = {"connected": NOON + 1000, "ended": NOON + 5000}
    for event in order:
        told = await world.leg(call_id, event, wang.number, at=times[event])
    assert told["connected_at"] == "2026-11-23T04:00:01Z"
    assert told["leg_ended_at"] == "2026-11-23T04:00:05Z"


@pytest.mark.shows("CVP-6-3")
async def test_the_earliest_time_of_repeated_events_counts(world: World, wang: Person) -> None:
    call_id = (await world.issue(wang))["call"]["call_id"]
    world.clock.advance(10)
    for at in (3000, 1000, 2000):
        told = await world.leg(call_id, "connected", wang.number, at=NOON + at)
    assert told["connected_at"] == "2026-11-23T04:00:01Z"


@pytest.mark.shows("CVP-6-4")
async def test_a_leg_from_another_desk_does_not_count(world: World, wang: Person) -> None:
    call_id = (await world.issue(wang))["call"]["call_id"]
    assert (await world.leg(call_id, "connected", wang.number, caller_number="+861000000000"))["state"] == "issued"
    told = await world.leg(call_id, "connected", wang.number, leg_id="leg-2", caller_number=DESK)
    assert told["state"] == "live"


async def test_a_connect_that_arrives_after_its_end_does_not_reveal_the_code(world: World, wang: Person) -> None:
    call_id = (await world.issue(wang))["call"]["call_id"]
    world.clock.advance(10)
    await world.leg(call_id, "ended", wang.number, at=NOON + 5000)
    await world.leg(call_id, "connected", wang.number, at=NOON + 1000)
    with pytest.raises(Exception, match="not connected"):
        await world.reveal(call_id)


@pytest.mark.shows("CVP-6-5")
async def test_a_second_leg_makes_the_call_live_again_after_a_dropped_line(world: World, wang: Person) -> None:
    call_id, code = await world.live_call(wang)
    await world.leg(call_id, "ended", wang.number)
    world.clock.advance(5)
    told = await world.leg(call_id, "connected", wang.number, leg_id="leg-2")
    assert (told["state"], told["leg_ended_at"]) == ("live", None)
    assert await world.reveal(call_id) == code
    await world.leg(call_id, "ended", wang.number, leg_id="leg-1")
    assert await world.reveal(call_id) == code


@pytest.mark.shows("CVP-6-4")
async def test_a_leg_later_reported_to_another_number_no_longer_counts(world: World, wang: Person) -> None:
    call_id, _ = await world.live_call(wang)
    told = await world.leg(call_id, "connected", ELSEWHERE)
    assert (told["state"], told["connected_at"]) == ("issued", None)
    with pytest.raises(Exception, match="not connected"):
        await world.reveal(call_id)


@pytest.mark.shows("CVP-6-7")
@pytest.mark.parametrize("offset_s", [-3600, 3600])
async def test_an_event_far_in_the_past_or_future_is_refused(world: World, wang: Person, offset_s: int) -> None:
    call_id = (await world.issue(wang))["call"]["call_id"]
    with pytest.raises(InvalidField) as caught:
        await world.leg(call_id, "connected", wang.number, at=NOON + offset_s * 1000)
    assert caught.value.errors[0].pointer == "/at"


@pytest.mark.shows("CVP-6-6")
async def test_an_event_for_a_closed_call_is_accepted_and_changes_nothing(world: World, wang: Person) -> None:
    call_id, _ = await world.live_call(wang)
    await world.revoke(call_id)
    told = await world.leg(call_id, "ended", wang.number)
    assert told["state"] == "revoked"


@pytest.mark.shows("CVP-6-4")
async def test_the_end_of_a_leg_counts_whatever_number_it_names(world: World, wang: Person) -> None:
    """Many telephone exchanges change the numbers during a call, so only the connect event tells where a leg leads."""
    call_id, _ = await world.live_call(wang)
    told = await world.leg(call_id, "ended", ELSEWHERE)
    assert told["leg_ended_at"] is not None
    assert told["connected_at"] is not None
    with pytest.raises(LegNotConnected):
        await world.reveal(call_id)


async def test_the_same_event_with_another_key_changes_nothing(world: World, wang: Person) -> None:
    call_id = (await world.issue(wang))["call"]["call_id"]
    told = [await world.leg(call_id, "connected", wang.number, at=NOON) for _ in range(3)]
    assert told[0] == told[1] == told[2]
    assert await world.counts("legs", "stray_legs") == (1, 0)


@pytest.mark.shows("CVP-6-1", "CVP-6-6")
@pytest.mark.parametrize("closed_by", ["ended", "expired", "locked", "revoked"])
@pytest.mark.parametrize("event", ["ringing", "connected", "ended"])
async def test_no_event_reopens_a_closed_call(world: World, wang: Person, closed_by: str, event: str) -> None:
    call_id, code = await world.live_call(wang)
    if closed_by == "ended":
        await world.confirm(wang, code)
        await world.leg(call_id, "ended", wang.number)
    elif closed_by == "expired":
        world.clock.advance(600)
    elif closed_by == "locked":
        for step in range(1, 4):
            await world.confirm(wang, another_code(code, step))
            await world.ring_in(wang.number, another_code(code, step))
    else:
        await world.revoke(call_id)
    for leg_id in ("leg-1", "leg-2"):
        for at in (NOON, world.clock()):
            told = await world.leg(call_id, event, wang.number, leg_id=leg_id, at=at)
            assert (told["state"], (await world.call_row(call_id))["due_at"]) == (closed_by, None)
            with pytest.raises(CallClosed):
                await world.reveal(call_id)
    over = "ended" if closed_by in ("ended", "expired") else "not_genuine"
    assert (await world.confirm(wang, code))["verdict"] == over


async def test_a_repeated_end_does_not_extend_the_grace_period(world: World, wang: Person) -> None:
    call_id, code = await world.live_call(wang)
    await world.leg(call_id, "ended", wang.number)
    world.clock.advance(100)
    await world.leg(call_id, "ended", wang.number)
    world.clock.advance(30)
    assert (await world.confirm(wang, code))["verdict"] == "ended"


@dataclass(frozen=True)
class Said:
    """One event of a telephone exchange; `right` if it is to the number of the ticket."""

    event: str
    leg_id: str
    second: int
    right: bool


SAID = st.builds(
    Said,
    st.sampled_from(["connected", "ended"]),
    st.sampled_from(["a", "b", "c"]),
    st.integers(0, 9),
    st.sampled_from([True, True, True, False]),
)


@pytest.mark.shows("CVP-6-2")
@settings(max_examples=60)
@given(said=st.lists(SAID, max_size=8), data=st.data())
@pytest.mark.slow
def test_shuffled_and_repeated_events_have_the_same_outcome(
    tmp_path_factory: pytest.TempPathFactory, migrated_file: Path, said: list[Said], data: st.DataObject
) -> None:
    """Two calls get the same events, the second shuffled and with repeats. Both must end in the same state."""
    repeats = data.draw(st.lists(st.sampled_from(said), max_size=4)) if said else []
    shuffled = data.draw(st.permutations([*said, *repeats]))

    async def outcome(folder: Path) -> list[tuple[object, ...]]:
        storage = await open_storage(f"sqlite:{shutil.copy(migrated_file, folder)}")
        seen = []
        async with World(storage, folder / "ring.json") as world:
            for person, events in ((Person(1), said), (Person(2), shuffled)):
                await world.register(person)
                call = (await world.issue(person))["call"]
                for each in events:
                    number = person.number if each.right else ELSEWHERE
                    at = NOON + each.second * 1000
                    call = await world.leg(call["call_id"], each.event, number, leg_id=each.leg_id, at=at)
                seen.append((call["state"], call["connected_at"], call["leg_ended_at"]))
        await storage.close()
        return seen

    first, second = asyncio.run(outcome(tmp_path_factory.mktemp("legs")))
    assert first == second
