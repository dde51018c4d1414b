"""What the service needs from outside: storage, key ring, clock, entropy. Carries out specs/protocol.md section 10.

Each is as small as its one user needs; adapters in `storage/` and `keys.py` provide them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from verifier.core.errors import Unavailable

Row = Sequence[Any]
Clock = Callable[[], int]
"""Returns the time in epoch milliseconds."""
Entropy = Callable[[int], bytes]
"""Returns that many unpredictable bytes."""


class Conflict(Unavailable):
    """Transactions met, and this one was rolled back: it can be carried out once more."""


class Damaged(Unavailable):
    """The database's files are damaged. Nothing is read from them or written to them until they are restored."""

    def __init__(self, how: str = "") -> None:
        super().__init__(f"the database is damaged{how and ': '}{how}")


class Reader(Protocol):
    """Runs SELECT statements written with `$1` parameters."""

    async def fetch(self, sql: str, *args: Any) -> Sequence[Row]:
        """All rows of a statement. Raises Unavailable when the database cannot answer."""

    async def fetch_in(self, sql: str, keys: Iterable[Any]) -> Sequence[Row]:
        """All rows of a statement whose `($*)` stands for the list of `keys`; no keys, no rows."""


class Transaction(Reader, Protocol):
    """A transaction. What it has updated nobody else can until it ends; who wants to waits, and then sees it."""

    async def execute_many(self, sql: str, rows: Sequence[Row]) -> None:
        """Run a statement once for each row of parameters; no rows, no statement."""


class Storage(Reader, Protocol):
    """A database. Reads outside a transaction see what has been committed."""

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Begin a write transaction; leaving the block commits durably, an exception rolls back.

        Raises Unavailable when the database is gone, full or read-only: nothing is then acknowledged. Of a commit
        that raises it nobody knows whether it was carried out, unless it is Conflict.
        """

    def snapshot(self) -> AbstractAsyncContextManager[Reader]:
        """Begin to read what had been committed at one moment, whatever is written meanwhile. Raises Unavailable."""

    async def damage(self, thorough: bool = False) -> Sequence[str]:
        """What is damaged in the database's own files, in words. None where the database looks after that itself."""

    async def close(self) -> None:
        """Close every connection."""


class KeyRing(Protocol):
    """The deployment's keys. Private keys never leave it."""

    def wrap(self, application_id: str, key: bytes) -> tuple[str, bytes]:
        """Wrap an application key: the id of the key-encryption key used, and the wrapped key."""

    def unwrap(self, application_id: str, kek_id: str, wrapped: bytes) -> bytes:
        """Undo `wrap`. Raises InternalError when the key-encryption key is missing or the bytes were changed."""

    def seal(self, context: str, plaintext: bytes) -> bytes:
        """Encrypt what belongs to no application; `context` must be given again to open it."""

    def unseal(self, context: str, sealed: bytes) -> bytes:
        """Undo `seal`."""

    def encrypting(self) -> str:
        """The kid of the active key-encryption key."""

    def unreserved(self) -> dict[str, int]:
        """The uses of key-encryption keys, by kid, that this process has to reserve before it goes on sealing."""

    def reserved(self, added: Mapping[str, int], totals: Mapping[str, int]) -> None:
        """Take note of uses that were reserved durably, and of those of all processes."""

    def derive(self, kind: str, value: str) -> bytes:
        """32 bytes that only this ring can derive from a value; used for blind indexes."""

    def sign(self, typ: str, claims: bytes) -> str:
        """A compact JWS over the claims by the active statement key, with `typ` and `kid` in its header."""

    def jwks(self) -> dict[str, Any]:
        """The public statement keys, next, active and retired, as a JWK Set (RFC 7517)."""

    def log_keys(self) -> tuple[str, ...]:
        """The log's verifier keys, next, active and retired, in the form of C2SP signed-note."""

    def sign_checkpoint(self, text: str) -> str:
        """A C2SP signed note over a checkpoint's text by the active log key, in the name of its first line."""


class IdentitySigner(Protocol):
    """The key of SIP identity; `x5u` is where its certificate is."""

    @property
    def x5u(self) -> str: ...

    def sign(self, octets: bytes) -> bytes:
        """The 64 bytes of an ES256 signature."""
