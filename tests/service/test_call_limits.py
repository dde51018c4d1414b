"""What the officer is told of the limits before they ask for a code is what a call would be refused for."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET

from tests.world import NOON, Company, Party, Person, World, at_company, staff, system
from verifier.core.application import RegisteredNumber
from verifier.core.errors import PolicyRefused
from verifier.core.messages.calls import CallLimits
from verifier.core.times import from_ms

OFFICER = staff("4412")
HOUR = 3_600
SHOWN = {"number_cooling_off", "contact_right", "contact_hours", "daily_cap", "person_daily_cap"}


async def limits(world: World, party: Party, reader: Any = OFFICER) -> CallLimits:
    read = world.service.applications.read if reader.kind == "system" else world.service.desk.application
    found = (await read(reader, party.application_id)).limits
    assert found is not UNSET
    return found


async def told(world: World, party: Party) -> dict[str, list[str]]:
    """The rules that refuse each number, as the officer is told."""
    return {each.number: [refusal.rule for refusal in each.refusals] for each in (await limits(world, party)).numbers}


async def refused(world: World, party: Party, number: str) -> list[str]:
    """The rules that refuse a call to a number, of those that the officer is told. Issues the call if none does."""
    try:
        await world.issue(party, number=number)
    except PolicyRefused as error:
        return [each.rule for each in error.refusals if each.rule in SHOWN]
    world.clock.advance(1)
    return []


@pytest.mark.shows("CVP-4.2-30")
async def test_the_limits_name_hours_caps_and_cooling_off(world: World, wang: Person) -> None:
    found = await limits(world, wang)
    assert (found.hours_start, found.hours_end, found.cooling_off_hours) == ("08:00", "21:00", 72)
    assert (found.daily_cap, found.person_daily_cap) == (3, 3)
    assert await limits(world, wang, system("applications")) == found
    assert (await world.service.desk.applications(OFFICER, "", None, 1)).applications[0].limits is UNSET


@pytest.mark.shows("CVP-4.2-30")
async def test_each_call_counts_until_the_caps_refuse_the_next(world: World, wang: Person) -> None:
    other = Person(77)
    await world.register(other, customer=wang.registration().customer, numbers=wang.registration().numbers)
    for made in range(3):
        [number] = (await limits(world, wang)).numbers
        assert (number.calls_today, number.calls_to_person, number.refusals) == (made, made, ())
        assert await refused(world, wang, wang.number) == []
    assert await told(world, wang) == {wang.number: ["daily_cap", "person_daily_cap"]}
    assert await refused(world, wang, wang.number) == ["daily_cap", "person_daily_cap"]
    [number] = (await limits(world, other)).numbers
    assert (number.calls_today, number.calls_to_person) == (0, 3), "the person is called about another loan too"
    assert await refused(world, other, wang.number) == ["person_daily_cap"] == (await told(world, other))[wang.number]
    world.clock.advance(24 * HOUR)
    assert await told(world, wang) == {wang.number: []}


@pytest.mark.shows("CVP-4.2-30")
async def test_hours_and_cooling_off_are_told_with_the_time_they_end(world: World, wang: Person) -> None:
    added = from_ms(NOON - 71 * HOUR * 1000)
    await world.register(wang, numbers=(RegisteredNumber(wang.number, added),))
    world.clock.advance(9 * HOUR - 1)
    assert await told(world, wang) == {wang.number: []}
    await world.register(wang, numbers=(RegisteredNumber(wang.number, from_ms(NOON - 70 * HOUR * 1000)),))
    world.clock.advance(-7 * HOUR - 1)
    [number] = (await limits(world, wang)).numbers
    assert number.cools_until == from_ms(NOON + 2 * HOUR * 1000)
    assert await refused(world, wang, wang.number) == ["number_cooling_off"] == (await told(world, wang))[wang.number]
    world.clock.advance(7 * HOUR + 2)
    [number] = (await limits(world, wang)).numbers
    assert number.cools_until is None
    assert await refused(world, wang, wang.number) == ["contact_hours"] == (await told(world, wang))[wang.number]


@pytest.mark.shows("CVP-4.2-30")
async def test_each_contact_has_limits_of_their_own(world: World) -> None:
    company = Company(1)
    abroad = at_company(company.legal, "legal_representative", time_zone="America/New_York")
    silent = at_company(company.former, "guarantor", "confirm")
    nobody = at_company(Person(60), "finance", id=None)
    await world.register(company, at_company(company.finance, "finance"), abroad, silent, nobody)
    assert await told(world, company) == {
        company.finance.number: [],
        company.legal.number: ["contact_hours"],
        company.former.number: ["contact_right"],
        Person(60).number: [],
    }
    for number, rules in (await told(world, company)).items():
        assert await refused(world, company, number) == rules, number
    counts = {each.number: (each.calls_today, each.calls_to_person) for each in (await limits(world, company)).numbers}
    assert counts[company.finance.number] == counts[Person(60).number] == (2, 1)
