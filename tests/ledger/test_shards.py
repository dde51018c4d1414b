"""A log of several shards: locks, parallel batches, and splitting the log while nodes work."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.world import COLLEAGUE, IVR, LOANS, OFFICER, ORIGIN, Json, Person, World, another_code
from verifier.core.checkpoint import parse_proof
from verifier.core.errors import (
    Erased,
    IdempotencyKeyReused,
    InternalError,
    InvalidField,
    NotFound,
    Unavailable,
    VerifierError,
)
from verifier.core.messages.confirmations import ConfirmByPhone
from verifier.core.shards import MAX_SHARDS, shard_origin
from verifier.ledger import records, writer
from verifier.ledger.read_set import ReadSet
from verifier.ledger.routing import ShardRouting, read_routing
from verifier.ports import Reader, Storage

SHARDS = 4


def shard_of(world: World, person: Person) -> int:
    return world.context.writer.shard_of(world.context.customer_index(person.customer_id))


def person_in(world: World, shard: int, first: int = 1000) -> Person:
    """A person whose statements go to that shard."""
    return next(p for p in map(Person, range(first, first + 1000)) if shard_of(world, p) == shard)


def log_of(evidence: Json) -> str:
    """The origin of the log that holds the statement."""
    return parse_proof(evidence["proof"]).checkpoint.partition("\n")[0]


@pytest.fixture
async def split(storage: Storage, tmp_path: Path) -> AsyncIterator[World]:
    """A world with a log of four shards, on each database."""
    async with World(storage, tmp_path / "ring.json") as made:
        await made.context.writer.split(SHARDS)
        # With its next command, the node learns of the split.
        await made.service.housekeeping.sweep()
        yield made


@pytest.mark.shows("CVP-8.4-1", "CVP-8.4-2", "CVP-8.1-12")
async def test_statements_of_a_customer_are_in_one_shard_and_verify_with_the_old_trust_file(split: World) -> None:
    trust = split.context.trust()
    for shard in range(SHARDS):
        person = person_in(split, shard)
        await split.register(person)
        issued = await split.issue(person)
        await split.leg(issued["call"]["call_id"], "connected", person.number)
        told = await split.confirm(person, await split.reveal(issued["call"]["call_id"]))
        reported = await split.report(person, "x")
        for evidence in (issued["ticket"], told["receipt"], reported["receipt"]):
            assert log_of(evidence) == shard_origin(ORIGIN, shard)
            assert split.check(evidence)
    assert split.context.trust() == trust
    audited = await split.audit()
    assert (audited.findings, audited.leaves, sorted(audited.latest)) == ([], 3 * SHARDS, list(range(SHARDS)))


@pytest.mark.shows("CVP-8.4-3", "CVP-10-10")
async def test_a_log_can_be_split_while_nodes_work_and_calls_are_open(
    world: World, storage: Storage, tmp_path: Path
) -> None:
    people = [Person(n) for n in range(24)]
    async with World(storage, tmp_path / "ring.json") as other:
        await asyncio.gather(*(world.register(person) for person in people))
        live = await asyncio.gather(*(world.live_call(person) for person in people))

        async def use(person: Person, code: str, node: World) -> Json:
            return await node.confirm(person, code)

        asked = [use(p, code, node) for p, (_, code) in zip(people, live, strict=True) for node in (world, other)]
        verdicts, *_ = await asyncio.gather(
            asyncio.gather(*asked), world.context.writer.split(8), other.context.writer.split(8)
        )
        assert all(told["verdict"] == "genuine" for told in verdicts)
        assert Counter(told["given_before"] for told in verdicts) == {False: 24, True: 24}
        for person in people:
            await other.report(person, "x")
        audited = await world.audit()
        assert (audited.findings, audited.leaves) == ([], 3 * 24)
        assert len(audited.latest) == 8


@pytest.mark.shows("CVP-8.4-3")
@pytest.mark.parametrize("number", [0, 1, SHARDS - 1, MAX_SHARDS + 1, -1])
async def test_a_split_into_fewer_or_too_many_shards_is_refused(split: World, number: int) -> None:
    with pytest.raises(InvalidField, match="4 shards"):
        await split.context.writer.split(number)
    await split.context.writer.split(SHARDS)
    assert not (await split.audit()).findings


@pytest.mark.shows("CVP-10-10")
async def test_a_code_from_a_number_of_several_shards_is_checked_in_each_shard(split: World) -> None:
    """Only each customer's own code is genuine, and no more wrong codes are counted than allowed."""
    shared = Person(7)
    household = [person_in(split, shard) for shard in range(SHARDS)]
    for person in household:
        person.number = shared.number
        await split.register(person)
    live = [await split.live_call(person) for person in household]
    wrong = another_code(live[0][1])

    async def ring(code: str) -> str:
        try:
            return str((await split.ring_in(shared.number, code))["verdict"])
        except VerifierError as refused:
            return refused.slug

    told = Counter(await asyncio.gather(*(ring(wrong) for _ in range(40))))
    # The guess limit of an application counts only what its call counts.
    assert told == {"not_genuine": 40}
    for call_id, _ in live:
        assert (await split.call_row(call_id))["ivr_wrong"] == 3
    codes = [code for _, code in live]
    own = await asyncio.gather(*(split.confirm(p, code) for p, code in zip(household, codes, strict=True)))
    assert {told["verdict"] for told in own} == {"genuine"}
    others = [split.confirm(household[n], codes[(n + by) % SHARDS]) for n in range(SHARDS) for by in range(1, SHARDS)]
    assert {told["verdict"] for told in await asyncio.gather(*others)} == {"not_genuine"}
    assert not (await split.audit()).findings


