"""The interfaces of everything the service needs from outside: storage, key ring, clock, entropy.

Implements specs/protocol.md section 10. Each has only what its one user needs. `storage/` and `keys.py` implement them.
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
"""Returns that many unpredictable bytes."""


class Conflict(Unavailable):
    """This transaction conflicted with another and was rolled back. It is safe to retry."""


class Damaged(Unavailable):
    """The database files are damaged. They are neither read nor written until they are restored."""

    def __init__(self, how: str = "") -> None:
        super().__init__(f"the database is damaged{how and ': '}{how}")


class Reader(Protocol):
    """Runs SELECT statements written with `$1` parameters."""

    async def fetch(self, sql: str, *args: object) -> Sequence[Row]:
        """All rows of a statement. Raises Unavailable if the database cannot answer."""

    async def fetch_in(self, sql: str, keys: Iterable[object]) -> Sequence[Row]:
        """All rows of a statement in which `($*)` stands for the list of `keys`. Without keys there are no rows."""


class Transaction(Reader, Protocol):
    """A transaction. The rows that it has updated are locked until it ends; others wait, and then see its changes."""

    async def execute_many(self, sql: str, rows: Sequence[Row]) -> None:
        """Run a statement once for each row of parameters."""


class Storage(Reader, Protocol):
    """A database. Reads outside a transaction see what has been committed."""

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Begin a write transaction. Leaving the block commits durably; an exception rolls back.

        Raises Unavailable if the database is gone, full or read-only. If the commit raises it, the outcome is unknown,
        unless it is Conflict.
        """

    async def commit(self, work: Callable[[Transaction], Coroutine[object, object, T]]) -> T:
        """Run `work` in a write transaction, and return its result once that is durable. Raises as `transaction` does.

        `work` may wait for the transaction only, so that SQLite can run it in one go, in the thread of its connection.
        """
        async with self.transaction() as transaction:
            return await work(transaction)

    def snapshot(self) -> AbstractAsyncContextManager[Reader]:
        """Begin a consistent read of what is committed now, whatever is written meanwhile. Raises Unavailable."""

    async def damage(self, thorough: bool = False) -> Sequence[str]:
        """Descriptions of damage in the database files. Empty if the database checks them itself."""

    async def close(self) -> None:
        """Close every connection."""


class KeyRing(Protocol):
    """The deployment's keys. Private keys never leave it. `uses` counts those of the key-encryption keys."""

    uses: Uses

    def wrap(self, application_id: str, key: bytes) -> tuple[str, bytes]:
        """Wrap an application key. Returns the id of the key-encryption key and the wrapped key."""

    def unwrap(self, application_id: str, kek_id: str, wrapped: bytes) -> bytes:
        """Undo `wrap`. Raises InternalError if the key-encryption key is missing or the bytes were changed."""

    def seal(self, context: str, plaintext: bytes) -> bytes:
        """Encrypt data that belongs to no application. Decryption needs the same `context`."""

    def unseal(self, context: str, sealed: bytes) -> bytes:
        """Undo `seal`."""

    def encrypting(self) -> str:
        """The kid of the active key-encryption key."""

    def derive(self, kind: str, value: str) -> bytes:
        """32 bytes that only this ring can derive from a value, for blind indexes."""

    def sign(self, typ: str, claims: bytes) -> str:
        """A compact JWS over the claims by the active statement key, with `typ` and `kid` in its header."""

    def jwks(self) -> dict[str, object]:
        """The public statement keys, next, active and retired, as a JWK Set (RFC 7517)."""

    def log_keys(self) -> tuple[str, ...]:
        """The log's verifier keys, next, active and retired, in the format of C2SP signed-note."""

    def sign_checkpoint(self, text: str) -> str:
        """A C2SP signed note over a checkpoint's text by the active log key, in the name of its first line."""


class IdentitySigner(Protocol):
    """The key for SIP identity. `x5u` is the address of its certificate."""

    @property
    def x5u(self) -> str: ...

    def sign(self, octets: bytes) -> bytes:
        """The 64 bytes of an ES256 signature."""
