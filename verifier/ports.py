"""The interfaces that the service needs from outside: storage, key ring, SIP identity signer, clock and entropy.

Implements specs/protocol.md section 10. `storage/`, `keys.py`, `identity.py` and `clock.py` have the implementations.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeVar

from verifier.core.errors import Unavailable
from verifier.core.key_uses import Uses

Row = Sequence[Any]
T = TypeVar("T")
Clock = Callable[[], int]
"""Returns the time in epoch milliseconds."""
Entropy = Callable[[int], bytes]
"""Returns unpredictable bytes. Its argument is the number of bytes."""


class Conflict(Unavailable):
    """This transaction conflicted with another and was rolled back. Retrying is safe."""


class Damaged(Unavailable):
    """The database files are damaged. The service does not use them until the operator restores them."""

    def __init__(self, how: str = "") -> None:
        super().__init__(f"the database is damaged{how and ': '}{how}")


class Reader(Protocol):
    """Runs SELECT statements. Their parameters are written as `$1`, `$2` and so on."""

    async def fetch(self, sql: str, *args: object) -> Sequence[Row]:
        """All rows of a statement. Raises Unavailable if the database cannot answer."""

    async def fetch_in(self, sql: str, keys: Iterable[object]) -> Sequence[Row]:
        """All rows of a statement. `($*)` in the statement stands for the list of `keys`.

        Without keys, there are no rows.
        """


class Transaction(Reader, Protocol):
    """A write transaction. Until it ends, it locks the rows that it updates.

    Another transaction that updates one of these rows waits until this transaction ends. Then it sees the changes.
    """

    async def execute_many(self, sql: str, rows: Sequence[Row]) -> None:
        """Run a statement once for each row of parameters."""


class Storage(Reader, Protocol):
    """A database. A read outside a transaction sees all data that has been committed."""

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Begin a write transaction. Leaving the block commits it durably. An exception in the block rolls it back.

        Raises Unavailable if the database is gone, full or read-only. If the commit raises Conflict, nothing was
        committed. If the commit raises any other Unavailable, the outcome is unknown.
        """

    async def commit(self, run: Callable[[Transaction], Coroutine[object, object, T]]) -> T:
        """Run a coroutine function in a write transaction. Returns its result once its changes are durable.

        Raises the same errors as `transaction`. The coroutine may await only methods of the transaction, and must not
        touch objects of the event loop: SQLite runs it without interruption, in the thread of its connection.
        """
        async with self.transaction() as transaction:
            return await run(transaction)

    def snapshot(self) -> AbstractAsyncContextManager[Reader]:
        """Begin a consistent read. It sees all data that is committed by now, and none that is committed later.

        Raises Unavailable.
        """

    async def damage(self, thorough: bool = False) -> Sequence[str]:
        """Check the database files. Returns one text for each damage that it finds. `thorough` also checks the indexes.

        Returns nothing for a database that has its own tools for this check.
        """

    async def close(self) -> None:
        """Close every connection."""


class KeyRing(Protocol):
    """The deployment's keys. Private keys never leave the ring. `uses` counts the uses of the key-encryption keys."""

    uses: Uses

    def wrap(self, application_id: str, key: bytes) -> tuple[str, bytes]:
        """Wrap an application key. Returns the id of the key-encryption key and the wrapped key."""

    def unwrap(self, application_id: str, kek_id: str, wrapped: bytes) -> bytes:
        """Undo `wrap`.

        Raises InternalError if the key-encryption key is not in the ring, or if the bytes were changed.
        """

    def seal(self, context: str, plaintext: bytes) -> bytes:
        """Encrypt data that belongs to no application. Decryption needs the same `context`."""

    def unseal(self, context: str, sealed: bytes) -> bytes:
        """Undo `seal`."""

    def encrypting(self) -> str:
        """The kid of the active key-encryption key."""

    def derive(self, kind: str, value: str) -> bytes:
        """Derive 32 bytes from a value, for blind indexes. No other key ring derives the same bytes."""

    def sign(self, typ: str, claims: bytes) -> str:
        """Sign the claims with the active statement key. Returns a compact JWS. Its header has `typ` and `kid`."""

    def jwks(self) -> dict[str, object]:
        """The public statement keys (next, active and retired) as a JWK Set (RFC 7517)."""

    def log_keys(self) -> tuple[str, ...]:
        """The log's verifier keys (next, active and retired) in the format of C2SP signed-note."""

    def sign_checkpoint(self, text: str) -> str:
        """Sign the text of a checkpoint with the active log key. Returns a C2SP signed note.

        The first line of the text is the name of the key.
        """


class IdentitySigner(Protocol):
    """Signs SIP identities. `x5u` is the address of the certificate of its key."""

    @property
    def x5u(self) -> str: ...

    def sign(self, octets: bytes) -> bytes:
        """Sign the octets. Returns the 64 bytes of an ES256 signature."""
