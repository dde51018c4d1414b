"""A database that answers with other rows than requested, or holds impossible values (law L16)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import POSTGRES, SQLITE, new_database
from tests.ledger.test_rows import SUPERVISOR, execute
from tests.world import LOANS, NOON, OFFICER, ORIGIN, Person, World, another_code, staff
from verifier.core.checkpoint import Checkpoint
from verifier.core.errors import InternalError, RateLimited, Tampered, Unavailable, VerifierError
from verifier.core.looks import SearchLooks
from verifier.core.merkle import Tree, leaf_hash
from verifier.core.suspensions import SuspendStaff
from verifier.core.times import from_ms
from verifier.ledger import look_records, records
from verifier.ledger.commands import Answer
from verifier.ledger.read_set import ReadSet
from verifier.ledger.tables import APPLICATIONS, CALLS, LIMITS, LOOKS
from verifier.ledger.unit_of_work import UnitOfWork
from verifier.ports import Row, Storage
from verifier.service.housekeeping.expiry import Swept


@pytest.fixture(params=[SQLITE, POSTGRES])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return new_database(request, tmp_path)


@pytest.fixture
def shards() -> int:
    return 1


class Lying:
    """A database that answers some statements with the genuine rows of others."""

    commit = Storage.commit

    def __init__(self, inner: Any, lies: dict[str, str]) -> None:
        self._inner = inner
        self._lies = lies

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def fetch(self, sql: str, *args: Any) -> Sequence[Row]:
        found: Sequence[Row] = await (self._fetch(sql) or self._inner.fetch(sql, *args))
        return found

    async def fetch_in(self, sql: str, keys: Iterable[Any]) -> Sequence[Row]:
        found: Sequence[Row] = await (self._fetch(sql) or self._inner.fetch_in(sql, keys))
        return found

    def _fetch(self, sql: str) -> Any:
        return self._inner.fetch(self._lies[sql]) if sql in self._lies else None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Lying]:
        async with self._inner.transaction() as transaction:
            yield Lying(transaction, self._lies)


def deceived(world: World, tmp_path: Path, lies: dict[str, str]) -> World:
    """Another node, on a lying database."""
    return World(Lying(world.storage, lies), tmp_path / "ring.json", clock=world.clock)  # type: ignore[arg-type]


@pytest.mark.shows("CVP-10.2-4")
async def test_a_row_of_another_customer_than_requested_is_refused(
    world: World, wang: Person, mallory: Person, tmp_path: Path
) -> None:
    call_id, _ = await world.live_call(wang)
    application = f"SELECT {APPLICATIONS.columns} FROM applications WHERE application_id = '{wang.application_id}'"
    call = (
        f"SELECT {CALLS.of('c')}, l.sealed, l.customer_index FROM calls c JOIN leaves l ON l.leaf_index = c.leaf_index "
        f"WHERE c.call_id = '{call_id}'"
    )
    lies = {
        records.APPLICATIONS_OF_PEOPLE: application,
        records.APPLICATIONS_BY_ID: application,
        records.CALLS_BY_ID: call,
        records.NEWEST_CALLS: call,
        records.CALLS_OF_OFFICER: call,
    }
    async with deceived(world, tmp_path, lies) as node:
        looks: list[Callable[[], Coroutine[Any, Any, object]]] = [
            lambda: node.service.me.applications(mallory.principal),
            lambda: node.service.me.calls(mallory.principal, None, 5),
            lambda: node.call_status(mallory),
            lambda: node.service.applications.read(LOANS, mallory.application_id),
            lambda: node.context.reading.call("call_" + "0" * 32),
            lambda: node.context.reading.calls_of_officer("4413", "call_g", 0, 5),
        ]
        for look in looks:
            with pytest.raises(Tampered):
                await look()


@pytest.mark.shows("CVP-7.17-8", "CVP-10.2-4")
async def test_a_look_other_than_the_requested_ones_is_refused(
    world: World, wang: Person, mallory: Person, tmp_path: Path
) -> None:
    """The database returns a genuine row of another customer, reader or time, or says that a look has expired."""
    await world.service.desk.application(staff("4412"), wang.application_id)
    look = f"SELECT {LOOKS.columns} FROM looks"
    wrong = (look_records.LOOKS_OF_APPLICATION, look_records.LOOKS_OF_READER, look_records.LOOKS_BETWEEN)
    async with deceived(world, tmp_path, {**dict.fromkeys(wrong, look), look_records.LOOKS_BEFORE: look}) as node:
        search = node.service.looks.search
        auditor = staff("9002", "auditor")
        for asked in (
            SearchLooks(customer_id=mallory.customer_id),
            SearchLooks(application_id=mallory.application_id),
            SearchLooks(application_id=wang.application_id, staff_id="4413"),
            SearchLooks(staff_id="4413"),
            SearchLooks(until=from_ms(NOON)),
            SearchLooks(since=from_ms(NOON + 1)),
        ):
            with pytest.raises(Tampered):
                await search(auditor, asked)
        with pytest.raises(Tampered):
            await node.service.looks.mine(mallory.principal, None, 5)
        assert len((await node.service.looks.mine(wang.principal, None, 5)).looks) == 1
        await node.service.housekeeping.sweep()
    assert await world.counts("looks") == (1,)


@pytest.mark.shows("CVP-6.2-1", "CVP-10.2-4")
async def test_a_limit_falsely_reported_as_expired_is_kept(world: World, wang: Person, tmp_path: Path) -> None:
    _, code = await world.live_call(wang)
    async with deceived(world, tmp_path, {records.LIMITS_BEFORE: f"SELECT {LIMITS.columns} FROM limits"}) as node:
        for n in range(6):
            await node.confirm(wang, another_code(code, n + 1))
            await node.service.housekeeping.sweep()
        with pytest.raises(RateLimited):
            await node.confirm(wang, another_code(code, 7))


@pytest.mark.shows("CVP-6.1-9", "CVP-10.2-4")
async def test_an_unverified_row_cannot_assign_a_leg_to_a_call(world: World, wang: Person, tmp_path: Path) -> None:
    """The database reports a colleague's leg as the leg of the call."""
    call_id = (await world.issue(wang))["call"]["call_id"]
    index = world.context.leg_index("leg-2").hex()
    octets = f"x'{index}'" if "sqlite" in type(world.storage).__name__.lower() else rf"'\x{index}'::bytea"
    async with deceived(world, tmp_path, {records.LEG_OWNERS: f"SELECT {octets}, '{call_id}'"}) as node:
        with pytest.raises(Tampered):
            await node.leg_by_number("connected", wang.number, leg_id="leg-2", officer_id="4413")
    assert (await world.call_row(call_id))["state"] == "issued"