@pytest.mark.shows("CVP-10-10")
async def test_two_customers_cannot_register_one_application_concurrently(split: World) -> None:
    for n in range(20):
        first, second = person_in(split, 1, 3000 + n), person_in(split, 2, 5000 + n)
        first.application_id = second.application_id = f"LN-both-{n}"
        # Opens a connection for each shard, so that the registrations really run concurrently.
        await asyncio.gather(*(split.report(person_in(split, shard), "x") for shard in range(SHARDS)))
        # With different officers, no unique key but the application's can stop the second.
        asked = split.register(first, officers=(OFFICER,)), split.register(second, officers=(COLLEAGUE,))
        ended = await asyncio.gather(*asked, return_exceptions=True)
        assert [isinstance(each, InvalidField) for each in ended] in ([True, False], [False, True])
        owner = (await split.service.applications.read(LOANS, first.application_id)).registration.customer.id
        assert owner == (second if isinstance(ended[0], InvalidField) else first).customer_id


async def test_an_erased_application_stays_erased_in_every_shard(split: World) -> None:
    person = person_in(split, 3)
    await split.register(person)
    ended = await asyncio.gather(
        split.erase(person), split.issue(person), split.erase(person), split.register(person), return_exceptions=True
    )
    assert ended[0] == ended[2]
    for ask, told in ((split.issue, NotFound), (split.register, Erased)):
        with pytest.raises(told):
            await ask(person)
    assert not (await split.audit()).findings


@pytest.mark.shows("CVP-10-10")
async def test_events_of_one_leg_are_serialized(split: World) -> None:
    """A leg does not stay connected if its end is reported at the same time as its connect."""
    for n in range(10):
        person = person_in(split, n % SHARDS, 4000 + n * 50)
        await split.register(person)
        call_id = (await split.issue(person))["call"]["call_id"]
        leg = f"leg-{n}"
        await asyncio.gather(
            split.leg_by_number("connected", person.number, leg_id=leg),
            split.leg_by_number("ended", None, leg_id=leg),
        )
        row = await split.call_view(call_id)
        assert (row.connected_at is None) == (row.leg_ended_at is None), n


async def test_a_key_used_in_two_shards_at_once_is_refused_in_one(split: World) -> None:
    for n in range(10):
        people = [person_in(split, shard, 6000 + n * 20) for shard in (1, 2)]
        for person in people:
            await split.register(person)

        async def ring(person: Person, key: str) -> Any:
            asked = ConfirmByPhone(another_code("000000000"), "+861095588", person.number)
            confirm = split.service.confirmations.confirm_by_phone
            return await confirm(asked, split.key(IVR, asked, key))

        ended = await asyncio.gather(*(ring(person, f"same-{n}") for person in people), return_exceptions=True)
        assert sorted(type(each) for each in ended if isinstance(each, Exception)) == [IdempotencyKeyReused]


