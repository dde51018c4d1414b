"""Upgrades an older database: adds authenticators to its rows. Implements specs/protocol.md section 10.2.

The upgrade trusts the rows as they are. Run the upgrade only once, with every node stopped. Older databases sealed data
directly under the application key. The upgrade reseals that data under a key that it derives from the application key.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import astuple, replace

from verifier.core.errors import Unavailable, VerifierError
from verifier.core.sealing import KEY_BYTES, NONCE_BYTES, ApplicationKeys, seal, unseal
from verifier.ledger import decoys, records, tables
from verifier.ledger.decrypted import leaf_context
from verifier.ledger.heads import HeadRow
from verifier.ledger.rows import MAC_BYTES, AnyTable, Authenticator, added, share_of
from verifier.ports import Entropy, KeyRing, Row, Storage, Transaction

_LEAVES = (
    "SELECT leaf_index, statement_id, typ, application_id, customer_index, sealed FROM leaves "
    "WHERE leaf_index > $1 ORDER BY leaf_index LIMIT 1000"
)
_SEAL_LEAF = "UPDATE leaves SET sealed = $2 WHERE leaf_index = $1"
_SET_HEAD = "UPDATE log_head SET shares = $2, writers = NULL, mac = $3 WHERE origin = $1"
# The upgrade deletes all dialogues instead of resealing them. A dialogue lives at most half an hour.
_END_SESSIONS = "DELETE FROM ivr_sessions"
_OPEN_CALLS = "SELECT COUNT(*) FROM calls WHERE due_at > $1"


class AlreadyAuthenticated(VerifierError):
    """The upgrade has run before: the rows already have authenticators. A second run would hide changed rows."""

    slug = "already_authenticated"
    title = "The rows of this database already have authenticators"


class _Keys:
    """The keys of an application before and after the upgrade."""

    def __init__(self, application_key: bytes) -> None:
        if len(application_key) != KEY_BYTES:
            # The upgrade makes wrapped keys longer. A key of this length is therefore already upgraded.
            raise AlreadyAuthenticated
        self.before = application_key
        self.after = ApplicationKeys.derive(application_key)


async def authenticate(storage: Storage, ring: KeyRing, entropy: Entropy, now_ms: int) -> int:
    """Add an authenticator to every row, in one transaction. Returns the number of rows.

    Raises AlreadyAuthenticated if the upgrade has run before. Raises InternalError for a row that cannot be decrypted.
    Raises Unavailable while a call is open, because the upgrade would change the code of the call.
    """
    async with storage.transaction() as transaction:
        return await _Authenticating(transaction, ring, entropy).run(now_ms)


class _Authenticating:
    def __init__(self, transaction: Transaction, ring: KeyRing, entropy: Entropy) -> None:
        self._transaction = transaction
        self._ring = ring
        self._entropy = entropy
        self._authenticator = Authenticator(ring)
        self._keys: dict[str, _Keys] = {}
        self._sum = 0
        self._rows = 0

    async def run(self, now_ms: int) -> int:
        heads = await self._transaction.fetch(records.HEADS)
        if any(row[6] is not None for row in heads):
            raise AlreadyAuthenticated
        if (await self._transaction.fetch(_OPEN_CALLS, now_ms))[0][0]:
            raise Unavailable(
                "calls are open, and their codes would change: stop issuing calls, and wait until they end"
            )
        for table in tables.TABLES:
            async for row in table.rows(self._transaction):
                found = table.row(*row[:-1])
                if not decoys.is_decoy(found):
                    await self._write(table, found)
        await self._seal_leaves()
        await self._transaction.execute_many(_END_SESSIONS, [()])
        for position, (origin, size, shards, batches, *_) in enumerate(heads):
            head = HeadRow(origin, size, shards, batches, added(b"", 0 if position else self._sum), b"")
            mac = self._authenticator.digest("log_head", head.covered())[:MAC_BYTES]
            await self._transaction.execute_many(_SET_HEAD, [(origin, head.shares, mac)])
        return self._rows

    async def _write(self, table: AnyTable, row: Struct) -> None:
        changed = self._resealed(row)
        digest = self._authenticator.digest(table.name, table.covered(astuple(changed)))
        self._sum += share_of(digest)
        self._rows += 1
        sql, values = table.update(row, changed, digest[:MAC_BYTES])
        await self._transaction.execute_many(sql, [values])

    def _resealed(self, row: Struct) -> Struct:
        if isinstance(row, tables.ApplicationRow) and row.wrapped_key is not None and row.kek_id is not None:
            made = _Keys(self._ring.unwrap(row.application_id, row.kek_id, row.wrapped_key))
            self._keys[row.application_id] = made
            kek_id, wrapped = self._ring.wrap(row.application_id, made.after.pack())
            row = replace(row, kek_id=kek_id, wrapped_key=wrapped)
        context, sealed = row_context(row)
        keys = self._keys.get(getattr(row, "application_id", None) or "")
        if sealed is None or keys is None:
            return row
        return replace(row, sealed=self._reseal(keys, context, context, sealed))

    def _reseal(self, keys: _Keys, before: str, after: str, sealed: bytes) -> bytes:
        return seal(keys.after.sealing, self._entropy(NONCE_BYTES), after, unseal(keys.before, before, sealed))

    async def _seal_leaves(self) -> None:
        after = -1
        while page := await self._transaction.fetch(_LEAVES, after):
            sealed = [(row[0], self._sealed_leaf(row)) for row in page if row[5] is not None]
            await self._transaction.execute_many(_SEAL_LEAF, sealed)
            after = page[-1][0]

    def _sealed_leaf(self, row: Row) -> bytes:
        _, statement_id, typ, application_id, customer_index, _ = row
        sealed = bytes(row[5])
        context = leaf_context(statement_id, typ, customer_index)
        if application_id is None:
            return self._ring.seal(context, self._ring.unseal(statement_id, sealed))
        keys = self._keys.get(application_id)
        # The key of an erased application is gone, so its leaves stay as they are.
        return sealed if keys is None else self._reseal(keys, statement_id, context, sealed)


def row_context(row: Struct) -> tuple[str, bytes | None]:
    """The seal context and the ciphertext of a row that is sealed under an application key.

    For any other row, the result is "" and None.
    """
    if isinstance(row, tables.ApplicationRow):
        return row.application_id, row.sealed
    if isinstance(row, tables.RequestRow):
        return row.request_id, row.sealed
    if isinstance(row, tables.ReportRow):
        return row.report_id, row.sealed
    return "", None
