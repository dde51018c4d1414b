"""A number of several customers: which of them is ringing, and that none can lock out another (law L12)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.world import IVR, Person, World, another_code
from verifier.core.errors import NotFound, RateLimited
from verifier.core.messages.customers import ReportCall
from verifier.core.octets import base64url
from verifier.core.statements import RECEIPT, commitment
from verifier.core.times import from_ms
from verifier.ledger import records
from verifier.ledger.decrypted import decrypt_evidence, leaf_context
from verifier.ledger.tables import limit_key
from verifier.ports import Storage

WRONG = another_code("482177300", 0)


@pytest.fixture
async def world(storage: Storage, tmp_path: Path) -> AsyncIterator[World]:
    async with World(storage, tmp_path / "ring.json", receipt_messages=True) as world:
        yield world


@pytest.fixture
async def household(world: World) -> list[Person]:
    """Two customers with one number. The application of the first sorts first."""
    people = [Person(1), Person(2)]
    people[1].number = people[0].number
    for each in people:
        await world.register(each)
    return people


def names(turn: Any) -> list[str]:
    return [say["name"] for say in turn["say"]]


async def owner_of(world: World, statement_id: str) -> tuple[object, object]:
    """The application and customer index that a statement is stored under."""
    columns = "SELECT application_id, customer_index FROM leaves WHERE statement_id = $1"
    return tuple((await world.storage.fetch(columns, statement_id))[0])  # type: ignore[return-value]


async def report(world: World, number: str) -> str:
    asked = ReportCall(from_ms(world.clock()), reporter_number=number, said="x")
    return (await world.service.reports.take(IVR, asked, world.key(IVR, asked))).value.report_id


@pytest.mark.shows("CVP-7.1-4")
@pytest.mark.parametrize("called", [0, 1])
async def test_a_ringing_number_is_the_customer_with_an_open_call_to_it(
    world: World, household: list[Person], called: int
) -> None:
    person = household[called]
    await world.live_call(person)
    mine = (person.application_id, world.context.customer_index(person.customer_id))
    spoken = await world.ring_in(person.number, WRONG)
    assert spoken["verdict"] == "not_genuine"
    assert await owner_of(world, spoken["receipt_id"]) == mine
    with pytest.raises(NotFound):
        await world.service.receipts.read(household[1 - called].principal, spoken["receipt_id"])
    assert await owner_of(world, await report(world, person.number)) == mine
    session = (await world.begin_dialogue(person.number))["session_id"]
    assert names(await world.press(session, WRONG))[-1] == "offer_receipt"
    await world.press(session, "1")
    taken: list[Any] = []

    async def hand(message: Any) -> bool:
        taken.append(message)
        return True

    assert await world.service.outbox.deliver(hand) == 1
    assert taken[0].customer_id == person.customer_id


@pytest.mark.shows("CVP-7.1-4")
@pytest.mark.parametrize("calls", [0, 2])
async def test_statements_belong_to_no_customer_if_none_or_both_have_an_open_call(
    world: World, household: list[Person], calls: int
) -> None:
    for person in household[:calls]:
        await world.live_call(person)
    number = household[0].number
    spoken = await world.ring_in(number, WRONG)
    assert (spoken["verdict"], spoken["receipt_id"] is None) == ("not_genuine", False)
    assert await owner_of(world, spoken["receipt_id"]) == (None, None)
    for person in household:
        with pytest.raises(NotFound):
            await world.service.receipts.read(person.principal, spoken["receipt_id"])
    assert await owner_of(world, await report(world, number)) == (None, None)
    session = (await world.begin_dialogue(number))["session_id"]
    assert names(await world.press(session, WRONG)) == ["not_genuine", "after_refusal"]
    assert names(await world.press(session, "1"))[0] == "slip"
    assert not (await world.audit()).findings


@pytest.mark.shows("CVP-7.1-4")
async def test_a_receipt_without_a_customer_commits_to_the_ringing_number(
    world: World, household: list[Person]
) -> None:
    number = household[0].number
    receipt_id = (await world.ring_in(number, WRONG))["receipt_id"]
    row = (await world.storage.fetch(records.LEAF_BY_STATEMENT, receipt_id))[0]
    evidence = decrypt_evidence(world.ring, None, leaf_context(receipt_id, RECEIPT, None), row[2])
    claims = world.check({"statement": evidence.statement, "proof": evidence.proof})
    assert claims.verdict == "not_genuine"
    assert claims.customer == commitment(claims.salt, number)
    assert claims.customer != base64url(b"")


@pytest.mark.shows("CVP-7.1-4")
async def test_a_ringing_number_of_one_customer_is_that_customer(world: World, household: list[Person]) -> None:
    first, second = household
    await world.erase(second)
    spoken = await world.ring_in(first.number, WRONG)
    mine = (first.application_id, world.context.customer_index(first.customer_id))
    assert await owner_of(world, spoken["receipt_id"]) == mine


@pytest.mark.shows("CVP-7-5", "CVP-7.1-5")
async def test_a_customer_cannot_lock_a_shared_number_for_another(world: World, household: list[Person]) -> None:
    first, second = household
    for step in range(40):
        assert (await world.ring_in(first.number, another_code(WRONG, step + 1)))["verdict"] == "not_genuine"
    assert await limits_left(world, *household) == [6, 6]
    call_id, code = await world.live_call(second)
    assert (await world.ring_in(second.number, code))["verdict"] == "genuine"
    await world.leg(call_id, "ended", second.number)
    _, code = await world.live_call(first)
    assert (await world.ring_in(first.number, code))["verdict"] == "genuine"


@pytest.mark.shows("CVP-7-5", "CVP-7.1-5")
async def test_wrong_codes_count_only_for_the_customer_with_an_open_call_to_the_number(
    world: World, household: list[Person]
) -> None:
    first, second = household
    call_id, _ = await world.live_call(second)
    for step in range(20):
        assert (await world.ring_in(second.number, another_code(WRONG, step)))["verdict"] == "not_genuine"
    row = await world.call_row(call_id)
    assert (row["ivr_wrong"], row["app_wrong"], row["state"]) == (3, 0, "live")
    assert await limits_left(world, first, second) == [6, 3]


@pytest.mark.shows("CVP-7.1-5")
async def test_a_reached_guess_limit_blocks_only_its_own_customer(world: World, household: list[Person]) -> None:
    first, second = household
    for _ in range(2):
        call_id, code = await world.live_call(first)
        for step in (1, 2, 3):
            await world.ring_in(first.number, another_code(code, step))
        await world.revoke(call_id)
    assert await limits_left(world, first, second) == [0, 6]
    call_id, code = await world.live_call(second)
    assert (await world.ring_in(second.number, code))["verdict"] == "genuine"
    await world.leg(call_id, "ended", second.number)
    _, code = await world.live_call(first)
    with pytest.raises(RateLimited):
        await world.ring_in(first.number, code)


async def limits_left(world: World, *people: Person) -> list[int]:
    """How many more wrong codes each may enter by telephone."""
    left = []
    limit = world.settings.guess_limit
    for person in people:
        sql = "SELECT tat FROM limits WHERE limit_key = $1"
        rows = await world.storage.fetch(sql, limit_key(person.application_id, "ivr"))
        spent = max(0, rows[0][0] - world.clock()) if rows else 0
        left.append(limit.burst - -(-spent // limit.interval_ms))
    return left
