"""The writer: commands in one order, one checkpoint per batch, and a failing command that affects no other."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.world import ORIGIN, Person, World, another_code, staff
from verifier.core.checkpoint import open_checkpoint
from verifier.core.errors import InternalError, NotFound, Unavailable
from verifier.core.statements import REPORT, ReportReceipt
from verifier.ledger import heads, writer
from verifier.ledger.audit import audit_log
from verifier.ledger.commands import About, Answer
from verifier.ledger.log import Log
from verifier.ledger.read_set import ReadSet
from verifier.ledger.tables import LimitRow
from verifier.ledger.unit_of_work import UnitOfWork
from verifier.ports import Storage
from verifier.service.notifications.outbox import Settled
from verifier.storage import open_storage
from verifier.storage.migrate import migrate


@pytest.mark.shows("CVP-8.2-3")
async def test_a_new_log_starts_with_a_checkpoint_of_size_zero(world: World) -> None:
    note = await Log(world.storage).checkpoint()
    assert open_checkpoint(note, world.ring.log_keys(), ORIGIN).size == 0


@pytest.mark.shows("CVP-10-5")
async def test_a_node_with_another_key_ring_does_not_start(world: World, storage: Storage, tmp_path: Path) -> None:
    with pytest.raises(InternalError, match="another key ring"):
        async with World(storage, tmp_path / "other.json"):
            pass


@pytest.mark.shows("CVP-10-2")
async def test_a_second_service_on_the_same_database_continues_the_same_log(
    world: World, wang: Person, storage: Storage, tmp_path: Path
) -> None:
    """Two writers take turns, and each finds what the other has added."""
    async with World(storage, tmp_path / "ring.json") as other:
        for _ in range(3):
            await world.confirm(wang, another_code("000000000"))
            await other.ring_in(wang.number, another_code("000000000"))
        audited = await other.audit()
        assert (audited.leaves, audited.findings) == (6, [])


async def test_a_writer_resumes_a_log_across_a_tile_boundary(storage: Storage, tmp_path: Path) -> None:
    person = Person(1)
    async with World(storage, tmp_path / "ring.json") as world:
        await world.register(person)
        await asyncio.gather(*(world.report(person, "x") for _ in range(250)))
    async with World(storage, tmp_path / "ring.json") as world:
        for _ in range(20):
            world.check((await world.report(person, "x"))["receipt"])
        audited = await world.audit()
        assert (audited.leaves, audited.findings) == (270, [])
        assert await world.counts("nodes") == (1,)


async def test_a_failing_command_does_not_fail_its_batch(world: World, wang: Person) -> None:
    def failing(work: UnitOfWork) -> Answer[Settled]:
        raise ZeroDivisionError

    results = await asyncio.gather(
        world.context.writer.submit(ReadSet(), failing),
        world.issue(wang),
        world.confirm(wang, another_code("000000000")),
        return_exceptions=True,
    )
    assert isinstance(results[0], InternalError)
    assert isinstance(results[1], dict)
    assert isinstance(results[2], dict)
    assert not (await world.audit()).findings


async def test_a_corrupt_application_affects_no_other(world: World, wang: Person, mallory: Person) -> None:
    async with world.storage.transaction() as transaction:
        sql = "UPDATE applications SET sealed = $2 WHERE application_id = $1"
        await transaction.execute_many(sql, [(mallory.application_id, b"x" * 40)])
    results = await asyncio.gather(world.issue(mallory), world.issue(wang), return_exceptions=True)
    assert isinstance(results[0], InternalError)
    assert isinstance(results[1], dict)


async def test_a_full_queue_refuses_commands_at_once(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MAX_WAITING", 20)
    async with World(storage, tmp_path / "ring.json") as world:
        person = Person(1)
        register = world.service.applications.register
        results = await asyncio.gather(
            *(register(f"LN-{n}", person.registration()) for n in range(50)), return_exceptions=True
        )
        refused = [result for result in results if isinstance(result, Unavailable)]
        assert len(refused) == 30
        assert await world.counts("applications") == (20,)


@pytest.mark.shows("CVP-10-5")
async def test_a_node_with_another_origin_on_the_same_database_does_not_start(
    world: World, storage: Storage, tmp_path: Path
) -> None:
    world_of_another_log = World(storage, tmp_path / "ring.json")
    world_of_another_log.context.writer._heads._origin = "elsewhere.example/log"
    with pytest.raises(InternalError, match="holds the log"):
        await world_of_another_log.service.start()


@pytest.mark.shows("CVP-10-11")
@pytest.mark.parametrize("refilled", [0, 1, 2, 3, 30])
async def test_a_node_adds_nothing_to_a_log_that_was_restored_while_it_ran(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refilled: int
) -> None:
    """Another node has added fewer leaves since the restore than the node had before, as many, more, or many more."""
    monkeypatch.setattr(heads, "MAX_CATCH_UP", 9)
    path, old = tmp_path / "db.sqlite3", tmp_path / "old.sqlite3"
    async with AsyncExitStack() as stack:
        storage = await open_storage(f"sqlite:{path}")
        stack.push_async_callback(storage.close)
        await migrate(storage)
        world = await stack.enter_async_context(World(storage, tmp_path / "ring.json"))
        person = Person(1)
        await world.register(person)
        await world.report(person, "before the backup")
        _copy(path, old)
        told = [await world.report(person, f"after it {n}") for n in range(2)]
        _copy(old, path)
        async with World(storage, tmp_path / "ring.json") as other:
            for n in range(refilled):
                await other.report(person, f"instead {n}")
            for ask in (lambda: world.report(person, "on top"), world.context.writer.probe):
                with pytest.raises(Unavailable, match=r"not the one that was signed|was set back"):
                    await ask()
            assert (await other.audit()).leaves == 1 + refilled
            notes = [each["receipt"]["proof"].partition("\n\n")[2] for each in told]
            found = await audit_log(storage, other.ring, other.context.trust(), notes)
            assert all("rolled back" in each or "was rewritten" in each for each in found.findings)
            assert found.findings


async def test_an_idle_node_continues_after_any_number_of_leaves_of_others(
    world: World, wang: Person, storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heads, "MAX_CATCH_UP", 5)
    async with World(storage, tmp_path / "ring.json") as other:
        for meanwhile in (0, 300, 3, 7, 260):
            await asyncio.gather(*(other.report(wang, "x") for _ in range(meanwhile)))
            world.check((await world.report(wang, "x"))["receipt"])
        assert not (await world.audit()).findings


def _copy(source: Path, target: Path) -> None:
    with sqlite3.connect(source) as from_, sqlite3.connect(target) as to:
        from_.backup(to)


@pytest.mark.shows("CVP-10-15")
async def test_a_returned_error_reaches_the_caller_and_its_changes_are_committed(world: World) -> None:
    def refuse(work: UnitOfWork) -> NotFound:
        work.limits.put(LimitRow("kept", 1))
        return NotFound("not for you")

    key = world.key(staff("4412"), "asked", "refused")
    told = [world.context.writer.submit_kept(Settled, ReadSet(), refuse, key) for _ in range(2)]
    told = await asyncio.gather(*told, return_exceptions=True)
    assert [str(each) for each in told] == ["not for you"] * 2
    assert await world.counts("limits", "idempotency") == (1, 0)


@pytest.mark.shows("CVP-10-15")
@pytest.mark.parametrize("returned", [True, False])
async def test_a_command_cannot_fail_after_it_appended_a_leaf(world: World, returned: bool) -> None:
    def refuse(work: UnitOfWork) -> NotFound:
        work.log.append(REPORT, work.new_id("rprt"), ReportReceipt("x", "x", 1, "x", "x"), None)
        error = NotFound("not for you")
        if not returned:
            raise error
        return error

    with pytest.raises(InternalError):
        await world.context.writer.submit(ReadSet(), refuse)
    assert await world.counts("leaves") == (0,)


@pytest.mark.shows("CVP-7.5-6")
async def test_a_caller_refused_by_the_guard_gets_no_stored_answer(world: World) -> None:
    allowed = True

    def guard(work: UnitOfWork) -> None:
        if not allowed:
            raise NotFound("not for you")

    def decide(work: UnitOfWork) -> About[Settled]:
        return About(None, lambda: Settled())

    key = world.key(staff("4412"), "asked", "once")
    assert (await world.context.writer.submit_kept(Settled, ReadSet(), decide, key, guard)).body == b"{}"
    allowed = False
    for again in (key, world.key(staff("4412"), "something else", "once")):
        with pytest.raises(NotFound):
            await world.context.writer.submit_kept(Settled, ReadSet(), decide, again, guard)
