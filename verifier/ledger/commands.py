"""What a command is to the writer: how it is decided, and what is kept of its answer.

Implements specs/protocol.md section 10.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from verifier.core.errors import VerifierError
from verifier.ledger.unit_of_work import UnitOfWork


class Idempotency(Struct, frozen=True):
    """A client's key for one request. `fingerprint` tells whether the same key came with the same request."""

    principal: str
    key: str
    fingerprint: bytes


Answer = Callable[[], Struct]
Guard = Callable[[UnitOfWork], None]
"""Raises what a caller is told who may not even ask, before any kept answer is looked at."""

Again = Callable[[UnitOfWork, bytes], bytes]
"""What a kept answer has become, by the rows that its command needs."""


class About(Struct, frozen=True):
    """An answer and the application it is about, None for nobody's. What is kept of the answer goes with it."""

    application_id: str | None
    answer: Answer


Decide = Callable[[UnitOfWork], Answer | VerifierError]
"""Decides a command. An error that it raises leaves nothing behind, so it decides first and stages last. An error that
it returns is a decision too: what it has put is made durable, and the caller is told the error. Neither may come after
a leaf was staged, and neither is kept under the client's key."""
DecideKept = Callable[[UnitOfWork], About | VerifierError]
"""The same of a command whose answer is kept for retries."""
