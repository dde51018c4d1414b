"""The helpers of somebody who may confirm codes on no loan any more end at once (sections 3.3 and 7.18)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.helping import Helping
from tests.ledger.test_rows import execute
from tests.world import NOON, Company, Person, World, at_company
from verifier.core.errors import NotFound, Tampered

DAUGHTER = Person(2)
Loses = Callable[[World, Company], Awaitable[object]]


@pytest.fixture
async def company(world: World) -> Company:
    company = Company(10)
    await world.register(company)
    return company


def kept(company: Company) -> list[object]:
    """The contacts who stay."""
    return [at_company(company.legal, "legal_representative")]


async def removed(world: World, company: Company) -> None:
    await world.register(company, *kept(company))  # type: ignore[arg-type]


async def without_the_right(world: World, company: Company) -> None:
    called_only = at_company(company.finance, "finance", "called")
    await world.register(company, called_only, *kept(company))  # type: ignore[arg-type]


async def another_login(world: World, company: Company) -> None:
    renamed = at_company(company.finance, "finance", id="cust-new")
    await world.register(company, renamed, *kept(company))  # type: ignore[arg-type]


loses = pytest.mark.parametrize("lose", [removed, without_the_right, another_login])


@pytest.mark.shows("CVP-7.18-8", "CVP-3.3-6")
@loses
async def test_the_helpers_of_a_contact_end_when_they_may_confirm_on_no_loan(
    world: World, company: Company, lose: Loses
) -> None:
    helping = Helping(world)
    finance = company.finance
    helper_id = await helping.add(finance, DAUGHTER)
    invitation = (await helping.invite(finance))["invitation"]
    _, code = await world.live_call(company)
    await helping.confirm(DAUGHTER, helper_id, code, key="k")
    await lose(world, company)
    asks: list[Callable[[], Awaitable[object]]] = [
        lambda: helping.confirm(DAUGHTER, helper_id, code, key="k"),
        lambda: helping.confirm(DAUGHTER, helper_id, code),
        lambda: helping.call_status(DAUGHTER, helper_id),
        lambda: helping.accept(finance, helper_id),
        lambda: helping.enter(Person(3), invitation),
        lambda: helping.invite(finance),
    ]
    for each in asks:
        with pytest.raises(NotFound):
            await each()
    assert await helping.people(DAUGHTER) == []
    [helper] = await helping.helpers(finance)
    assert (helper["state"], [each["seen"] for each in helper["looks"]]) == ("ended", ["genuine"])
    # Who comes back, comes back without the helpers of before.
    await world.register(company)
    with pytest.raises(NotFound):
        await helping.confirm(DAUGHTER, helper_id, code)
    assert (await world.audit()).findings == []


@pytest.mark.shows("CVP-7.18-8")
@loses
async def test_the_helpers_of_others_and_of_people_with_another_loan_stay(
    world: World, company: Company, lose: Loses
) -> None:
    helping = Helping(world)
    of_finance = await helping.add(company.finance, DAUGHTER)
    of_legal = await helping.add(company.legal, DAUGHTER)
    await world.register(company.finance)
    _, code = await world.live_call(company.finance)
    await lose(world, company)
    assert (await helping.confirm(DAUGHTER, of_finance, code))["verdict"] == "genuine"
    assert (await helping.call_status(DAUGHTER, of_legal)).state == "none"
    await helping.accept(company.finance, of_finance)


@pytest.mark.shows("CVP-7.18-8")
async def test_a_borrower_who_is_no_contact_any_more_is_removed_like_anybody(world: World) -> None:
    wang = Person(1)
    await world.register(wang)
    helping = Helping(world)
    helper_id = await helping.add(wang, DAUGHTER)
    history = await world.check_calls(wang, NOON - 86_400_000)
    others = {**wang.several(), "contacts": (at_company(Person(7), "guarantor"),)}
    await world.register(wang, **others)
    with pytest.raises(NotFound):
        await helping.call_status(DAUGHTER, helper_id)
    with pytest.raises(NotFound):
        await world.service.receipts.read(wang.principal, history["receipt_id"])
    assert (await world.audit()).findings == []


@pytest.mark.shows("CVP-7.18-8")
async def test_an_erasure_ends_the_helpers_of_people_who_may_confirm_nowhere_else(
    world: World, company: Company
) -> None:
    helping = Helping(world)
    other = Company(20)
    await world.register(other, at_company(company.finance, "finance", "called"), at_company(company.legal, "finance"))
    of_finance = await helping.add(company.finance, DAUGHTER)
    of_legal = await helping.add(company.legal, DAUGHTER)
    await world.erase(company)
    with pytest.raises(NotFound):
        await helping.call_status(DAUGHTER, of_finance)
    assert (await helping.call_status(DAUGHTER, of_legal)).state == "none"
    await world.erase(other)
    assert await world.counts("helpers") == (0,)
    assert (await world.audit()).findings == []


@pytest.mark.shows("CVP-7.18-8")
async def test_a_damaged_loan_keeps_no_helper(world: World, company: Company) -> None:
    helping = Helping(world)
    finance = company.finance
    helper_id = await helping.add(finance, DAUGHTER)
    await world.register(finance)
    await execute(world, "UPDATE applications SET sealed = $1 WHERE application_id = $2", b"x", finance.application_id)
    await removed(world, company)
    with pytest.raises(NotFound):
        await helping.call_status(DAUGHTER, helper_id)


async def test_nothing_changes_if_the_row_of_a_helper_is_damaged(world: World, company: Company) -> None:
    helping = Helping(world)
    await helping.add(company.finance, DAUGHTER)
    _, code = await world.live_call(company)
    await execute(world, "UPDATE helpers SET expires_at = expires_at + 1")
    for change in (removed(world, company), world.erase(company)):
        with pytest.raises(Tampered):
            await change
    assert (await world.confirm(company.finance, code))["verdict"] == "genuine"


@pytest.mark.shows("CVP-7.18-8")
async def test_helpers_who_come_while_the_contact_is_removed_do_not_stay(world: World, company: Company) -> None:
    """Whatever comes first, afterwards nobody helps somebody who may confirm nothing."""
    helping = Helping(world)
    finance = company.finance
    invited = await helping.invite(finance)
    await helping.enter(DAUGHTER, invited["invitation"])
    asked = [helping.accept(finance, invited["helper_id"]) for _ in range(5)]
    await asyncio.gather(*asked[:2], removed(world, company), *asked[2:], return_exceptions=True)
    assert await helping.people(DAUGHTER) == []
    assert [each["state"] for each in await helping.helpers(finance)] in (["ended"], [])
    assert (await world.audit()).findings == []