@pytest.mark.shows("CVP-8.2-3", "CVP-10-5")
@pytest.mark.parametrize("after", ["a start", "another node"])
async def test_a_node_does_not_sign_a_log_with_a_forged_leaf(
    world: World, wang: Person, tmp_path: Path, after: str
) -> None:
    """Anyone can make a tree and a checkpoint from a forged leaf, but cannot sign it."""
    async with World(world.storage, tmp_path / "ring.json", clock=world.clock) as node:
        await node.live_call(wang)
        await world.report(wang, "x")
        rows = await world.storage.fetch("SELECT entry FROM leaves WHERE leaf_index >= 0 ORDER BY leaf_index")
        entries = [*(bytes(row[0]) for row in rows[:-1]), b"f" * 32]
        size = len(entries)
        tree, _ = Tree.resume(0, {}).extend([leaf_hash(each) for each in entries])
        await execute(world, "UPDATE leaves SET entry = $2 WHERE leaf_index = $1", size - 1, entries[-1])
        [(note,)] = await world.storage.fetch("SELECT note FROM checkpoints WHERE size = $1", size)
        forged = Checkpoint(ORIGIN, size, tree.root()).text() + note[note.index("\n\n") + 1 :]
        await execute(world, "UPDATE checkpoints SET note = $2 WHERE size = $1", size, forged)
        [(first,)] = await world.storage.fetch("SELECT note FROM checkpoints WHERE size = 0")
        await execute(world, "INSERT INTO checkpoints (size, note) VALUES ($1, $2)", 10**6, first)
        if after == "another node":
            with pytest.raises(Unavailable):
                await node.report(wang, "y")
        else:
            with pytest.raises(VerifierError):
                await World(world.storage, tmp_path / "ring.json", clock=world.clock).service.start()
    assert any("do not begin at size 0 and end" in each for each in (await world.audit()).findings)


