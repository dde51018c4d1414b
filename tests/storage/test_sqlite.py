"""Faults that only a SQLite file has: damage, a replaced file, and a journal of another file."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from tests.cli.test_cli import Shell
from verifier.core.errors import InternalError, Unavailable
from verifier.ports import Damaged, Storage, Transaction
from verifier.storage import backup as backup_module
from verifier.storage import open_storage, sqlite
from verifier.storage.backup import BackupRefused, backup
from verifier.storage.migrate import check_schema, migrate

INSERT = "INSERT INTO limits (limit_key, tat) VALUES ($1, $2)"
ALL = "SELECT limit_key, tat FROM limits ORDER BY limit_key"
PAGE = 4096


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "verifier.sqlite3"


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Storage]:
    storage = await open_storage(f"sqlite:{path}")
    try:
        await migrate(storage)
        yield storage
    finally:
        await storage.close()


async def add(storage: Storage, *rows: tuple[str, int]) -> None:
    async with storage.transaction() as transaction:
        await transaction.execute_many(INSERT, rows)


async def fill(path: Path, count: int) -> None:
    """Makes a file of some pages and closes it properly, so that it has no journal."""
    async with opened(path) as storage:
        await add(storage, *((f"row {n:06}", n) for n in range(count)))


def spoil(path: Path, start: int = 0, end: int = 1 << 30) -> None:
    """Overwrite the file's pages from `start` up to `end`."""
    with path.open("r+b") as file:
        for page in range(start, min(end, path.stat().st_size // PAGE)):
            file.seek(page * PAGE)
            file.write(b"\xee" * PAGE)
        file.flush()
        os.fsync(file.fileno())


@pytest.mark.shows("CVP-10-13")
async def test_the_error_names_a_pragma_that_was_not_applied(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "_REQUIRED", {"journal_mode": "wal", "synchronous": 9})
    with pytest.raises(Unavailable, match="synchronous is 1 and must be 9"):
        await open_storage(f"sqlite:{path}")


@pytest.mark.shows("CVP-10-13")
async def test_a_database_that_cannot_have_a_write_ahead_log_is_refused() -> None:
    with pytest.raises(Unavailable, match="journal_mode is memory and must be wal"):
        await open_storage("sqlite::memory:")


@pytest.mark.shows("CVP-10-14")
@pytest.mark.parametrize("start", [0, 1, 20])
async def test_a_damaged_file_is_unavailable_and_stays_so(path: Path, start: int) -> None:
    await fill(path, 40_000)
    async with opened(path) as storage:
        spoil(path, start)
        with pytest.raises(Damaged):
            await storage.fetch(ALL)
        for _ in range(2):
            with pytest.raises(Damaged):
                await add(storage, ("more", 1))
            with pytest.raises(Damaged):
                await storage.fetch("SELECT 1")


async def test_a_damaged_file_is_not_taken_for_an_empty_one(path: Path) -> None:
    await fill(path, 40_000)
    with closing(sqlite3.connect(path)) as database:
        ((page,),) = database.execute(
            "SELECT rootpage FROM sqlite_schema WHERE tbl_name = 'schema_versions' AND type = 'index'"
        )
    spoil(path, page - 1, page)
    storage = await open_storage(f"sqlite:{path}")
    try:
        with pytest.raises(Damaged):
            await check_schema(storage)
    finally:
        await storage.close()
    spoil(path, 1)
    with pytest.raises(Unavailable, match="malformed"):
        await open_storage(f"sqlite:{path}")


@pytest.mark.shows("CVP-10-14")
async def test_a_thorough_check_reports_a_damaged_index(path: Path) -> None:
    await fill(path, 40_000)
    async with opened(path) as storage:
        assert list(await storage.damage()) == list(await storage.damage(thorough=True)) == []
    # An index with fewer rows than its table. SQLite's quick check does not detect it.
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA writable_schema = ON")
        database.execute(
            "UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'nodes') "
            "WHERE name = 'sqlite_autoindex_limits_1'"
        )
        database.commit()
    async with opened(path) as storage:
        assert await storage.damage(thorough=True)


@pytest.mark.shows("CVP-10-14")
@pytest.mark.parametrize("how", ["replaced", "removed", "journal removed"])
async def test_a_commit_to_a_moved_or_replaced_file_is_not_acknowledged(path: Path, how: str) -> None:
    async with opened(path) as storage:
        await add(storage, ("before", 1))
        if how == "replaced":
            shutil.copy(path, path.with_name("copy"))
            path.with_name("copy").replace(path)
        elif how == "removed":
            path.unlink()
        else:
            Path(f"{path}-wal").unlink()
        for n in range(2):
            with pytest.raises(Unavailable, match="moved or replaced"):
                await add(storage, (f"after {n}", n))


async def _crashed(path: Path, rows: int) -> None:
    """Leaves the files as after a crash: the database, and a journal with later commits."""
    async with opened(path) as storage:
        await add(storage, *((f"later {n:06}", n) for n in range(rows)))
        for end in ("", "-wal"):
            shutil.copy(f"{path}{end}", f"{path.with_name('killed')}{end}")
    for end in ("", "-wal"):
        shutil.copy(f"{path.with_name('killed')}{end}", f"{path}{end}")


@pytest.mark.shows("CVP-10-14")
async def test_a_backup_restored_beside_another_journal_is_refused_and_not_changed(path: Path, tmp_path: Path) -> None:
    await fill(path, 5000)
    kept = tmp_path / "kept"
    assert backup(f"sqlite:{path}", kept) == kept.stat().st_size
    await _crashed(path, 500)
    async with opened(path) as storage:
        assert len(await storage.fetch(ALL)) == 5500, "after a crash the journal is the file's own"
    path.unlink()
    shutil.copy(kept, path)
    await _crashed(path, 500)
    shutil.copy(kept, tmp_path / "again")
    backup(f"sqlite:{tmp_path / 'again'}", tmp_path / "other")
    shutil.copy(tmp_path / "other", path)
    journal = Path(f"{path}-wal").read_bytes()
    for _ in range(2):
        with pytest.raises(Unavailable, match="restore it again as"):
            await open_storage(f"sqlite:{path}")
    assert Path(f"{path}-wal").read_bytes() == journal
    assert path.read_bytes() == (tmp_path / "other").read_bytes()
    Path(f"{path}-wal").unlink()
    async with opened(path) as storage:
        assert len(await storage.fetch(ALL)) == 5000


async def test_a_backup_is_checked_private_and_never_overwrites(path: Path, tmp_path: Path) -> None:
    await fill(path, 40_000)
    kept = tmp_path / "kept"
    backup(f"sqlite:{path}", kept)
    assert kept.stat().st_mode & 0o777 == 0o600
    before = kept.read_bytes()
    with pytest.raises(BackupRefused, match="exists already"):
        backup(f"sqlite:{path}", kept)
    assert kept.read_bytes() == before
    with pytest.raises(BackupRefused, match="there is no file"):
        backup(f"sqlite:{tmp_path / 'nothing'}", tmp_path / "two")
    with pytest.raises(BackupRefused, match="could not be made"):
        backup(f"sqlite:{path}", tmp_path / "no folder" / "two")
    spoil(path, 20)
    with pytest.raises(BackupRefused, match=r"damaged|malformed"):
        backup(f"sqlite:{path}", tmp_path / "two")
    assert sorted(each.name for each in tmp_path.iterdir())[:2] == ["kept", "verifier.sqlite3"]
    assert not list(tmp_path.glob("*two*"))


async def test_a_backup_does_not_overwrite_one_that_was_made_concurrently(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(path, 10)
    copy, kept = backup_module._copy, tmp_path / "kept"

    def slow(source: Path, fresh: Path) -> None:
        copy(source, fresh)
        kept.write_text("another's")

    monkeypatch.setattr(backup_module, "_copy", slow)
    with pytest.raises(BackupRefused, match="exists already"):
        backup(f"sqlite:{path}", kept)
    assert kept.read_text() == "another's"
    assert not list(tmp_path.glob(".kept*"))


def _asked(shell: Shell, *args: str, **changes: str) -> tuple[int, str]:
    ran = shell.run(*args, **changes)
    assert "Traceback" not in ran.stderr
    return ran.returncode, ran.stdout + ran.stderr


@pytest.mark.slow
async def test_the_backup_command_prints_messages_and_no_traceback(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    assert shell.run("migrate").returncode == 0
    status, told = _asked(shell, "backup", "kept")
    assert (status, "wrote kept" in told) == (0, True)
    status, told = _asked(shell, "backup", "kept")
    assert (status, "is not overwritten" in told) == (1, True)
    status, told = _asked(shell, "backup", "two", VERIFIER_DATABASE="postgresql://verifier@127.0.0.1:1/x")
    assert (status, "pg_dump" in told, told.count("\n")) == (1, True, 1)


@pytest.mark.shows("CVP-10-14")
@pytest.mark.slow
async def test_the_server_and_the_audit_report_a_damaged_file(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.run("keys", "new")
    shell.run("migrate")
    database = tmp_path / "db.sqlite3"
    await fill(database, 40_000)
    # These pages hold the rate limits, on which no leaf of the log depends.
    spoil(database, database.stat().st_size // PAGE - 100)
    status, told = _asked(shell, "serve")
    assert (status, "the database is damaged" in told) == (1, True), told
    status, told = _asked(shell, "log", "verify")
    assert (status, "FINDING: the database is damaged" in told, "is whole" in told) == (1, True, False), told


async def test_a_commit_that_awaits_anything_but_its_transaction_is_a_defect(tmp_path: Path) -> None:
    storage = await open_storage(f"sqlite:{tmp_path / 'db'}")
    await migrate(storage)

    async def run(transaction: Transaction) -> None:
        await transaction.execute_many(INSERT, [("a", 1)])
        await asyncio.sleep(0)

    with pytest.raises(InternalError, match="waits for something other"):
        await storage.commit(run)
    assert list(await storage.fetch("SELECT limit_key FROM limits")) == []
    await storage.commit(lambda transaction: transaction.execute_many(INSERT, [("b", 1)]))
    await storage.close()
    await storage.close()
