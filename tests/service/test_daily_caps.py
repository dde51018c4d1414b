"""Daily caps on verdicts and reports, per login and per calling number, with or without an application (CVP-7.3)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.world import IVR, Person, World, another_code
from verifier.core.errors import RateLimited
from verifier.core.limits import Limit
from verifier.core.messages.customers import ReportCall
from verifier.core.times import from_ms
from verifier.ports import Storage

DAY_MS = 86_400_000
WRONG = another_code("482177300", 0)
STRANGER = "+8613700137000"


@pytest.fixture
async def world(storage: Storage, tmp_path: Path) -> AsyncIterator[World]:
    """Allows three verdicts and two reports a day. The guess limit is too high to be reached."""
    caps = {"verdict_cap": Limit(3, DAY_MS), "report_cap": Limit(2, DAY_MS), "guess_limit": Limit(1000, DAY_MS)}
    async with World(storage, tmp_path / "ring.json", **caps) as world:
        yield world


async def report_by_phone(world: World, number: str) -> None:
    asked = ReportCall(from_ms(world.clock()), reporter_number=number)
    await world.service.reports.take(IVR, asked, world.key(IVR, asked))


@pytest.mark.shows("CVP-7.3-2", "CVP-7.3-3")
@pytest.mark.parametrize("known", [True, False])
async def test_a_login_has_a_daily_verdict_cap_with_or_without_an_application(world: World, known: bool) -> None:
    person = Person(1)
    if known:
        await world.register(person)
    for _ in range(3):
        assert (await world.confirm(person, WRONG))["verdict"] == "not_genuine"
    before = await world.counts("leaves", "limits", "idempotency")
    with pytest.raises(RateLimited) as caught:
        await world.confirm(person, WRONG)
    assert caught.value.retry_after == DAY_MS / 1000 / 3
    assert await world.counts("leaves", "limits", "idempotency") == before
    assert (await world.confirm(Person(2), WRONG))["verdict"] == "not_genuine"
    world.clock.advance(DAY_MS / 1000 / 3)
    assert (await world.confirm(person, WRONG))["verdict"] == "not_genuine"


@pytest.mark.shows("CVP-7.3-2", "CVP-7.3-3")
@pytest.mark.parametrize("known", [True, False])
async def test_a_calling_number_has_a_daily_verdict_cap_on_file_or_not(world: World, known: bool) -> None:
    person = Person(1)
    if known:
        await world.register(person)
    verdict = "not_genuine" if known else "unavailable"
    for _ in range(3):
        assert (await world.ring_in(person.number, WRONG))["verdict"] == verdict
    with pytest.raises(RateLimited):
        await world.ring_in(person.number, WRONG)
    session = (await world.begin_dialogue(person.number))["session_id"]
    told = await world.press(session, WRONG)
    assert [say["name"] for say in told["say"]] == ["too_many", "after_refusal"]
    assert (await world.ring_in(STRANGER, WRONG))["verdict"] == "unavailable"


@pytest.mark.shows("CVP-7.3-2", "CVP-7.3-3")
@pytest.mark.parametrize("known", [True, False])
async def test_reports_have_their_own_daily_cap(world: World, known: bool) -> None:
    person = Person(1)
    if known:
        await world.register(person)
    for _ in range(2):
        await world.report(person, "x")
        await report_by_phone(world, person.number)
    before = await world.counts("leaves", "reports", "limits")
    with pytest.raises(RateLimited):
        await world.report(person, "x")
    with pytest.raises(RateLimited):
        await report_by_phone(world, person.number)
    assert await world.counts("leaves", "reports", "limits") == before
    assert (await world.confirm(person, WRONG))["verdict"] == "not_genuine"


@pytest.mark.shows("CVP-7.3-3")
async def test_a_retry_with_the_same_key_is_not_counted(world: World) -> None:
    person = Person(1)
    await world.register(person)
    first = await world.confirm(person, WRONG, key="same")
    for _ in range(10):
        assert await world.confirm(person, WRONG, key="same") == first
    for _ in range(2):
        await world.confirm(person, WRONG)
    assert await world.confirm(person, WRONG, key="same") == first
    with pytest.raises(RateLimited):
        await world.confirm(person, WRONG)


@pytest.mark.shows("CVP-7.3-3")
async def test_the_use_of_a_code_is_not_counted_but_each_repetition_is(world: World) -> None:
    person = Person(1)
    await world.register(person)
    _, code = await world.live_call(person)
    told = [(await world.confirm(person, code))["given_before"] for _ in range(4)]
    assert told == [False, True, True, True]
    with pytest.raises(RateLimited):
        await world.confirm(person, code)


@pytest.mark.shows("CVP-7.3-2")
async def test_concurrent_requests_get_no_more_than_the_cap(world: World) -> None:
    for ask in (lambda: world.confirm(Person(1), WRONG), lambda: world.ring_in(STRANGER, WRONG)):
        results: list[Any] = await asyncio.gather(*(ask() for _ in range(40)), return_exceptions=True)
        assert sum(isinstance(each, dict) for each in results) == 3
        assert sum(isinstance(each, RateLimited) for each in results) == 37


@pytest.mark.shows("CVP-7.3-2")
async def test_a_cap_is_durable_and_shared_by_all_nodes(world: World, tmp_path: Path) -> None:
    for _ in range(3):
        await world.confirm(Person(1), WRONG)
    caps = {"verdict_cap": Limit(3, DAY_MS)}
    async with World(world.storage, tmp_path / "ring.json", **caps) as another:
        with pytest.raises(RateLimited):
            await another.confirm(Person(1), WRONG)


@pytest.mark.shows("CVP-7.3-4")
async def test_the_key_of_a_cap_contains_no_login_or_number(world: World) -> None:
    person = Person(1)
    await world.confirm(person, WRONG)
    await world.ring_in(person.number, WRONG)
    await world.register(person)
    await world.ring_in(person.number, WRONG)
    kept = [row[0] for row in await world.storage.fetch("SELECT limit_key FROM limits")]
    caps = [key for key in kept if key.startswith("verdicts:")]
    assert len(caps) == 3
    assert not [key for key in caps if person.customer_id in key or person.number[1:] in key]


@pytest.mark.shows("CVP-7.3-2")
async def test_a_number_of_customers_in_several_shards_has_one_cap(world: World) -> None:
    """If two shards wrote the row of a cap at the same time, each would overwrite what the other had counted."""
    people = [Person(n) for n in range(1, 9)]
    for person in people:
        person.number = people[0].number
        await world.register(person)
    results: list[Any] = await asyncio.gather(
        *(world.ring_in(people[0].number, WRONG) for _ in range(20)), return_exceptions=True
    )
    assert sum(isinstance(each, dict) for each in results) == 3
    await world.erase(people[0])
    with pytest.raises(RateLimited):
        await world.ring_in(people[0].number, WRONG)
