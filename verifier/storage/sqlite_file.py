"""What can happen to a SQLite file from outside: damage, another file in its place, another file's journal beside it.

Carries out specs/protocol.md section 10 (durability).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from verifier.core.errors import InternalError, Unavailable
from verifier.ports import Damaged

# Of all errors, these alone come from a defect in a statement of ours or in what it is given.
_DEFECTS = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.DataError)
_PRIVATE = 0o600
# SQLite lets a column hold such text, and has no error code for it.
_NOT_TEXT = "Could not decode to UTF-8"
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_STALE = (
    "a backup was restored beside the -wal file of another database, which would be written over it: "
    "restore it again as specs/operations.md says under Backups"
)


def make_private(path: str) -> None:
    """Make the file where it is not there, and let its owner alone read it and its journal, whatever the umask.

    Raises OSError. Files of another owner stay as they are.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, _PRIVATE))
    # SQLite makes its journal with the permissions of the file. An older one, or a copy, may have others.
    for each in (path, f"{path}-wal", f"{path}-shm", f"{path}-journal"):
        with suppress(FileNotFoundError, PermissionError):
            if os.stat(each).st_mode & 0o777 != _PRIVATE:
                os.chmod(each, _PRIVATE)


class SqliteFile:
    """One database file and its journal, `-wal`, as a node sees them from start to end."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._wal = Path(f"{path}-wal")
        self._places: tuple[tuple[int, int], ...] = ()
        self._damaged = False

    def check_wal(self) -> None:
        """Raise Unavailable where the journal is known to be of another file, before SQLite writes it over this one.

        `verifier backup` gives each copy a number of its own (`user_version`, in the file's first page). The journal
        has a copy of that page nearly always, since it changes whenever the file grows.
        """
        if self._path.is_file() and self._wal.is_file() and self._wal.stat().st_size:
            # Neither way of opening it writes to the file, nor reads it behind SQLite's back, which would lose locks.
            alone, with_journal = (self._number(how) for how in ("immutable=1", "mode=ro"))
            if alone != with_journal:
                raise Unavailable(_STALE)

    def _number(self, how: str) -> int:
        with closing(sqlite3.connect(f"{self._path.absolute().as_uri()}?{how}", uri=True)) as connection:
            return int(connection.execute("PRAGMA user_version").fetchone()[0])

    def opened(self) -> None:
        """Remember which files SQLite has opened."""
        self._places = self._find()

    def check_in_place(self) -> None:
        """Raise Unavailable where a commit went to files that have been moved, removed or replaced."""
        try:
            found = self._find()
        except OSError:
            found = ()
        if found != self._places:
            raise Unavailable("the database file was moved or replaced while the node was running")

    def _find(self) -> tuple[tuple[int, int], ...]:
        return tuple((each.st_dev, each.st_ino) for each in map(os.stat, (self._path, self._wal)))

    @contextmanager
    def translated(self, doing: str, *, always: bool = False) -> Iterator[None]:
        """SQLite's errors as ours. Nothing is done with a damaged file, except what is to be done `always`."""
        if self._damaged and not always:
            raise Damaged
        try:
            yield
        except sqlite3.DatabaseError as error:
            if isinstance(error, _DEFECTS):
                raise
            if str(error).startswith(_NOT_TEXT):
                raise InternalError("a row has text that is not UTF-8") from error
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE:
                self._damaged = True
                raise Damaged from error
            raise Unavailable(f"the database cannot {doing}: {error}") from error