@pytest.mark.shows("CVP-10-10")
async def test_a_misrouted_command_is_sent_to_the_right_shard(split: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command is misrouted if a number is registered for another customer while it waits."""
    person = person_in(split, 2)
    await split.register(person)
    _, code = await split.live_call(person)
    asked, elsewhere = 0, split.context.customer_index(person_in(split, 0).customer_id)

    async def late(reader: Reader, needs: ReadSet) -> ShardRouting:
        nonlocal asked
        asked += 1
        return (
            ShardRouting({}, {needs.number_index or b"": [elsewhere]}, {}, {}, {}, {})
            if asked == 1
            else await read_routing(reader, needs)
        )

    monkeypatch.setattr(writer, "read_routing", late)
    told = await split.ring_in(person.number, code)
    assert told["verdict"] == "genuine"
    assert asked == 2


async def test_shards_do_not_wait_for_each_other(split: World, database: str) -> None:
    """While one shard is locked, the others commit. Only on PostgreSQL."""
    if database.startswith("sqlite"):
        return  # SQLite has one writer at a time
    waiting, free = person_in(split, 1), person_in(split, 2)
    for person in (waiting, free):
        await split.register(person)
    async with split.storage.transaction() as transaction:
        await transaction.fetch(records.LOCK_HEAD, shard_origin(ORIGIN, 1))
        held = asyncio.create_task(split.report(waiting, "x"))
        for _ in range(3):
            await asyncio.wait_for(split.report(free, "x"), 2)
        assert not held.done()
    assert (await held)["receipt"]


@pytest.mark.shows("CVP-8.4-3")
async def test_a_split_waits_for_the_locks_of_all_shards(split: World, database: str) -> None:
    """A transaction relies on the rows it has loaded until it ends, in whichever shard."""
    if database.startswith("sqlite"):
        return  # SQLite has one writer at a time
    for shard in range(SHARDS):
        async with split.storage.transaction() as transaction:
            await transaction.fetch(records.LOCK_HEAD, shard_origin(ORIGIN, shard))
            splitting = asyncio.create_task(split.context.writer.split(SHARDS + 1 + shard))
            await asyncio.sleep(0.3)
            assert not splitting.done()
        await splitting


@pytest.mark.shows("CVP-10-11", "CVP-8.4-3")
async def test_a_node_writes_nothing_to_a_database_restored_from_before_a_split(split: World) -> None:
    """Neither to the missing shards nor to the remaining ones."""
    people = [person_in(split, shard) for shard in (0, 2)]
    for person in people:
        await split.register(person)
    await split.report(people[1], "x")
    async with split.storage.transaction() as transaction:
        await transaction.execute_many("DELETE FROM log_head WHERE origin <> $1", [(ORIGIN,)])
        await transaction.execute_many("UPDATE log_head SET shards = 1", [()])
    for _ in range(2):
        for ask in (*(split.report(person, "x") for person in people), split.service.housekeeping.sweep()):
            with pytest.raises(Unavailable, match="fewer shards"):
                await ask
        with pytest.raises(Unavailable):
            await split.context.writer.probe()
    assert await split.counts("leaves") == (1,)


async def test_a_refused_shard_does_not_block_the_others(split: World) -> None:
    """Not even while calls come in from a number of customers in both."""
    alone, *household = (person_in(split, shard) for shard in (0, 0, 3))
    household[0] = person_in(split, 0, 2000)
    for person in household:
        person.number = "+8613800999999"
    for person in (alone, *household):
        await split.register(person)
    await split.report(household[1], "x")
    async with split.storage.transaction() as transaction:
        await transaction.execute_many("UPDATE log_head SET size = 0 WHERE origin = $1", [(shard_origin(ORIGIN, 3),)])
    code = another_code("000000000")
    asked = [ask for _ in range(30) for ask in (split.report(alone, "x"), split.ring_in(household[0].number, code))]
    ended = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(each) for each in ended[::2]] == [dict] * 30
    assert {type(each) for each in ended[1::2]} == {InternalError}
    assert (await split.report(alone, "x"))["receipt"]


async def test_the_writer_stops_although_a_command_was_never_routed(
    split: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = person_in(split, 1)
    await split.register(person)
    asking = asyncio.Event()

    async def gone(reader: Reader, needs: ReadSet) -> ShardRouting:
        await asking.wait()
        raise Unavailable("the database cannot answer")

    monkeypatch.setattr(writer, "read_routing", gone)
    asked = asyncio.create_task(split.report(person, "x"))
    await asyncio.sleep(0)
    stopping = asyncio.create_task(split.context.writer.stop())
    await asyncio.sleep(0.05)
    asking.set()
    await asyncio.wait_for(stopping, 2)
    with pytest.raises(Unavailable):
        await asked


async def test_batches_that_lock_several_shards_do_not_deadlock(split: World) -> None:
    """For every pair of shards, in both orders, from two nodes."""
    pairs = [(a, b) for a in range(SHARDS) for b in range(SHARDS) if a != b]
    households = []
    for n, pair in enumerate(pairs):
        people = [person_in(split, shard, 7000 + n * 40) for shard in pair]
        for person in people:
            person.application_id = f"LN-{n}-{person.customer_id}"
            person.number = f"+86138002{n:05d}"
            await split.register(person)
        households.append(people)
    async with World(split.storage, split.ring_file) as other:
        asked = [
            node.ring_in(people[0].number, another_code("000000000"))
            for people in households
            for node in (split, other)
        ]
        told = await asyncio.gather(*asked)
    assert {each["verdict"] for each in told} == {"not_genuine"}
    assert not (await split.audit()).findings
