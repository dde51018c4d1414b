"""`verifier backup`: makes and checks a copy of the SQLite file. The node may be running."""

from __future__ import annotations

import os
import secrets
import sqlite3
from contextlib import closing
from pathlib import Path

from verifier.core.errors import VerifierError
from verifier.storage.sqlite_file import SqliteFile, make_private


class BackupRefused(VerifierError):
    """No backup was made. The detail says why."""

    slug = "backup_refused"
    title = "No backup was made"


def backup(url: str, target: Path) -> int:
    """Copy the database `sqlite:PATH` to `target`. Returns the size of the copy in bytes.

    Raises BackupRefused if the copy cannot be made, if the database is damaged, or if `target` exists already.
    """
    scheme, _, path = url.partition(":")
    if scheme != "sqlite":
        raise BackupRefused("`verifier backup` copies SQLite; back up PostgreSQL with pg_dump or pg_basebackup")
    source, fresh = Path(path), target.with_name(f".{target.name}.{os.getpid()}")
    if not source.is_file():
        raise BackupRefused(f"there is no file {source}")
    _refuse_to_overwrite(target)
    try:
        # Create the file with the owner's permissions alone before anything is copied into it.
        os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        make_private(str(fresh))
        try:
            SqliteFile(path).check_wal()
            _copy(source, fresh)
            _sync(fresh)
            _refuse_to_overwrite(target)
            fresh.replace(target)
            _sync(target.parent)
        finally:
            for end in ("", "-journal", "-wal", "-shm"):
                fresh.with_name(f"{fresh.name}{end}").unlink(missing_ok=True)
    except (OSError, sqlite3.Error) as error:
        raise BackupRefused(f"the copy could not be made: {error}") from error
    return target.stat().st_size


def _refuse_to_overwrite(target: Path) -> None:
    if os.path.lexists(target):
        raise BackupRefused(f"{target} exists already and is not overwritten")


def _copy(source: Path, fresh: Path) -> None:
    with (
        closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as database,
        closing(sqlite3.connect(fresh, isolation_level=None)) as copy,
    ):
        # Copy all pages in one step: the copy then has one state of the database, and writers do not have to wait.
        database.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
        # Give the copy its own number. If the -wal file of another database lies next to the restored copy, a node can
        # tell from this number.
        copy.execute(f"PRAGMA user_version = {secrets.randbelow(2**31 - 1) + 1}")
        found = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise BackupRefused(f"the database is damaged: {found}")


def _sync(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
