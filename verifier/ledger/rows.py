"""Rows with an authenticator. The database does not hold the key that makes authenticators (law L16).

Implements specs/protocol.md section 10.2. A keyed digest covers the table's name and every column of a row. The first
16 bytes of the digest are the authenticator, which is stored with the row. The other 48 bytes are the share of the row,
which is not stored. The heads store the sum of all shares, so an audit notices a missing row.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator, Callable, Hashable, Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any, Generic, TypeAlias, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import astuple

from verifier.core.errors import Tampered
from verifier.ports import KeyRing, Reader, Row

MAC_BYTES = 16
SHARE_BYTES = 48
SHARES = 1 << 8 * SHARE_BYTES
Item = TypeVar("Item", bound=Struct)
Key: TypeAlias = Hashable
"""The key of a row: one value, or a tuple of several."""
_encode = msgspec.msgpack.Encoder().encode


class Table(Generic[Item]):
    """A table: the struct of its rows, and its SQL statements.

    Each SELECT returns the names in `columns` first, and may return more columns after those. `narrow` lists the
    columns that change often. An update that changes only `narrow` columns writes only these columns.

    `later` lists the columns that a later release has added. They are the last columns. While all of them are NULL, the
    authenticator leaves them out, so rows of the earlier release verify.
    """

    def __init__(
        self,
        name: str,
        row: type[Item],
        key: tuple[str, ...],
        narrow: tuple[str, ...] = (),
        later: tuple[str, ...] = (),
    ) -> None:
        names = row.__struct_fields__
        self.later = later
        self._first = len(names) - len(later)
        self._absent = (None,) * len(later)
        assert names[self._first :] == later  # noqa: S101
        self.name = name
        self.row = row
        self.key = key
        self.width = len(names) + 1
        self.columns = ", ".join((*names, "mac"))
        self.others = tuple(each for each in names if each not in key)
        self.narrow = narrow or self.others
        self._at = tuple(names.index(each) for each in key)
        rare = tuple(each for each in self.others if each not in self.narrow)
        self._rare_values: Callable[[Item], object] = attrgetter(*rare) if rare else lambda row: None
        placeholders = ", ".join(f"${n}" for n in range(1, self.width + 1))
        self.insert = f"INSERT INTO {name} ({self.columns}) VALUES ({placeholders})"
        self._where = " AND ".join(f"{each} = ${n}" for n, each in enumerate(key, 1))
        self.delete = f"DELETE FROM {name} WHERE {self._where}"
        keys, after = ", ".join(key), ", ".join(f"${n}" for n in range(1, len(key) + 1))
        self.page = f"SELECT {self.columns} FROM {name} WHERE ({keys}) > ({after}) ORDER BY {keys} LIMIT 1000"
        self._narrow_update, self._full_update = self._update(self.narrow), self._update(self.others)

    def _update(self, columns: tuple[str, ...]) -> tuple[str, Callable[[Item], Row]]:
        """The UPDATE statement for these columns, and a function that reads its parameters from a row."""
        wanted = ", ".join(f"{each} = ${n}" for n, each in enumerate((*columns, "mac"), len(self.key) + 1))
        return f"UPDATE {self.name} SET {wanted} WHERE {self._where}", attrgetter(*self.key, *columns)

    def of(self, alias: str) -> str:
        """The names in `columns`, each prefixed with a table alias, for a SELECT from several tables."""
        return ", ".join(f"{alias}.{each}" for each in self.columns.split(", "))

    async def rows(self, reader: Reader) -> AsyncIterator[Row]:
        """Every row of the table, in the order of its key."""
        types = {field.name: field.type for field in msgspec.structs.fields(self.row)}
        after = [types[each]() for each in self.key]
        while page := await reader.fetch(self.page, *after):
            for row in page:
                yield row
            after = [page[-1][each] for each in self._at]

    def covered(self, values: Sequence[object]) -> Sequence[object]:
        """The values of a row that its authenticator covers. Different rows never have equal covered values."""
        first = self._first
        return values[:first] if self._absent and values[first:] == self._absent else values

    def key_of(self, row: Row) -> Key:
        """The key of a row: one value, or a tuple of several."""
        return row[self._at[0]] if len(self._at) == 1 else tuple(row[each] for each in self._at)

    def update(self, before: Item, after: Item, mac: bytes) -> tuple[str, Row]:
        """The UPDATE statement for a changed row, and its parameters."""
        same = self._rare_values(before) == self._rare_values(after)
        sql, parameters = self._narrow_update if same else self._full_update
        return sql, (*parameters(after), mac)


# A table with rows of any type.
AnyTable: TypeAlias = Table[Any]


class Authenticator:
    """Makes and checks authenticators. For each row that does not verify, it calls `tampered` with the table's name."""

    def __init__(self, ring: KeyRing, tampered: Callable[[str], None] = lambda table: None) -> None:
        self._key = ring.derive("rows", "")
        self.tampered = tampered

    def digest(self, table: str, values: Sequence[object]) -> bytes:
        """The digest of a row: 16 bytes of authenticator, then 48 bytes of share. Only the key ring can compute it.

        The function is keyed BLAKE2b (RFC 7693 section 2.9). The reasons are in specs/decisions/0032.
        """
        return hashlib.blake2b(_encode((table, *values)), key=self._key).digest()

    def mac(self, table: Table[Item], row: Item) -> bytes:
        """The authenticator of a row."""
        return self.digest(table.name, table.covered(astuple(row)))[:MAC_BYTES]

    def check(self, table: str, row: Row) -> int:
        """Verify covered values with their authenticator as the last one. Returns the share. Raises Tampered."""
        return self._share(table, self.digest(table, row[:-1]), row[-1])

    def check_row(self, table: Table[Item], row: Row) -> int:
        """Verify a row. Columns after the authenticator are ignored. Returns the row's share. Raises Tampered."""
        at = table.width - 1
        return self._share(table.name, self.digest(table.name, table.covered(row[:at])), row[at])

    def _share(self, table: str, digest: bytes, mac: object) -> int:
        # SQLite lets a column hold a value of any type.
        if not isinstance(mac, bytes) or not hmac.compare_digest(digest[:MAC_BYTES], mac):
            raise self.found(table)
        return share_of(digest)

    def found(self, table: str) -> Tampered:
        """Report a row that does not verify. Returns the error to raise."""
        self.tampered(table)
        return Tampered(table)

    def read(self, table: Table[Item], row: Row) -> Item:
        """Verify a row and return its struct. Columns after the authenticator are ignored. Raises Tampered."""
        self.check_row(table, row)
        return table.row(*row[: table.width - 1])


