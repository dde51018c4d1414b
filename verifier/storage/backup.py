"""`verifier backup`: a checked copy of the SQLite file, made while nodes are running."""

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
    """Copy the database `sqlite:PATH` to `target` and return its size. A failure leaves no incomplete `target`.

    Raises BackupRefused if the copy cannot be made or the database is damaged.
    """
    scheme, _, path = url.partition(":")
    if scheme != "sqlite":
        raise BackupRefused("`verifier backup` copies SQLite; back up PostgreSQL with pg_dump or pg_basebackup")
    source, fresh = Path(path), target.with_name(f".{target.name}.{os.getpid()}")
    if not source.is_file():
        raise BackupRefused(f"there is no file {source}")
    _refuse_to_overwrite(target)
    try:
        # Only the owner can read the copy, from its first byte on.
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
        # One step: the copy is of one state, and writers do not wait for it.
        database.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
        # This number tells a node that a -wal file next to the copy belongs to another database.
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
