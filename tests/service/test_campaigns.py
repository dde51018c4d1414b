"""Signals of refused codes, and campaigns: one code at several people (laws L11, L14)."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from tests.service.test_impossible_codes import invented
from tests.world import NOON, Company, Person, World, another_code, as_json, at_company, staff
from verifier.core.application import RegisteredNumber
from verifier.core.errors import MalformedCode
from verifier.core.messages.confirmations import Confirm
from verifier.core.messages.counter import ConfirmAtCounter
from verifier.core.reconciliation import Discrepancy
from verifier.core.times import from_ms
from verifier.ports import Storage

WEEK = 7 * 86_400
FRAUD = "+8617012345678"
CODE = another_code("482177300", 0)


async def enter(world: World, person: Person, code: str = CODE, caller_number: str | None = None) -> None:
    asked = Confirm(code, None, caller_number)
    try:
        verdict = as_json(
            await world.service.confirmations.confirm(person.principal, asked, world.key(person.principal, asked))
        )
        assert verdict["verdict"] == "not_genuine"
    except MalformedCode:
        pass


async def campaigns(world: World) -> list[Discrepancy]:
    while await world.service.signals.examine():
        pass
    listed = world.service.reconciliation.list
    page = await listed("campaign", from_ms(world.clock() - 30 * 86_400_000), None, None, 50)
    return list(page.discrepancies)


async def people(world: World, count: int) -> list[Person]:
    found = [Person(n) for n in range(1, count + 1)]
    for each in found:
        await world.register(each)
    return found


@pytest.mark.shows("CVP-7.16-5")
async def test_a_refused_code_leaves_a_signal_without_its_digits(world: World, wang: Person) -> None:
    await enter(world, wang, CODE, FRAUD)
    await world.ring_in(wang.number, another_code(CODE))
    await enter(world, wang, invented())
    rows = await world.storage.fetch("SELECT kind, channel, application_id, entered_at FROM signals ORDER BY signal_id")
    assert sorted(tuple(row) for row in rows) == [
        ("impossible", "app", wang.application_id, NOON),
        ("refused", "app", wang.application_id, NOON),
        ("refused", "ivr", wang.application_id, NOON),
    ]
    columns = b"".join(
        bytes(value) if isinstance(value, bytes) else str(value).encode()
        for row in await world.storage.fetch("SELECT * FROM signals")
        for value in row
    )
    for secret in (CODE, invented(), wang.number, wang.number[1:], wang.customer_id, FRAUD, FRAUD[1:]):
        assert secret.encode() not in columns


@pytest.mark.shows("CVP-7.16-5", "CVP-10.2-2")
async def test_a_damaged_signal_does_not_keep_the_others_unexamined(world: World) -> None:
    first, *others = await people(world, 3)
    await enter(world, first)
    async with world.storage.transaction() as transaction:
        await transaction.execute_many("UPDATE signals SET entered_at = entered_at + 1", [()])
    for each in others:
        world.clock.advance(1)
        await enter(world, each)
    assert len(await campaigns(world)) == 1


@pytest.mark.shows("CVP-7.16-5")
async def test_a_genuine_code_leaves_no_signal(world: World, wang: Person) -> None:
    _, code = await world.live_call(wang)
    await world.confirm(wang, code)
    await world.confirm(wang, code)
    assert await world.counts("signals") == (0,)


@pytest.mark.shows("CVP-7.16-6", "CVP-6.5-1", "CVP-6.5-3")
@pytest.mark.parametrize("code", [CODE, invented()], ids=["well-formed", "impossible"])
async def test_one_code_at_two_people_is_a_campaign(world: World, code: str) -> None:
    first, second, third = await people(world, 3)
    discovered: list[tuple[str, str]] = []
    world.context.discovered = lambda kind, discrepancy_id: discovered.append((kind, discrepancy_id))
    await enter(world, first, code, FRAUD)
    assert await campaigns(world) == []
    world.clock.advance(WEEK - 1)
    await enter(world, second, code)
    found = await campaigns(world)
    assert [(each.kind, each.people, each.caller_numbers) for each in found] == [("campaign", 2, (FRAUD,))]
    assert found[0].at == from_ms(world.clock())
    assert discovered == [("campaign", found[0].discrepancy_id)]
    await enter(world, third, code)
    again = await campaigns(world)
    assert [(each.discrepancy_id, each.people) for each in again] == [(found[0].discrepancy_id, 3)], "listed once"
    assert len(discovered) == 1
    assert not (await world.audit()).findings


@pytest.mark.shows("CVP-7.16-6")
async def test_one_person_is_no_campaign_on_whatever_channel(world: World, wang: Person) -> None:
    for _ in range(3):
        await enter(world, wang)
        await world.ring_in(wang.number, CODE)
    assert await campaigns(world) == []


@pytest.mark.shows("CVP-7.16-6")
@pytest.mark.parametrize("code", [CODE, invented()], ids=["well-formed", "impossible"])
@pytest.mark.parametrize("rights", [("called", "confirm"), ("called",)])
async def test_a_contact_of_a_company_is_one_person_and_another_contact_another(
    world: World, code: str, rights: tuple[str, ...]
) -> None:
    company = Company(10)
    legal = at_company(company.legal, "legal_representative", *rights)
    await world.register(company, at_company(company.finance, "finance", *rights), legal)
    await enter(world, company.finance, code)
    for _ in range(2):
        with suppress(MalformedCode):
            await world.ring_in(company.finance.number, code)
    assert await campaigns(world) == []
    with suppress(MalformedCode):
        await world.ring_in(company.legal.number, code)
    assert len(await campaigns(world)) == (0 if code == CODE and "confirm" not in rights else 1)


@pytest.mark.shows("CVP-7.16-6")
async def test_a_household_that_shares_a_telephone_is_no_campaign(world: World) -> None:
    wife, husband = Person(1), Person(2)
    shared = (RegisteredNumber(wife.number, from_ms(NOON - 90 * 86_400_000)),)
    for each in (wife, husband):
        await world.register(each, numbers=shared)
    await enter(world, wife)
    await world.ring_in(wife.number, CODE)
    assert await campaigns(world) == []
    await enter(world, husband)
    assert len(await campaigns(world)) == 1, "two logins are two people"


@pytest.mark.shows("CVP-7.16-6")
@pytest.mark.parametrize("logins", [True, False])
async def test_two_contacts_of_one_company_who_ring_in_are_two_people(world: World, logins: bool) -> None:
    company = Company(10)
    people = (company.finance, company.legal)
    await world.register(company, *(at_company(each, "finance", **({} if logins else {"id": None})) for each in people))
    for each in people:
        assert await campaigns(world) == []
        await world.ring_in(each.number, CODE)
    assert len(await campaigns(world)) == 1


@pytest.mark.shows("CVP-7.16-6")
async def test_a_contact_of_two_companies_is_one_person_in_the_app_and_on_every_telephone(world: World) -> None:
    accountant, phone = Person(5), Person(6)
    await world.register(Company(20), at_company(accountant, "finance"))
    await world.register(Company(30), at_company(phone, "finance", id=accountant.customer_id))
    await enter(world, accountant)
    for number in (accountant.number, phone.number):
        await world.ring_in(number, CODE)
    assert await campaigns(world) == []
    await enter(world, phone)
    assert len(await campaigns(world)) == 1, "somebody else"


@pytest.mark.shows("CVP-7.16-6")
async def test_a_contact_without_a_login_is_one_person_on_all_of_their_telephones(world: World) -> None:
    company = Company(10)
    phones = [Person(n) for n in (5, 6)]
    numbers = tuple(each.registration().numbers[0] for each in phones)
    await world.register(company, at_company(company.finance, "finance", id=None, numbers=numbers))
    for each in phones:
        await world.ring_in(each.number, CODE)
    assert await campaigns(world) == []
    await world.ring_in("+8613700137000", CODE)
    await world.ring_in(company.legal.number, CODE)
    assert await campaigns(world) == [], "a number that is on file nowhere gets no verdict"


@pytest.mark.shows("CVP-7.16-6", "CVP-7.19-1")
async def test_a_customer_at_the_counter_is_the_person_whom_the_clerk_has_found(world: World) -> None:
    company = Company(10)
    await world.register(company)
    clerk = staff("7001", "counter")
    asked = ConfirmAtCounter(reason="checks a code", number=company.finance.number, code=CODE)
    await world.service.counter.confirm(clerk, asked, world.key(clerk, asked))
    await enter(world, company.finance)
    assert await campaigns(world) == []
    await enter(world, company.legal)
    assert len(await campaigns(world)) == 1


@pytest.mark.shows("CVP-7.16-6")
async def test_entries_more_than_a_week_apart_are_no_campaign(world: World) -> None:
    first, second = await people(world, 2)
    await enter(world, first)
    await campaigns(world)
    world.clock.advance(WEEK + 1)
    await enter(world, second)
    assert await campaigns(world) == []


@pytest.mark.shows("CVP-7.16-6")
async def test_other_codes_are_no_campaign(world: World) -> None:
    first, second = await people(world, 2)
    await enter(world, first, CODE)
    await enter(world, second, another_code(CODE))
    assert await campaigns(world) == []


@pytest.mark.shows("CVP-7.16-6")
async def test_two_entries_of_one_sweep_are_found(world: World) -> None:
    """In whatever order the clocks of two nodes have numbered them."""
    first, second = await people(world, 2)
    await enter(world, first)
    world.clock.advance(-3)
    await enter(world, second)
    world.clock.advance(3)
    assert len(await campaigns(world)) == 1


@pytest.mark.shows("CVP-7.16-7", "CVP-6.3-2")
async def test_signals_are_deleted_after_31_days_and_with_their_application(world: World) -> None:
    first, second = await people(world, 2)
    await enter(world, first, CODE, FRAUD)
    await enter(world, second, CODE)
    assert len(await campaigns(world)) == 1
    await world.erase(first)
    assert await world.counts("signals") == (1,)
    world.clock.advance(31 * 86_400 + 1)
    await world.service.housekeeping.sweep()
    assert await world.counts("signals") == (0,)
    assert not (await world.audit()).findings


async def test_a_node_of_the_last_release_has_no_signals_and_the_new_one_starts_with_none(
    storage: Storage, tmp_path: Path
) -> None:
    async with World(storage, tmp_path / "ring.json") as world:
        assert await world.service.signals.examine() == 0
