"""The audit of rows. It checks the authenticators and the sum of all shares, and compares index rows with sealed facts.

Implements specs/protocol.md section 8.3. Together with the audit of the log, the audit of rows finds rows that were
changed, added, deleted, or replaced by an older version.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any

from msgspec import Struct

from verifier.core.call import Call
from verifier.core.errors import Erased, InternalError, Tampered, VerifierError
from verifier.core.shards import global_index, origin_shard
from verifier.ledger import decoys, indexes, records, tables
from verifier.ledger.decrypted import decrypt_application
from verifier.ledger.heads import HeadRow
from verifier.ledger.rows import SHARES, AnyTable, Authenticator, Key
from verifier.ports import KeyRing, Reader, Row, Storage

_LEAVES = "SELECT COUNT(*) FROM leaves WHERE leaf_index >= 0"
_CHECKPOINTS = "SELECT MIN(size), MAX(size) FROM checkpoints WHERE size >= $1 AND size < $2"
_NUMBERS = "SELECT application_id, number_index FROM numbers ORDER BY application_id"
_ASSIGNMENTS = "SELECT application_id, officer_id FROM assignments ORDER BY application_id"
_CONTACTS = "SELECT application_id, contact_index FROM contacts ORDER BY application_id"
_SUM = (
    "the rows are not those that the last batch left: at least one is gone, or is what it was before (restored from a "
    "backup of that table, or set back)"
)


@contextmanager
def readable(what: str, find: Callable[[str], None]) -> Iterator[None]:
    """Turn an error in the block into a finding: a value of `what` cannot be read.

    In SQLite, a column can hold a value of any type, and text can hold any bytes.
    """
    try:
        yield
    except (InternalError, TypeError, ValueError, AttributeError, OverflowError):
        find(f"{what} has a value of another type, or text that is not UTF-8")


async def audit_rows(storage: Storage, ring: KeyRing, origin: str, find: Callable[[str], None]) -> int:
    """Check every row in one snapshot. Returns the number of rows. Raises Unavailable."""
    async with storage.snapshot() as reader:
        return await _RowAudit(reader, ring, origin, find).audit()


class _RowAudit:
    def __init__(self, reader: Reader, ring: KeyRing, origin: str, find: Callable[[str], None]) -> None:
        self._reader = reader
        self._ring = ring
        self._origin = origin
        self._find = find
        self._authenticator = Authenticator(ring)
        self._rows = 0
        self._sum = 0
        self._open_calls: dict[str, str] = {}
        self._numbers: dict[str, set[bytes]] = {}
        self._officers: dict[str, set[str]] = {}
        self._contacts: dict[str, set[bytes]] = {}

    async def audit(self) -> int:
        heads: Sequence[Row] = ()
        with readable("a row of log_head", self._find):
            heads = await self._reader.fetch(records.HEADS)
        for row in heads:
            with readable("a row of log_head", self._find):
                await self._check_head(row, len(heads))
        with readable("a row of log_head", self._find):
            if (await self._reader.fetch(_LEAVES))[0][0] != sum(HeadRow.of(row).size for row in heads):
                self._find("the log has more or fewer leaves than its heads say")
        self._numbers = await self._led(_NUMBERS)
        self._officers = await self._led(_ASSIGNMENTS)
        self._contacts = await self._led(_CONTACTS)
        for table in tables.TABLES:
            with readable(table.name, self._find):
                await self._check_table(table)
        for call_id, application_id in self._open_calls.items():
            self._find(f"the open call {call_id} of {application_id} is gone, or is not open")
        for application_id in sorted({*self._numbers, *self._officers, *self._contacts}):
            self._find(f"a number, an officer or a contact leads to {application_id}, whose facts do not name them")
        with readable("a row of log_head", self._find):
            if self._sum % SHARES != sum(int.from_bytes(HeadRow.of(row).shares) for row in heads) % SHARES:
                self._find(_SUM)
        return self._rows

    async def _check_head(self, row: Row, count: int) -> None:
        head = HeadRow.of(row)
        origin, size, shards = head.origin, head.size, head.shards
        mac, forgotten = row[6:]
        try:
            self._authenticator.check("log_head", (*head.covered(), mac))
        except Tampered:
            self._find(f"the head of {origin} does not verify: it was changed")
        if shards != count or not 0 <= forgotten <= size:
            self._find(f"the head of {origin} cannot say {shards} shards and {forgotten} statements forgotten")
        shard = origin_shard(origin, self._origin) or 0
        kept = await self._reader.fetch(_CHECKPOINTS, global_index(shard, 0), global_index(shard + 1, 0))
        if tuple(kept[0]) != (global_index(shard, 0), global_index(shard, size)):
            self._find(f"the checkpoints of {origin} do not begin at size 0 and end at size {size}, that of its head")

    async def _check_table(self, table: AnyTable) -> None:
        count = 0
        last: object = None
        async for row in table.rows(self._reader):
            count, before, last = count + 1, last, table.key_of(row)
            if last == before:
                self._find(f"{table.name}: {_shown(last)} is there twice")
            found = self._read(table, row)
            if isinstance(found, tables.ApplicationRow):
                self._check_application(found)
                if found.open_call_id is not None:
                    self._open_calls[found.open_call_id] = found.application_id
            elif isinstance(found, Call) and found.open:
                known = self._open_calls.pop(found.call_id, None)
                if known != found.application_id:
                    self._find(f"{found.call_id} is open, and its application does not know it")
        if (await self._reader.fetch(f"SELECT COUNT(*) FROM {table.name}"))[0][0] != count:
            self._find(f"{table.name} has rows that cannot be read in order")

    def _read(self, table: AnyTable, row: Row) -> Struct | None:
        try:
            share = self._authenticator.check_row(table, row)
        except Tampered:
            self._find(f"{table.name}: the row of {_shown(table.key_of(row))} is not as it was written")
            return None
        found: Struct = table.row(*row[:-1])
        if not decoys.is_decoy(found):
            self._rows += 1
            self._sum += share
        return found

    async def _led(self, sql: str) -> dict[str, set[Any]]:
        """The index entries (numbers, officers or contacts) that lead to each application, by application id."""
        rows = await self._reader.fetch(sql)
        return {each: {row[1] for row in group} for each, group in groupby(rows, key=lambda row: str(row[0]))}

    def _check_application(self, row: tables.ApplicationRow) -> None:
        """Check the index entries and the borrower of an application against its sealed facts."""
        led_by = tuple(each.pop(row.application_id, set()) for each in (self._numbers, self._officers, self._contacts))
        wanted: tuple[set[bytes], set[str], set[bytes]] = set(), set(), set()
        try:
            opened = decrypt_application(self._ring, row)
        except Erased:
            pass
        except VerifierError as error:
            self._find(f"{row.application_id}: {error.detail}")
            return
        else:
            registration = opened.registration
            wanted = (
                {indexes.number_index(self._ring, each.number) for who in opened.contacts for each in who.numbers},
                {each.id for each in registration.officers},
                {indexes.customer_index(self._ring, each) for each in registration.contact_ids},
            )
            if row.customer_index != indexes.customer_index(self._ring, registration.owner.id):
                self._find(f"{row.application_id} is under another borrower than its facts say")
        if led_by != wanted:
            self._find(f"{row.application_id} is not led to by the numbers, officers and contacts that its facts say")


def _shown(key: Key) -> str:
    """The key of a row, as text for a finding. Of a composite key, only the first value is shown."""
    return str(key[0] if isinstance(key, tuple) else key)
