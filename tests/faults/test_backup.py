"""A backup taken under load can be restored, and is found to be older than a checkpoint seen earlier."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from tests.faults.load import Load
from tests.faults.server import Server
from tests.postgres import Postgres, bin_folder


@pytest.mark.shows("CVP-10-9")
async def test_a_restored_backup_is_complete_and_found_older_than_a_seen_checkpoint(
    tmp_path: Path, session: aiohttp.ClientSession, own_postgres: Postgres
) -> None:
    dump, seen = tmp_path / "verifier.dump", tmp_path / "checkpoint"
    url = own_postgres.new_database()
    async with Server(tmp_path, session, url) as server:
        async with Load(server) as load:
            await load.wait_for_answers()
            await _run(f"{bin_folder()}/pg_dump", "--format=custom", f"--file={dump}", url)
            await load.wait_for_answers()
        async with session.get(f"{server.bank.url}/log/checkpoint") as response:
            seen.write_text(await response.text())
        settings = server.environment(log_seen=str(seen))
        assert await server.stop() == 0
    assert "the log is whole" in await _verifier(settings, 0, "log", "verify", "--seen", str(seen))
    restored = own_postgres.new_database()
    await _run(f"{bin_folder()}/pg_restore", f"--dbname={restored}", str(dump))
    settings["VERIFIER_DATABASE"] = restored
    assert "the log is whole" in await _verifier(settings, 0, "log", "verify")
    assert "rolled back" in await _verifier(settings, 1, "log", "verify", "--seen", str(seen))
    assert "the log was rolled back: it had" in await _verifier(settings, 1, "serve")
    settings["VERIFIER_DATABASE"] = url
    seen.write_text(seen.read_text().replace("\n", "x\n", 1))
    assert "not from this log" in await _verifier(settings, 1, "serve")


@pytest.mark.shows("CVP-10-9", "CVP-10-14")
async def test_the_documented_restore_of_a_sqlite_backup_works_and_finds_it_older(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    kept, seen = tmp_path / "verifier.backup", tmp_path / "checkpoint"
    database = tmp_path / "verifier.sqlite3"
    async with Server(tmp_path, session) as server:
        settings = server.environment()
        async with Load(server) as load:
            await load.wait_for_answers()
            assert "wrote" in await _verifier(settings, 0, "backup", str(kept))
            await load.wait_for_answers()
            async with session.get(f"{server.bank.url}/log/checkpoint") as response:
                seen.write_text(await response.text())
        server.kill()
        journal = Path(f"{database}-wal").read_bytes()
        assert journal
        left = database.read_bytes()
        # The documentation forbids this: the backup next to the journal that kill -9 left.
        shutil.copy(kept, database)
        assert "next to the -wal file of another" in await _verifier(settings, 1, "serve")
        assert "next to the -wal file of another" in await _verifier(settings, 1, "log", "verify")
        assert (database.read_bytes(), Path(f"{database}-wal").read_bytes()) == (kept.read_bytes(), journal)
        database.write_bytes(left)
        told = await _run_documented_restore(tmp_path, settings)
        assert "rolled back: it had" in told
        assert {each.name for each in (tmp_path / "before").iterdir()} >= {database.name, f"{database.name}-wal"}
        assert "the log is whole" in await _verifier(settings, 0, "log", "verify")
        assert "rolled back: it had" in await _verifier({**settings, "VERIFIER_LOG_SEEN": str(seen)}, 1, "serve")
        # The files that the restore moved away are complete.
        settings["VERIFIER_DATABASE"] = f"sqlite:{tmp_path / 'before' / database.name}"
        assert "the log is whole" in await _verifier(settings, 0, "log", "verify", "--seen", str(seen))


async def _run_documented_restore(folder: Path, settings: dict[str, str]) -> str:
    """Run the restore commands of specs/operations.md unchanged, and return their output."""
    text = (Path(__file__).parents[2] / "specs" / "operations.md").read_text(encoding="utf-8")
    (commands,) = re.findall(r"^```sh restore\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    ran = await asyncio.create_subprocess_exec(
        *("bash", "-c", f"set -e\n{commands}"),
        cwd=folder,
        env={**settings, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    told, _ = await ran.communicate()
    assert ran.returncode == 1, told.decode()
    return told.decode()


async def _run(*command: str) -> None:
    ran = await asyncio.create_subprocess_exec(*command, stderr=subprocess.PIPE)
    _, told = await ran.communicate()
    assert ran.returncode == 0, told.decode()


async def _verifier(settings: dict[str, str], status: int, *command: str) -> str:
    """Run a verifier command, check its exit status and return its output."""
    ran = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "verifier", *command),
        env={**settings, "PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    told, _ = await asyncio.wait_for(ran.communicate(), 60)
    assert ran.returncode == status, told.decode()
    return told.decode()
