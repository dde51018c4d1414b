"""What a contact without the right to details must not learn of a call to another contact, and of their own calls."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.helping import Helping
from tests.world import LOANS, NOON, Company, Json, Person, World, as_json, at_company


@pytest.fixture
async def company(world: World) -> Company:
    """A company whose former head of finance may confirm codes, and whose legal representative may only be called."""
    company = Company(10)
    quiet = at_company(company.former, "guarantor", "called", "confirm")
    await world.register(company, at_company(company.finance, "finance"), quiet)
    return company


def hidden_from(answer: Json, company: Company) -> None:
    """Holds an answer to what a contact without details may learn of a call to the head of finance."""
    said = msgspec.json.encode(answer).decode()
    assert company.finance.number[1:] not in said
    assert company.application_id not in said


@pytest.mark.shows("CVP-3.3-7")
@pytest.mark.parametrize("when", ["live", "again", "ended"])
async def test_the_number_called_is_in_no_answer_or_receipt_of_another_contact(
    world: World, company: Company, when: str
) -> None:
    call_id, code = await world.live_call(company)
    if when == "ended":
        await world.leg(call_id, "ended", company.number)
        world.clock.advance(601)
    if when == "again":
        await world.confirm(company.former, code)
    verdict = await world.confirm(company.former, code, key="k")
    receipt = world.check(verdict["receipt"])
    assert verdict["call"]["number"] is None
    assert (receipt.call.dest.tn, receipt.call.purpose, receipt.call.asks) == ((), "", ())
    assert verdict["verdict"] == receipt.verdict == ("ended" if when == "ended" else "genuine")
    hidden_from({**verdict, "claims": as_json(receipt)}, company)
    assert await world.confirm(company.former, code, key="k") == verdict
    # The bank's own number and the times of the leg stay: they say which call it was.
    own = await world.confirm(company.finance, code)
    assert own["call"]["number"] == company.finance.number
    assert world.check(own["receipt"]).call.dest.tn == (company.finance.number[1:],)
    assert {name: own["call"][name] for name in ("call_id", "caller_number", "leg")} == {
        name: verdict["call"][name] for name in ("call_id", "caller_number", "leg")
    }


@pytest.mark.shows("CVP-7.18-6")
async def test_the_number_called_is_in_no_answer_or_receipt_of_a_helper(world: World) -> None:
    mother, daughter = Person(1), Person(2)
    await world.register(mother)
    helping = Helping(world)
    helper_id = await helping.add(mother, daughter)
    _, code = await world.live_call(mother)
    verdict = await helping.confirm(daughter, helper_id, code)
    claims = as_json(world.check(verdict["receipt"]))
    assert (verdict["verdict"], verdict["call"]["number"], claims["call"]["dest"]) == ("genuine", None, {"tn": []})
    assert mother.number[1:] not in msgspec.json.encode({**verdict, "claims": claims}).decode()


@pytest.mark.shows("CVP-3.3-7")
async def test_a_called_contact_without_details_never_learns_the_id_of_the_loan(world: World, company: Company) -> None:
    asked = company.former
    await world.alive()
    call_id = (await world.issue(company, number=asked.number))["call"]["call_id"]
    await world.leg(call_id, "connected", asked.number)
    await world.service.applications.read(LOANS, company.application_id)
    answers: list[Any] = [
        await world.call_status(asked),
        await world.service.me.calls(asked.principal, None, 10),
        await world.check_calls(asked, NOON - 1000, NOON),
        await world.service.looks.mine(asked.principal, None, 10),
        await world.confirm(asked, await world.reveal(call_id)),
    ]
    for each in map(as_json, answers):
        hidden_from(each, company)
    status, listed, checked, looks, _ = answers
    assert [each.application_id for each in looks.looks] == [None] * len(looks.looks) != []
    assert [each.application_id for each in (*status.calls, *listed.calls)] == [None, None]
    assert [each["application_id"] for each in checked["calls"]] == [None]
    # The head of finance, who has the right to details, sees it.
    seen = await world.service.me.calls(company.finance.principal, None, 10)
    assert [each.application_id for each in seen.calls] == [company.application_id]


def text(verdict: Json, language: str) -> str:
    return next(str(each["text"]) for each in verdict["words"] if each["language"] == language)


@pytest.mark.shows("CVP-7-7", "CVP-7.12-1", "CVP-7.13-1")
async def test_each_answer_about_a_call_to_another_contact_begins_with_them(world: World, company: Company) -> None:
    call_id, code = await world.live_call(company)
    live = await world.confirm(company.former, code, key="k")
    await world.leg(call_id, "ended", company.number)
    world.clock.advance(601)
    retried, past = await world.confirm(company.former, code, key="k"), await world.confirm(company.former, code)
    assert [each["verdict"] for each in (live, retried, past)] == ["genuine", "ended", "ended"]
    to = {"zh-CN": f"财务负责人{company.finance.name}", "en": f"the head of finance, {company.finance.name}"}
    for language, name in to.items():
        now, was = ("这是", "那是") if language == "zh-CN" else ("This is", "That was")
        rest = f"我们打给{name}的电话，不是打给您的。" if language == "zh-CN" else f" our call to {name}, not to you."
        assert text(live, language).startswith(now + rest)
        assert text(retried, language).startswith(was + rest)
        assert text(past, language).startswith(was + rest)


@pytest.mark.shows("CVP-7.7-6", "CVP-7.12-3")
async def test_a_caller_whose_number_was_another_contacts_hears_first_whom_the_bank_called(world: World) -> None:
    company = Company(10)
    await world.register(company)
    call_id, code = await world.live_call(company)
    moved = at_company(company.legal, "legal_representative", numbers=at_company(company.finance, "finance").numbers)
    elsewhere = at_company(company.finance, "finance", numbers=at_company(company.former, "finance").numbers)
    await world.register(company, elsewhere, moved)
    session = (await world.begin_dialogue(company.number))["session_id"]
    told = await world.press(session, code, key="k")
    assert [each["name"] for each in told["say"]] == ["who", "never_asks", "after_genuine"]
    assert told["say"][0]["text"].startswith(f"这是我们打给财务负责人{company.finance.name}的电话，不是打给您的。")
    assert await world.press(session, code, key="k") == told
    spoken = await world.ring_in(company.number, code)
    assert spoken["words"]["text"].startswith(f"这是我们打给财务负责人{company.finance.name}的电话，不是打给您的。")
    await world.leg(call_id, "ended", company.number)
    world.clock.advance(601)
    for again in (await world.press(session, code, key="k"), await world.press(session, "*")):
        assert [each["name"] for each in again["say"]] == ["who_called", "ended", "never_asks", "after_genuine"]
        assert again["say"][0]["text"].startswith("那是我们打给")
