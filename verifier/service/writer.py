"""The writer: all commands waiting at one moment become one transaction and one checkpoint (group commit).

Carries out specs/protocol.md section 10. It guarantees that nobody is answered before what he is told is
durable and in the log, that commands have one order, and that a retry with the same key gets the same bytes.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence

import msgspec
from msgspec import Struct

from verifier.core.checkpoint import Checkpoint, encode_proof, open_checkpoint
from verifier.core.errors import EvidenceError, IdempotencyKeyReused, InternalError, Unavailable, VerifierError
from verifier.core.merkle import TILE, TILE_HEIGHT, Tree, leaf_hash
from verifier.core.sealing import NONCE_BYTES, seal, unseal
from verifier.ports import Clock, Conflict, Entropy, KeyRing, Storage, Transaction
from verifier.service import records
from verifier.service.batch import Batch, Needs

MAX_BATCH = 256
MAX_WAITING = 4096
PATIENCE_S = 15.0
TRIES = 4
IDEMPOTENCY_MS = 24 * 3_600_000


Answer = Callable[[], Struct]
Decide = Callable[[Batch], Answer]

_encode = msgspec.json.Encoder().encode


class Idempotency(Struct, frozen=True):
    """A client's key for one request. `fingerprint` tells whether the same key came with the same request."""

    principal: str
    key: str
    fingerprint: bytes


class _Command(Struct):
    needs: Needs
    decide: Decide
    future: asyncio.Future[bytes]
    idempotency_id: bytes = b""
    secret: bytes = b""
    fingerprint: bytes = b""


_Outcome = Answer | bytes | VerifierError | _Command
_Kept = dict[bytes, tuple[bytes, bytes]]


