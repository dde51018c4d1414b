"""The types of the writer's commands: deciding functions, answers, and replies that are kept for retries.

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
from verifier.ports import Row

T = TypeVar("T", bound=Struct)
T_co = TypeVar("T_co", bound=Struct, covariant=True)
_encode = msgspec.json.Encoder().encode


class Reply(Generic[T_co]):
    """An answer that is kept for retries. `body` is the answer as JSON. `value` is the answer as a struct."""

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
        """The answer as a struct. A kept answer is decoded from JSON on first use."""
        if self._value is None:
            self._value = msgspec.json.decode(self.body, type=self._kind)
        return self._value


Answer: TypeAlias = Callable[[], T]
"""Builds the answer of a command. It runs after the inclusion proofs have been made."""
Guard: TypeAlias = Callable[[UnitOfWork], None]
"""Raises an error if the caller has no permission. It runs before a kept answer is read."""
Again: TypeAlias = Callable[[UnitOfWork, T], T]
"""Updates the kept answer of a retry. It can read the current state of the rows that the command declares."""


class About(Struct, Generic[T_co], frozen=True):
    """A pair: a function that builds an answer, and the id of the application that the answer is about.

    The id is None if the answer is about no application. Erasing the application deletes an answer that was kept for
    retries.
    """

    application_id: str | None
    answer: Callable[[], T_co]


Decide: TypeAlias = Callable[[UnitOfWork], Answer[T] | VerifierError]
"""A function that decides a command, stages the writes, and returns a function that builds the answer.

To refuse the command and write nothing, the function raises an error before it stages a write. To refuse the command
but keep the staged writes, it returns the error. It must not refuse a command after it has staged a leaf. Errors are
not kept under the idempotency key.

On SQLite, the function runs in the thread of the database. So it must not touch objects of the event loop: no task, no
event, no future. The same holds for a guard, an `Again`, and the function that builds the answer."""
DecideKept: TypeAlias = Callable[[UnitOfWork], About[T] | VerifierError]
"""Like `Decide`, for a command whose answer is kept for retries."""
Result: TypeAlias = Struct | Reply[Struct]
"""What the writer returns to a caller: an answer, or a reply that is kept for retries."""


class Command(Struct):
    """A command that waits for its batch.

    - `reads`: the rows that the command may read.
    - `future`: gets the answer or the error.
    - `repeat`: makes the reply for a retry from the row of the kept answer.
    - `secret`: the secret that seals the kept answer.
    - `shards`: the shards that the command locks.
    """

    reads: ReadSet
    decide: Decide[Struct] | DecideKept[Struct]
    future: asyncio.Future[Result]
    guard: Guard | None = None
    repeat: Callable[[UnitOfWork, Row], Reply[Struct]] | None = None
    idempotency_id: bytes = b""
    secret: bytes = b""
    fingerprint: bytes = b""
    shards: frozenset[int] = frozenset((0,))


Outcome: TypeAlias = Answer[Struct] | About[Struct] | Reply[Struct] | VerifierError | Command
"""The outcome of a command before the answers are built. One of:

- a function that builds the answer, alone or in `About`
- the kept reply, for a retry
- an error
- an earlier command of the same batch with the same idempotency key"""