@pytest.mark.shows("CVP-8.3-1")
@pytest.mark.parametrize("gone", ["size = 0", "size = 1"])
async def test_the_audit_reports_a_missing_first_or_last_checkpoint(world: World, wang: Person, gone: str) -> None:
    await world.report(wang, "x")
    assert (await world.audit()).findings == []
    await execute(world, f"DELETE FROM checkpoints WHERE {gone}")
    assert any("do not begin at size 0 and end" in each for each in (await world.audit()).findings)


@pytest.mark.shows("CVP-10.2-2", "CVP-3.1-3")
async def test_an_application_whose_open_call_is_missing_is_refused_but_can_be_erased(
    world: World, wang: Person
) -> None:
    call_id, _ = await world.live_call(wang)
    await execute(world, "DELETE FROM calls WHERE call_id = $1", call_id)
    with pytest.raises(Tampered):
        await world.call_status(wang)
    assert (await world.erase(wang))["application_id"] == wang.application_id


@pytest.mark.shows("CVP-10.2-2", "CVP-3.1-3")
async def test_an_application_whose_open_call_was_changed_can_be_erased(world: World, wang: Person) -> None:
    call_id, _ = await world.live_call(wang)
    await execute(world, "UPDATE calls SET expires_at = 5 WHERE call_id = $1", call_id)
    assert (await world.erase(wang))["application_id"] == wang.application_id


@pytest.mark.shows("CVP-6.1-9")
async def test_a_leg_pruned_in_the_same_batch_raises_no_alarm(world: World, wang: Person) -> None:
    call_id, _ = await world.live_call(wang)
    await world.leg(call_id, "ended", wang.number)
    world.clock.advance(32 * 86_400)
    told: list[str] = []
    world.context.tampered = told.append

    def prune(work: UnitOfWork) -> Answer[Swept]:
        pruned = work.prune()
        return lambda: Swept(pruned)

    swept, taken = await asyncio.gather(
        world.context.writer.submit(ReadSet(expired=True), prune),
        world.leg_by_number("ended", wang.number, officer_id=None),
    )
    assert (swept.calls, taken["result"]) == (1, "unmatched")
    assert told == []


@pytest.mark.shows("CVP-8.2-3", "CVP-10-12")
async def test_a_checkpoint_with_an_unsigned_line_is_not_served(world: World, wang: Person) -> None:
    await world.report(wang, "x")
    [(note,)] = await world.storage.fetch("SELECT note FROM checkpoints WHERE size = 1")
    await execute(world, "UPDATE checkpoints SET note = $1 WHERE size = 1", note.replace("\n\n", "\nmore\n\n", 1))
    with pytest.raises(Unavailable):
        await world.context.writer.checkpoint(0)


@pytest.mark.shows("CVP-10.2-4")
async def test_the_receipt_of_another_call_is_not_returned_for_a_confirmed_call(world: World, wang: Person) -> None:
    """Two receipts of one application are swapped in the table of leaves."""
    first, code = await world.live_call(wang)
    await world.confirm(wang, code)
    await world.leg(first, "ended", wang.number)
    world.clock.advance(600)
    _, code = await world.live_call(wang)
    assert (await world.confirm(wang, code))["verdict"] == "genuine"
    found = await world.storage.fetch("SELECT receipt_leaf FROM calls WHERE receipt_leaf IS NOT NULL ORDER BY call_id")
    (one,), (other,) = found
    for old, new in ((one, 10**6), (other, one), (10**6, other)):
        await execute(world, "UPDATE leaves SET leaf_index = $2 WHERE leaf_index = $1", old, new)
    with pytest.raises(InternalError):
        await world.confirm(wang, code)


@pytest.mark.shows("CVP-2.1-3", "CVP-10.2-2")
async def test_a_suspension_stays_in_force_when_its_row_is_replaced_by_an_older_one(world: World) -> None:
    async def suspend() -> list[Row]:
        asked = SuspendStaff("lost telephone")
        await world.service.suspensions.suspend(SUPERVISOR, OFFICER.id, asked, world.key(SUPERVISOR, asked))
        return await rows()

    async def rows() -> list[Row]:
        return [tuple(row) for row in await world.storage.fetch("SELECT * FROM suspensions")]

    async def put(kept: list[Row]) -> None:
        await execute(world, "DELETE FROM suspensions")
        for row in kept:
            places = ", ".join(f"${n}" for n in range(1, len(row) + 1))
            await execute(world, f"INSERT INTO suspensions VALUES ({places})", *row)
        await world.service.suspensions.refresh()

    first = await suspend()
    await world.service.suspensions.lift(SUPERVISOR, OFFICER.id)
    lifted = await rows()
    world.clock.advance(1)
    await suspend()
    for kept in ([], first, lifted):
        await put(kept)
        assert world.context.cutoff.holds(OFFICER.id)


