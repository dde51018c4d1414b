"""A repeated genuine answer: the same during the call, `ended` after it (laws L4, L6)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.world import NOON, Json, Person, World, another_code
from verifier.core import words
from verifier.core.application import RegisteredNumber
from verifier.core.call import CallRules
from verifier.core.dialogue import FRAUD_DESK
from verifier.core.errors import IdempotencyKeyReused, NotFound
from verifier.core.times import from_ms
from verifier.ports import Storage

Ask = Callable[[], Awaitable[Json]]
CHANNELS = ("app", "phone", "step")


def names(turn: Json) -> list[str]:
    return [say["name"] for say in turn["say"]]


async def asking(world: World, person: Person, code: str, channel: str) -> Ask:
    """Returns a function that requests the verdict on a code. Each call of it repeats the request with the same key."""
    if channel == "app":
        return lambda: world.confirm(person, code, key="again")
    if channel == "phone":
        return lambda: world.ring_in(person.number, code, key="again")
    session = (await world.begin_dialogue(person.number))["session_id"]
    return lambda: world.press(session, code, key="again")


def said(answer: Json) -> str:
    """The verdict in an answer to a confirmation or to a step of a dialogue."""
    return str(answer["verdict"]) if "verdict" in answer else names(answer)[0]


async def leg_ends(world: World, person: Person, call_id: str) -> None:
    await world.leg(call_id, "ended", person.number)


async def officer_revokes(world: World, person: Person, call_id: str) -> None:
    await world.revoke(call_id)


async def longest_time_passes(world: World, person: Person, call_id: str) -> None:
    world.clock.advance(7200)


ENDINGS = (leg_ends, officer_revokes, longest_time_passes)


@pytest.mark.shows("CVP-7.12-1", "CVP-7.12-2")
@pytest.mark.parametrize(
    ("channel", "ending"),
    # A dialogue expires before the longest call ends.
    [(each, ending) for each in CHANNELS for ending in ENDINGS if (each, ending) != ("step", longest_time_passes)],
    ids=lambda each: each if isinstance(each, str) else each.__name__,
)
async def test_a_repeated_genuine_answer_becomes_ended_after_the_call(
    world: World, wang: Person, channel: str, ending: Callable[[World, Person, str], Awaitable[None]]
) -> None:
    call_id, code = await world.live_call(wang)
    ask = await asking(world, wang, code, channel)
    first = await ask()
    assert said(first) == "genuine"
    world.clock.advance(1200)
    assert await ask() == first
    leaves = await world.counts("leaves")
    await ending(world, wang, call_id)
    again = await ask()
    assert said(again) == "ended"
    assert await ask() == again
    assert await world.counts("leaves") == leaves, "no receipt is written for it"
    for name in set(first) - {"verdict", "words", "say"}:
        assert again[name] == first[name], name
    assert not (await world.audit()).findings


@pytest.mark.shows("CVP-7.12-1")
async def test_an_ended_answer_names_the_officer_but_not_what_the_call_may_ask_for(world: World, wang: Person) -> None:
    call_id, code = await world.live_call(wang)
    genuine = await world.confirm(wang, code, key="again")
    await world.leg(call_id, "ended", wang.number)
    ended = await world.confirm(wang, code, key="again")
    assert [each["language"] for each in ended["words"]] == ["zh-CN", "en"]
    for before, after in zip(genuine["words"], ended["words"], strict=True):
        language = after["language"]
        assert after["text"].startswith(words.ENDED[language])
        assert after["text"].endswith(words.NEVER[language])
        assert "李伟" in after["text"]
        assert words.GENUINE[language] not in after["text"]
        may_ask = "这通电话可能会请您提供" if language == "zh-CN" else "This call may ask for"
        assert may_ask in before["text"]
        assert may_ask not in after["text"]
    assert world.check(ended["receipt"]).verdict == "genuine", "a receipt says what was true at its time"
    assert ended["call"]["call_id"] == call_id


@pytest.mark.shows("CVP-7.12-1")
@pytest.mark.parametrize("channel", CHANNELS)
async def test_a_repeated_not_genuine_answer_does_not_change(world: World, wang: Person, channel: str) -> None:
    call_id, code = await world.live_call(wang)
    ask = await asking(world, wang, another_code(code), channel)
    first = await ask()
    await world.leg(call_id, "ended", wang.number)
    assert said(first) == "not_genuine"
    assert await ask() == first


@pytest.mark.shows("CVP-7.12-2")
@pytest.mark.parametrize("channel", CHANNELS)
async def test_the_next_call_does_not_make_an_ended_answer_genuine_again(
    world: World, wang: Person, channel: str
) -> None:
    """A fraudster could wait for the officer's second call, so the stored answer of the first must stay `ended`."""
    call_id, code = await world.live_call(wang)
    ask = await asking(world, wang, code, channel)
    await ask()
    await world.leg(call_id, "ended", wang.number)
    _, second = await world.live_call(wang)
    assert said(await ask()) == "ended"
    assert (await world.confirm(wang, second))["verdict"] == "genuine"
    assert said(await ask()) == "ended"


