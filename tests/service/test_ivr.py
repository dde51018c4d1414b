"""The telephone dialogue: what a caller hears, and what counts as an attempt (laws L4, L6, L7, L12)."""

from __future__ import annotations

import asyncio

import pytest

from tests.world import NOON, Person, World, another_code
from verifier.core.application import Customer, RegisteredNumber
from verifier.core.dialogue import FRAUD_DESK
from verifier.core.errors import NotFound
from verifier.core.times import from_ms


def names(turn: dict[str, object]) -> list[str]:
    return [say["name"] for say in turn["say"]]  # type: ignore[index, attr-defined]


@pytest.mark.shows("CVP-7.7-6")
async def test_a_caller_keys_the_code_hears_the_verdict_and_reaches_the_officer(world: World, wang: Person) -> None:
    call_id, code = await world.live_call(wang)
    begun = await world.begin_dialogue(wang.number)
    assert (begun["act"], names(begun)) == ("listen", ["greeting", "other_language", "ask", "keys"])
    told = await world.press(begun["session_id"], code + "#")
    assert names(told) == ["genuine", "who", "never_asks", "after_genuine"]
    assert "李伟" in told["say"][1]["text"]
    assert "4412" in told["say"][1]["text"]
    beforehand = " ".join(say["text"] for say in told["say"] if say["name"] != "who")
    assert not [personal for personal in ("李伟", "4412", "中关村") if personal in beforehand]
    english = await world.press(begun["session_id"], "*9")
    assert english["say"][0]["text"] == "This is a genuine call from us."
    connected = await world.press(begun["session_id"], "0")
    assert (connected["act"], connected["to"]) == ("transfer", "4412")
    assert (await world.press(begun["session_id"], code))["act"] == "hang_up"
    assert (await world.call_row(call_id))["state"] == "confirmed"
    assert not (await world.audit()).findings


async def test_mistyped_codes_are_not_counted_and_wrong_codes_are(world: World, wang: Person) -> None:
    call_id, code = await world.live_call(wang)
    session = (await world.begin_dialogue(wang.number))["session_id"]
    for slip, said in (
        ("12", "slip"),
        (code[:-1] + str((int(code[-1]) + 1) % 10), "ask_to_repeat"),
        ("1" * 90, "slip"),
    ):
        assert names(await world.press(session, slip)) == [said, "ask"]
    assert (await world.call_row(call_id))["ivr_wrong"] == 0
    refused = await world.press(session, another_code(code))
    assert names(refused) == ["not_genuine", "after_refusal"]
    assert (await world.call_row(call_id))["ivr_wrong"] == 1
    assert (await world.press(session, "0"))["to"] == FRAUD_DESK


@pytest.mark.parametrize("number", [None, "+8613700000000"])
async def test_a_dialogue_with_an_unknown_or_withheld_number_gives_no_verdict(
    world: World, wang: Person, number: str | None
) -> None:
    call_id, code = await world.live_call(wang)
    begun = await world.begin_dialogue(number)
    told = await world.press(begun["session_id"], code)
    assert (told["act"], names(told)) == ("listen", ["unregistered", "after_refusal"])
    assert (await world.press(begun["session_id"], "0"))["to"] == FRAUD_DESK
    row = await world.call_row(call_id)
    assert (row["state"], row["ivr_wrong"]) == ("live", 0)


@pytest.mark.shows("CVP-13-5")
async def test_another_customers_code_is_not_genuine_by_telephone(world: World, wang: Person, mallory: Person) -> None:
    call_id, code = await world.live_call(mallory)
    session = (await world.begin_dialogue(wang.number))["session_id"]
    assert names(await world.press(session, code))[0] == "not_genuine"
    row = await world.call_row(call_id)
    assert (row["state"], row["ivr_wrong"]) == ("live", 0)


