"""Key 2 of the dialogue: which calls went to the number that rings, and nothing else (laws L7, L11, L12)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.ledger.test_rows import execute
from tests.world import NOON, OFFICER, Company, Person, World, at_company
from verifier.core.application import Customer, RegisteredNumber
from verifier.core.errors import Tampered
from verifier.core.limits import Limit
from verifier.core.times import from_ms
from verifier.ports import Storage

DAY = 86_400


@pytest.fixture
async def world(storage: Storage, tmp_path: Path) -> AsyncIterator[World]:
    async with World(storage, tmp_path / "ring.json") as world:
        yield world


@pytest.fixture
async def wang(world: World) -> Person:
    someone = Person(1)
    await world.register(someone)
    return someone


async def call(world: World, someone: Person, number: str = "") -> str:
    """A call that is over. Returns its id."""
    number = number or someone.number
    call_id: str = (await world.issue(someone, number=number))["call"]["call_id"]
    await world.leg(call_id, "connected", number, leg_id=call_id)
    await world.leg(call_id, "ended", number, leg_id=call_id)
    world.clock.advance(600)
    return call_id


async def ask(world: World, number: str | None, keys: str = "2#", **more: Any) -> tuple[list[str], str]:
    """The prompts, and the words of the first one, of a caller who keys 2."""
    session = (await world.begin_dialogue(number, **more))["session_id"]
    turn = await world.press(session, keys)
    return [say["name"] for say in turn["say"]], turn["say"][0]["text"]


@pytest.mark.shows("CVP-7.14-11")
async def test_a_caller_hears_how_many_calls_when_and_from_which_branch_and_no_more(world: World, wang: Person) -> None:
    names, text = await ask(world, wang.number)
    assert names == ["no_calls_made", "keys"]
    for _ in range(3):
        await call(world, wang)
    world.clock.advance(DAY)
    await call(world, wang)
    names, text = await ask(world, wang.number)
    assert names == ["calls_made", "keys"]
    branch = OFFICER.branch
    spoken = f"11月24日12点30分，{branch}；11月23日12点20分，{branch}；11月23日12点10分，{branch}"
    assert text == f"最近七天，我行共有4次拨打这个号码的记录，没有其他记录。最近3次：{spoken}。"
    assert not [each for each in (OFFICER.name, OFFICER.id, wang.name, "个人住房贷款", "LN-1", "8610") if each in text]
    _, text = await ask(world, wang.number, language="en")
    assert "we have 4 calls to this number on record, and no others" in text
    assert "24 November at 12:30" in text
    assert not (await world.audit()).findings


@pytest.mark.shows("CVP-7.14-11")
async def test_the_times_are_those_of_the_customers_own_clock(world: World, wang: Person) -> None:
    await world.register(wang, customer=Customer(wang.customer_id, wang.name, "zh-CN", "Asia/Urumqi"))
    await call(world, wang)
    assert "11月23日10点整" in (await ask(world, wang.number))[1]


@pytest.mark.shows("CVP-7.14-11")
async def test_a_call_of_more_than_a_week_ago_is_not_said(world: World, wang: Person) -> None:
    await call(world, wang)
    world.clock.advance(7 * DAY - 600)
    assert (await ask(world, wang.number))[0][0] == "calls_made"
    # An unused code stays good for two minutes after the leg, and the call goes on as long.
    world.clock.advance(122)
    assert (await ask(world, wang.number))[0][0] == "no_calls_made"


@pytest.mark.shows("CVP-7.14-11")
async def test_only_calls_to_the_number_that_rings_are_said(world: World, wang: Person) -> None:
    second = "+8613800138999"
    numbers = tuple(RegisteredNumber(each, from_ms(NOON - 90 * DAY * 1000)) for each in (wang.number, second))
    await world.register(wang, numbers=numbers)
    await call(world, wang, second)
    assert (await ask(world, wang.number))[0][0] == "no_calls_made"
    assert (await ask(world, second))[0][0] == "calls_made"


@pytest.mark.shows("CVP-7.14-11")
async def test_people_who_share_a_number_hear_the_calls_that_rang_there_and_not_whose_they_were(
    world: World, wang: Person
) -> None:
    other = Person(2)
    own = other.number
    numbers = tuple(RegisteredNumber(each, from_ms(NOON - 90 * DAY * 1000)) for each in (wang.number, own))
    await world.register(other, numbers=numbers)
    await call(world, wang)
    await call(world, other, wang.number)
    await call(world, other, own)
    names, text = await ask(world, wang.number)
    assert names[0] == "calls_made"
    assert "有2次" in text
    assert not [each for each in (wang.name, other.name, OFFICER.name) if each in text]


@pytest.mark.shows("CVP-7.14-12")
@pytest.mark.parametrize("number", [None, "+8613700000000"])
async def test_an_unknown_or_withheld_number_hears_one_answer(world: World, wang: Person, number: str | None) -> None:
    await call(world, wang)
    session = (await world.begin_dialogue(number))["session_id"]
    told = await world.press(session, "2")
    assert [say["name"] for say in told["say"]] == ["unregistered", "keys"]


@pytest.mark.shows("CVP-7.14-12")
async def test_a_repeat_tells_of_a_call_that_came_meanwhile(world: World, wang: Person) -> None:
    session = (await world.begin_dialogue(wang.number))["session_id"]
    assert (await world.press(session, "2"))["say"][0]["name"] == "no_calls_made"
    await call(world, wang)
    turn = await world.press(session, "*")
    assert turn["say"][0]["name"] == "calls_made"
    rows = await world.storage.fetch("SELECT sealed FROM ivr_sessions WHERE session_id = $1", session)
    assert OFFICER.branch.encode() not in bytes(rows[0][0])


@pytest.mark.shows("CVP-7.14-12")
async def test_the_question_counts_towards_the_daily_cap_of_the_number(storage: Storage, tmp_path: Path) -> None:
    cap = Limit(burst=2, period_ms=DAY * 1000)
    async with World(storage, tmp_path / "ring.json", verdict_cap=cap) as world:
        wang = Person(1)
        await world.register(wang)
        session = (await world.begin_dialogue(wang.number))["session_id"]
        heard = [(await world.press(session, keys))["say"][0]["name"] for keys in ("2", "*", "2")]
        assert heard == ["no_calls_made", "no_calls_made", "too_many"]


@pytest.mark.shows("CVP-7.14-12")
async def test_after_a_genuine_verdict_the_officer_can_still_be_reached(world: World, wang: Person) -> None:
    _, code = await world.live_call(wang)
    session = (await world.begin_dialogue(wang.number))["session_id"]
    await world.press(session, code)
    assert (await world.press(session, "2"))["say"][0]["name"] == "calls_made"
    assert (await world.press(session, "0"))["to"] == OFFICER.id


@pytest.mark.shows("CVP-7.14-8")
async def test_nothing_is_said_when_a_row_of_a_call_was_deleted(world: World, wang: Person) -> None:
    call_id = await call(world, wang)
    await execute(world, "DELETE FROM calls WHERE call_id = $1", call_id)
    session = (await world.begin_dialogue(wang.number))["session_id"]
    with pytest.raises(Tampered):
        await world.press(session, "2")


@pytest.mark.shows("CVP-7.14-12", "CVP-7.1-1", "CVP-3.3-4")
@pytest.mark.parametrize("rights", [("called",), ("called", "details")])
async def test_somebody_who_may_be_called_and_not_check_codes_hears_of_their_calls_and_no_verdict(
    world: World, rights: Any
) -> None:
    company = Company(10)
    await world.register(company, at_company(company.finance, "finance", *rights))
    call_id, code = await world.live_call(company)
    assert (await ask(world, company.number))[0] == ["calls_made", "keys"]
    # A code is refused as from a number that is on file nowhere, and costs the call nothing.
    told, stranger = [await world.ring_in(each, code) for each in (company.number, "+8613800139999")]
    assert {**told, "at": None} == {**stranger, "at": None}
    assert told["verdict"] == "unavailable"
    keyed = [await ask(world, each, code) for each in (company.number, "+8613800139999")]
    assert keyed[0] == keyed[1]
    assert keyed[0][0] == ["unregistered", "after_refusal"]
    assert (await world.call_row(call_id))["ivr_wrong"] == 0
    assert await world.guess_limits() == []
    await world.alive()
    assert (await world.call_status(company.finance)).state == "connected"