class Writer:
    """Carries out commands in batches. `on_commit` is given each batch, and its size, once it is durable.

    `agree` is given the database's own time at the beginning of each, and refuses it by raising Unavailable.
    """

    def __init__(
        self,
        storage: Storage,
        ring: KeyRing,
        clock: Clock,
        entropy: Entropy,
        origin: str,
        on_commit: Callable[[Batch, int], None] = lambda batch, commands: None,
        agree: Callable[[str], None] = lambda told: None,
    ) -> None:
        self._storage = storage
        self._ring = ring
        self._clock = clock
        self._entropy = entropy
        self._origin = origin
        self._on_commit = on_commit
        self._agree = agree
        self._waiting: asyncio.Queue[_Command] = asyncio.Queue(MAX_WAITING)
        self._tree: Tree | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Make sure the log has a head and a first checkpoint, then begin."""
        async with self._storage.transaction() as transaction:
            await transaction.execute_many(records.CREATE_HEAD, [(self._origin,)])
            await self._take_head(transaction)
            others = [row[0] for row in await transaction.fetch(records.HEAD_ORIGINS) if row[0] != self._origin]
            if others:
                raise InternalError(f"the database holds the log {others[0]!r}, not {self._origin!r}")
            latest = await transaction.fetch(records.LATEST_CHECKPOINT)
            if latest:
                self._check_ring(latest[0][1])
            else:
                empty = Checkpoint(self._origin, 0, Tree.resume(0, {}).root())
                note = self._ring.sign_checkpoint(empty.text())
                await transaction.execute_many(records.INSERT_CHECKPOINT, [(0, note)])
        self._task = asyncio.create_task(self._run(), name="writer")

    def _check_ring(self, note: str) -> None:
        """Two nodes with two rings would each lock the other out of half of what is at rest."""
        try:
            open_checkpoint(note, self._ring.log_keys(), self._origin)
        except EvidenceError as error:
            raise InternalError(
                "the database's log was signed by another key ring than this one, or by a newer copy of it"
            ) from error

    async def stop(self) -> None:
        """Carry out what is waiting, then stop."""
        if self._task is not None:
            await self._waiting.join()
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def probe(self) -> None:
        """Find out, by doing it, whether something can be made durable now. Raises Unavailable."""
        if self._task is None or self._task.done():
            raise Unavailable("the writer is not running")
        async with self._storage.transaction() as transaction:
            await self._take_head(transaction)

    async def submit(self, needs: Needs, decide: Decide, idempotency: Idempotency | None = None) -> bytes:
        """Carry out one command and return its JSON answer, once durable.

        Raises what `decide` raises, and Unavailable when nothing could be made durable in time: the
        command may then have been carried out or not, and a retry with the same key tells.
        """
        command = _Command(needs, decide, asyncio.get_running_loop().create_future())
        if idempotency is not None:
            secret = self._ring.derive("idempotency", f"{idempotency.principal}\0{idempotency.key}")
            command.secret = secret
            command.idempotency_id = hashlib.sha256(b"id" + secret).digest()[:16]
            command.fingerprint = idempotency.fingerprint
        try:
            self._waiting.put_nowait(command)
        except asyncio.QueueFull as error:
            raise Unavailable("too much is waiting", retry_after=1) from error
        patience = asyncio.get_running_loop().call_later(PATIENCE_S, _give_up, command.future)
        try:
            return await command.future
        finally:
            patience.cancel()

    async def _run(self) -> None:
        while True:
            commands = [await self._waiting.get()]
            while len(commands) < MAX_BATCH and not self._waiting.empty():
                commands.append(self._waiting.get_nowait())
            try:
                await self._carry_out_apart(commands)
            finally:
                for _ in commands:
                    self._waiting.task_done()

    async def _carry_out_apart(self, commands: list[_Command]) -> None:
        """One batch; if a defect spoils it, each command alone, so that a poisoned one harms no other."""
        try:
            answers, batch = await self._carry_out(commands)
        except Unavailable as error:
            _tell(commands, [error] * len(commands))
        except Exception as error:
            if len(commands) == 1:
                defect = InternalError("a command failed")
                defect.__cause__ = error
                _tell(commands, [defect])
                return
            for command in commands:
                await self._carry_out_apart([command])
        else:
            _tell(commands, answers)
            self._on_commit(batch, len(commands))

    async def _carry_out(self, commands: list[_Command]) -> tuple[list[bytes | VerifierError], Batch]:
        """One transaction, durable on return: what each command is told, and what was written."""
        for _ in range(TRIES - 1):
            try:
                return await self._try(commands)
            except Conflict:
                await asyncio.sleep(0)
        return await self._try(commands)

    async def _try(self, commands: list[_Command]) -> tuple[list[bytes | VerifierError], Batch]:
        async with self._storage.transaction() as transaction:
            size = await self._take_head(transaction)
            tree = self._tree if self._tree is not None and self._tree.size == size else None
            if tree is None:
                tree = await _resume(transaction, size)
            batch = Batch(transaction, self._ring, self._entropy, self._clock(), size)
            await batch.load([command.needs for command in commands])
            replays = await self._replays(transaction, commands)
            decided = self._decide(batch, commands, replays)
            tree = await self._log(transaction, batch, tree)
            answers = self._answers(batch, commands, decided)
            await batch.flush()
        self._tree = tree
        return answers, batch

    async def _take_head(self, transaction: Transaction) -> int:
        """Make other batches wait, and return the log's size. Raises Unavailable if the clocks do not agree."""
        size, told = (await transaction.fetch(records.TAKE_HEAD, self._origin))[0]
        self._agree(told)
        return int(size)

    async def _replays(self, transaction: Transaction, commands: Sequence[_Command]) -> _Kept:
        ids = (command.idempotency_id for command in commands if command.idempotency_id)
        return {bytes(row[0]): (row[1], row[2]) for row in await transaction.fetch_in(records.IDEMPOTENCY, ids)}

    def _decide(self, batch: Batch, commands: Sequence[_Command], replays: _Kept) -> list[_Outcome]:
        """Each command's outcome: how to build its answer, a kept answer, an error, or the twin it repeats."""
        decided: list[_Outcome] = []
        first: dict[bytes, _Command] = {}
        for command in commands:
            staged = len(batch.leaves)
            try:
                repeated = _repeated(command, replays, first)
                decided.append(command.decide(batch) if repeated is None else repeated)
                if command.idempotency_id:
                    first.setdefault(command.idempotency_id, command)
            except VerifierError as error:
                if len(batch.leaves) != staged:
                    raise InternalError("a command failed after it had staged a leaf") from error
                decided.append(error)
        return decided

    async def _log(self, transaction: Transaction, batch: Batch, tree: Tree) -> Tree:
        """Extend the tree by the batch's leaves, sign the new checkpoint, give every leaf its proof."""
        if not batch.leaves:
            return tree
        tree, nodes = tree.extend([leaf_hash(leaf.entry) for leaf in batch.leaves])
        note = self._ring.sign_checkpoint(Checkpoint(self._origin, tree.size, tree.root()).text())
        for leaf in batch.leaves:
            leaf.proof = encode_proof(leaf.leaf_index, tree.inclusion_proof(leaf.leaf_index), note)
        await transaction.execute_many(records.INSERT_CHECKPOINT, [(tree.size, note)])
        await transaction.execute_many(records.INSERT_NODE, nodes)
        await transaction.execute_many(records.ADVANCE_HEAD, [(self._origin, tree.size)])
        return tree

    def _answers(
        self, batch: Batch, commands: Sequence[_Command], decided: Sequence[_Outcome]
    ) -> list[bytes | VerifierError]:
        """The bytes each command is told; those of idempotent commands are kept, sealed by the client's key."""
        answers: list[bytes | VerifierError] = []
        by_command: dict[int, bytes] = {}
        for command, outcome in zip(commands, decided, strict=True):
            if isinstance(outcome, VerifierError | bytes):
                answers.append(outcome)
                continue
            if isinstance(outcome, _Command):
                answers.append(by_command[id(outcome)])
                continue
            body = by_command[id(command)] = _encode(outcome())
            answers.append(body)
            if command.idempotency_id:
                sealed = seal(command.secret, self._entropy(NONCE_BYTES), "answer", body)
                batch.execute(
                    records.INSERT_IDEMPOTENCY,
                    command.idempotency_id,
                    command.fingerprint,
                    sealed,
                    command.needs.application_id,
                    batch.now_ms + IDEMPOTENCY_MS,
                )
        return answers


