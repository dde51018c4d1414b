"""Tampers with every column of every table, and compares what detects it with specs/tampering.md (law L16)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from sqlite3 import IntegrityError, connect
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

from tests.ledger.test_rows import changed, execute, whole_scene
from tests.requirements import ROOT
from tests.service.test_erasure import Remembering, columns, person, world
from tests.tamperings import AUDIT, DECOYS, DELETED, EITHER, ERASED, HISTORIES, OLD, REFUSED, expected, text
from tests.world import COLLEAGUE, Person, World, staff
from verifier.core.errors import Erased, InternalError, NotFound, Tampered, Unavailable, VerifierError
from verifier.ledger import records
from verifier.ledger.heads import MAX_WRITERS, NODE_BYTES, HeadRow
from verifier.ledger.tables import TABLES
from verifier.storage import open_storage
from verifier.storage.migrate import WrongSchema, check_schema

__all__ = ["person", "world"]


ROWS = {table.name: table for table in TABLES}
# Tables in which one row cannot represent all. For each kind of row: its table, and the conditions on the rows to test.
KINDS = {
    "calls": ("calls", ["leaf_index >= 0"]),
    "calls that are decoys": ("calls", ["leaf_index < 0"]),
    "leaves": (
        "leaves",
        [f"sealed IS NOT NULL AND leaf_index >= 0 AND typ LIKE '{typ}%'" for typ in ("call-t", "call-r", "rep", "pol")],
    ),
    ERASED: ("leaves", ["sealed IS NULL AND typ LIKE 'call-r%'"]),
    HISTORIES: ("leaves", ["typ LIKE 'call-h%' AND customer_index IS NULL"]),
    DECOYS: ("leaves", ["leaf_index = -1"]),
    "idempotency": ("idempotency", ["application_id IS NOT NULL"]),
    "ivr_sessions": ("ivr_sessions", ["application_id IS NOT NULL"]),
}
NEW = {"BIGINT": 7, "TEXT": "x", "BYTEA": b"x" * 16}


@pytest.fixture
def database(tmp_path: Path) -> str:
    """SQLite only: rows and authenticators are the same on each database, and SQLite triggers keep the old rows."""
    return f"sqlite:{tmp_path / 'verifier.sqlite3'}"


@pytest.fixture
def shards() -> int:
    return 1


class StoredRow(Struct, frozen=True):
    """A row in the database, with its rowid."""

    table: str
    at: int
    values: dict[str, Any]


class Scene(Struct):
    """A world with rows in every table, and the schema of its tables."""

    world: Remembering
    person: Person
    code: str
    schema: dict[str, list[str]]
    keys: dict[str, list[str]]
    types: dict[tuple[str, str], str]
    nullable: set[tuple[str, str]]
    more: Iterator[int]

    async def row(self, table: str, where: str) -> StoredRow:
        names = self.schema[table]
        sql = f"SELECT rowid, {', '.join(names)} FROM {table} WHERE {where} ORDER BY rowid DESC LIMIT 1"
        [found] = await self.world.storage.fetch(sql)
        return StoredRow(table, found[0], dict(zip(names, found[1:], strict=True)))

    async def write(self, row: StoredRow, values: dict[str, Any]) -> None:
        same = " AND ".join(f"{name} = ${n}" for n, name in enumerate(self.keys[row.table], 2))
        key = [values[name] for name in self.keys[row.table]]
        await execute(self.world, f"DELETE FROM {row.table} WHERE rowid = $1 OR ({same})", row.at, *key)
        names = ", ".join(("rowid", *values))
        places = ", ".join(f"${n}" for n in range(1, len(values) + 2))
        await execute(self.world, f"INSERT INTO {row.table} ({names}) VALUES ({places})", row.at, *values.values())

    async def others(self, row: StoredRow, column: str) -> list[Any]:
        """Other values for a column: a new one, a smaller one, and the value of another row."""
        value = row.values[column]
        if column in self.keys[row.table] and isinstance(value, int):
            return [value + 1_000_003]
        found: list[Any] = [NEW[self.types[row.table, column]] if value is None else changed(value)]
        if column not in self.keys[row.table] and value is not None:
            found += [value - 1] if isinstance(value, int) and value > 0 else []
            sql = f"SELECT {column} FROM {row.table} WHERE {column} <> $1 ORDER BY rowid DESC LIMIT 1"
            found += [other[0] for other in await self.world.storage.fetch(sql, value)]
        return found

    async def seen(self, row: StoredRow) -> tuple[bool, bool]:
        """Whether the current row is refused where it is used, and whether the audit reports a finding."""
        return await refused(self, row), bool((await self.world.audit()).findings)

    async def old(self, table: str) -> list[tuple[StoredRow, dict[str, Any]]]:
        """Rows that have changed, each with its values before a change."""
        names = self.schema[table]
        found = []
        for before in await self.world.storage.fetch(f"SELECT was, {', '.join(names)} FROM old_{table}"):
            values = dict(zip(names, before[1:], strict=True))
            with suppress(ValueError):
                now = await self.row(table, f"rowid = {before[0]}")
                if now.values != values:
                    found.append((now, values))
        return found[:4]


async def refused(scene: Scene, row: StoredRow) -> bool:
    """Whether the service refuses to work with the row."""
    world, table = scene.world, row.table
    try:
        if table in ROWS:
            sql = f"SELECT {ROWS[table].columns} FROM {table} WHERE rowid = $1"
            for found in await world.storage.fetch(sql, row.at):
                world.context.authenticator.read(ROWS[table], found)
        elif table == "messages":
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(world.context, "tampered", _raise)
                await world.service.outbox.deliver(_not_accepted)
        elif table == "ivr_sessions":
            await world.press(row.values["session_id"], "*")
        elif table == "idempotency":
            await world.confirm(scene.person, scene.code, key="kept")
        elif table == "schema_versions":
            await check_schema(world.storage)
        elif table == "leaves" and row.values["leaf_index"] < 0:
            # For a customer without an open call, the service reads decoys.
            nobody = Person(next(scene.more))
            await world.register(nobody)
            await world.confirm(nobody, scene.code)
        else:
            await start_and_work(world)
    except (Erased, InternalError, Unavailable, WrongSchema):
        return True
    except VerifierError:
        return False
    return False


async def start_and_work(world: World) -> None:
    """Starts a new node on a copy of the database and works with it. A running node would remember more."""
    copy = world.ring_file.parent / "copy.sqlite3"
    copy.unlink(missing_ok=True)
    with connect(copy.with_name("verifier.sqlite3")) as database, connect(copy) as copied:
        database.backup(copied)
    storage = await open_storage(f"sqlite:{copy}")
    try:
        async with World(storage, world.ring_file, clock=world.clock) as node:
            await node.revoke("call_" + "f" * 32)
    finally:
        await storage.close()


def _raise(table: str) -> None:
    """Raises where the service would report a corrupt message and skip it."""
    raise Tampered(table)


async def _not_accepted(message: object) -> bool:
    return False


def verdict(seen: list[tuple[bool, bool]]) -> str:
    """What detects all of several tamperings."""
    at_use, by_audit = all(each[0] for each in seen), all(each[1] for each in seen)
    if at_use or by_audit:
        return "; ".join([REFUSED] * at_use + [AUDIT] * by_audit)
    return EITHER if all(map(any, seen)) else "nothing"


async def measured_of(scene: Scene, kind: str) -> dict[str, str]:
    """What detects a change of each column of a kind of row, a deleted row, and an old row put back."""
    table, wheres = KINDS.get(kind, (kind, ["1 = 1"]))
    found: dict[str, list[tuple[bool, bool]]] = {}
    for where in wheres:
        row = await scene.row(table, where)
        for column, value in row.values.items():
            cases = [(column, other) for other in await scene.others(row, column)]
            if (table, column) in scene.nullable and value is not None:
                cases.append((f"{column} = NULL", None))
            for name, other in cases:
                with suppress(IntegrityError):  # the database itself refuses the id of another row
                    await scene.write(row, {**row.values, column: other})
                    found.setdefault(name, []).append(await scene.seen(row))
                await scene.write(row, row.values)
        await execute(scene.world, f"DELETE FROM {table} WHERE rowid = $1", row.at)
        found.setdefault(DELETED, []).append(await scene.seen(row))
        await scene.write(row, row.values)
    if kind == table:
        for now, before in await scene.old(table):
            await scene.write(now, before)
            found.setdefault(OLD, []).append(await scene.seen(now))
            await scene.write(now, now.values)
    assert (await scene.world.audit()).findings == [], kind
    return {name: verdict(seen) for name, seen in found.items()}


@pytest.fixture
async def scene(world: Remembering, person: Person) -> Scene:
    """Runs every use case, with triggers that keep the old rows. The last answer is stored under the key `kept`."""
    schema = await columns(world.storage)
    keys: dict[str, list[str]] = {}
    types: dict[tuple[str, str], str] = {}
    nullable: set[tuple[str, str]] = set()
    for table, names in schema.items():
        info = await world.storage.fetch('SELECT name, type, pk, "notnull" FROM pragma_table_info($1)', table)
        keys[table] = [name for name, _, pk, _ in info if pk]
        types |= {(table, name): declared for name, declared, _, _ in info}
        nullable |= {(table, name) for name, _, pk, needed in info if not pk and not needed}
        await execute(world, f"CREATE TABLE old_{table} AS SELECT 0 AS was, * FROM {table} WHERE 0")
        old = ", ".join(f"OLD.{name}" for name in ("rowid", *names))
        sql = f"CREATE TRIGGER keep_{table} AFTER UPDATE ON {table} BEGIN INSERT INTO old_{table} VALUES ({old}); END"
        await execute(world, sql)
    await whole_scene(world, person)
    world.clock.advance(1)
    await world.begin_dialogue("+8617000000001")
    session = (await world.begin_dialogue(person.number))["session_id"]
    await world.press(session, "482177302")
    await world.service.signals.examine()
    await world.confirm(person, "482177302", key="kept")
    return Scene(world, person, "482177302", schema, keys, types, nullable, count(1000))


async def measured(scene: Scene) -> dict[tuple[str, str], str]:
    """What detects each tampering, by table and column."""
    assert (await scene.world.audit()).findings == []
    with pytest.raises(NotFound):
        await start_and_work(scene.world)
    kinds = [each for each in (*scene.schema, *KINDS) if each != "nodes"]
    found = {kind: await measured_of(scene, kind) for kind in dict.fromkeys(kinds)}
    await asyncio.gather(*(scene.world.report(Person(1 + n % 50), "x") for n in range(256)))
    found["nodes"] = await measured_of(scene, "nodes")
    return {(kind, name): seen for kind, names in found.items() for name, seen in names.items()}


@pytest.mark.slow
async def test_tamperings_are_detected_as_documented(scene: Scene) -> None:
    wanted = expected()
    found = await measured(scene)
    told = {key: wanted.get((key[0], key[1].removesuffix(" = NULL")), "not listed").split(":")[0] for key in found}
    assert {key: seen for key, seen in found.items() if seen != told[key]} == {}
    assert set(wanted) - set(found) == set()


def test_the_table_of_tamperings_is_up_to_date() -> None:
    assert (ROOT / "specs" / "tampering.md").read_text(encoding="utf-8") == text()


async def set_back(world: World, rows: dict[str, list[Any]]) -> None:
    for table, kept in rows.items():
        await execute(world, f"DELETE FROM {table}")
        for row in kept:
            places = ", ".join(f"${n}" for n in range(1, len(row) + 1))
            await execute(world, f"INSERT INTO {table} VALUES ({places})", *row)


@pytest.mark.shows("CVP-10.2-3")
@pytest.mark.parametrize("batches", range(4))
async def test_a_node_detects_that_its_revocation_was_set_back_with_the_head(
    world: Remembering, person: Person, batches: int
) -> None:
    """However many batches another node has committed since."""
    call_id, code = await world.live_call(person)
    tables = ("log_head", "calls", "applications", "looks")
    before = {table: list(await world.storage.fetch(f"SELECT * FROM {table}")) for table in tables}
    await world.revoke(call_id)
    await set_back(world, before)
    async with World(world.storage, world.ring_file, clock=world.clock) as other:
        for _ in range(batches):
            await other.context.writer.probe()
        with pytest.raises(Unavailable):
            await world.confirm(person, code)
        # A revocation adds no leaf and the other node started later, so neither detects it; see specs/tampering.md.
        assert (await world.audit()).findings == []
        assert (await other.confirm(person, code))["verdict"] == "genuine"


@pytest.mark.shows("CVP-10.2-3")
async def test_a_head_that_was_set_back_is_refused_even_with_a_full_list_of_writers(
    world: Remembering, person: Person
) -> None:
    """Each start of a node adds a name to the list in the head, so the list fills up."""
    for _ in range(MAX_WRITERS + 1):
        async with World(world.storage, world.ring_file, clock=world.clock) as other:
            await other.context.writer.probe()
    call_id, code = await world.live_call(person)
    tables = ("log_head", "calls", "applications", "looks")
    async with (
        World(world.storage, world.ring_file, clock=world.clock) as node,
        World(world.storage, world.ring_file, clock=world.clock) as other,
    ):
        before = {table: list(await world.storage.fetch(f"SELECT * FROM {table}")) for table in tables}
        await node.revoke(call_id)
        await set_back(world, before)
        for _ in range(3):
            await other.context.writer.probe()
        with pytest.raises(Unavailable, match="set back"):
            await node.confirm(person, code)


@pytest.mark.shows("CVP-10.2-3")
async def test_a_node_accepts_a_head_that_many_others_have_written_since(world: Remembering, person: Person) -> None:
    key = "asked before"
    await world.report(person, "x")
    for _ in range(MAX_WRITERS + 1):
        async with World(world.storage, world.ring_file, clock=world.clock) as other:
            await other.report(person, "x")
    await world.confirm(person, "482177302", key=key)
    [(writers,)] = await world.storage.fetch("SELECT writers FROM log_head")
    assert len(writers) == 2 * NODE_BYTES * MAX_WRITERS
    [(batches,)] = await world.storage.fetch("SELECT batches FROM log_head")
    for _ in range(MAX_WRITERS + 1):
        async with World(world.storage, world.ring_file, clock=world.clock) as other:
            await other.context.writer.probe()
    # A retry writes nothing, so it must not make the node forget what it wrote.
    await world.confirm(person, "482177302", key=key)
    assert world.context.writer._heads._wrote[0] == batches


@pytest.mark.shows("CVP-10.2-3")
async def test_a_node_whose_last_batch_is_missing_from_a_head_refuses_it(world: Remembering, person: Person) -> None:
    """As if another node had worked on a copy of the database from before this node's last batch."""
    await world.report(person, "x")
    other = World(world.storage, world.ring_file, clock=world.clock)
    row = HeadRow.of((await world.storage.fetch(records.HEADS))[0])
    for _ in range(3):
        row = row.after(row.size, other.context.writer._heads._node)
    row = replace(row, writers=row.writers[-2 * NODE_BYTES :])
    mac = other.context.writer._heads._mac(row)
    await execute(world, records.ADVANCE_HEAD, row.origin, row.size, row.batches, row.shares, row.writers, mac)
    with pytest.raises(Unavailable, match="set back"):
        await world.report(person, "y")


