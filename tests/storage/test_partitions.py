"""specs/examples/partitions.sql, run while a node works: the service continues, on both sides of a partition bound.

Implements specs/operations.md ("Partitions").
"""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from msgspec import json

from tests.postgres import Postgres, bin_folder
from tests.world import NOON, Json, Person, World, another_code
from verifier.core.ids import new_id
from verifier.core.shards import global_index
from verifier.core.times import to_ms
from verifier.ledger.audit import audit_log
from verifier.ports import Row, Storage
from verifier.storage import migrate as schema
from verifier.storage import open_storage

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "specs/examples/partitions.sql"
DAY_S = 86_400


def bound(days: int) -> str:
    """The prefix of the ids of calls that are issued this many days after the first."""
    return new_id("call", NOON + days * DAY_S * 1000, bytes(10))[: len("call_") + 12]


async def split(url: str, **variables: object) -> str:
    """Runs the script with psql and returns its output."""
    given = (part for name, value in variables.items() for part in ("-v", f"{name}={value}"))
    ran = await asyncio.create_subprocess_exec(
        *(f"{bin_folder()}/psql", "-X", "-v", "ON_ERROR_STOP=1", *given, "-f", str(SCRIPT), url),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={"PGOPTIONS": "-c client_min_messages=debug1", "PATH": "/usr/bin:/bin"},
    )
    told, _ = await asyncio.wait_for(ran.communicate(), 60)
    assert ran.returncode == 0, told.decode()
    return told.decode()


class Recorded:
    """A database, or a transaction in it, that records the statements on `calls` and `leaves`."""

    def __init__(self, inner: Any, asked: list[tuple[str, Row]]) -> None:
        self._inner = inner
        self.asked = asked

    def _note(self, sql: str, rows: Iterable[Row]) -> None:
        if re.search(r"\b(calls|leaves)\b", sql) and not sql.startswith("INSERT"):
            self.asked += [(sql, row) for row in rows]

    async def fetch(self, sql: str, *args: Any) -> Any:
        self._note(sql, [args])
        return await self._inner.fetch(sql, *args)

    async def fetch_in(self, sql: str, keys: Iterable[Any]) -> Any:
        wanted = list(keys)
        self._note(sql.replace("IN ($*)", "= ANY ($1)"), [(wanted,)] if wanted else [])
        return await self._inner.fetch_in(sql, wanted)

    async def execute_many(self, sql: str, rows: Sequence[Row]) -> None:
        self._note(sql, rows)
        await self._inner.execute_many(sql, rows)

    commit = Storage.commit

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        async with self._inner.transaction() as transaction:
            yield Recorded(transaction, self.asked)

    async def close(self) -> None:
        await self._inner.close()


async def explained(connection: Any, sql: str, args: Row) -> set[str]:
    """The partitions that a statement reads, from the plan of its execution."""
    explain = "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, FORMAT JSON) "
    transaction = connection.transaction()
    await transaction.start()
    # Otherwise PostgreSQL scans such small tables whole.
    for each in ("seqscan", "hashjoin", "mergejoin"):
        await connection.execute(f"SET LOCAL enable_{each} = off")
    plan = json.decode(await connection.fetchval(explain + sql, *args))[0]["Plan"]
    await transaction.rollback()
    return {each for each in _read(plan) if each.startswith(("calls_", "leaves_"))}


def _read(plan: dict[str, Any]) -> set[str]:
    if not plan["Actual Loops"]:
        return set()
    return {plan.get("Relation Name", "")}.union(*(_read(each) for each in plan.get("Plans", ())))


@pytest.fixture
async def url(postgres: Postgres) -> str:
    return postgres.new_database()


@pytest.fixture
async def storage(url: str) -> AsyncIterator[Storage]:
    opened = await open_storage(url)
    await schema.migrate(opened)
    yield opened
    await opened.close()


async def lived(world: World, person: Person) -> Json:
    """Makes a call with a wrong code, a confirmation, a report and an end: four leaves. Returns the receipt."""
    call_id, code = await world.live_call(person)
    await world.confirm(person, another_code(code))
    verdict = await world.confirm(person, code)
    assert verdict["verdict"] == "genuine"
    await world.report(person, "somebody rang")
    await world.leg(call_id, "ended", person.number)
    receipt: Json = verdict["receipt"]
    return receipt


async def rows_of(storage: Storage, table: str) -> dict[str, int]:
    """The number of rows in each partition, without the decoys."""
    parts = await storage.fetch(
        "SELECT c.relname FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid "
        f"WHERE inhparent = '{table}'::regclass ORDER BY c.relname"
    )
    return {
        part: (await storage.fetch(f"SELECT COUNT(*) FROM {part} WHERE leaf_index >= 0"))[0][0] for (part,) in parts
    }


