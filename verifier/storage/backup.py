"""`verifier backup`: a checked copy of the SQLite file, made while nodes work."""

from __future__ import annotations

import os
import secrets
import sqlite3
from contextlib import closing
from pathlib import Path

from verifier.core.errors import VerifierError
from verifier.storage.sqlite_file import SqliteFile, make_private


class BackupRefused(VerifierError):
    """No backup was made; the detail says why."""

    slug = "backup_refused"
    title = "No backup was made"


def backup(url: str, target: Path) -> int:
    """Copy the database `sqlite:PATH` to `target` and return its size. `target` is there whole, or not at all.

    Raises BackupRefused where it cannot be made, or is not whole.
    """
    scheme, _, path = url.partition(":")
    if scheme != "sqlite":
        raise BackupRefused("`verifier backup` copies SQLite; back PostgreSQL up with pg_dump or pg_basebackup")
    source, fresh = Path(path), target.with_name(f".{target.name}.{os.getpid()}")
    if not source.is_file():
        raise BackupRefused(f"{source} is not there")
    _refuse_to_overwrite(target)
    try:
        # The copy can be read by its owner alone, from its first byte on.
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
        raise BackupRefused(f"{target} is there already, and is not overwritten")


def _copy(source: Path, fresh: Path) -> None:
    with (
        closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as database,
        closing(sqlite3.connect(fresh, isolation_level=None)) as copy,
    ):
        # In one step: it sees one state, and writers need not wait for it.
        database.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
        # By this number a node knows that a -wal file beside the copy is not the copy's own.
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