class Rows(Generic[Item]):
    """The rows of a table that a batch has loaded, as changed by earlier commands of the batch.

    A row is verified when a command first reads it. So a row that does not verify fails only the commands that read it.
    """

    def __init__(self, table: Table[Item], authenticator: Authenticator) -> None:
        self._table = table
        self._authenticator = authenticator
        self._loaded: dict[Key, Row] = {}
        self._before: dict[Key, tuple[Item, int]] = {}
        self._now: dict[Key, Item | None] = {}
        self._staged: dict[Key, None] = {}

    def load(self, rows: Iterable[Row]) -> None:
        """Add rows from the database. They are not verified yet."""
        for row in rows:
            self._loaded[self._table.key_of(row)] = row

    def __iter__(self) -> Iterator[Any]:
        """The keys of all rows, verified or not."""
        for key in {**self._loaded, **self._now}:
            if self._now.get(key, self) is not None:
                yield key

    def __contains__(self, key: object) -> bool:
        return self._now[key] is not None if key in self._now else key in self._loaded

    def hint(self, key: Key, column: str) -> Any:
        """The unverified value of a column, or None if there is no such row.

        Use the value to find other rows, but never to decide a command.
        """
        if key in self._now:
            return getattr(self._now[key], column, None)
        row = self._loaded.get(key)
        return None if row is None else row[self._table.row.__struct_fields__.index(column)]

    def get(self, key: Key) -> Item | None:
        """The verified row, or None if there is no such row. Raises Tampered."""
        if key in self._now:
            return self._now[key]
        row = self._loaded.get(key)
        if row is None:
            return None
        table = self._table
        share = self._authenticator.check_row(table, row)
        found = table.row(*row[: table.width - 1])
        self._before[key] = found, share
        self._now[key] = found
        return found

    def put(self, row: Item) -> None:
        """Add or change a row. Raises Tampered if the old row does not verify."""
        key = self._table.key_of(astuple(row))
        self.get(key)
        self._now[key] = row
        self._staged[key] = None

    def delete(self, key: Key) -> None:
        """Delete a row if it exists. Raises Tampered."""
        if self.get(key) is not None:
            self._now[key] = None
            self._staged[key] = None

    def changed(self, key: Key) -> bool:
        """Whether a command of this batch has written the row."""
        return key in self._staged

    def write(self, statements: dict[str, list[Row]]) -> int:
        """Add to `statements` the SQL and the parameters that write the staged rows.

        Returns how much the sum of all shares changes.
        """
        table, grown = self._table, 0
        for key in self._staged:
            before, share = self._before.get(key, (None, 0))
            after = self._now[key]
            grown -= share
            if after is None:
                if before is not None:
                    statements.setdefault(table.delete, []).append(key if isinstance(key, tuple) else (key,))
                continue
            digest = self._authenticator.digest(table.name, table.covered(astuple(after)))
            grown += share_of(digest)
            mac = digest[:MAC_BYTES]
            if before is None:
                statements.setdefault(table.insert, []).append((*astuple(after), mac))
            else:
                sql, changed = table.update(before, after, mac)
                statements.setdefault(sql, []).append(changed)
        return grown


AnyRows: TypeAlias = Rows[Any]


def added(kept: bytes, shares: int) -> bytes:
    """Add `shares` to the stored sum `kept`, modulo 2^384. Returns the new sum."""
    return ((int.from_bytes(kept) + shares) % SHARES).to_bytes(SHARE_BYTES)


def share_of(digest: bytes) -> int:
    """The share of a row, from the row's digest."""
    return int.from_bytes(digest[MAC_BYTES:])
