"""What each contact of a loan sees of it and of the calls to others: in lists, in receipts, and by telephone."""

from __future__ import annotations

import pytest
from msgspec import UNSET

from tests.world import Company, Person, World, at_company
from verifier.core.contacts import Right
from verifier.core.messages.confirmations import CalledContact
from verifier.core.messages.customers import PastCall


@pytest.fixture
async def company(world: World) -> Company:
    company = Company(10)
    await world.register(company)
    return company


async def past_calls(world: World, person: Person) -> tuple[PastCall, ...]:
    return (await world.service.me.calls(person.principal, None, 10)).calls


@pytest.mark.shows("CVP-7.5-9")
async def test_a_list_of_calls_names_the_contact_who_was_called(world: World, company: Company) -> None:
    call_id, _ = await world.live_call(company)
    assert [each.called for each in await past_calls(world, company.finance)] == [None]
    finance = CalledContact("finance", company.finance.name)
    assert [(each.call_id, each.called) for each in await past_calls(world, company.legal)] == [(call_id, finance)]
    await world.register(company, at_company(company.legal, "legal_representative"))
    gone = CalledContact("finance", None)
    assert [each.called for each in await past_calls(world, company.legal)] == [gone], "their name went with them"


@pytest.mark.shows("CVP-7.5-9")
async def test_a_loan_is_named_by_its_borrower_unless_the_borrower_asks(world: World, company: Company) -> None:
    alone, owner, guarantor = Person(1), Person(2), Person(3)
    await world.register(alone)
    await world.register(owner, **owner.several(at_company(guarantor, "guarantor")))

    async def borrowers(person: Person) -> list[str | None]:
        found = await world.service.me.applications(person.principal)
        return [each.borrower for each in found.applications]

    assert await borrowers(company.finance) == await borrowers(company.legal) == [company.borrower.name]
    assert await borrowers(guarantor) == [owner.name]
    assert await borrowers(owner) == await borrowers(alone) == [None]


@pytest.mark.shows("CVP-3.3-7")
@pytest.mark.parametrize(
    ("rights", "known"),
    [(("confirm",), (False, False)), (("called", "confirm"), (False, False)), (("confirm", "details"), (True, True))],
)
async def test_a_receipt_says_no_more_than_the_person_may_know(
    world: World, company: Company, rights: tuple[Right, ...], known: tuple[bool, bool]
) -> None:
    other = at_company(company.legal, "guarantor", *rights)
    await world.register(company, at_company(company.finance, "finance"), other)
    _, code = await world.live_call(company)
    verdict = await world.confirm(company.legal, code)
    call = world.check(verdict["receipt"]).call
    assert (call.purpose == "documents", call.loan is not UNSET) == known
    assert (call.asks != (), call.purpose != "") == (known[0], known[0])
    assert world.check((await world.confirm(company.finance, code))["receipt"]).call.purpose == "documents"
    assert (await world.audit()).findings == []


@pytest.mark.shows("CVP-3.3-7")
async def test_a_called_contact_without_details_learns_the_purpose_but_not_the_loan(
    world: World, company: Company
) -> None:
    await world.register(company, at_company(company.finance, "finance", "called", "confirm"))
    _, code = await world.live_call(company)
    verdict = await world.confirm(company.finance, code)
    call = world.check(verdict["receipt"]).call
    assert (call.purpose, call.loan) == (verdict["call"]["purpose"], UNSET) == ("documents", UNSET)
    assert "loan" not in verdict["call"]


@pytest.mark.shows("CVP-3.3-3")
async def test_a_contact_of_several_companies_hears_which_loan_a_call_is_about(world: World) -> None:
    first, second = Company(10), Company(20)
    accountant = first.finance
    for each, product in ((first, "流动资金贷款"), (second, "设备贷款")):
        await world.register(each, at_company(accountant, "finance"), product=product)
    second.number = accountant.number
    _, code = await world.live_call(second)
    begun = await world.begin_dialogue(accountant.number)
    heard = await world.press(begun["session_id"], code + "#")
    said = " ".join(each["text"] for each in heard["say"])
    assert ("设备贷款" in said, "流动资金贷款" in said) == (True, False)
    assert "不是打给您的" not in said
    assert heard["act"] == "listen"
    listed = await world.begin_dialogue(accountant.number)
    told = (await world.press(listed["session_id"], "2#"))["say"][0]
    assert told["name"] == "calls_made"
    assert "共有1次" in told["text"]
