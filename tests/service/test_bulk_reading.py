"""Bulk reading: staff who look at too many customers are a discrepancy (law L15)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from tests.world import LOANS, NOON, Person, World, staff
from verifier.core.looks import SearchLooks
from verifier.core.reconciliation import Discrepancy
from verifier.core.times import from_ms
from verifier.ledger import look_records
from verifier.ledger.commands import Answer
from verifier.ledger.read_set import ReadSet
from verifier.ledger.unit_of_work import UnitOfWork
from verifier.ports import Row, Storage

OFFICER = staff("4412")
LIMIT = 5


@pytest.fixture
async def world(storage: Storage, tmp_path: Path) -> AsyncIterator[World]:
    async with World(storage, tmp_path / "ring.json", looks_an_hour=LIMIT) as made:
        yield made


async def people(world: World, count: int) -> list[Person]:
    found = [Person(n) for n in range(1, count + 1)]
    for each in found:
        await world.register(each)
    return found


async def look(world: World, *seen: Person, officer_id: str = "4412") -> None:
    for each in seen:
        await world.service.desk.application(staff(officer_id), each.application_id)
        world.clock.advance(1)


async def found(world: World) -> list[Discrepancy]:
    await world.service.bulk_reading.examine()
    listed = world.service.reconciliation.list
    return list((await listed("bulk_reading", from_ms(NOON - 1), None, None, 50)).discrepancies)


@pytest.mark.shows("CVP-7.17-9", "CVP-6.5-1", "CVP-6.5-3")
async def test_one_customer_too_many_within_an_hour_is_a_discrepancy(world: World) -> None:
    seen = await people(world, LIMIT + 3)
    discovered: list[tuple[str, str]] = []
    world.context.discovered = lambda kind, discrepancy_id: discovered.append((kind, discrepancy_id))
    await look(world, *seen[:LIMIT], *seen[:LIMIT])
    assert await found(world) == []
    at = from_ms(world.clock())
    await look(world, seen[LIMIT])
    [one] = await found(world)
    assert (one.kind, one.officer_id, one.people, one.at) == ("bulk_reading", "4412", LIMIT + 1, at)
    assert (one.application_id, one.call_id, one.caller_numbers) == (None, None, ())
    await look(world, *seen)
    assert await found(world) == [one], "one for the hour, not one for each look"
    assert discovered == [("bulk_reading", one.discrepancy_id)]
    world.clock.advance(3600)
    await look(world, *seen)
    assert len(await found(world)) == 2
    assert not (await world.audit()).findings


@pytest.mark.shows("CVP-7.17-9")
async def test_each_member_of_staff_counts_alone_and_systems_do_not(world: World) -> None:
    seen = await people(world, LIMIT + 1)
    await look(world, *seen[:LIMIT])
    await look(world, *seen[1:], officer_id="4413")
    for each in seen:
        await world.service.applications.read(LOANS, each.application_id)
    assert await found(world) == []


@pytest.mark.shows("CVP-7.17-9")
async def test_several_loans_of_one_customer_are_one_customer(world: World) -> None:
    for n in range(LIMIT + 3):
        each = Person(1)
        each.application_id = f"LN-1-{n}"
        await world.register(each)
        await look(world, each)
    assert await found(world) == []


@pytest.mark.shows("CVP-7.17-9")
async def test_a_page_of_a_list_counts_each_customer_on_it(world: World) -> None:
    await people(world, LIMIT + 1)
    await world.service.desk.applications(OFFICER, "", None, LIMIT)
    assert await found(world) == []
    await world.service.desk.applications(OFFICER, "", None, LIMIT + 1)
    assert len(await found(world)) == 1


@pytest.mark.shows("CVP-7.17-9")
async def test_a_node_that_starts_finds_what_another_has_not_examined(world: World, tmp_path: Path) -> None:
    seen = await people(world, LIMIT + 1)
    await look(world, *seen)
    world.clock.advance(7200)
    async with World(world.storage, tmp_path / "ring.json", clock=world.clock, looks_an_hour=LIMIT) as other:
        [one] = await found(other)
    assert await found(world) == [one], "two nodes find it once"


@pytest.mark.shows("CVP-7.17-9")
async def test_nodes_that_examine_at_one_moment_find_it_once(world: World, tmp_path: Path) -> None:
    await look(world, *await people(world, LIMIT + 1))
    async with World(world.storage, tmp_path / "ring.json", clock=world.clock, looks_an_hour=LIMIT) as other:
        both = await asyncio.gather(*(each.service.bulk_reading.examine() for each in (world, other)))
    assert sorted(both) == [0, 1]


async def repeat(world: World, person: Person, times: int) -> None:
    """Record so many looks at one customer, as if each were a search."""
    application = await world.context.reading.application(person.application_id)

    def decide(work: UnitOfWork) -> Answer[None]:
        for _ in range(times):
            world.service.looks.stage(work, OFFICER, "search_applications", (application,))
        return lambda: None

    await world.context.writer.submit(ReadSet(), decide)


@pytest.mark.shows("CVP-7.17-9")
async def test_a_reader_who_repeats_one_look_hides_no_others_behind_it(world: World) -> None:
    seen = await people(world, LIMIT + 1)
    await repeat(world, seen[0], 21_000)
    await look(world, *seen[1:-1])
    assert await found(world) == []
    await look(world, seen[-1])
    [one] = await found(world)
    assert one.people == LIMIT + 1
    await repeat(world, seen[0], 2_500)
    assert await found(world) == [one]


@pytest.mark.shows("CVP-7.17-9")
async def test_the_looks_of_a_known_bulk_reader_are_not_read_again_each_sweep(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = await people(world, LIMIT + 1)
    await look(world, *seen)
    assert len(await found(world)) == 1
    read: list[str] = []
    fetch = world.storage.fetch

    async def watched(sql: str, *values: object) -> Sequence[Row]:
        read.append(sql)
        return await fetch(sql, *values)

    monkeypatch.setattr(world.storage, "fetch", watched)
    world.clock.advance(60)
    await look(world, *seen)
    assert await world.service.bulk_reading.examine() == 0
    assert look_records.LOOKS_AT_CUSTOMERS not in read
    world.clock.advance(3540)
    await look(world, *seen)
    assert await world.service.bulk_reading.examine() == 1
    assert look_records.LOOKS_AT_CUSTOMERS in read


@pytest.mark.shows("CVP-7.17-9")
async def test_an_erased_loan_is_a_customer_and_a_search_without_a_loan_is_none(world: World) -> None:
    seen = await people(world, LIMIT + 1)
    auditor = staff("4412", "auditor")
    await look(world, *seen[:LIMIT])
    await world.service.looks.search(auditor, SearchLooks())
    await world.erase(seen[0])
    assert await found(world) == []
    await look(world, seen[LIMIT])
    [one] = await found(world)
    assert one.people == LIMIT + 1


@pytest.mark.shows("CVP-7.17-8")
async def test_a_damaged_look_hides_no_bulk_reading(world: World) -> None:
    seen = await people(world, LIMIT + 2)
    await look(world, *seen[: LIMIT + 1])
    async with world.storage.transaction() as transaction:
        sql = "UPDATE looks SET bulk = 1 WHERE look_id = (SELECT MIN(look_id) FROM looks)"
        await transaction.execute_many(sql, [()])
    await look(world, seen[-1])
    await world.service.bulk_reading.examine()
    marked = await world.storage.fetch("SELECT look_id FROM looks WHERE bulk = 1")
    assert len(marked) == 2, "the forged mark, and the real one"