@pytest.mark.shows("CVP-7.7-3")
async def test_a_retried_step_gets_the_same_answer_and_counts_once(world: World, wang: Person) -> None:
    call_id, code = await world.live_call(wang)
    session = (await world.begin_dialogue(wang.number))["session_id"]
    first, *others = await asyncio.gather(*(world.press(session, code, key="one-key") for _ in range(20)))
    assert all(each == first for each in others)
    assert names(first)[0] == "genuine"
    wrong = another_code(code)
    await asyncio.gather(*(world.press(session, wrong, key="another-key") for _ in range(20)))
    assert (await world.call_row(call_id))["ivr_wrong"] == 1


@pytest.mark.shows("CVP-7.7-2")
async def test_a_caller_beyond_the_guess_limit_gets_no_verdict(world: World, wang: Person) -> None:
    session = (await world.begin_dialogue(wang.number))["session_id"]
    for _ in range(2):
        call_id, code = await world.live_call(wang)
        for step in range(3):
            assert names(await world.press(session, another_code(code, step + 1)))[0] == "not_genuine"
        await world.revoke(call_id)
    refused = await world.press(session, another_code(code, 7))
    assert names(refused) == ["too_many", "after_refusal"]
    assert (await world.press(session, "0"))["to"] == FRAUD_DESK


async def test_a_caller_from_another_number_is_told_to_use_the_called_number(world: World, wang: Person) -> None:
    at_home = RegisteredNumber("+861062345678", from_ms(NOON - 90 * 86_400_000))
    await world.register(wang, numbers=(*wang.registration().numbers, at_home))
    _, code = await world.live_call(wang)
    session = (await world.begin_dialogue(at_home.number))["session_id"]
    refused = await world.press(session, code)
    assert (names(refused), refused["act"]) == (["other_number", "after_refusal"], "listen")
    assert (await world.press(session, "0"))["to"] == FRAUD_DESK
    session = (await world.begin_dialogue(wang.number))["session_id"]
    assert names(await world.press(session, code))[0] == "genuine"


async def test_a_number_removed_during_the_dialogue_gets_no_verdict(world: World, wang: Person) -> None:
    _, code = await world.live_call(wang)
    session = (await world.begin_dialogue(wang.number))["session_id"]
    await world.register(wang, numbers=(RegisteredNumber("+861062345678", from_ms(NOON - 90 * 86_400_000)),))
    assert names(await world.press(session, code))[0] == "unregistered"


@pytest.mark.shows("CVP-4.1-5")
async def test_an_erasure_ends_the_dialogues_of_the_application(world: World, wang: Person) -> None:
    _, code = await world.live_call(wang)
    session = (await world.begin_dialogue(wang.number))["session_id"]
    assert names(await world.press(session, code))[0] == "genuine"
    await world.erase(wang)
    for keys in ("*", "0", code):
        with pytest.raises(NotFound):
            await world.press(session, keys)
    assert await world.counts("ivr_sessions") == (0,)


async def test_a_dialogue_is_in_mandarin_unless_the_platform_names_a_language(world: World, wang: Person) -> None:
    await world.register(wang, customer=Customer(wang.customer_id, wang.name, language="en"))
    assert (await world.begin_dialogue(wang.number))["say"][0]["language"] == "zh-CN"
    assert (await world.begin_dialogue(wang.number, language="en"))["say"][0]["language"] == "en"


@pytest.mark.shows("CVP-6.3-2", "CVP-7.7-5")
async def test_a_dialogue_is_deleted_after_half_an_hour(world: World, wang: Person) -> None:
    session = (await world.begin_dialogue(wang.number))["session_id"]
    world.clock.advance(1801)
    with pytest.raises(NotFound):
        await world.press(session, "*")
    await world.service.housekeeping.sweep()
    assert await world.counts("ivr_sessions") == (0,)


@pytest.mark.shows("CVP-7.7-5")
async def test_a_stored_dialogue_holds_no_personal_data_in_plaintext(world: World, wang: Person) -> None:
    _, code = await world.live_call(wang)
    session = (await world.begin_dialogue(wang.number))["session_id"]
    await world.press(session, code)
    kept = bytes((await world.storage.fetch("SELECT sealed FROM ivr_sessions"))[0][0])
    assert not any(each.encode() in kept for each in (wang.number, wang.number[1:], code, "李伟", "4412"))
