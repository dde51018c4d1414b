"""Detects that a SQLite file is damaged, was replaced, or lies next to the journal of another file.

Implements specs/protocol.md section 10 (durability).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from verifier.core.errors import InternalError, Unavailable
from verifier.ports import Damaged

# The errors that come from a defect in our statements or their parameters. All other errors come from the database.
_DEFECTS = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.DataError)
_PRIVATE = 0o600
# SQLite can store text that is not UTF-8. The error that Python raises when it reads such text has no error code.
_NOT_TEXT = "Could not decode to UTF-8"
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_STALE = (
    "a backup was restored next to the -wal file of another database, which would be written over it: "
    "restore it again as specs/operations.md describes under Backups"
)


def make_private(path: str) -> None:
    """Create the file if it is missing. Let only its owner read the file and its journals, whatever the umask is.

    Files of another owner are not changed. Raises OSError.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, _PRIVATE))
    # SQLite creates its journals with the permissions of the file. Older or copied journals may have other permissions.
    for each in (path, f"{path}-wal", f"{path}-shm", f"{path}-journal"):
        with suppress(FileNotFoundError, PermissionError):
            if os.stat(each).st_mode & 0o777 != _PRIVATE:
                os.chmod(each, _PRIVATE)


class SqliteFile:
    """One database file and its `-wal` journal, while a node has both open."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._wal = Path(f"{path}-wal")
        self._places: tuple[tuple[int, int], ...] = ()
        self._damaged = False

    def check_wal(self) -> None:
        """Raise Unavailable if the journal belongs to another database file.

        SQLite would write such a journal over the file. `verifier backup` gives each copy its own number
        (`user_version`), which is in the first page of the file. A journal nearly always contains the first page,
        because that page changes whenever the file grows. So if the journal belongs to another file, SQLite reads one
        number with the journal and another number without the journal.
        """
        if self._path.is_file() and self._wal.is_file() and self._wal.stat().st_size:
            # Both modes only read the file. Do not open the file without SQLite: closing it would drop our locks on it.
            alone, with_journal = (self._number(how) for how in ("immutable=1", "mode=ro"))
            if alone != with_journal:
                raise Unavailable(_STALE)

    def _number(self, how: str) -> int:
        with closing(sqlite3.connect(f"{self._path.absolute().as_uri()}?{how}", uri=True)) as connection:
            return int(connection.execute("PRAGMA user_version").fetchone()[0])

    def opened(self) -> None:
        """Remember the files that SQLite has open, by device and inode."""
        self._places = self._find()

    def check_in_place(self) -> None:
        """Raise Unavailable if the files were moved, removed or replaced.

        In that case, the last commit is in files that are no longer at this path.
        """
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
        """Translate SQLite's errors into Damaged, InternalError or Unavailable. `doing` is a verb for the message.

        If the file is known to be damaged, raise Damaged before the block runs, unless `always` is true.
        """
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
