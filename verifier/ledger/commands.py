"""What a command is to the writer: how it is decided, what it answers, and what is kept of its answer.

Implements specs/protocol.md section 10.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeAlias, TypeVar

import msgspec
from msgspec import Struct

from verifier.core.errors import VerifierError
from verifier.ledger.unit_of_work import UnitOfWork

T = TypeVar("T", bound=Struct)
T_co = TypeVar("T_co", bound=Struct, covariant=True)
_encode = msgspec.json.Encoder().encode


class Idempotency(Struct, frozen=True):
    """A client's key for one request. `fingerprint` tells whether the same key came with the same request."""

    principal: str
    key: str
    fingerprint: bytes


class Reply(Generic[T_co]):
    """The answer of a command that is kept for retries: `body` is its JSON, `value` the struct."""

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
        """The answer. A kept one is decoded when it is first asked for."""
        if self._value is None:
            self._value = msgspec.json.decode(self.body, type=self._kind)
        return self._value


Answer: TypeAlias = Callable[[], T]
"""Builds an answer once the log's proofs are there."""
Guard: TypeAlias = Callable[[UnitOfWork], None]
"""Raises for a caller who may not ask at all, before any kept answer is looked at."""
Again: TypeAlias = Callable[[UnitOfWork, T], T]
"""What a kept answer has become, by the rows that its command declares."""


class About(Struct, Generic[T_co], frozen=True):
    """An answer and the application it is about, None for nobody's. The kept answer goes with the application."""

    application_id: str | None
    answer: Callable[[], T_co]


Decide: TypeAlias = Callable[[UnitOfWork], Answer[T] | VerifierError]
"""Decides a command. An error that it raises leaves nothing behind, so it decides first and stages last. An error that
it returns is a decision too: what it has put is made durable, and the caller gets the error. Neither may come after a
leaf was staged, and neither is kept under the client's key."""
DecideKept: TypeAlias = Callable[[UnitOfWork], About[T] | VerifierError]
"""The same for a command whose answer is kept for retries."""
