"""History, call status, receipts, reports and housekeeping (laws L8, L9)."""

from __future__ import annotations

import asyncio

import pytest

from tests.world import NOON, Person, World, another_code
from verifier.core.errors import InvalidField, NotFound, RateLimited
from verifier.core.messages.confirmations import VerifyReceipt
from verifier.core.messages.customers import CallStatus, ReportCall
from verifier.core.times import from_ms


@pytest.mark.shows("CVP-7.5-1")
async def test_a_customer_lists_all_their_calls_in_pages(world: World, wang: Person, mallory: Person) -> None:
    await world.issue(mallory)
    ids = []
    for _ in range(3):
        ids.append((await world.issue(wang))["call"]["call_id"])
        world.clock.advance(1)
    first = await world.service.me.calls(wang.principal, None, 2)
    assert [call.call_id for call in first.calls] == ids[:0:-1]
    rest = await world.service.me.calls(wang.principal, first.next_cursor, 2)
    assert [call.call_id for call in rest.calls] == ids[:1]
    assert rest.next_cursor is None
    assert [call.state for call in first.calls] == ["issued", "revoked"]


@pytest.mark.shows("CVP-7.5-2")
async def test_the_call_status_is_on_call_only_while_the_leg_is_connected(world: World, wang: Person) -> None:
    async def on_call() -> bool:
        return (await world.call_status(wang)).on_call

    assert not await on_call()
    call_id = (await world.issue(wang))["call"]["call_id"]
    assert not await on_call()
    await world.leg(call_id, "connected", wang.number)
    status = await world.call_status(wang)
    assert status.on_call
    assert "李伟" in status.words[0].text
    assert not (await world.call_status(Person(666))).on_call
    await world.leg(call_id, "ended", wang.number)
    assert not await on_call()


@pytest.mark.shows("CVP-7.5-2")
async def test_a_watch_of_the_call_status_reports_each_change_at_once(world: World, wang: Person) -> None:
    await world.alive()
    seen: list[CallStatus] = []
    told = asyncio.Event()

    async def watch() -> None:
        async for status in world.service.me.watch(wang.principal):
            if status is not None:
                seen.append(status)
                told.set()

    watcher = asyncio.create_task(watch())
    await asyncio.wait_for(told.wait(), 5)
    call_id = (await world.issue(wang))["call"]["call_id"]
    for event in ("", "ringing", "connected", "ended"):
        told.clear()
        if event:
            await world.leg(call_id, event, wang.number)
        await asyncio.wait_for(told.wait(), 1)
    watcher.cancel()
    assert [status.state for status in seen] == ["none", "expected", "ringing", "connected", "expected"]


@pytest.mark.shows("CVP-7.5-3")
async def test_a_watch_ends_with_the_service_and_after_its_maximum_time(world: World, wang: Person) -> None:
    async def watch() -> None:
        async for _ in world.service.me.watch(wang.principal):
            world.clock.advance(601)

    await asyncio.wait_for(watch(), 5)
    world.clock.advance(-86_400)
    watcher = asyncio.create_task(watch())
    await asyncio.sleep(0)
    world.context.events.close()
    await asyncio.wait_for(watcher, 5)


@pytest.mark.shows("CVP-7.5-3")
async def test_a_customer_has_at_most_ten_watches_at_a_node(world: World, wang: Person, mallory: Person) -> None:
    watched = [world.service.me.watch(wang.principal) for _ in range(10)]
    for each in watched:
        await anext(each)
    with pytest.raises(RateLimited):
        await anext(world.service.me.watch(wang.principal))
    await anext(world.service.me.watch(mallory.principal))
    await watched.pop().aclose()
    await anext(world.service.me.watch(wang.principal))


@pytest.mark.shows("CVP-7.5-5")
async def test_only_its_customer_can_read_a_receipt(world: World, wang: Person, mallory: Person) -> None:
    verdict = await world.confirm(wang, another_code("000000000"))
    found = await world.service.receipts.read(wang.principal, verdict["receipt_id"])
    assert found.receipt.statement == verdict["receipt"]["statement"]
    with pytest.raises(NotFound):
        await world.service.receipts.read(mallory.principal, verdict["receipt_id"])
    issued = await world.issue(wang)
    with pytest.raises(NotFound):
        await world.service.receipts.read(wang.principal, issued["call"]["call_id"])


async def test_anyone_can_have_a_receipt_verified(world: World, wang: Person) -> None:
    receipt = (await world.confirm(wang, another_code("000000000")))["receipt"]
    assert world.service.receipts.verify(VerifyReceipt(**receipt)).result == "valid"
    spoiled = VerifyReceipt(receipt["statement"][:-4] + "AAAA", receipt["proof"])
    assert world.service.receipts.verify(spoiled).result == "invalid"


@pytest.mark.shows("CVP-7.6-1")
async def test_a_report_has_a_signed_receipt_that_commits_to_its_text(world: World, wang: Person) -> None:
    taken = await world.report(wang, "低息贷款", code="123 456 789")
    claims = world.check(taken["receipt"])
    assert claims.jti == taken["report_id"]
    found = await world.service.receipts.read(wang.principal, taken["report_id"])
    assert found.receipt.statement == taken["receipt"]["statement"]


@pytest.mark.shows("CVP-7.6-3")
@pytest.mark.parametrize("days", [2, -400])
async def test_a_report_with_a_time_out_of_range_is_refused(world: World, wang: Person, days: int) -> None:
    asked = ReportCall(from_ms(NOON + days * 86_400_000))
    with pytest.raises(InvalidField):
        await world.service.reports.take(wang.principal, asked, world.key(wang.principal, asked))


@pytest.mark.shows("CVP-6.3-2")
async def test_the_sweep_expires_calls_and_deletes_old_limits_and_idempotency_keys(world: World, wang: Person) -> None:
    call_id, code = await world.live_call(wang)
    world.clock.advance(600)
    assert await world.service.housekeeping.sweep() == 1
    assert (await world.call_row(call_id))["state"] == "expired"
    assert await world.service.housekeeping.sweep() == 0
    await world.confirm(wang, another_code(code))
    assert await world.guess_limits() == [f"{wang.application_id}:app"]
    # A limit is deleted only after its time plus the longest life of a call.
    world.clock.advance(27 * 3600)
    await world.service.housekeeping.sweep()
    assert await world.counts("idempotency", "limits") == (0, 0)
    assert (await world.confirm(wang, code))["verdict"] == "ended"


async def test_a_corrupt_ticket_does_not_stop_the_sweep(world: World, wang: Person, mallory: Person) -> None:
    poisoned, _ = await world.live_call(wang)
    other, _ = await world.live_call(mallory)
    async with world.storage.transaction() as transaction:
        sql = "UPDATE leaves SET sealed = $2 WHERE statement_id = $1"
        await transaction.execute_many(sql, [(poisoned, b"x" * 40)])
    world.clock.advance(600)
    assert await world.service.housekeeping.sweep() == 2
    assert await world.service.housekeeping.sweep() == 0
    assert {(await world.call_row(each))["state"] for each in (poisoned, other)} == {"expired"}


async def test_a_confirmed_call_ends_after_two_hours_if_the_pbx_reports_no_end(world: World, wang: Person) -> None:
    call_id, code = await world.live_call(wang)
    await world.confirm(wang, code)
    world.clock.advance(7200)
    await world.service.housekeeping.sweep()
    assert (await world.call_row(call_id))["state"] == "ended"
    assert (await world.confirm(wang, code))["verdict"] == "ended"