def _repeated(command: _Command, replays: _Kept, first: dict[bytes, _Command]) -> bytes | _Command | None:
    """The kept answer, or the twin in the same batch, of a key that was used before. Raises IdempotencyKeyReused."""
    kept = replays.get(command.idempotency_id)
    twin = first.get(command.idempotency_id)
    if kept is not None:
        fingerprint, sealed = kept
        if fingerprint != command.fingerprint:
            raise IdempotencyKeyReused
        return unseal(command.secret, "answer", sealed)
    if twin is not None and twin.fingerprint != command.fingerprint:
        raise IdempotencyKeyReused
    return twin


def _tell(commands: Sequence[_Command], answers: Sequence[bytes | VerifierError]) -> None:
    for command, answer in zip(commands, answers, strict=True):
        if command.future.done():
            continue  # who asked has stopped waiting
        if isinstance(answer, bytes):
            command.future.set_result(answer)
        else:
            command.future.set_exception(answer)


def _give_up(future: asyncio.Future[bytes]) -> None:
    if not future.done():
        future.set_exception(Unavailable("the database did not answer in time", retry_after=1))


async def _resume(transaction: Transaction, size: int) -> Tree:
    """The tree's right edge, read back: the rightmost partial tile of each level (C2SP tlog-tiles)."""
    tiles: dict[int, list[bytes]] = {}
    level = 0
    while (width := size >> TILE_HEIGHT * level) > 0:
        start = width // TILE * TILE
        if level == 0:
            rows = await transaction.fetch(records.ENTRIES_BETWEEN, start, width)
            tiles[level] = [leaf_hash(bytes(row[0])) for row in rows]
        else:
            rows = await transaction.fetch(records.NODES_BETWEEN, level, start, width)
            tiles[level] = [bytes(row[0]) for row in rows]
        level += 1
    return Tree.resume(size, tiles)
