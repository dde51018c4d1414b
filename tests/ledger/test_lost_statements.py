"""A statement is missing: the audit believes an erasure, a removal or retention, and nothing else (law L16)."""

from __future__ import annotations

import asyncio

import pytest

from tests.world import NOON, Company, Person, World, at_company
from verifier.core.errors import NotFound, Tampered

# What somebody can write who wants a history gone, and has no key. `$1` is the victim's history.
ATTEMPTS = {
    "its seal is gone": "sealed = NULL, customer_index = NULL",
    "it seems to belong to a loan": "sealed = NULL, customer_index = NULL, application_id = 'WC-10'",
    "it seems to belong to an erased loan": "sealed = NULL, customer_index = NULL, application_id = 'LN-404'",
    "it has the seal of a deleted history": (
        "customer_index = NULL, sealed = (SELECT d.sealed FROM leaves d WHERE d.statement_id <> $1 "
        "AND d.typ = 'call-history+jwt' AND d.customer_index IS NULL)"
    ),
    "it has a value of another type": "sealed = 'x', customer_index = NULL",
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
    try:
        await write(world, f"UPDATE leaves SET {ATTEMPTS[attempt]} WHERE statement_id = $1", kept)
    except Exception:
        assert attempt == "it has a value of another type", "PostgreSQL refuses a text among bytes"
        return
    [found] = (await world.audit()).findings
    assert found.endswith("has lost its statement, and nothing was erased")


@pytest.mark.shows("CVP-8.3-5")
async def test_the_seal_of_a_deleted_history_holds_for_its_leaf_alone(world: World, company: Company) -> None:
    deleted, other = await history(world, company.finance), await history(world, company.finance)
    await remove_finance(world, company)
    await write(
        world,
        "UPDATE leaves SET sealed = (SELECT d.sealed FROM leaves d WHERE d.statement_id = $1) WHERE statement_id = $2",
        deleted,
        other,
    )
    assert len((await world.audit()).findings) == 1


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


@pytest.mark.shows("CVP-8.3-5", "CVP-7.14-9")
async def test_histories_that_are_made_while_their_loan_goes_leave_no_finding(world: World, company: Company) -> None:
    other = Person(50)
    other.customer_id = company.finance.customer_id
    await world.register(other)
    await asyncio.gather(
        history(world, company.finance), remove_finance(world, company), history(world, company.finance)
    )
    last = await history(world, company.finance)
    await asyncio.gather(history(world, company.legal), world.erase(company), history(world, company.finance))
    assert (await world.service.receipts.read(company.finance.principal, last)).receipt_id == last
    assert (await world.audit()).findings == []
