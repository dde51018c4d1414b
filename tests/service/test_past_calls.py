"""The right code of a call that is over: its own customer learns which call it was (laws L4, L7, L8, L12)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.service.test_same_work import work_of
from tests.world import NOON, Json, Person, World, another_code, staff
from verifier.core.application import AssignedOfficer, RegisteredNumber
from verifier.core.call import CallRules
from verifier.core.dialogue import FRAUD_DESK
from verifier.core.suspensions import SuspendStaff
from verifier.core.times import from_ms
from verifier.ports import Storage

AT_HOME = "+8613700137000"


async def over(world: World, person: Person) -> tuple[str, str]:
    """A call of a minute whose code was read out but not entered. Returns its id and code, after the grace."""
    call_id, code = await world.live_call(person)
    world.clock.advance(60)
    await world.leg(call_id, "ended", person.number)
    world.clock.advance(120)
    return call_id, code


def names(turn: Json) -> list[str]:
    return [say["name"] for say in turn["say"]]


@pytest.mark.shows("CVP-7.13-1", "CVP-7.13-2", "CVP-4-12")
@pytest.mark.parametrize("used", [False, True])
async def test_the_code_of_a_call_that_is_over_is_ended(world: World, wang: Person, used: bool) -> None:
    call_id, code = await world.live_call(wang)
    if used:
        assert (await world.confirm(wang, code))["verdict"] == "genuine"
    world.clock.advance(60)
    await world.leg(call_id, "ended", wang.number)
    world.clock.advance(3600)
    before = await world.guess_limits(), (await world.call_row(call_id))["app_wrong"]
    verdict = await world.confirm(wang, code)
    assert (verdict["verdict"], verdict["given_before"]) == ("ended", False)
    assert [each["text"] for each in verdict["words"]] == [
        "这是我们今天12:00那通来电的核实码，那通电话已经结束。如果现在有人向您报这个核实码，请挂断电话。",
        "This was the code of our call at 12:00, which is over. If somebody gives it to you now, hang up.",
    ]
    ended = NOON + 60_000
    assert verdict["call"]["call_id"] == call_id
    assert (verdict["call"]["began_at"], verdict["call"]["ended_at"]) == tuple(
        from_ms(at).isoformat().replace("+00:00", "Z") for at in (NOON, ended)
    )
    claims = world.check(verdict["receipt"])
    assert (claims.verdict, claims.call.call_id) == ("ended", call_id)
    assert (claims.began, claims.ended) == (NOON // 1000, ended // 1000)
    assert ([f"{wang.application_id}:app"], 0) == (await world.guess_limits(), before[1]), "it costs no attempt"
    tat = await world.storage.fetch("SELECT wrong FROM limits WHERE limit_key = $1", f"{wang.application_id}:app")
    assert tat[0][0] == 0
    assert not (await world.audit()).findings


@pytest.mark.shows("CVP-7.13-1")
async def test_the_day_of_an_earlier_call_is_named(world: World, wang: Person) -> None:
    _, code = await over(world, wang)
    world.clock.advance(36 * 3600)
    zh, en = (each["text"] for each in (await world.confirm(wang, code))["words"])
    assert zh.startswith("这是我们11月23日12:00那通来电的核实码")
    assert en.startswith("This was the code of our call on 23 November at 12:00, which is over.")


@pytest.mark.shows("CVP-7.13-1")
async def test_an_expired_code_is_not_said_to_be_of_a_call_that_is_over(world: World, wang: Person) -> None:
    """The officer may still be on the line when a code expires."""
    _, code = await world.live_call(wang)
    world.clock.advance(600)
    en = (await world.confirm(wang, code))["words"][1]["text"]
    assert en.startswith("This was the code of our call at 12:00. It is no longer valid.")


@pytest.mark.shows("CVP-7.13-1")
async def test_by_telephone_it_is_said_and_the_fraud_desk_is_a_key_away(world: World, wang: Person) -> None:
    _, code = await over(world, wang)
    spoken = await world.ring_in(wang.number, code)
    assert (spoken["verdict"], spoken["transfer_to"]) == ("ended", None)
    assert "12:00" in spoken["words"]["text"]
    session = (await world.begin_dialogue(wang.number))["session_id"]
    turn = await world.press(session, code)
    assert names(turn) == ["past_call", "code_over", "after_refusal"]
    assert turn["receipt_id"].startswith("rcpt_")
    again = await world.press(session, "*")
    assert (names(again), again["receipt_id"]) == (names(turn), turn["receipt_id"])
    other = await world.press(session, "*9")
    assert other["say"][0]["text"].startswith("This was the code of our call at 12:00")
    assert (await world.press(session, "0"))["to"] == FRAUD_DESK


@pytest.mark.shows("CVP-7.13-1")
async def test_by_telephone_only_the_number_that_was_called_learns_of_it(world: World, wang: Person) -> None:
    numbers = tuple(RegisteredNumber(each, from_ms(NOON - 90 * 86_400_000)) for each in (wang.number, AT_HOME))
    await world.register(wang, numbers=numbers)
    _, code = await over(world, wang)
    assert (await world.ring_in(AT_HOME, code))["verdict"] == "not_genuine"
    assert (await world.ring_in(wang.number, code))["verdict"] == "ended"


@pytest.mark.shows("CVP-7.13-3")
async def test_to_anybody_else_the_code_is_not_genuine(world: World, wang: Person, mallory: Person) -> None:
    _, code = await over(world, mallory)
    assert (await world.confirm(wang, code))["verdict"] == "not_genuine"
    assert (await world.confirm(wang, code, application_id=mallory.application_id))["verdict"] == "not_genuine"
    assert (await world.ring_in(wang.number, code))["verdict"] == "not_genuine"
    assert (await world.confirm(mallory, code, application_id=wang.application_id))["verdict"] == "not_genuine"
    assert (await world.confirm(mallory, code))["verdict"] == "ended"


async def revoked(world: World, person: Person, call_id: str, code: str) -> None:
    await world.revoke(call_id)


async def locked(world: World, person: Person, call_id: str, code: str) -> None:
    for step in (1, 2, 3):
        await world.confirm(person, another_code(code, step))
        await world.ring_in(person.number, another_code(code, step))


async def removed(world: World, person: Person, call_id: str, code: str) -> None:
    await world.leg(call_id, "ended", person.number)
    world.clock.advance(120)
    await world.register(person, officers=(AssignedOfficer("4499", "周敏", "北京中关村支行"),))


async def suspended(world: World, person: Person, call_id: str, code: str) -> None:
    await world.leg(call_id, "ended", person.number)
    world.clock.advance(120)
    supervisor = staff("9001", "supervisor")
    asked = SuspendStaff("under investigation")
    await world.service.suspensions.suspend(supervisor, "4412", asked, world.key(supervisor, asked))


@pytest.mark.shows("CVP-7.13-2")
@pytest.mark.parametrize("spoiled", [revoked, locked, removed, suspended])
async def test_the_bank_does_not_vouch_for_a_call_that_it_withdrew(
    world: World, wang: Person, spoiled: Callable[[World, Person, str, str], Awaitable[None]]
) -> None:
    call_id, code = await world.live_call(wang)
    await spoiled(world, wang, call_id, code)
    world.clock.advance(7200)
    assert (await world.confirm(wang, code))["verdict"] == "not_genuine"
    assert (await world.ring_in(wang.number, code))["verdict"] == "not_genuine"


@pytest.mark.shows("CVP-7.13-2")
async def test_a_code_that_no_officer_saw_is_not_genuine(world: World, wang: Person) -> None:
    from tests.service.test_confirm import _derived_code

    call_id = (await world.issue(wang))["call"]["call_id"]
    code = await _derived_code(world, call_id)
    world.clock.advance(600)
    assert (await world.confirm(wang, code))["verdict"] == "not_genuine"


@pytest.mark.shows("CVP-7.13-2")
async def test_a_call_whose_leg_led_elsewhere_is_not_vouched_for(world: World, wang: Person) -> None:
    call_id, code = await world.live_call(wang)
    await world.leg(call_id, "connected", AT_HOME)
    world.clock.advance(600)
    assert (await world.confirm(wang, code))["verdict"] == "not_genuine"


@pytest.mark.shows("CVP-7.13-4")
async def test_the_eight_newest_calls_of_all_applications_count(world: World, wang: Person) -> None:
    second = Person(1)
    second.application_id = "LN-1-second"
    await world.register(second)
    codes = []
    for n in range(9):
        codes.append((await over(world, (wang, second)[n % 2]))[1])
        world.clock.advance(86_400)
    verdicts = [(await world.confirm(wang, code))["verdict"] for code in codes]
    assert verdicts == ["not_genuine"] + ["ended"] * 8


@pytest.mark.shows("CVP-7.13-4")
async def test_forgotten_statements_are_passed_over(storage: Storage, tmp_path: Path) -> None:
    async with World(storage, tmp_path / "ring.json", retention_ms=86_400_000) as world:
        wang = Person(1)
        await world.register(wang)
        _, code = await over(world, wang)
        assert (await world.confirm(wang, code))["verdict"] == "ended"
        world.clock.advance(2 * 86_400)
        while await world.service.retention.forget():
            pass
        assert (await world.confirm(wang, code))["verdict"] == "not_genuine"


@pytest.mark.shows("CVP-7.13-5")
async def test_a_call_that_closes_in_the_same_batch_is_over(world: World, wang: Person, shards: int) -> None:
    call_id, code = await world.live_call(wang)
    await world.confirm(wang, code)
    _, verdict = await asyncio.gather(world.leg(call_id, "ended", wang.number), world.confirm(wang, code))
    # With several shards, the code may be decided first. Then the call goes on.
    assert verdict["verdict"] == "ended" or (shards > 1 and verdict["verdict"] == "genuine")
    call_id, code = await world.live_call(wang)
    world.clock.advance(600)
    # The call has expired, but no command has written that yet. The next issue does, in the same batch.
    _, verdict = await asyncio.gather(world.issue(wang), world.confirm(wang, code))
    assert (verdict["verdict"], verdict["call"]["call_id"]) == ("ended", call_id)


@pytest.mark.shows("CVP-7.13-5")
async def test_a_call_that_goes_on_is_genuine_whatever_else_is_asked(world: World, wang: Person) -> None:
    """The second look decides from the start, so a leg that connects between the two looks is seen."""
    from tests.service.test_confirm import _derived_code

    call_id = (await world.issue(wang))["call"]["call_id"]
    code = await _derived_code(world, call_id)
    submit, looks = world.context.writer.submit_kept, []

    async def between(*args: object, **more: object) -> object:
        looks.append(args)
        if len(looks) == 2:
            world.context.writer.submit_kept = submit  # type: ignore[method-assign]
            await world.leg(call_id, "connected", wang.number)
        return await submit(*args, **more)  # type: ignore[arg-type]

    world.context.writer.submit_kept = between  # type: ignore[method-assign, assignment]
    assert (await world.confirm(wang, code))["verdict"] == "genuine"
    assert len(looks) == 2


async def test_a_retry_of_an_ended_answer_gets_the_same_bytes(world: World, wang: Person) -> None:
    _, code = await over(world, wang)
    first = await world.confirm(wang, code, key="again")
    leaves = await world.counts("leaves", "signals")
    assert await world.confirm(wang, code, key="again") == first
    assert await world.counts("leaves", "signals") == leaves


@pytest.mark.shows("CVP-7.13-4")
async def test_ended_takes_the_work_of_a_refusal(world: World, wang: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    _, code = await over(world, wang)
    await world.confirm(wang, another_code(code))
    works = [await work_of(world, world.confirm(wang, each), monkeypatch) for each in (another_code(code, 2), code)]
    refused, ended = ([(sql, rows) for sql, rows, _ in each.statements] for each in works)
    assert ended == refused
    assert (works[0].unsealed, works[0].derived) == (works[1].unsealed, works[1].derived)


@pytest.mark.shows("CVP-7.13-4")
@pytest.mark.parametrize("earlier_calls", [0, 1, 9])
async def test_the_work_of_a_refusal_does_not_show_how_many_calls_there_were(
    world: World, wang: Person, monkeypatch: pytest.MonkeyPatch, earlier_calls: int
) -> None:
    for _ in range(earlier_calls):
        await over(world, wang)
        world.clock.advance(86_400)
    work = await work_of(world, world.confirm(wang, another_code("482177300", 0)), monkeypatch)
    assert work.derived == 2 + 8
    closed = [rows for sql, rows, _ in work.statements if "ORDER BY c.call_id DESC LIMIT 8" in sql]
    assert closed == [8]


async def test_observed_calls_without_a_leg_began_when_they_were_issued(storage: Storage, tmp_path: Path) -> None:
    async with World(storage, tmp_path / "ring.json", CallRules(leg_mode="observed")) as world:
        wang = Person(1)
        await world.register(wang)
        code = (await world.issue(wang))["code"]["digits"]
        world.clock.advance(600)
        verdict = await world.confirm(wang, code)
        claims = world.check(verdict["receipt"])
        assert (claims.verdict, claims.began, claims.call.leg.connected_at) == ("ended", NOON // 1000, None)