async def test_an_application_moved_to_the_victims_index_is_refused(
    world: Remembering, person: Person, mallory: Person
) -> None:
    _, code = await world.live_call(mallory)
    sql = "UPDATE applications SET customer_index = $1 WHERE application_id = $2"
    await execute(world, sql, world.context.customer_index(person.customer_id), mallory.application_id)
    with pytest.raises(Tampered):
        await world.confirm(person, code)


async def test_an_issue_with_a_forged_exception_is_refused(world: Remembering, person: Person) -> None:
    forged = "exc_" + "0" * 32
    values = (forged, person.application_id, "4412", "staff:9001", "status consent daily_cap", 2_000_000_000_000)
    for mac in (None, b"x" * 16):
        await execute(world, "DELETE FROM exceptions")
        await execute(
            world,
            "INSERT INTO exceptions (exception_id, application_id, officer_id, granted_by, rules, expires_at, mac) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7)",
            *values,
            mac,
        )
        with pytest.raises(Tampered):
            await world.issue(person, exception_id=forged)


async def test_an_insider_written_into_a_call_as_its_officer_gets_no_code(world: Remembering, person: Person) -> None:
    call_id, _ = await world.live_call(person)
    await execute(world, "UPDATE calls SET officer_id = $1 WHERE call_id = $2", COLLEAGUE.id, call_id)
    with pytest.raises(Tampered):
        await world.reveal(call_id, officer=staff(COLLEAGUE.id))


@pytest.mark.parametrize("changes", ["state = 'live'", "expires_at = 2000000000000", "ended_at = NULL"])
async def test_a_revoked_call_that_was_set_to_live_is_refused(world: Remembering, person: Person, changes: str) -> None:
    call_id, code = await world.live_call(person)
    before = list(await world.storage.fetch("SELECT * FROM applications"))
    await world.revoke(call_id)
    await set_back(world, {"applications": before})
    await execute(world, f"UPDATE calls SET {changes} WHERE call_id = $1", call_id)
    with pytest.raises(Tampered):
        await world.confirm(person, code)


async def test_old_facts_of_an_application_put_back_alone_are_refused(world: Remembering, person: Person) -> None:
    [(sealed,)] = await world.storage.fetch("SELECT sealed FROM applications")
    await world.register(person, officers=(COLLEAGUE,))
    await execute(world, "UPDATE applications SET sealed = $1", sealed)
    with pytest.raises(Tampered):
        await world.issue(person)
