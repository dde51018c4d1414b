"""The queue of an officer: which announced calls are due, for later, missed or made."""

from __future__ import annotations

from typing import Any

import pytest

from tests.world import COLLEAGUE, NOON, Person, World, staff
from verifier.core.application import AnnouncedCall
from verifier.core.times import from_ms
from verifier.service.staff.queue import MOST

OFFICER = staff("4412")
HOUR = 3_600


def announced(begins_s: float, ends_s: float, purpose: Any = "documents") -> AnnouncedCall:
    return AnnouncedCall(purpose, from_ms(NOON + int(begins_s * 1000)), from_ms(NOON + int(ends_s * 1000)))


async def queue(world: World) -> list[tuple[str, str]]:
    found = await world.service.queues.list(OFFICER)
    return [(each.application_id, each.state) for each in found.calls]


@pytest.mark.shows("CVP-7.5-31")
async def test_due_calls_come_first_and_those_of_other_days_are_left_out(world: World) -> None:
    windows = [(-48, -25), (-3, -1), (-2, 2), (-1, 1), (3, 4), (2, 4), (25, 26)]
    for n, (begins, ends) in enumerate(windows, 1):
        await world.register(Person(n), announced_calls=(announced(begins * HOUR, ends * HOUR),))
    await world.register(Person(8))
    await world.register(Person(9), officers=(COLLEAGUE,), announced_calls=(announced(-HOUR, HOUR),))
    expected = [("LN-4", "due"), ("LN-3", "due"), ("LN-6", "later"), ("LN-5", "later"), ("LN-2", "missed")]
    assert await queue(world) == expected
    await world.erase(Person(4))
    assert await queue(world) == expected[1:]


@pytest.mark.shows("CVP-7.5-31")
async def test_a_call_is_made_only_once_the_customer_was_on_the_phone(world: World) -> None:
    person = Person(1)
    await world.register(person)
    await world.live_call(person)
    world.clock.advance(60)
    await world.leg((await world.service.desk.calls(OFFICER, None, None, 1)).calls[0].call_id, "ended", person.number)
    world.clock.advance(60)
    await world.register(person, announced_calls=(announced(120, HOUR),))
    assert await queue(world) == [("LN-1", "due")], "the call before the announced time does not count"
    world.clock.advance(60)
    call_id = (await world.issue(person))["call"]["call_id"]
    [tried] = (await world.service.queues.list(OFFICER)).calls
    assert (tried.state, tried.tried_at, tried.open_call_id) == ("due", from_ms(NOON + 180_000), call_id)
    assert (tried.name, tried.product, tried.purpose) == (person.name, "个人住房贷款", "documents")
    await world.leg(call_id, "connected", person.number)
    assert await queue(world) == [("LN-1", "called")]


@pytest.mark.shows("CVP-7.5-31")
async def test_what_nobody_called_about_is_missed_at_the_end_of_its_time(world: World) -> None:
    await world.register(Person(1), announced_calls=(announced(0, HOUR), announced(5 * HOUR, 6 * HOUR, "terms")))
    world.clock.advance(HOUR - 1)
    assert await queue(world) == [("LN-1", "due"), ("LN-1", "later")]
    world.clock.advance(1)
    assert await queue(world) == [("LN-1", "later"), ("LN-1", "missed")]


@pytest.mark.shows("CVP-7.5-31")
async def test_the_queue_is_bounded(world: World) -> None:
    five = tuple(announced(n, HOUR) for n in range(5))
    for n in range(1, MOST // 5 + 2):
        await world.register(Person(n), announced_calls=five)
    assert len(await queue(world)) == MOST