async def people_of(world: World, number: int, shards: int) -> list[Person]:
    """Registered customers, spread evenly over the shards."""
    everybody = [Person(n) for n in range(200)]
    shard_of = {
        p.customer_id: world.context.writer.shard_of(world.context.customer_index(p.customer_id)) for p in everybody
    }
    people = [[p for p in everybody if shard_of[p.customer_id] == n % shards][n // shards] for n in range(number)]
    for person in people:
        await world.register(person)
    return people


@pytest.mark.parametrize("shards", [1, 4])
async def test_a_node_works_during_a_partitioning_and_in_all_partitions(
    url: str, storage: Storage, tmp_path: Path, shards: int
) -> None:
    async with World(storage, tmp_path / "ring.json", retention_ms=40 * DAY_S * 1000) as world:
        await world.context.writer.split(shards)
        await world.service.housekeeping.sweep()
        people = await people_of(world, 8, shards)
        receipts = [await lived(world, person) for person in people]
        _, code = await world.live_call(people[0])
        first = 36 if shards == 1 else 10
        await split(url, calls_from=bound(1), calls_to=bound(35), leaves_from=first, leaves_to=first + 4)
        world.clock.advance(120)
        assert (await world.confirm(people[0], code))["verdict"] == "genuine"
        for days in (30, 9):
            world.clock.advance(days * DAY_S)
            await world.service.housekeeping.sweep()
            receipts += [await lived(world, person) for person in people]
        assert await rows_of(storage, "calls") == {"calls_1": 9, "calls_2": 8, "calls_rest": 8}
        leaves = await rows_of(storage, "leaves")
        if shards == 1:
            assert leaves == {"leaves_0_1": 36, "leaves_0_2": 4, "leaves_0_rest": 58, "leaves_rest": 0}
        else:
            parts = [[leaves[f"leaves_{shard}_{part}"] for part in ("1", "2", "rest")] for shard in range(shards)]
            assert parts == [[10, 4, 12], *[[10, 4, 10]] * 3]
        assert (await world.audit()).findings == []
        world.clock.advance(2 * DAY_S)
        await world.erase(people[1])
        assert await world.service.retention.forget() == 8 * 4 + 2
        assert (await rows_of(storage, "calls"))["calls_1"] == 0
        since = world.clock() - 40 * DAY_S * 1000
        audited = await audit_log(storage, world.ring, world.context.trust(), kept_since=since)
        assert (audited.findings, audited.leaves, audited.erased, audited.forgotten) == ([], 98, 12, 8 * 4 + 2 - 4)
        assert {world.check(receipt).verdict for receipt in receipts} == {"genuine"}
        # No UNIQUE constraint refuses this duplicate of a statement, but the audit finds it.
        await _add_leaf_again(storage)
        assert any("latest checkpoint" in each for each in (await world.audit()).findings)


async def _add_leaf_again(storage: Storage) -> None:
    rest = "entry, typ, statement_id, application_id, customer_index, sealed"
    last = "(SELECT MAX(leaf_index) FROM leaves WHERE leaf_index < $1)"
    async with storage.transaction() as transaction:
        sql = f"SELECT leaf_index + 1, {rest} FROM leaves WHERE leaf_index = {last}"
        await transaction.execute_many(f"INSERT INTO leaves (leaf_index, {rest}) {sql}", [(global_index(1, 0),)])


@pytest.mark.parametrize("shards", [1, 4])
async def test_issue_and_confirm_read_one_partition_of_each_table(
    url: str, storage: Storage, tmp_path: Path, shards: int
) -> None:
    noted = Recorded(storage, [])
    async with World(noted, tmp_path / "ring.json") as world:
        await world.context.writer.split(shards)
        await world.service.housekeeping.sweep()
        people = await people_of(world, 4, shards)
        for person in people:
            await lived(world, person)
        await split(url, calls_from=bound(1), calls_to=bound(60), leaves_from=20, leaves_to=30)
        world.clock.advance(2 * DAY_S)
        await world.service.housekeeping.sweep()
        noted.asked.clear()
        for person in people:
            _, code = await world.live_call(person)
            assert (await world.confirm(person, code))["verdict"] == "genuine"
            assert (await world.confirm(person, code))["given_before"]
    connection = await asyncpg.connect(url)
    seen: set[str] = set()
    for sql, args in noted.asked:
        found = await explained(connection, sql, args)
        assert len({each for each in found if each.startswith("calls_")}) <= 1, (sql, found)
        assert len({each for each in found if each.startswith("leaves_")}) <= 1, (sql, found)
        seen |= found
    await connection.close()
    assert {each for each in seen if each.startswith("calls_")} == {"calls_2"}
    assert len(seen) > 2


async def test_requests_during_a_partitioning_are_answered_after_it(url: str, storage: Storage, tmp_path: Path) -> None:
    async with World(storage, tmp_path / "ring.json") as world:
        people = await people_of(world, 8, 1)
        done = asyncio.Event()

        async def live(person: Person) -> int:
            lives = 0
            while lives == 0 or not done.is_set():
                await world.report(person, "x")
                lives += 1
            return lives

        living = [asyncio.create_task(live(person)) for person in people]
        await asyncio.sleep(0.2)
        await split(url, calls_from=bound(1), calls_to=bound(2), leaves_from=10, leaves_to=100_000_000)
        done.set()
        leaves = sum(await asyncio.gather(*living))
        audited = await world.audit()
        assert (audited.findings, audited.leaves) == ([], leaves)


async def test_slow_steps_can_run_in_advance_and_partitions_can_be_added_later(
    url: str, storage: Storage, tmp_path: Path
) -> None:
    async with World(storage, tmp_path / "ring.json") as world:
        (person,) = await people_of(world, 1, 1)
        await lived(world, person)
        connection = await asyncpg.connect(url)
        for statement in _commented("CREATE INDEX CONCURRENTLY", "ALTER TABLE"):
            await connection.execute(statement.replace("call_019…", bound(1)))
        told = await split(url, calls_from=bound(1), calls_to=bound(2), leaves_from=100_000_000, leaves_to=200_000_000)
        for each in ("calls_1", "leaves_0_1"):
            assert f'partition constraint for table "{each}" is implied by existing constraints' in told
        assert 'relation "leaves_statement" already exists' in told
        world.clock.advance(3 * DAY_S)
        await lived(world, person)
        assert (await rows_of(storage, "calls"))["calls_rest"] == 1
        await connection.execute(_next_partition().format(bound(2), bound(30)))
        await connection.close()
        world.clock.advance(40 * DAY_S)
        await lived(world, person)
        assert await rows_of(storage, "calls") == {"calls_1": 1, "calls_2": 0, "calls_3": 1, "calls_rest": 1}
        assert (await world.audit()).findings == []


def _commented(*beginnings: str) -> list[str]:
    lines = [line.removeprefix("--").strip() for line in SCRIPT.read_text().splitlines() if line.startswith("--")]
    return [line for line in lines if line.startswith(beginnings)]


def _next_partition() -> str:
    """The statements of specs/operations.md that add a partition, with placeholders for two bounds."""
    text = (ROOT / "specs/operations.md").read_text()
    block = text[text.index("ALTER TABLE calls DETACH") :]
    return block[: block.index("```")].replace("'call_FROM'", "'{0}'").replace("'call_TO'", "'{1}'")


async def test_partitioned_tables_keep_their_indexes_and_can_be_migrated(
    url: str, storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sql = (
        "SELECT c.relname, regexp_replace(pg_get_indexdef(c.oid), '.* USING', '') FROM pg_index x "
        "JOIN pg_class c ON c.oid = x.indexrelid WHERE x.indrelid IN ('calls'::regclass, 'leaves'::regclass)"
    )
    before = {row[0]: row[1] for row in await storage.fetch(sql)}
    async with World(storage, tmp_path / "ring.json"):
        pass
    await split(url, calls_from=bound(1), calls_to=bound(2), leaves_from=20, leaves_to=30, shards=3)
    assert before.pop("leaves_statement_id_key") == " btree (statement_id)"
    after = {row[0]: row[1] for row in await storage.fetch(sql)}
    assert after == before | {"leaves_statement": " btree (statement_id)"}
    assert {"leaves_2_rest", "leaves_rest"} <= set(await rows_of(storage, "leaves"))
    known = schema.migrations()
    later = "ALTER TABLE leaves ADD later TEXT; CREATE INDEX leaves_later ON leaves (later); DROP INDEX calls_officer"
    monkeypatch.setattr(schema, "migrations", lambda: [*known, (known[-1][0] + 1, "later", later)])
    assert await schema.migrate(storage) == ["later"]
    async with World(storage, tmp_path / "ring.json") as world:
        (person,) = await people_of(world, 1, 1)
        await lived(world, person)
        assert (await world.audit()).findings == []


async def test_a_second_run_of_the_script_changes_nothing(url: str, storage: Storage, tmp_path: Path) -> None:
    bounds = {"calls_from": bound(1), "calls_to": bound(2), "leaves_from": 20, "leaves_to": 30}
    await split(url, **bounds)
    before = await rows_of(storage, "leaves")
    with pytest.raises(AssertionError, match="already exists"):
        await split(url, **bounds)
    assert await rows_of(storage, "leaves") == before


def test_the_command_in_the_script_computes_the_bound_of_a_date() -> None:
    (line,) = (each for each in SCRIPT.read_text().splitlines() if "calls_from=$(" in each)
    asked = line[line.index("$(") :].removesuffix("\\").strip()
    said = subprocess.run(["bash", "-c", f"echo {asked}"], capture_output=True, check=True, text=True)
    new_year = to_ms(datetime(2027, 1, 1, tzinfo=UTC))
    assert said.stdout.strip() == new_id("call", new_year, bytes(10))[: len("call_") + 12]
