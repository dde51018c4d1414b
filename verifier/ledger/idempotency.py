"""Idempotency: the writer keeps each answer, sealed. A retry with the same idempotency key gets the kept answer.

Implements specs/protocol.md section 10. The secret that seals an answer is derived from the idempotency key, and is
never stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct

from verifier.core.errors import IdempotencyKeyReused
from verifier.core.sealing import seal, unseal
from verifier.ledger import records
from verifier.ledger.commands import Command, Reply
from verifier.ledger.unit_of_work import UnitOfWork
from verifier.ports import Transaction

KEPT_MS = 24 * 3_600_000
Kept: TypeAlias = Mapping[bytes, tuple[bytes, bytes]]
"""For each idempotency id: the fingerprint of the request, and the sealed answer."""


class Idempotency(Struct, frozen=True):
    """The idempotency key that a client (`principal`) has chosen for one request.

    `fingerprint` is a hash of the request. It reveals if the client uses the key again for another request.
    """

    principal: str
    key: str
    fingerprint: bytes


async def read_kept(transaction: Transaction, commands: Sequence[Command]) -> Kept:
    """Read the kept answers for the commands whose idempotency key was used before."""
    ids = (command.idempotency_id for command in commands if command.idempotency_id)
    return {bytes(row[0]): (row[1], row[2]) for row in await transaction.fetch_in(records.IDEMPOTENCY, ids)}


def repeated(
    work: UnitOfWork, command: Command, kept: Kept, first: Mapping[bytes, Command]
) -> Reply[Struct] | Command | None:
    """Find the earlier command with the same idempotency key.

    If an earlier batch committed that command, this returns the kept reply. If that command is in this batch, this
    returns the command itself. Returns None for a new key. Raises IdempotencyKeyReused if the fingerprints differ.
    """
    before = kept.get(command.idempotency_id)
    earlier = first.get(command.idempotency_id)
    if before is not None:
        fingerprint, sealed = before
        if fingerprint != command.fingerprint:
            raise IdempotencyKeyReused
        assert command.repeat is not None  # noqa: S101 - only a command that keeps its answer has a key
        return command.repeat(work, unseal(command.secret, "answer", sealed))
    if earlier is not None and earlier.fingerprint != command.fingerprint:
        raise IdempotencyKeyReused
    return earlier


def keep(work: UnitOfWork, command: Command, body: bytes, application_id: str | None, nonce: bytes) -> None:
    """Keep the answer of a command for a day. Erasing the application deletes the kept answer."""
    sealed = seal(command.secret, nonce, "answer", body)
    expires_at = work.now_ms + KEPT_MS
    values = command.idempotency_id, command.fingerprint, sealed, application_id, expires_at
    work.writes.stage(records.INSERT_IDEMPOTENCY, values)
