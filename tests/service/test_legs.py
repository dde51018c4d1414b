"""Leg events come at least once and in any order; the outcome is the same (law L5)."""

from __future__ import annotations

import itertools

import pytest

from tests.world import DESK, NOON, Person, World
from verifier.core.errors import InvalidField


@pytest.mark.parametrize("order", list(itertools.permutations(["connected", "ended", "connected"])))
async def test_any_order_and_doubling_of_events_ends_the_same(
    world: World, wang: Person, order: tuple[str, ...]
) -> None:
    call_id = (await world.issue(wang))["call"]["call_id"]
    world.clock.advance(10)
    times = {"connected": NOON + 1000, "ended": NOON + 5000}
    for event in order:
        told = await world.leg(call_id, event, wang.number, at=times[event])
    assert told["connected_at"] == "2026-11-23T04:00:01Z"
    assert told["leg_ended_at"] == "2026-11-23T04:00:05Z"


async def test_of_doubled_events_the_earliest_time_holds(world: World, wang: Person) -> None:
    call_id = (await world.issue(wang))["call"]["call_id"]
    world.clock.advance(10)
    for at in (3000, 1000, 2000):
        told = await world.leg(call_id, "connected", wang.number, at=NOON + at)
    assert told["connected_at"] == "2026-11-23T04:00:01Z"


async def test_a_leg_from_another_desk_than_the_tickets_does_not_count(world: World, wang: Person) -> None:
    call_id = (await world.issue(wang))["call"]["call_id"]
    assert (await world.leg(call_id, "connected", wang.number, caller_number="+861000000000"))["state"] == "issued"
    told = await world.leg(call_id, "connected", wang.number, leg_id="leg-2", caller_number=DESK)
    assert told["state"] == "live"


async def test_an_end_that_comes_first_keeps_the_code_hidden_when_the_connect_arrives(
    world: World, wang: Person
) -> None:
    call_id = (await world.issue(wang))["call"]["call_id"]
    world.clock.advance(10)
    await world.leg(call_id, "ended", wang.number, at=NOON + 5000)
    await world.leg(call_id, "connected", wang.number, at=NOON + 1000)
    with pytest.raises(Exception, match="not connected"):
        await world.reveal(call_id)


async def test_a_second_leg_makes_the_call_live_again_after_a_dropped_line(world: World, wang: Person) -> None:
    call_id, code = await world.live_call(wang)
    await world.leg(call_id, "ended", wang.number)
    world.clock.advance(5)
    told = await world.leg(call_id, "connected", wang.number, leg_id="leg-2")
    assert (told["state"], told["leg_ended_at"]) == ("live", None)
    assert await world.reveal(call_id) == code
    await world.leg(call_id, "ended", wang.number, leg_id="leg-1")
    assert await world.reveal(call_id) == code


async def test_a_leg_that_is_said_to_be_to_another_number_later_no_longer_counts(world: World, wang: Person) -> None:
    call_id, _ = await world.live_call(wang)
    told = await world.leg(call_id, "connected", "+8613700137000")
    assert told["connected_at"] is None
    with pytest.raises(Exception, match="not connected"):
        await world.reveal(call_id)


@pytest.mark.parametrize("offset_s", [-3600, 3600])
async def test_an_event_far_in_the_past_or_future_is_refused(world: World, wang: Person, offset_s: int) -> None:
    call_id = (await world.issue(wang))["call"]["call_id"]
    with pytest.raises(InvalidField) as caught:
        await world.leg(call_id, "connected", wang.number, at=NOON + offset_s * 1000)
    assert caught.value.errors[0].pointer == "/at"


async def test_an_event_for_a_closed_call_is_taken_and_changes_nothing(world: World, wang: Person) -> None:
    call_id, _ = await world.live_call(wang)
    await world.revoke(call_id)
    told = await world.leg(call_id, "ended", wang.number)
    assert told["state"] == "revoked"
