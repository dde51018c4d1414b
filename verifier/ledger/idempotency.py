"""Idempotency: the writer keeps each answer, sealed. A retry with the same idempotency key gets the kept answer.

Implements specs/protocol.md section 10. The secret that seals an answer is derived from the idempotency key, and is
never stored. If the batch of an answer adds the leaf of its statement, the kept answer names that leaf, and has the
hash of the statement in its place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import fields, replace

from verifier.core.errors import IdempotencyKeyReused, InternalError
from verifier.core.messages.calls import LogEvidence
from verifier.core.octets import base64url
from verifier.core.sealing import seal, unseal
from verifier.core.statements import digest
from verifier.ledger import records
from verifier.ledger.commands import Command, Reply, T
from verifier.ledger.decrypted import decrypt_evidence, leaf_context, unwrap_keys
from verifier.ledger.unit_of_work import UnitOfWork
from verifier.ports import KeyRing, Row, Transaction

KEPT_MS = 24 * 3_600_000
Kept: TypeAlias = Mapping[bytes, Row]
"""For each idempotency id: the row that `records.IDEMPOTENCY` returns."""


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
    return {bytes(row[0]): row for row in await transaction.fetch_in(records.IDEMPOTENCY, ids)}


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
        _, fingerprint, *_ = before
        if fingerprint != command.fingerprint:
            raise IdempotencyKeyReused
        assert command.repeat is not None  # noqa: S101 - only a command that keeps its answer has a key
        return command.repeat(work, before)
    if earlier is not None and earlier.fingerprint != command.fingerprint:
        raise IdempotencyKeyReused
    return earlier


def keep(work: UnitOfWork, command: Command, reply: Reply[Struct], application_id: str | None, nonce: bytes) -> None:
    """Keep the answer of a command for a day. Erasing the application deletes the kept answer."""
    body, leaf_index = reply.body, None
    evidence = _evidence(reply.value)
    leaf = work.log.leaf_of(evidence.statement) if evidence is not None else None
    if leaf is not None:
        leaf_index = leaf.leaf_index
        body = msgspec.json.encode(_with_evidence(reply.value, LogEvidence(base64url(leaf.entry), "")))
    sealed = seal(command.secret, nonce, _context(leaf_index), body)
    expires_at = work.now_ms + KEPT_MS
    values = command.idempotency_id, command.fingerprint, sealed, application_id, expires_at, leaf_index
    work.writes.stage(records.INSERT_IDEMPOTENCY, values)


def read_reply(ring: KeyRing, secret: bytes, row: Row, kind: type[T]) -> Reply[T]:
    """The reply in a row of `Kept`. Raises InternalError if the rows contradict each other.

    Raises Erased if the keys of the application were destroyed.
    """
    _, _, sealed, leaf_index, typ, statement_id, customer_index, leaf, application_id, kek_id, wrapped = row
    body = unseal(secret, _context(leaf_index), sealed)
    if leaf_index is None:
        return Reply(body, kind)
    if leaf is None:
        raise InternalError("a kept answer names a leaf that is missing")
    keys = None if application_id is None else unwrap_keys(ring, application_id, kek_id, wrapped)
    found = decrypt_evidence(ring, keys, leaf_context(statement_id, typ, customer_index), leaf)
    answer = msgspec.json.decode(body, type=kind)
    kept = _evidence(answer)
    if kept is None or kept.statement != base64url(digest(found.statement)):
        raise InternalError("a kept answer contradicts its leaf")
    return Reply.of(_with_evidence(answer, LogEvidence(found.statement, found.proof)))


def _context(leaf_index: int | None) -> str:
    return "answer" if leaf_index is None else f"answer:{leaf_index}"


def _evidence(answer: Struct) -> LogEvidence | None:
    """The statement and the proof in an answer. None if the answer has none."""
    member = _evidence_member(type(answer))
    return getattr(answer, member) if member else None


def _with_evidence(answer: T, evidence: LogEvidence) -> T:
    """The answer with another statement and proof."""
    return replace(answer, **{_evidence_member(type(answer)): evidence})


@cache
def _evidence_member(kind: type[Struct]) -> str:
    """The member of an answer that holds a statement and its proof. Empty if there is no such member."""
    return next((each.name for each in fields(kind) if each.type is LogEvidence), "")
