"""The contract of the storage port, the same on every database."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from functools import partial

import pytest

from verifier.core.errors import Unavailable
from verifier.ports import Storage, Transaction
from verifier.storage import migrate as schema
from verifier.storage import open_storage
from verifier.storage.migrate import WrongSchema, check_schema, migrate, migrations

INSERT = "INSERT INTO limits (limit_key, tat) VALUES ($1, $2)"
IN = "SELECT limit_key, tat FROM limits WHERE limit_key IN ($*)"
ALL = "SELECT limit_key, tat FROM limits ORDER BY limit_key"


async def _rows(storage: Storage) -> list[tuple[str, int]]:
    return [(row[0], row[1]) for row in await storage.fetch(ALL)]


async def test_committed_rows_are_read_with_the_same_types(storage: Storage) -> None:
    async with storage.transaction() as transaction:
        await transaction.execute_many(INSERT, [("b", 2), ("a", 2**53)])
        row = (b"\x00\xff", b"f", b"s", None, 5)
        sql = "INSERT INTO idempotency (idempotency_id, fingerprint, sealed, application_id, expires_at) "
        await transaction.execute_many(sql + "VALUES ($1, $2, $3, $4, $5)", [row])
    assert await _rows(storage) == [("a", 2**53), ("b", 2)]
    found = await storage.fetch("SELECT idempotency_id, application_id FROM idempotency")
    assert (bytes(found[0][0]), found[0][1]) == (b"\x00\xff", None)


async def test_an_exception_rolls_everything_back(storage: Storage) -> None:
    async def broken() -> None:
        async with storage.transaction() as transaction:
            await transaction.execute_many(INSERT, [("a", 1)])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await broken()
    assert await _rows(storage) == []
    async with storage.transaction() as transaction:
        await transaction.execute_many(INSERT, [("b", 1)])
    assert await _rows(storage) == [("b", 1)]


async def test_a_commit_returns_the_result_of_its_coroutine(storage: Storage) -> None:
    async def run(transaction: Transaction) -> int:
        await transaction.execute_many(INSERT, [("a", 1)])
        return len(await transaction.fetch(ALL)) + len(await transaction.fetch_in(IN, ["a", "b"]))

    assert await storage.commit(run) == 2
    assert await _rows(storage) == [("a", 1)]


async def test_an_exception_in_a_commit_rolls_everything_back(storage: Storage) -> None:
    async def run(transaction: Transaction) -> None:
        await transaction.execute_many(INSERT, [("a", 1)])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await storage.commit(run)
    assert await _rows(storage) == []
    await _commit(storage, "b")
    assert await _rows(storage) == [("b", 1)]


async def test_a_cancelled_commit_leaves_the_storage_usable(storage: Storage) -> None:
    """The outcome of the cancelled ones is unknown, but each is all or nothing, and the next commit works."""

    async def two(transaction: Transaction, name: str) -> None:
        await transaction.execute_many(INSERT, [(f"{name}1", 1)])
        await transaction.execute_many(INSERT, [(f"{name}2", 1)])

    for n in range(20):
        tasks = [asyncio.create_task(storage.commit(partial(two, name=f"{n}-{each}-"))) for each in range(3)]
        for _ in range(n % 5):
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await _commit(storage, f"after {n}")
    rows = [name for name, _ in await _rows(storage)]
    assert [name for name in rows if name.startswith("after")] == sorted(f"after {n}" for n in range(20))
    halves = [name[:-1] for name in rows if not name.startswith("after")]
    assert all(halves.count(name) == 2 for name in halves)


async def _commit(storage: Storage, name: str) -> None:
    await storage.commit(lambda transaction: transaction.execute_many(INSERT, [(name, 1)]))


async def test_a_reader_never_sees_uncommitted_rows(storage: Storage) -> None:
    async with storage.transaction() as transaction:
        await transaction.execute_many(INSERT, [("a", 1)])
        assert await _rows(storage) == []
        assert [row[0] for row in await transaction.fetch(ALL)] == ["a"]


@pytest.mark.shows("CVP-10-2")
async def test_transactions_that_update_the_same_row_first_are_serialized(storage: Storage) -> None:
    """The writer's lock on the head relies on this. Fifty concurrent increments lose none."""
    async with storage.transaction() as transaction:
        await transaction.execute_many(INSERT, [("n", 0)])

    async def increment() -> None:
        async with storage.transaction() as transaction:
            await transaction.fetch("UPDATE limits SET tat = tat WHERE limit_key = $1 RETURNING tat", "n")
            tat = (await transaction.fetch("SELECT tat FROM limits WHERE limit_key = $1", "n"))[0][0]
            await transaction.execute_many("UPDATE limits SET tat = $2 WHERE limit_key = $1", [("n", tat + 1)])

    await asyncio.gather(*(increment() for _ in range(50)))
    assert await _rows(storage) == [("n", 50)]