class TestOnSqlite:
    """In SQLite, a column can hold a value of any type, and a table can lose its primary key."""

    @pytest.fixture
    def database(self, tmp_path: Path) -> str:
        return f"sqlite:{tmp_path / 'verifier.sqlite3'}"

    @pytest.mark.shows("CVP-10.2-2")
    @pytest.mark.parametrize(
        "changes", ["mac = 'abc'", "mac = 16", "mac = NULL", "kek_id = CAST(x'ff' AS TEXT)", "customer_index = 'x'"]
    )
    async def test_a_value_of_a_wrong_type_affects_no_other_customer_and_the_audit_finds_it(
        self, world: World, wang: Person, mallory: Person, changes: str
    ) -> None:
        _, code = await world.live_call(wang)
        await execute(world, f"UPDATE applications SET {changes} WHERE application_id = $1", mallory.application_id)
        with pytest.raises(InternalError):
            await world.issue(mallory)
        assert (await world.confirm(wang, code))["verdict"] == "genuine"
        assert any("applications" in each for each in (await world.audit()).findings)

    @pytest.mark.shows("CVP-8.3-1", "CVP-8.3-4")
    @pytest.mark.parametrize(
        "changes",
        [
            "log_head SET forgotten = 'x'",
            "log_head SET size = 'x'",
            "log_head SET shares = 'x'",
            "log_head SET mac = NULL",
            "log_head SET origin = CAST(x'ff' AS TEXT)",
            "checkpoints SET note = x'00'",
            "leaves SET entry = 'abc' WHERE leaf_index = 0",
        ],
    )
    async def test_the_audit_continues_after_a_row_it_cannot_read(
        self, world: World, wang: Person, changes: str
    ) -> None:
        """It still finds a changed row in another table."""
        await world.live_call(wang)
        await execute(world, "UPDATE calls SET expires_at = 5")
        await execute(world, f"UPDATE {changes}")
        findings = (await world.audit()).findings
        assert any(each.startswith("calls: the row of") for each in findings), findings
        assert any(not each.startswith("calls") for each in findings), findings

    @pytest.mark.shows("CVP-10.2-2")
    async def test_a_suspension_with_values_of_wrong_types_is_in_force(self, world: World) -> None:
        asked = SuspendStaff("lost telephone")
        await world.service.suspensions.suspend(SUPERVISOR, OFFICER.id, asked, world.key(SUPERVISOR, asked))
        await execute(world, "UPDATE suspensions SET mac = 'abc', suspended_at = 'zz', lifted_at = 'never'")
        async with World(world.storage, world.ring_file, clock=world.clock) as node:
            await node.service.suspensions.refresh()
            assert node.context.cutoff.holds(OFFICER.id)

    @pytest.mark.shows("CVP-8.3-4")
    async def test_the_audit_finds_two_rows_with_the_same_key(self, world: World, wang: Person) -> None:
        """The service wrote each row, and each was removed for a while, so the sum over the rows is right."""
        _, code = await world.live_call(wang)
        for sql in ("ALTER TABLE limits RENAME TO old", "CREATE TABLE limits AS SELECT * FROM old", "DROP TABLE old"):
            await execute(world, sql)
        kept: list[Row] = []
        for n in range(3):
            await world.confirm(wang, another_code(code, n + 1))
            kept += await world.storage.fetch("SELECT * FROM limits")
            await execute(world, "DELETE FROM limits")
        for row in kept:
            await execute(world, "INSERT INTO limits VALUES ($1, $2, $3, $4, $5)", *row)
        assert any("is there twice" in each for each in (await world.audit()).findings)

    @pytest.mark.shows("CVP-8.3-4")
    async def test_the_audit_finds_a_row_whose_key_has_a_wrong_type(self, world: World, wang: Person) -> None:
        await execute(world, "INSERT INTO limits (limit_key, tat, wrong) VALUES (x'00', 5, 0)")
        assert any("limits" in each for each in (await world.audit()).findings)
