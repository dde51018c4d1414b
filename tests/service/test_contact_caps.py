"""The caps of a contact hold across the forms of a registration and across the date line (law L10)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import time
from pathlib import Path

import pytest

from tests.world import Company, Party, Person, World, at_company
from verifier.core.errors import PolicyRefused
from verifier.core.policy import ContactPolicy
from verifier.ledger.read_set import ReadSet
from verifier.ledger.unit_of_work.loading import Loaded
from verifier.ports import Storage

FIRST, LAST = "Pacific/Kiritimati", "Etc/GMT+12"  # UTC+14 and UTC-12


@pytest.fixture
async def world(storage: Storage, tmp_path: Path) -> AsyncIterator[World]:
    """Calls are allowed around the clock. Only the cap of the person is low."""
    policy = ContactPolicy(hours_start=time.min, hours_end=time.max, daily_cap=50, person_daily_cap=3)
    async with World(storage, tmp_path / "ring.json", policy=policy) as world:
        yield world


async def refused(world: World, party: Party, number: str) -> list[str]:
    with pytest.raises(PolicyRefused) as caught:
        await world.issue(party, number=number)
    return [each.rule for each in caught.value.refusals]


async def called_today(world: World, party: Party) -> str | None:
    sql = "SELECT called_today FROM applications WHERE application_id = $1"
    found: str | None = (await world.storage.fetch(sql, party.application_id))[0][0]
    return found


@pytest.mark.shows("CVP-4.2-9", "CVP-3.3-2")
async def test_a_loan_that_gets_contacts_keeps_the_calls_to_its_borrower_counted(world: World) -> None:
    wang, spouse = Person(1), Person(2)
    await world.register(wang)
    for _ in range(3):
        await world.issue(wang)
    await world.register(wang, **wang.several(at_company(spouse, "guarantor")))
    assert await refused(world, wang, wang.number) == ["person_daily_cap"]
    company = Company(10)
    await world.register(company, at_company(wang, "finance"))
    assert await refused(world, company, wang.number) == ["person_daily_cap"]
    # The calls were none to the guarantor, who is new here.
    assert await refused(world, wang, spouse.number) == ["number_cooling_off"]
    # Back to the first form, and to contacts again: no count begins again.
    await world.register(wang)
    await world.register(wang, **wang.several(at_company(spouse, "guarantor")))
    assert await refused(world, wang, wang.number) == ["person_daily_cap"]
    world.clock.advance(86_400)
    assert await world.issue(wang)


@pytest.mark.shows("CVP-4.2-26")
async def test_a_contact_who_moves_across_the_date_line_has_no_second_count(world: World) -> None:
    company = Company(10)
    for zone in (FIRST, LAST, FIRST, LAST):
        # At noon in Shanghai it is a day later at the first of these zones than at the last.
        await world.register(company, at_company(company.finance, "finance", time_zone=zone))
        if zone == FIRST and await called_today(world, company) == "":
            for _ in range(3):
                await world.issue(company)
        assert await refused(world, company, company.number) == ["person_daily_cap"]
    # The day of the calls is over where the contact is now, and then the next one there begins.
    world.clock.advance(86_400)
    assert await refused(world, company, company.number) == ["person_daily_cap"]
    world.clock.advance(86_400)
    assert await world.issue(company)


@pytest.mark.shows("CVP-4.2-26")
async def test_a_call_to_a_contact_two_calendar_days_ahead_forgets_no_call_of_today(world: World) -> None:
    company = Company(10)
    west = at_company(company.finance, "finance", time_zone=LAST)
    east = at_company(company.legal, "legal_representative", time_zone=FIRST)
    await world.register(company, west, east)
    world.clock.advance(6.5 * 3600)  # 10:30 UTC: 00:30 on the 24th in the east, and 22:30 on the 22nd in the west
    for _ in range(3):
        await world.issue(company)
    await world.issue(company, number=company.legal.number)
    assert await refused(world, company, company.number) == ["person_daily_cap"]


@pytest.mark.shows("CVP-4.2-26")
async def test_the_row_counts_the_calls_to_those_who_are_contacts_and_to_no_others(world: World) -> None:
    company = Company(10)
    await world.register(company)
    for _ in range(2):
        for number in (company.number, company.legal.number):
            await world.issue(company, number=number)
    assert len((await called_today(world, company) or "").split()) == 2
    await world.register(company, at_company(company.legal, "legal_representative"))
    assert len((await called_today(world, company) or "").split()) == 1
    await world.register(company, at_company(company.former, "finance"))
    assert await called_today(world, company) == ""
    assert not (await world.audit()).findings


@pytest.mark.shows("CVP-4.2-9")
async def test_a_call_reads_the_loans_of_the_contact_who_is_called_and_of_no_other_contact(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = Company(10)
    await world.register(company)
    loans: dict[str, set[str]] = {}
    for number, who in ((company.number, company.finance), (company.legal.number, company.legal)):
        others = [Company(100 + 10 * n + 100 * len(loans)) for n in range(3)]
        for each in others:
            await world.register(each, at_company(Person(int(each.application_id[3:])), "finance", id=who.customer_id))
        loans[number] = {company.application_id, *(each.application_id for each in others)}
    loaded: list[set[str]] = []
    load = Loaded.load

    async def load_and_note(self: Loaded, read_sets: Sequence[ReadSet]) -> None:
        await load(self, read_sets)
        loaded.append(set(self.applications))

    monkeypatch.setattr(Loaded, "load", load_and_note)
    for number, theirs in loans.items():
        loaded.clear()
        await world.issue(company, number=number)
        assert loaded == [{company.application_id}, theirs]
    # The borrower of a loan is loaded at the first look.
    wang = Person(1)
    await world.register(wang, **wang.several(at_company(company.legal, "guarantor")))
    loaded.clear()
    await world.issue(wang)
    assert loaded == [{wang.application_id}]