@pytest.mark.shows("CVP-10-2")
async def test_transactions_of_two_nodes_are_serialized(storage: Storage, database: str) -> None:
    async with storage.transaction() as transaction:
        await transaction.execute_many(INSERT, [("n", 0)])
    other = await open_storage(database)

    async def increment(node: Storage) -> None:
        async with node.transaction() as transaction:
            row = await transaction.fetch("UPDATE limits SET tat = tat WHERE limit_key = $1 RETURNING tat", "n")
            await transaction.execute_many("UPDATE limits SET tat = $2 WHERE limit_key = $1", [("n", row[0][0] + 1)])

    await asyncio.gather(*(increment(node) for node in (storage, other) * 20))
    await other.close()
    assert await _rows(storage) == [("n", 40)]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 300])
async def test_a_query_by_a_list_of_keys_finds_each_row_once(storage: Storage, count: int) -> None:
    async with storage.transaction() as transaction:
        await transaction.execute_many(INSERT, [(f"k{n}", n) for n in range(count)])
        sql = "SELECT limit_key FROM limits WHERE limit_key IN ($*)"
        keys = [f"k{n}" for n in range(count)]
        assert sorted(row[0] for row in await transaction.fetch_in(sql, [*keys, *keys, "none"][: 2 * count])) == sorted(
            keys
        )
        assert await transaction.execute_many(INSERT, []) is None


async def test_a_second_migration_does_nothing(storage: Storage) -> None:
    assert await migrate(storage) == []
    await check_schema(storage)


async def test_concurrent_migrations_apply_each_file_once(empty_database: str) -> None:
    async with AsyncExitStack() as stack:
        opened = [await open_storage(empty_database) for _ in range(3)]
        for each in opened:
            stack.push_async_callback(each.close)
        applied = await asyncio.gather(*(migrate(each) for each in opened))
        assert sorted(name for names in applied for name in names) == [name for _, name, _ in migrations()]
        await check_schema(opened[0])


async def test_a_failed_migration_keeps_the_files_before_it_and_can_be_repeated(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = migrations()[-1][0]
    whole, half, more = (
        (last + 1, "whole", "CREATE TABLE one (n BIGINT PRIMARY KEY);"),
        (last + 2, "half", "CREATE TABLE two (n BIGINT PRIMARY KEY); INSERT INTO two VALUES (7, 'too many');"),
        (last + 3, "more", "CREATE TABLE three (n BIGINT PRIMARY KEY);"),
    )
    monkeypatch.setattr(schema, "migrations", lambda: [whole, half, more])
    with pytest.raises(Exception, match=r"half|columns"):
        await migrate(storage)
    assert list(await storage.fetch("SELECT n FROM one")) == []
    mended = (last + 2, "half", "CREATE TABLE two (n BIGINT PRIMARY KEY);")
    monkeypatch.setattr(schema, "migrations", lambda: [whole, mended, more])
    assert await migrate(storage) == ["half", "more"]


async def test_a_missing_older_or_newer_schema_is_refused(empty_database: str) -> None:
    empty = await open_storage(empty_database)
    with pytest.raises(WrongSchema, match="verifier migrate"):
        await check_schema(empty)
    await migrate(empty)
    async with empty.transaction() as transaction:
        sql = "INSERT INTO schema_versions (version, name) VALUES ($1, $2)"
        await transaction.execute_many(sql, [(migrations()[-1][0] + 1, "later")])
    with pytest.raises(WrongSchema, match="newer"):
        await check_schema(empty)
    async with empty.transaction() as transaction:
        await transaction.execute_many("DELETE FROM schema_versions", [()])
    with pytest.raises(WrongSchema, match="version 0"):
        await check_schema(empty)
    await empty.close()


# aiosqlite does not wait for the thread of a connection that failed to open.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize(
    "url",
    ["sqlite:/nonexistent/folder/db", "sqlite:/etc/hostname", "postgresql://nobody@127.0.0.1:1/none"],
)
async def test_a_database_that_cannot_be_opened_is_unavailable(url: str) -> None:
    with pytest.raises(Unavailable):
        await open_storage(url)


@pytest.mark.parametrize("url", ["", "sqlite:", "mysql://x", "verifier.db"])
async def test_an_unsupported_database_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="sqlite:PATH or postgresql"):
        await open_storage(url)


async def test_a_failing_statement_is_not_reported_as_an_outage(storage: Storage) -> None:
    async def twice() -> None:
        async with storage.transaction() as transaction:
            await transaction.execute_many(INSERT, [("a", 1), ("a", 1)])

    with pytest.raises(Exception, match=r"(?i)unique") as caught:
        await twice()
    assert not isinstance(caught.value, Unavailable)
    assert await _rows(storage) == []
