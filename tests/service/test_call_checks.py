"""Call checks: "Did you call me?" is answered with a signed history, these calls and no others, or none (L8, L12)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.ledger.test_rows import execute
from tests.world import DESK, NO_CAP, Json, Person, World, staff
from verifier.core.errors import IdempotencyKeyReused, InvalidField, NotFound, RateLimited, Tampered
from verifier.core.limits import Limit
from verifier.core.messages.customers import ReportCall
from verifier.core.octets import base64url
from verifier.core.policy import ContactPolicy
from verifier.core.statements import CallHistory, commitment
from verifier.core.times import from_ms, to_ms
from verifier.ports import Storage

DAY = 86_400_000
MANY_CALLS = ContactPolicy(person_daily_cap=100)
OTHER_DESK = "+861082345679"


@pytest.fixture
async def world(storage: Storage, tmp_path: Path) -> AsyncIterator[World]:
    async with World(storage, tmp_path / "ring.json") as world:
        yield world


async def person(world: World, n: int = 1) -> Person:
    someone = Person(n)
    await world.register(someone)
    return someone


async def over(world: World, someone: Person, *, caller_number: str = DESK) -> str:
    """A call that was connected for a minute and is over. Returns its id."""
    call_id: str = (await world.issue(someone, caller_number=caller_number))["call"]["call_id"]
    await world.leg(call_id, "connected", someone.number, leg_id=call_id)
    world.clock.advance(60)
    await world.leg(call_id, "ended", someone.number, leg_id=call_id)
    world.clock.advance(600)
    return call_id


def ids(checked: Json) -> list[str]:
    """The ids of the calls in an answer. The statement has the same."""
    return [each["call_id"] for each in checked["calls"]]


def history(world: World, checked: Json) -> CallHistory:
    claims = world.check(checked["receipt"])
    assert isinstance(claims, CallHistory)
    assert [each.call_id for each in claims.calls] == ids(checked)
    assert claims.jti == checked["receipt_id"]
    return claims


@pytest.mark.shows("CVP-7.14-1", "CVP-7.14-2")
async def test_a_history_has_every_call_of_the_window_whatever_its_state(world: World) -> None:
    someone = await person(world)
    begins = world.clock()
    silent = (await world.issue(someone))["call"]["call_id"]
    await world.revoke(silent)
    world.clock.advance(5)
    ended = await over(world, someone)
    live, _ = await world.live_call(someone)
    checked = await world.check_calls(someone, begins)
    assert ids(checked) == [live, ended, silent]
    assert [each["state"] for each in checked["calls"]] == ["live", "ended", "revoked"]
    claims = history(world, checked)
    assert claims.customer == commitment(claims.salt, someone.customer_id)
    assert (claims.begins, claims.ends) == (begins // 1000, world.clock() // 1000)
    first = claims.calls[-1]
    view = await world.call_view(silent)
    assert (first.officer.id, first.orig.tn, first.dest.tn) == ("4412", DESK[1:], (someone.number[1:],))
    assert (first.purpose, first.issued_at, first.connected_at) == ("documents", begins // 1000, None)
    assert first.ended_at == to_ms(view.ended_at) // 1000
    ticket = await world.storage.fetch("SELECT entry FROM leaves WHERE statement_id = $1", silent)
    assert first.ticket == base64url(bytes(ticket[0][0]))
    assert (await world.audit()).findings == []


@pytest.mark.shows("CVP-7.14-1")
async def test_a_call_whose_leg_goes_on_after_its_code_has_expired_is_not_over(world: World) -> None:
    someone = await person(world)
    call_id, _ = await world.live_call(someone)
    world.clock.advance(1200)
    begins = world.clock() - 300_000
    checked = await world.check_calls(someone, begins)
    assert [(each["call_id"], each["state"], each["ended_at"]) for each in checked["calls"]] == [
        (call_id, "expired", None)
    ]
    assert history(world, checked).calls[0].ended_at is None
    await world.leg(call_id, "ended", someone.number)
    over_at = world.clock()
    world.clock.advance(60)
    checked = await world.check_calls(someone, begins)
    assert history(world, checked).calls[0].ended_at == over_at // 1000


@pytest.mark.shows("CVP-7.14-1")
async def test_a_call_belongs_to_the_window_if_any_part_of_it_does(world: World) -> None:
    someone = await person(world)
    begins = world.clock()
    call_id = await over(world, someone)
    ended = to_ms((await world.call_view(call_id)).ended_at)
    second = 1000
    for window, found in (
        ((begins - DAY, begins - second), []),
        ((begins - DAY, begins), [call_id]),
        ((begins + second, ended - second), [call_id]),
        ((ended, ended + second), [call_id]),
        ((ended + second, ended + 2 * second), []),
    ):
        checked = await world.check_calls(someone, *window)
        assert ids(checked) == found
        history(world, checked)


@pytest.mark.shows("CVP-7.14-3")
async def test_nobody_elses_call_is_ever_in_a_history(world: World) -> None:
    someone, other = await person(world, 1), await person(world, 2)
    call_id, _ = await world.live_call(other)
    checked = await world.check_calls(someone, world.clock() - DAY)
    assert ids(checked) == []
    assert history(world, checked).calls == ()
    assert call_id not in str(checked)
    assert ids(await world.check_calls(other, world.clock() - DAY)) == [call_id]
    with pytest.raises(NotFound):
        await world.service.receipts.read(other.principal, checked["receipt_id"])


@pytest.mark.shows("CVP-7.14-3")
async def test_a_person_without_an_application_gets_a_signed_none_of_the_same_shape(world: World) -> None:
    someone, stranger = await person(world, 1), Person(2)
    none = await world.check_calls(someone, world.clock() - DAY)
    strangers = await world.check_calls(stranger, world.clock() - DAY)
    assert history(world, strangers).calls == ()
    assert strangers["words"] == none["words"]
    assert strangers.keys() == none.keys()
    kept = await world.service.receipts.read(stranger.principal, strangers["receipt_id"])
    assert kept.receipt.statement == strangers["receipt"]["statement"]


async def test_a_history_has_the_calls_of_all_applications_of_the_person(world: World) -> None:
    someone, second = await person(world, 1), Person(2)
    second.customer_id, second.principal = someone.customer_id, someone.principal
    await world.register(second)
    calls = [(await world.issue(each))["call"]["call_id"] for each in (someone, second)]
    checked = await world.check_calls(someone, world.clock() - DAY)
    assert sorted(ids(checked)) == sorted(calls)
    assert {each["application_id"] for each in checked["calls"]} == {"LN-1", "LN-2"}


@pytest.mark.shows("CVP-7.14-4")
async def test_the_number_asked_about_is_answered_apart_and_the_list_stays_whole(world: World) -> None:
    someone = await person(world)
    call_id = await over(world, someone)
    for number, came in ((DESK, True), (OTHER_DESK, False)):
        checked = await world.check_calls(someone, world.clock() - DAY, number=number)
        assert (ids(checked), checked["from_number"]) == ([call_id], came)
        orig = history(world, checked).orig
        assert orig is not None
        assert orig.tn == number[1:]
    assert (await world.check_calls(someone, world.clock() - DAY))["from_number"] is None


@pytest.mark.shows("CVP-7.14-5")
async def test_a_window_that_cannot_be_answered_for_is_refused_and_nothing_written(world: World) -> None:
    someone = await person(world)
    now = world.clock()
    before = await world.counts("leaves", "limits", "idempotency")
    for begins, ends, member in (
        (now, now - 1, "/until"),
        (now - 31 * DAY - 1, now, "/from"),
        (now + 301_000, now + 302_000, "/from"),
        (now, now + 301_000, "/until"),
        (-1000, 0, "/from"),
    ):
        with pytest.raises(InvalidField) as refused:
            await world.check_calls(someone, begins, ends)
        assert [each.pointer for each in refused.value.errors] == [member]
    assert await world.counts("leaves", "limits", "idempotency") == before
    await world.check_calls(someone, now - 31 * DAY, now)


@pytest.mark.shows("CVP-7.14-5")
async def test_a_history_never_speaks_of_the_future(world: World) -> None:
    someone = await person(world)
    now = world.clock()
    claims = history(world, await world.check_calls(someone, now + 1000, now + 200_000))
    assert (claims.begins, claims.ends, claims.iat) == (now // 1000,) * 3


@pytest.mark.shows("CVP-7.14-6")
async def test_a_window_with_too_many_calls_is_refused_and_a_shorter_one_is_not(
    storage: Storage, tmp_path: Path
) -> None:
    async with World(storage, tmp_path / "ring.json", policy=MANY_CALLS) as world:
        await refuse_many(world)


async def refuse_many(world: World) -> None:
    people = [await person(world, 1)]
    for n in range(2, 27):
        each = Person(n)
        each.customer_id, each.principal = people[0].customer_id, people[0].principal
        await world.register(each)
        people.append(each)
    for each in people:
        await world.issue(each)
        world.clock.advance(1)
    now = world.clock()
    with pytest.raises(InvalidField, match="too many calls"):
        await world.check_calls(people[0], now - DAY)
    assert len(ids(await world.check_calls(people[0], now - DAY, now - 2000))) == 25


@pytest.mark.shows("CVP-7.14-6")
async def test_a_history_that_a_verifier_would_find_too_long_is_refused(storage: Storage, tmp_path: Path) -> None:
    async with World(storage, tmp_path / "ring.json", policy=MANY_CALLS) as world:
        await refuse_long(world)


async def refuse_long(world: World) -> None:
    someone = await person(world)
    long = "中关村支行" * 16
    for n in range(1, 14):
        each = Person(n)
        each.customer_id, each.principal = someone.customer_id, someone.principal
        officer = type(each.registration().officers[0])("4412", "李" * 120, long)
        await world.register(each, officers=(officer,))
        await world.issue(each)
    with pytest.raises(InvalidField, match="too many calls"):
        await world.check_calls(someone, world.clock() - DAY)


async def test_a_retry_gets_the_same_history_and_another_window_under_its_key_is_refused(world: World) -> None:
    someone = await person(world)
    begins = world.clock() - DAY
    first = await world.check_calls(someone, begins, world.clock(), key="again")
    ends = world.clock()
    await over(world, someone)
    assert await world.check_calls(someone, begins, ends, key="again") == first
    with pytest.raises(IdempotencyKeyReused):
        await world.check_calls(someone, begins, ends - 1, key="again")


@pytest.mark.shows("CVP-7.14-7")
async def test_call_checks_have_a_daily_cap_of_their_own(storage: Storage, tmp_path: Path) -> None:
    cap = Limit(burst=2, period_ms=DAY)
    async with World(storage, tmp_path / "ring.json", report_cap=cap, verdict_cap=NO_CAP) as world:
        someone, other = await person(world, 1), await person(world, 2)
        for _ in range(2):
            await world.check_calls(someone, world.clock() - DAY)
        leaves = await world.counts("leaves")
        with pytest.raises(RateLimited):
            await world.check_calls(someone, world.clock() - DAY)
        assert await world.counts("leaves") == leaves
        await world.report(someone, "they asked for a fee")
        await world.check_calls(other, world.clock() - DAY)


@pytest.mark.shows("CVP-7.14-8")
@pytest.mark.parametrize("which", [0, 1, 2])
async def test_no_history_is_signed_when_a_row_of_a_call_was_deleted(world: World, which: int) -> None:
    someone = await person(world)
    calls = [await over(world, someone) for _ in range(3)]
    window = world.clock() - DAY
    await execute(world, "DELETE FROM calls WHERE call_id = $1", calls[which])
    with pytest.raises(Tampered):
        await world.check_calls(someone, window)


@pytest.mark.shows("CVP-7.14-9")
async def test_erasing_an_application_deletes_the_histories_that_name_its_calls(world: World) -> None:
    someone, second = await person(world, 1), Person(2)
    second.customer_id, second.principal = someone.customer_id, someone.principal
    await world.register(second)
    calls = [await over(world, each) for each in (someone, second)]
    begins, ends = world.clock() - DAY, world.clock()
    first = await world.check_calls(someone, begins, ends, key="again")
    assert sorted(ids(first)) == sorted(calls)
    other = await world.check_calls(Person(3), begins, ends)
    await world.erase(second)
    with pytest.raises(NotFound):
        await world.service.receipts.read(someone.principal, first["receipt_id"])
    await world.service.receipts.read(Person(3).principal, other["receipt_id"])
    again = await world.check_calls(someone, begins, ends, key="again")
    assert ids(again) == [calls[0]]
    history(world, first)
    audited = await world.audit()
    assert audited.findings == []


@pytest.mark.shows("CVP-7.14-10")
async def test_a_window_that_begins_when_calls_were_not_kept_is_refused(storage: Storage, tmp_path: Path) -> None:
    async with World(storage, tmp_path / "ring.json", retention_ms=40 * DAY) as world:
        someone = await person(world)
        await over(world, someone)
        world.clock.advance(45 * 86_400)
        last = await over(world, someone)
        while await world.service.retention.forget():
            pass
        now = world.clock()
        assert ids(await world.check_calls(someone, now - 31 * DAY)) == [last]
        with pytest.raises(InvalidField, match="not kept"):
            await world.check_calls(someone, now - 41 * DAY, now - 35 * DAY)
    # Today's setting keeps everything, but an earlier one has deleted calls.
    async with World(storage, tmp_path / "ring.json", clock=world.clock) as world:
        assert ids(await world.check_calls(someone, now - 31 * DAY)) == [last]
        with pytest.raises(InvalidField, match="not kept"):
            await world.check_calls(someone, now - 46 * DAY, now - 40 * DAY)


@pytest.mark.shows("CVP-7.6-4")
async def test_a_report_may_name_a_call_of_ones_own_and_no_other(world: World) -> None:
    someone, other = await person(world, 1), await person(world, 2)
    mine, theirs = await over(world, someone), await over(world, other)

    async def report(call_id: str) -> Any:
        asked = ReportCall(from_ms(world.clock()), said="我没有接到这通电话", call_id=call_id)
        return await world.service.reports.take(someone.principal, asked, world.key(someone.principal, asked))

    taken = (await report(mine)).value
    rows = await world.storage.fetch("SELECT application_id FROM reports WHERE report_id = $1", taken.report_id)
    assert rows[0][0] == someone.application_id
    refusals = set()
    for strange in (theirs, "call_" + "0" * 32, "call_" + "f" * 32):
        with pytest.raises(InvalidField) as refused:
            await report(strange)
        refusals.add(str(refused.value.errors))
    assert len(refusals) == 1
    asked = ReportCall(from_ms(world.clock()), reporter_number=someone.number, call_id=mine)
    with pytest.raises(InvalidField):
        await world.service.reports.take(staff("ivr"), asked, world.key(someone.principal, asked))
    assert (await world.audit()).findings == []


@pytest.mark.shows("CVP-7.14-1")
async def test_a_history_has_each_call_that_was_logged_before_it_also_in_its_own_batch(world: World) -> None:
    people = [await person(world, n) for n in range(1, 9)]
    asked = (each for one in people for each in (world.issue(one), world.check_calls(one, world.clock() - DAY)))
    answers = await asyncio.gather(*asked)
    for issued, checked in zip(answers[::2], answers[1::2], strict=True):
        call_id = issued["call"]["call_id"]
        rows = await world.storage.fetch(
            "SELECT statement_id FROM leaves WHERE statement_id = $1 OR statement_id = $2 ORDER BY leaf_index",
            *(call_id, checked["receipt_id"]),
        )
        first = rows[0][0] == call_id
        assert ids(checked) == ([call_id] if first else [])
        history(world, checked)