@pytest.mark.shows("CVP-7.12-2")
async def test_a_repeated_step_of_an_earlier_call_is_ended_during_the_next_call(world: World, wang: Person) -> None:
    call_id, code = await world.live_call(wang)
    session = (await world.begin_dialogue(wang.number))["session_id"]
    await world.press(session, code, key="first")
    await world.leg(call_id, "ended", wang.number)
    _, second = await world.live_call(wang)
    genuine = await world.press(session, second, key="second")
    assert names(genuine)[0] == "genuine"
    assert names(await world.press(session, code, key="first"))[0] == "ended"
    assert await world.press(session, second, key="second") == genuine


@pytest.mark.shows("CVP-7.12-2")
@pytest.mark.parametrize("channel", ["phone", "step"])
async def test_a_repeated_answer_is_ended_when_the_number_no_longer_leads_to_the_call(
    world: World, wang: Person, channel: str
) -> None:
    """The number is removed from the application. The call goes on, but the service no longer looks it up."""
    _, code = await world.live_call(wang)
    ask = await asking(world, wang, code, channel)
    assert said(await ask()) == "genuine"
    other = RegisteredNumber("+861062345678", from_ms(NOON - 90 * 86_400_000))
    await world.register(wang, numbers=(other,))
    assert said(await ask()) == "ended"


@pytest.mark.shows("CVP-7.12-1")
@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("mode", ["observed", "off"])
async def test_without_a_leg_a_genuine_answer_becomes_ended_when_the_code_expires(
    storage: Storage, tmp_path: Path, mode: str, channel: str
) -> None:
    rules = CallRules(leg_mode=mode)  # type: ignore[arg-type]
    async with World(storage, tmp_path / "ring.json", rules) as world:
        person = Person(1)
        await world.register(person)
        code = (await world.issue(person))["code"]["digits"]
        ask = await asking(world, person, code, channel)
        first = await ask()
        assert said(first) == "genuine"
        world.clock.advance(599)
        assert await ask() == first
        world.clock.advance(1)
        assert said(await ask()) == "ended"


@pytest.mark.shows("CVP-7.12-1")
async def test_a_reused_key_with_another_code_is_refused_after_the_call(world: World, wang: Person) -> None:
    call_id, code = await world.live_call(wang)
    await world.confirm(wang, code, key="again")
    await world.leg(call_id, "ended", wang.number)
    with pytest.raises(IdempotencyKeyReused):
        await world.confirm(wang, another_code(code), key="again")


