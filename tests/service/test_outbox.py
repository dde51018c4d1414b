"""Receipts sent to callers: offered in the dialogue, queued with the step, delivered until accepted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.world import Person, World, another_code
from verifier.ports import Storage
from verifier.service.notifications.outbox import ReceiptMessage

DAY_S = 86_400


class Inbox:
    """The bank's messaging service. It accepts messages unless it is `down`."""

    def __init__(self) -> None:
        self.taken: list[ReceiptMessage] = []
        self.asked = 0
        self.down = False

    async def hand(self, message: ReceiptMessage) -> bool:
        self.asked += 1
        if not self.down:
            self.taken.append(message)
        return not self.down


@pytest.fixture
async def world(storage: Storage, tmp_path: Path) -> AsyncIterator[World]:
    """A bank that accepts receipt messages."""
    async with World(storage, tmp_path / "ring.json", receipt_messages=True) as world:
        yield world


@pytest.fixture
async def person(world: World) -> Person:
    person = Person(1)
    await world.register(person)
    return person


def names(turn: Any) -> list[str]:
    return [say["name"] for say in turn["say"]]


async def checked(world: World, person: Person) -> tuple[str, Any]:
    """A caller keys the right code. Returns the session and the answer."""
    _, code = await world.live_call(person)
    session = (await world.begin_dialogue(person.number))["session_id"]
    return session, await world.press(session, code)


@pytest.mark.shows("CVP-7.11-1", "CVP-7.11-3")
async def test_a_receipt_is_offered_and_delivered_once(world: World, person: Person) -> None:
    session, told = await checked(world, person)
    assert names(told)[-1] == "offer_receipt"
    assert names(await world.press(session, "1#")) == ["receipt_sent"]
    assert names(await world.press(session, "1"))[0] == "slip", "there is nothing more to send"
    inbox = Inbox()
    assert await world.service.outbox.deliver(inbox.hand) == 1
    assert await world.service.outbox.deliver(inbox.hand) == 0
    [message] = inbox.taken
    assert (message.customer_id, message.language) == (person.customer_id, "zh-CN")
    receipt = await world.service.receipts.read(person.principal, message.receipt_id)
    assert world.check({"statement": receipt.receipt.statement, "proof": receipt.receipt.proof}).verdict == "genuine"


@pytest.mark.shows("CVP-7.11-1")
async def test_a_receipt_is_offered_after_a_refusal_but_not_beyond_the_guess_limit(
    world: World, person: Person
) -> None:
    session = (await world.begin_dialogue(person.number))["session_id"]
    told = await world.press(session, another_code("000000000"))
    assert names(told) == ["not_genuine", "after_refusal", "offer_receipt"]
    for _ in range(2):
        call_id, code = await world.live_call(person)
        for step in range(3):
            await world.press(session, another_code(code, step + 1))
        await world.revoke(call_id)
    assert names(await world.press(session, another_code(code, 7))) == ["too_many", "after_refusal"]
    assert names(await world.press(session, "1"))[0] == "slip"


@pytest.mark.shows("CVP-7.11-1")
async def test_no_receipt_is_offered_if_the_bank_accepts_none(storage: Storage, tmp_path: Path) -> None:
    async with World(storage, tmp_path / "ring.json") as world:
        person = Person(2)
        await world.register(person)
        session, told = await checked(world, person)
        assert names(told)[-1] == "after_genuine"
        assert names(await world.press(session, "1"))[0] == "slip"
        assert await world.counts("messages") == (0,)


@pytest.mark.shows("CVP-7.11-2")
async def test_a_retried_step_queues_one_message(world: World, person: Person) -> None:
    session, _ = await checked(world, person)
    answers = await asyncio.gather(*(world.press(session, "1", key="one-key") for _ in range(20)))
    assert all(each == answers[0] for each in answers)
    assert await world.counts("messages") == (1,)


@pytest.mark.shows("CVP-7.11-4")
async def test_a_message_is_retried_with_backoff_for_a_day(world: World, person: Person) -> None:
    session, _ = await checked(world, person)
    await world.press(session, "1")
    inbox = Inbox()
    inbox.down = True
    asked = []
    for second in range(0, 1200, 5):
        await world.service.outbox.deliver(inbox.hand)
        if inbox.asked > len(asked):
            asked.append(second)
        world.clock.advance(5)
    assert asked == [0, 15, 45, 105, 225, 465, 945]
    inbox.down = False
    world.clock.advance(3600)
    assert await world.service.outbox.deliver(inbox.hand) == 1
    another = Person(2)
    await world.register(another)
    session, _ = await checked(world, another)
    await world.press(session, "1")
    world.clock.advance(DAY_S + 1)
    await world.service.housekeeping.sweep()
    assert await world.counts("messages") == (0,)


@pytest.mark.shows("CVP-7.11-5")
async def test_an_erasure_deletes_queued_messages(world: World, person: Person) -> None:
    session, _ = await checked(world, person)
    await world.press(session, "1")
    assert await world.counts("messages") == (1,)
    await world.erase(person)
    assert await world.counts("messages") == (0,)


@pytest.mark.shows("CVP-7.11-5")
async def test_a_step_concurrent_with_an_erasure_queues_nothing(world: World, person: Person) -> None:
    session, _ = await checked(world, person)
    await asyncio.gather(world.erase(person), world.press(session, "1"), return_exceptions=True)
    assert await world.counts("messages") == (0,)


@pytest.mark.shows("CVP-7.11-2")
async def test_a_queued_message_holds_no_personal_data_in_plaintext(world: World, person: Person) -> None:
    session, _ = await checked(world, person)
    await world.press(session, "1")
    [row] = await world.storage.fetch("SELECT * FROM messages")
    held = b"\0".join(each if isinstance(each, bytes) else str(each).encode() for each in row)
    assert person.customer_id.encode() not in held
    assert b"rcpt_" not in held


async def test_a_corrupt_message_does_not_block_the_others(world: World, person: Person, mallory: Person) -> None:
    told: list[str] = []
    world.context.tampered = told.append
    for each in (mallory, person):
        session, _ = await checked(world, each)
        await world.press(session, "1")
    async with world.storage.transaction() as transaction:
        sql = "UPDATE messages SET sealed = $1 WHERE application_id = $2"
        await transaction.execute_many(sql, [(b"x" * 40, mallory.application_id)])
    inbox = Inbox()
    assert await world.service.outbox.deliver(inbox.hand) == 1
    assert [each.customer_id for each in inbox.taken] == [person.customer_id]
    assert told == ["messages"]
