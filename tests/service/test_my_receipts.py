"""A customer finds their receipts again (protocol 7.5), whether or not they have saved them."""

from __future__ import annotations

import pytest

from tests.world import Person, World, another_code
from verifier.core.errors import InternalError


async def ids(world: World, person: Person, limit: int = 100) -> list[str]:
    """The ids of all receipts of a person, page by page."""
    found: list[str] = []
    cursor = None
    while True:
        page = await world.service.receipts.mine(person.principal, cursor, limit)
        assert len(page.receipts) <= limit
        assert len(found) < 20
        found += [each.receipt_id for each in page.receipts]
        cursor = page.next_cursor
        if cursor is None:
            return found


@pytest.mark.shows("CVP-7.5-15")
async def test_all_receipts_of_a_customer_are_listed_newest_first_and_nobody_elses(
    world: World, wang: Person, mallory: Person
) -> None:
    call_id, code = await world.live_call(wang)
    made = [
        (await world.confirm(wang, another_code(code)))["receipt_id"],
        (await world.confirm(mallory, another_code(code)))["receipt_id"],
    ]
    mallorys = made.pop()
    for step in (world.confirm(wang, code), world.report(wang, "低息贷款"), world.check_calls(wang, world.clock() - 1)):
        world.clock.advance(1)
        answer = await step
        made.append(answer.get("report_id") or answer["receipt_id"])
    await world.leg(call_id, "ended", wang.number)
    world.clock.advance(1)
    made.append((await world.confirm(wang, code))["receipt_id"])
    for limit in (1, 2, 100):
        assert await ids(world, wang, limit) == made[::-1]
    assert await ids(world, mallory) == [mallorys]
    page = await world.service.receipts.mine(wang.principal, None, 100)
    assert [(each.kind, each.verdict) for each in page.receipts] == [
        ("verdict", "ended"),
        ("call_check", None),
        ("report", None),
        ("verdict", "genuine"),
        ("verdict", "not_genuine"),
    ]
    assert [each.officer and each.officer.id for each in page.receipts] == ["4412", None, None, "4412", None]
    for each in page.receipts:
        read = await world.service.receipts.read(wang.principal, each.receipt_id)
        assert world.check({"statement": read.receipt.statement, "proof": read.receipt.proof}).jti == each.receipt_id


@pytest.mark.shows("CVP-7.5-15")
async def test_a_row_that_was_given_to_another_customer_is_shown_to_neither(
    world: World, wang: Person, mallory: Person
) -> None:
    receipt_id = (await world.confirm(wang, another_code("000000000")))["receipt_id"]
    index = world.context.customer_index(mallory.principal.id)
    async with world.storage.transaction() as transaction:
        sql = "UPDATE leaves SET customer_index = $2 WHERE statement_id = $1"
        await transaction.execute_many(sql, [(receipt_id, index)])
    assert await ids(world, wang) == []
    with pytest.raises(InternalError):
        await ids(world, mallory)
    async with world.storage.transaction() as transaction:
        await transaction.execute_many("UPDATE leaves SET sealed = NULL WHERE statement_id = $1", [(receipt_id,)])
    assert await ids(world, mallory) == []


@pytest.mark.shows("CVP-7.5-15")
async def test_receipts_of_an_erased_loan_are_no_longer_listed(world: World, wang: Person) -> None:
    _, code = await world.live_call(wang)
    await world.confirm(wang, code)
    assert len(await ids(world, wang)) == 1
    await world.erase(wang)
    assert await ids(world, wang) == []
