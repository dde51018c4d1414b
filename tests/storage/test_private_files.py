"""Only the owner can read SQLite files and their backups, whatever the umask."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.api.conftest import RunningBank
from verifier.cli import main
from verifier.storage import open_storage
from verifier.storage.backup import backup
from verifier.storage.migrate import migrate
from verifier.storage.sqlite import SqliteStorage

UMASKS = (0o000, 0o022, 0o077, 0o777)


@contextmanager
def _umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def _modes(folder: Path) -> dict[str, str]:
    return {each.name: oct(each.stat().st_mode & 0o777) for each in sorted(folder.iterdir()) if "sqlite3" in each.name}


def _all_private(*names: str) -> dict[str, str]:
    return dict.fromkeys(sorted(names), "0o600")


@pytest.mark.shows("CVP-12-10")
@pytest.mark.parametrize("mask", UMASKS, ids=oct)
async def test_a_new_file_its_journal_and_a_backup_are_private(tmp_path: Path, mask: int) -> None:
    with _umask(mask):
        url = f"sqlite:{tmp_path / 'a.sqlite3'}"
        storage = await open_storage(url)
        try:
            await migrate(storage)
            assert _modes(tmp_path) == _all_private("a.sqlite3", "a.sqlite3-wal", "a.sqlite3-shm")
            backup(url, tmp_path / "b.sqlite3")
            assert _modes(tmp_path)["b.sqlite3"] == "0o600"
        finally:
            await storage.close()


@pytest.mark.shows("CVP-12-10")
async def test_opening_a_readable_file_makes_it_and_its_journal_private(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite3"
    storage = await SqliteStorage.open(str(path))
    await migrate(storage)
    # A manual copy of the files of a running node, as after a careless restore.
    for end in ("", "-wal", "-shm"):
        shutil.copy(f"{path}{end}", tmp_path / f"c.sqlite3{end}")
        (tmp_path / f"c.sqlite3{end}").chmod(0o664)
    await storage.close()
    again = await SqliteStorage.open(str(tmp_path / "c.sqlite3"))
    try:
        found = {name: mode for name, mode in _modes(tmp_path).items() if name.startswith("c.")}
        assert found == _all_private("c.sqlite3", "c.sqlite3-wal", "c.sqlite3-shm")
    finally:
        await again.close()


@pytest.mark.shows("CVP-12-10")
def test_migrate_and_the_demo_make_private_files(tmp_path: Path) -> None:
    settings = {
        "VERIFIER_DATABASE": f"sqlite:{tmp_path / 'm.sqlite3'}",
        "VERIFIER_ISSUER": "https://verify.bank.example",
        "VERIFIER_KEY_RING": str(tmp_path / "ring.json"),
    }
    with _umask(0):
        assert CliRunner().invoke(main, ["migrate"], env=settings).exit_code == 0
        assert set(_modes(tmp_path).values()) == {"0o600"}
        with RunningBank(tmp_path / "demo"):
            assert len(_modes(tmp_path / "demo")) == 3
            assert set(_modes(tmp_path / "demo").values()) == {"0o600"}
