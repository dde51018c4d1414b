"""Nine digits that can be no code: asked for again once, then a verdict with a receipt (laws L4, L7, L8, L14)."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from tests.service.test_same_work import work_of
from tests.world import Json, Person, World, another_code
from verifier.core import damm
from verifier.core.errors import MalformedCode, RateLimited
from verifier.core.limits import Limit
from verifier.core.statements import commitment
from verifier.ports import Storage

DAY_MS = 86_400_000


def invented(step: int = 0) -> str:
    """Nine digits whose check digit is wrong."""
    digits = f"{12_345_678 + step:08d}"
    return digits + str((int(damm.check_digit(digits)) + 1) % 10)


def names(turn: Json) -> list[str]:
    return [say["name"] for say in turn["say"]]


async def asked_again(world: World, person: Person, code: str, key: str = "") -> None:
    with pytest.raises(MalformedCode) as caught:
        await world.confirm(person, code, key=key)
    assert "repeat" in caught.value.errors[0].detail


@pytest.mark.shows("CVP-7.16-1", "CVP-7.16-2", "CVP-4-13")
@pytest.mark.parametrize("second", [0, 1], ids=["the same digits", "other digits"])
async def test_the_second_entry_is_not_genuine_with_a_receipt_of_what_was_entered(
    world: World, wang: Person, second: int
) -> None:
    call_id, code = await world.live_call(wang)
    leaves = await world.counts("leaves")
    await asked_again(world, wang, invented())
    assert await world.counts("leaves", "signals") == (*leaves, 1)
    world.clock.advance(599)
    verdict = await world.confirm(wang, invented(second))
    assert (verdict["verdict"], verdict["call"]) == ("not_genuine", None)
    claims = world.check(verdict["receipt"])
    assert claims.code_possible is False
    assert claims.code == commitment(claims.salt, invented(second))
    assert claims.customer == commitment(claims.salt, wang.customer_id)
    row = await world.call_row(call_id)
    assert (row["app_wrong"], row["state"]) == (0, "live")
    assert await world.guess_limits() == [], "no attempt is spent"
    assert (await world.confirm(wang, code))["verdict"] == "genuine"
    assert not (await world.audit()).findings


@pytest.mark.shows("CVP-4-13")
async def test_other_receipts_do_not_say_whether_the_code_is_possible(world: World, wang: Person) -> None:
    _, code = await world.live_call(wang)
    for entered in (another_code(code), code):
        receipt = (await world.confirm(wang, entered))["receipt"]
        world.check(receipt)
        assert b"code_possible" not in _payload(receipt["statement"])


def _payload(statement: str) -> bytes:
    from base64 import urlsafe_b64decode

    return urlsafe_b64decode(statement.split(".")[1] + "==")


@pytest.mark.shows("CVP-7.16-2")
async def test_after_ten_minutes_other_digits_are_asked_for_again(world: World, wang: Person) -> None:
    await asked_again(world, wang, invented())
    world.clock.advance(600)
    await asked_again(world, wang, invented(1))
    world.clock.advance(601)
    assert (await world.confirm(wang, invented()))["verdict"] == "not_genuine", "the same digits, however late"


@pytest.mark.shows("CVP-7.16-2")
async def test_each_person_is_asked_again_once(world: World, wang: Person, mallory: Person) -> None:
    await asked_again(world, wang, invented())
    await asked_again(world, mallory, invented())
    with pytest.raises(MalformedCode):
        await world.ring_in(wang.number, invented())
    assert (await world.ring_in(wang.number, invented()))["verdict"] == "not_genuine"


@pytest.mark.shows("CVP-7.16-3")
async def test_a_retry_gets_the_same_answer(world: World, wang: Person) -> None:
    await asked_again(world, wang, invented(), key="first")
    await asked_again(world, wang, invented(), key="first")
    assert await world.counts("signals") == (1,)
    verdict = await world.confirm(wang, invented(), key="second")
    assert verdict["verdict"] == "not_genuine"
    assert await world.confirm(wang, invented(), key="second") == verdict
    await asked_again(world, wang, invented(), key="first")
    assert await world.counts("signals") == (2,)


@pytest.mark.shows("CVP-7.16-3")
async def test_two_copies_of_one_request_are_one_entry(world: World, wang: Person) -> None:
    told = await asyncio.gather(
        *(world.confirm(wang, invented(), key="same") for _ in range(3)), return_exceptions=True
    )
    assert [type(each) for each in told] == [MalformedCode] * 3
    assert await world.counts("signals") == (1,)


@pytest.mark.shows("CVP-7.16-1", "CVP-7.16-2")
async def test_by_telephone_the_caller_is_asked_to_key_again_and_then_told(world: World, wang: Person) -> None:
    call_id, _ = await world.live_call(wang)
    session = (await world.begin_dialogue(wang.number))["session_id"]
    first = await world.press(session, invented(), key="one")
    assert names(first) == ["ask_to_repeat", "ask"]
    assert await world.press(session, invented(), key="one") == first, "a retry is no second entry"
    assert names(await world.press(session, invented(1))) == ["not_genuine", "after_refusal"]
    assert (await world.call_row(call_id))["ivr_wrong"] == 0
    spoken = await world.ring_in(wang.number, invented(2))
    assert (spoken["verdict"], spoken["transfer_to"]) == ("not_genuine", None)
    receipt = await world.service.receipts.read(wang.principal, spoken["receipt_id"])
    assert world.check({"statement": receipt.receipt.statement, "proof": receipt.receipt.proof}).code_possible is False


@pytest.mark.shows("CVP-7.16-2", "CVP-7.1-1")
@pytest.mark.parametrize("number", [None, "+8613700000000"])
async def test_a_number_that_is_not_on_file_gets_no_verdict(world: World, wang: Person, number: str | None) -> None:
    for attempt in (1, 2):
        try:
            spoken = await world.ring_in(number, invented())
        except MalformedCode:
            assert attempt == 1 or number is None
        else:
            assert (attempt, spoken["verdict"], spoken["receipt_id"]) == (2, "unavailable", None)
    assert await world.counts("leaves") == (0,)


@pytest.mark.shows("CVP-7.16-4")
async def test_ten_thousand_entries_of_one_login_are_bounded_and_hold_up_nobody_else(
    storage: Storage, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    # Each entry is a transaction, which takes longer on PostgreSQL.
    entries = 10_000 if "sqlite" in request.node.name else 500
    async with World(storage, tmp_path / "ring.json", verdict_cap=Limit(burst=100, period_ms=DAY_MS)) as world:
        wang, other = Person(1), Person(2)
        for each in (wang, other):
            await world.register(each)
        call_id, code = await world.live_call(wang)
        told = {"malformed": 0, "not_genuine": 0, "too many": 0}
        for n in range(entries):
            try:
                told[(await world.confirm(wang, invented(n)))["verdict"]] += 1
            except MalformedCode:
                told["malformed"] += 1
            except RateLimited:
                told["too many"] += 1
        assert told == {"malformed": 1, "not_genuine": 99, "too many": entries - 100}
        assert await world.counts("signals") == (100,)
        assert (await world.call_row(call_id))["state"] == "live"
        assert (await world.ring_in(wang.number, code))["verdict"] == "genuine", "the telephone has its own cap"
        await asked_again(world, other, invented())


@pytest.mark.shows("CVP-7.16-2")
async def test_the_answer_does_not_show_whether_a_call_is_open(
    world: World, wang: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.live_call(wang)
    works, without = [], Person(2)
    await world.register(without)
    for person in (wang, without):
        await asked_again(world, person, invented())
        works.append(await work_of(world, world.confirm(person, invented()), monkeypatch))
    # The two customers may be in logs of different sizes, so their receipts have proofs of different lengths.
    one, other = ([(sql, rows) for sql, rows, _ in each.statements] for each in works)
    assert one == other
    assert (works[0].unsealed, works[0].derived) == (works[1].unsealed, works[1].derived)


async def test_any_nine_digits_get_an_answer(world: World, wang: Person) -> None:
    rng = random.Random(18)
    await world.live_call(wang)
    for _ in range(50):
        code = f"{rng.randrange(10**9):09d}"
        try:
            verdict = (await world.confirm(wang, code))["verdict"]
        except (MalformedCode, RateLimited):
            continue
        assert verdict == "not_genuine"
