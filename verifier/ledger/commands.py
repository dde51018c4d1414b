"""Commands as the writer sees them: the functions that decide them, their answers, and the kept replies.

Implements specs/protocol.md section 10.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeAlias, TypeVar

import msgspec
from msgspec import Struct

from verifier.core.errors import VerifierError
from verifier.ledger.read_set import ReadSet
from verifier.ledger.unit_of_work import UnitOfWork

T = TypeVar("T", bound=Struct)
T_co = TypeVar("T_co", bound=Struct, covariant=True)
_encode = msgspec.json.Encoder().encode


class Reply(Generic[T_co]):
    """An answer that is kept for retries. `body` is its JSON, `value` the struct."""

    def __init__(self, body: bytes, kind: type[T_co], value: T_co | None = None) -> None:
        self.body = body
        self._kind = kind
        self._value = value

    @staticmethod
    def of(value: T) -> Reply[T]:
        """Encode an answer."""
        return Reply(_encode(value), type(value), value)

    @property
    def value(self) -> T_co:
        """The answer. A kept one is decoded on first use."""
        if self._value is None:
            self._value = msgspec.json.decode(self.body, type=self._kind)
        return self._value


Answer: TypeAlias = Callable[[], T]
"""Builds an answer once the log's proofs exist."""
Guard: TypeAlias = Callable[[UnitOfWork], None]
"""Raises an error for a caller without permission. It runs before any kept answer is read."""
Again: TypeAlias = Callable[[UnitOfWork, T], T]
"""Updates a kept answer from the current rows that its command declares."""


class About(Struct, Generic[T_co], frozen=True):
    """An answer and the application that it is about, if any. Erasing the application deletes the kept answer."""

    application_id: str | None
    answer: Callable[[], T_co]


Decide: TypeAlias = Callable[[UnitOfWork], Answer[T] | VerifierError]
"""Decides a command: first decide, then stage. If it raises an error, nothing is written. If it returns one, its
writes are made durable and the caller gets the error. It may do neither after it has staged a leaf. Errors are not kept
under the idempotency key."""
DecideKept: TypeAlias = Callable[[UnitOfWork], About[T] | VerifierError]
"""The same, for a command whose answer is kept for retries."""
Result: TypeAlias = Struct | Reply[Struct]
"""What a caller gets: an answer, or a reply that is kept."""


class Command(Struct):
    """A command that waits for its batch.

    `repeat` turns the kept JSON of a retry into its reply. `secret` seals the kept answer. `shards` are the shards that
    the command locks.
    """

    reads: ReadSet
    decide: Decide[Struct] | DecideKept[Struct]
    future: asyncio.Future[Result]
    guard: Guard | None = None
    repeat: Callable[[UnitOfWork, bytes], Reply[Struct]] | None = None
    idempotency_id: bytes = b""
    secret: bytes = b""
    fingerprint: bytes = b""
    shards: frozenset[int] = frozenset((0,))


Outcome: TypeAlias = Answer[Struct] | About[Struct] | Reply[Struct] | VerifierError | Command
"""How a command was decided: a function that builds the answer, a kept reply, an error, or the earlier command of the
batch with the same idempotency key."""