@pytest.mark.shows("CVP-7.12-1")
@pytest.mark.parametrize("channel", CHANNELS)
async def test_no_repeat_sent_after_the_end_is_acknowledged_is_genuine(
    world: World, wang: Person, channel: str
) -> None:
    """Sixty repeats race with the end of the leg. Those sent after the end is acknowledged must not be genuine."""
    call_id, code = await world.live_call(wang)
    ask = await asking(world, wang, code, channel)
    first = await ask()
    over = asyncio.Event()
    wrong: list[Json] = []

    async def repeat(after: float) -> str:
        await asyncio.sleep(after)
        told_before = over.is_set()
        answer = await ask()
        if said(answer) == "genuine" and (told_before or answer != first):
            wrong.append(answer)
        return said(answer)

    async def end() -> None:
        await asyncio.sleep(0.01)
        await world.leg(call_id, "ended", wang.number)
        over.set()

    told = await asyncio.gather(*(repeat(n / 1000) for n in range(60)), end())
    assert wrong == []
    assert set(told[:-1]) <= {"genuine", "ended"}
    assert said(await ask()) == "ended"


@pytest.mark.shows("CVP-7.12-3")
@pytest.mark.parametrize("keys", ["*", "*8", "*9", None])
async def test_a_verdict_repeated_in_a_dialogue_after_the_call_says_that_it_has_ended(
    world: World, wang: Person, keys: str | None
) -> None:
    call_id, code = await world.live_call(wang)
    session = (await world.begin_dialogue(wang.number))["session_id"]
    told = await world.press(session, code)
    assert names(await world.press(session, "*")) == names(told) == ["genuine", "who", "never_asks", "after_genuine"]
    await world.leg(call_id, "ended", wang.number)
    repeated = await world.press(session, keys)
    assert names(repeated) == ["ended", "who_called", "never_asks", "after_genuine"]
    assert "李伟" in repeated["say"][1]["text"]
    assert not [each for each in ("可能会请您提供", "may ask for") if each in repeated["say"][1]["text"]]
    assert repeated["receipt_id"] == told["receipt_id"]
    assert names(await world.press(session, "*"))[0] == "ended"
    officer = await world.press(session, "0")
    assert (officer["act"], officer["to"]) == ("transfer", "4412")


@pytest.mark.shows("CVP-7.12-3")
async def test_a_caller_who_hung_up_first_hears_genuine_once_and_then_ended(world: World, wang: Person) -> None:
    """A customer with one telephone hangs up before ringing the bank. The call then ends when its code is used."""
    call_id, code = await world.live_call(wang)
    await world.leg(call_id, "ended", wang.number)
    session = (await world.begin_dialogue(wang.number))["session_id"]
    assert names(await world.press(session, code, key="first"))[0] == "genuine"
    assert (await world.call_row(call_id))["state"] == "ended"
    assert names(await world.press(session, code, key="first"))[0] == "ended"
    assert names(await world.press(session, "*"))[0] == "ended"
    assert (await world.press(session, "0"))["to"] == "4412"


@pytest.mark.shows("CVP-7.12-3")
async def test_a_code_keyed_again_after_the_call_leads_to_the_fraud_desk(world: World, wang: Person) -> None:
    call_id, code = await world.live_call(wang)
    session = (await world.begin_dialogue(wang.number))["session_id"]
    await world.press(session, code)
    await world.leg(call_id, "ended", wang.number)
    assert names(await world.press(session, "*"))[0] == "ended"
    refused = await world.press(session, code)
    assert names(refused) == ["past_call", "code_over", "after_refusal"]
    assert (await world.press(session, "0"))["to"] == FRAUD_DESK


@pytest.mark.shows("CVP-7.12-2")
async def test_a_dialogue_about_an_erased_application_never_repeats_its_verdict(world: World, wang: Person) -> None:
    _, code = await world.live_call(wang)
    session = (await world.begin_dialogue(wang.number))["session_id"]
    assert names(await world.press(session, code))[0] == "genuine"
    await world.erase(wang)
    with pytest.raises(NotFound):
        await world.press(session, "*")
