"""A statement is missing: the audit believes an erasure, a removal or retention, and nothing else (law L16)."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from tests.world import NOON, Company, Person, World, at_company
from verifier.core.errors import NotFound, Tampered

# What somebody can write who wants a history gone, and has no key. `$1` is the victim's history.
ATTEMPTS = {
    "its seal is gone": "sealed = NULL, customer_index = NULL",
    "it seems to belong to a loan": "sealed = NULL, customer_index = NULL, application_id = 'WC-10'",
    "it seems to belong to an erased loan": "sealed = NULL, customer_index = NULL, application_id = 'LN-404'",
}


@pytest.fixture
async def company(world: World) -> Company:
    company = Company(10)
    await world.register(company)
    await world.live_call(company)
    return company


async def remove_finance(world: World, company: Company) -> None:
    await world.register(company, at_company(company.legal, "legal_representative"))


async def history(world: World, person: Person) -> str:
    return str((await world.check_calls(person, NOON - 1000, NOON))["receipt_id"])


async def write(world: World, sql: str, *values: object) -> None:
    async with world.storage.transaction() as transaction:
        await transaction.execute_many(sql, [values])


async def of_an_erased_loan(world: World, person: Person) -> None:
    """Register and erase the loan LN-404 of this person, so that its id names an erasure."""
    person.application_id = "LN-404"
    await world.register(person)
    await world.erase(person)


@pytest.mark.shows("CVP-8.3-5", "CVP-3.3-6")
@pytest.mark.parametrize("attempt", ATTEMPTS)
async def test_a_history_that_the_service_did_not_delete_is_missed(
    world: World, company: Company, attempt: str
) -> None:
    await history(world, company.finance)
    kept = await history(world, company.legal)
    await of_an_erased_loan(world, Person(404))
    await remove_finance(world, company)
    assert (await world.audit()).findings == []
    assert (await world.audit()).erased == 1
    await write(world, f"UPDATE leaves SET {ATTEMPTS[attempt]} WHERE statement_id = $1", kept)
    [found] = (await world.audit()).findings
    assert found.endswith("has lost its statement, and nothing was erased")


@pytest.mark.shows("CVP-8.3-5", "CVP-8.3-4")
@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM deleted_histories",
        "UPDATE deleted_histories SET leaf_index = leaf_index + 1",
        "INSERT INTO deleted_histories SELECT l.statement_id, l.leaf_index, d.deleted_at, d.mac "
        "FROM deleted_histories d, leaves l WHERE l.customer_index IS NOT NULL AND l.typ = 'call-history+jwt'",
    ],
    ids=["taken away", "moved", "copied"],
)
async def test_nobody_else_can_say_that_a_history_was_deleted(world: World, company: Company, sql: str) -> None:
    await history(world, company.finance)
    kept = await history(world, company.legal)
    await remove_finance(world, company)
    await write(world, sql)
    await write(world, "UPDATE leaves SET sealed = NULL, customer_index = NULL WHERE statement_id = $1", kept)
    findings = (await world.audit()).findings
    assert sum(each.endswith("has lost its statement, and nothing was erased") for each in findings) >= 1
    assert len(findings) >= 2


@pytest.mark.shows("CVP-8.3-5", "CVP-7.14-9")
async def test_a_deleted_history_that_is_put_back_is_found(world: World, company: Company) -> None:
    receipt_id = await history(world, company.finance)
    columns = "sealed, customer_index"
    [row] = await world.storage.fetch(f"SELECT {columns} FROM leaves WHERE statement_id = $1", receipt_id)
    await remove_finance(world, company)
    await write(world, "UPDATE leaves SET sealed = $1, customer_index = $2 WHERE statement_id = $3", *row, receipt_id)
    [found] = (await world.audit()).findings
    assert found.endswith("is a call history that was deleted, and is there again")
    await world.register(company)
    await world.erase(company)
    assert (await world.audit()).findings == []


@pytest.mark.shows("CVP-7.14-9", "CVP-8.3-5")
async def test_a_forged_deletion_hinders_no_erasure(world: World, company: Company) -> None:
    receipt_id = await history(world, company.finance)
    [row] = await world.storage.fetch("SELECT leaf_index FROM leaves WHERE statement_id = $1", receipt_id)
    await write(world, "INSERT INTO deleted_histories VALUES ($1, $2, 0, NULL)", receipt_id, row[0])
    await world.erase(company)
    with pytest.raises(NotFound):
        await world.service.receipts.read(company.finance.principal, receipt_id)
    assert len((await world.audit()).findings) == 2


@pytest.mark.shows("CVP-8.3-5", "CVP-3.3-6")
async def test_a_contact_whom_somebody_has_hidden_is_not_removed_in_silence(world: World, company: Company) -> None:
    receipt_id = await history(world, company.finance)
    index = world.context.customer_index(company.finance.customer_id)
    await write(world, "DELETE FROM contacts WHERE contact_index = $1", index)
    with pytest.raises(Tampered):
        await remove_finance(world, company)
    assert len((await world.audit()).findings) == 1
    await world.register(company)
    await remove_finance(world, company)
    with pytest.raises(NotFound):
        await world.service.receipts.read(company.finance.principal, receipt_id)
    assert (await world.audit()).findings == []


@pytest.mark.shows("CVP-3.3-6", "CVP-8.3-5")
async def test_a_borrower_who_is_a_contact_no_more_loses_their_histories_too(world: World) -> None:
    wang, spouse = Person(1), Person(2)
    await world.register(wang)
    receipt_id = await history(world, wang)
    await world.register(wang, **{**wang.several(), "contacts": (at_company(spouse, "guarantor"),)})
    with pytest.raises(NotFound):
        await world.service.receipts.read(wang.principal, receipt_id)
    assert (await world.audit()).findings == []


@pytest.mark.shows("CVP-3.3-6")
async def test_a_borrower_who_stays_alone_keeps_their_histories(world: World) -> None:
    wang, spouse = Person(1), Person(2)
    await world.register(wang)
    await world.register(wang, **wang.several(at_company(spouse, "guarantor")))
    mine, theirs = await history(world, wang), await history(world, spouse)
    await world.register(wang)
    assert await world.service.receipts.read(wang.principal, mine)
    with pytest.raises(NotFound):
        await world.service.receipts.read(spouse.principal, theirs)
    assert (await world.audit()).findings == []


async def in_one_batch(
    world: World, monkeypatch: pytest.MonkeyPatch, *commands: Coroutine[object, object, object]
) -> list[Any]:
    """Run commands in this order, and in one transaction if there is one shard.

    They are submitted while another commit waits.
    """
    commit, free = world.storage.commit, asyncio.Event()

    async def waiting(run: Any) -> Any:
        await free.wait()
        return await commit(run)

    with monkeypatch.context() as patched:
        patched.setattr(world.storage, "commit", waiting)
        tasks = [asyncio.ensure_future(world.check_calls(Person(60), NOON - 1000, NOON))]
        for each in commands:
            await asyncio.sleep(0.1)
            tasks.append(asyncio.ensure_future(each))
        await asyncio.sleep(0.1)
        free.set()
        return (await asyncio.gather(*tasks))[1:]


@pytest.mark.shows("CVP-8.3-5", "CVP-7.14-9")
async def test_histories_that_are_made_while_their_loan_goes_go_with_it(
    world: World, company: Company, monkeypatch: pytest.MonkeyPatch, shards: int
) -> None:
    person, other = company.finance, Person(50)
    other.customer_id = person.customer_id
    await world.register(other)
    commands = (
        world.check_calls(person, NOON - 1000, NOON),
        world.erase(company),
        world.check_calls(person, NOON - 1000, NOON),
    )
    # Several shards promise no order between commands of the same moment, so there each waits for the one before.
    first, _, last = await in_one_batch(world, monkeypatch, *commands) if shards == 1 else [await c for c in commands]
    assert (len(first["calls"]), last["calls"]) == (1, [])
    with pytest.raises(NotFound):
        await world.service.receipts.read(person.principal, first["receipt_id"])
    assert await world.service.receipts.read(person.principal, last["receipt_id"])
    assert (await world.audit()).findings == []
