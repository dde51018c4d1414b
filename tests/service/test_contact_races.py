"""Contacts who confirm, are called, removed and erased at the same moment, at several nodes (laws L4, L10, L12)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import SHARDS
from tests.world import Company, Json, Person, World, at_company
from verifier.core.errors import PolicyRefused
from verifier.ledger.read_set import ReadSet
from verifier.ledger.unit_of_work.loading import Loaded
from verifier.storage import open_storage

CROWD = 40


@pytest.fixture
async def nodes(world: World, database: str, tmp_path: Path) -> AsyncIterator[list[World]]:
    """Two nodes with one database. One node on SQLite, which has a single one."""
    if database.startswith("sqlite:"):
        yield [world]
        return
    storage = await open_storage(database)
    async with World(storage, tmp_path / "ring.json", clock=world.clock) as second:
        yield [world, second]
    await storage.close()


@pytest.fixture
async def company(world: World) -> Company:
    company = Company(10)
    await world.register(company)
    return company


def genuine(answers: list[Json]) -> list[Json]:
    return [each for each in answers if each["verdict"] == "genuine"]


@pytest.mark.shows("CVP-7-8")
async def test_two_contacts_confirm_at_once_and_each_gets_one_receipt(nodes: list[World], company: Company) -> None:
    world = nodes[0]
    call_id, code = await world.live_call(company)
    before = await world.counts("leaves")
    people = (company.finance, company.legal)
    answers = await asyncio.gather(
        *(nodes[n % len(nodes)].confirm(people[n // 2 % 2], code) for n in range(CROWD)),
        *(nodes[n % len(nodes)].ring_in(company.number, code) for n in range(CROWD)),
    )
    assert len(genuine(answers)) == len(answers)
    receipts = {each: {a["receipt_id"] for a in answers[:CROWD][2 * n :: 4]} for n, each in enumerate(people)}
    assert [len(each) for each in receipts.values()] == [1, 1]
    assert receipts[company.finance] != receipts[company.legal]
    assert {each["receipt_id"] for each in answers[CROWD:]} == receipts[company.finance]
    assert sum(not each["given_before"] for each in answers) == 2
    assert await world.counts("leaves") == (before[0] + 2,)
    assert (await world.call_row(call_id))["state"] == "confirmed"
    assert not (await world.audit()).findings


@pytest.mark.shows("CVP-3.3-6")
async def test_a_contact_who_is_removed_while_they_confirm_gets_nothing_afterwards(
    nodes: list[World], company: Company
) -> None:
    world = nodes[0]
    call_id, code = await world.live_call(company)
    removed = asyncio.Event()

    async def remove() -> None:
        await world.register(company, at_company(company.legal, "legal_representative"))
        removed.set()

    async def confirm(n: int) -> tuple[bool, Json]:
        for _ in range(n):
            await asyncio.sleep(0)
        late = removed.is_set()
        return late, await nodes[n % len(nodes)].confirm(company.finance, code)

    _, *asked = await asyncio.gather(remove(), *(confirm(n) for n in range(CROWD)))
    early = genuine([answer for late, answer in asked if not late])
    assert not genuine([answer for late, answer in asked if late])
    assert len({each["receipt_id"] for each in early}) <= 1
    for node in nodes:
        for who in (company.finance, company.legal):
            assert (await node.confirm(who, code))["verdict"] == "not_genuine"
        assert (await node.ring_in(company.number, code))["verdict"] == "unavailable"
    assert (await world.call_row(call_id))["state"] == "revoked"
    assert not (await world.audit()).findings


@pytest.mark.shows("CVP-4.2-9")
async def test_companies_that_call_one_person_at_once_share_the_cap_of_the_person(nodes: list[World]) -> None:
    accountant = Person(5)
    companies = [Company(100 + 10 * n) for n in range(8)]
    for company in companies:
        await nodes[0].register(company, at_company(accountant, "finance"), at_company(company.legal, "guarantor"))
    results = await asyncio.gather(
        *(nodes[n % len(nodes)].issue(each, number=accountant.number) for n, each in enumerate(companies)),
        return_exceptions=True,
    )
    refused = [each for each in results if isinstance(each, PolicyRefused)]
    assert [[rule.rule for rule in each.refusals] for each in refused] == [["person_daily_cap"]] * 5
    assert len([each for each in results if isinstance(each, dict)]) == 3
    # The calls to the accountant do not count for anybody else.
    assert await nodes[0].issue(companies[0], number=companies[0].legal.number)


@pytest.mark.shows("CVP-4.2-9")
async def test_a_person_of_many_companies_is_called_on_all_of_their_numbers_at_most_as_often_as_the_cap_says(
    nodes: list[World],
) -> None:
    """The person has another number at each company, so only their login shows that they are one person."""
    companies = [Company(100 + 10 * n) for n in range(6)]
    for n, company in enumerate(companies):
        contact = at_company(Person(300 + n), "finance", id="one-login")
        await nodes[0].register(company, contact)
    results = await asyncio.gather(
        *(nodes[n % len(nodes)].issue(each, number=Person(300 + n).number) for n, each in enumerate(companies)),
        return_exceptions=True,
    )
    assert len([each for each in results if isinstance(each, dict)]) == 3
    assert len([each for each in results if isinstance(each, PolicyRefused)]) == 3


@pytest.mark.shows("CVP-4.2-9", "CVP-10-10")
@pytest.mark.parametrize("database", [SHARDS], indirect=True)
async def test_a_call_waits_for_a_call_to_the_same_person_on_a_loan_in_another_shard(
    nodes: list[World], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One node has counted the calls to the person when another node issues the last call that the cap allows."""
    accountant = Person(5)
    shard_of, customer_index = nodes[0].context.writer.shard_of, nodes[0].context.customer_index
    by_shard = {shard_of(customer_index(each.borrower.id)): each for each in (Company(100 + 10 * n) for n in range(40))}
    by_shard.pop(shard_of(customer_index(accountant.customer_id)))
    companies = list(by_shard.values())
    assert len(companies) == 3
    for company in companies:
        await nodes[0].register(company, at_company(accountant, "finance"))
    for _ in range(2):
        await nodes[0].issue(companies[2], number=accountant.number)
    counted, issued = asyncio.Event(), asyncio.Event()
    load = Loaded.load

    async def load_and_wait(self: Loaded, read_sets: Sequence[ReadSet]) -> None:
        await load(self, read_sets)
        # The second look of a call: the first one finds whose number it is.
        if not counted.is_set() and any(each.customer_index is not None for each in read_sets):
            counted.set()
            # If the other node holds to the lock, it cannot issue a call before this transaction is over.
            with suppress(TimeoutError):
                await asyncio.wait_for(issued.wait(), 1)

    monkeypatch.setattr(Loaded, "load", load_and_wait)

    async def second() -> Json:
        await counted.wait()
        try:
            return await nodes[1].issue(companies[1], number=accountant.number)
        finally:
            issued.set()

    one, other = await asyncio.gather(
        nodes[0].issue(companies[0], number=accountant.number), second(), return_exceptions=True
    )
    assert isinstance(one, dict)
    assert isinstance(other, PolicyRefused)
    assert [each.rule for each in other.refusals] == ["person_daily_cap"]


@pytest.mark.shows("CVP-3.3-6")
async def test_a_borrower_is_erased_while_contacts_confirm(nodes: list[World], company: Company) -> None:
    world = nodes[0]
    _, code = await world.live_call(company)
    people = (company.finance, company.legal)
    erased, *answers = await asyncio.gather(
        nodes[-1].erase(company), *(nodes[n % len(nodes)].confirm(people[n % 2], code) for n in range(CROWD))
    )
    assert erased["erased_at"]
    assert {each["verdict"] for each in answers} <= {"genuine", "not_genuine"}
    assert len({each["receipt_id"] for each in genuine(answers)}) <= 2
    for node in nodes:
        for who in people:
            assert (await node.confirm(who, code))["verdict"] == "not_genuine"
    assert await world.counts("contacts", "numbers", "confirmations") == (0, 0, 0)
    rows = await world.storage.fetch(
        "SELECT COUNT(*) FROM leaves WHERE application_id = $1 AND sealed IS NOT NULL", company.application_id
    )
    assert rows[0][0] == 0
    assert not (await world.audit()).findings
