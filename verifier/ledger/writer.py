"""The writer: all commands waiting at one moment become one transaction and one checkpoint (group commit).

Implements specs/protocol.md section 10. It guarantees that nobody is answered before what he is told is
durable and in the log, that commands on one customer's applications have one order, and that a retry with the same key
gets the same bytes. Each shard of the log has a lane of its own; one more is for those who need several.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import cast

from msgspec import Struct

from verifier.core.errors import IdempotencyKeyReused, InternalError, NotFound, Unavailable, VerifierError
from verifier.core.sealing import NONCE_BYTES, seal, unseal
from verifier.core.shards import shard_of
from verifier.ledger import decoys, records
from verifier.ledger.commands import About, Again, Answer, Decide, DecideKept, Guard, Idempotency, Reply, T
from verifier.ledger.heads import NODE_BYTES, Heads
from verifier.ledger.read_set import ReadSet
from verifier.ledger.routing import ShardRouting, read_routing
from verifier.ledger.rows import Authenticator
from verifier.ledger.unit_of_work import UnitOfWork
from verifier.ports import Clock, Conflict, Entropy, KeyRing, Storage, Transaction

MAX_BATCH = 256
MAX_WAITING = 4096
TIMEOUT_S = 15.0
TRIES = 4
ACROSS = -1
IDEMPOTENCY_MS = 24 * 3_600_000


_Result = Struct | Reply[Struct]


class _Command(Struct):
    reads: ReadSet
    decide: Decide[Struct] | DecideKept[Struct]
    future: asyncio.Future[_Result]
    guard: Guard | None = None
    repeat: Callable[[UnitOfWork, bytes], Reply[Struct]] | None = None
    idempotency_id: bytes = b""
    secret: bytes = b""
    fingerprint: bytes = b""
    shards: frozenset[int] = frozenset((0,))


class _Misrouted(Exception):
    """A command has been sent to other shards than it belongs in."""


class _Rehearsed(Exception):
    """Rolls back what was only tried."""


class _Lane(Struct, frozen=True):
    """The commands that wait for one shard, or for several, and the task that carries them out."""

    waiting: asyncio.Queue[_Command]
    task: asyncio.Task[None]


_Outcome = Answer[Struct] | About[Struct] | Reply[Struct] | VerifierError | _Command
_Kept = dict[bytes, tuple[bytes, bytes]]


class Writer:
    """Carries out commands in batches. `on_commit` is given each work, and its size, once it is durable.

    `check_clock` is given the database's own time at the beginning of each, and refuses it by raising Unavailable.
    """

    def __init__(
        self,
        storage: Storage,
        ring: KeyRing,
        authenticator: Authenticator,
        clock: Clock,
        entropy: Entropy,
        origin: str,
        on_commit: Callable[[UnitOfWork, int], None] = lambda work, commands: None,
        check_clock: Callable[[str], None] = lambda told: None,
    ) -> None:
        self._storage = storage
        self._ring = ring
        self._authenticator = authenticator
        self._clock = clock
        self._entropy = entropy
        self._on_commit = on_commit
        self._heads = Heads(ring, authenticator, origin, entropy(NODE_BYTES), check_clock)
        self._lanes: dict[int, _Lane] = {}
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._running = False

    async def start(self) -> None:
        """Make sure the log has a head and a first checkpoint, and the decoys are there, then begin."""
        async with self._storage.transaction() as transaction:
            await self._open(transaction)
        self._running = True

    async def rehearse(self) -> None:
        """Do what `start` does and undo it. Raises what `start` would raise."""
        with suppress(_Rehearsed):
            async with self._storage.transaction() as transaction:
                await self._open(transaction)
                raise _Rehearsed

    async def _open(self, transaction: Transaction) -> None:
        await self._heads.open(transaction)
        await decoys.plant(transaction, self._authenticator)

    async def split(self, shards: int) -> None:
        """Have so many shards from now on, at all nodes of the database. Raises InvalidField for less than now."""
        async with self._storage.transaction() as transaction:
            await self._heads.split(transaction, shards)

    def shard_of(self, customer_index: bytes | None) -> int:
        """The shard of a customer, as far as this node has been told; that of nobody is the first."""
        return 0 if customer_index is None else shard_of(customer_index, self._heads.shards)

    async def stop(self) -> None:
        """Carry out what is waiting, then stop."""
        self._running = False
        await self._idle.wait()
        self.kill()
        await asyncio.gather(*(lane.task for lane in self._lanes.values()), return_exceptions=True)
        self._lanes.clear()

    def kill(self) -> None:
        """Stop at whatever it is at."""
        self._running = False
        for lane in self._lanes.values():
            lane.task.cancel()

    async def probe(self) -> None:
        """Find out, by doing it, whether something can be made durable now. Raises Unavailable."""
        if not self._running or any(lane.task.done() for lane in self._lanes.values()):
            raise Unavailable("the writer is not running")
        async with self._storage.transaction() as transaction:
            await self._heads.latest(transaction, 0)

    async def checkpoint(self, shard: int) -> str:
        """The latest checkpoint of a shard that cannot be lost any more. Raises NotFound, Unavailable."""
        if shard >= self._heads.shards:
            raise NotFound("the log has no such shard")
        async with self._storage.transaction() as transaction:
            return await self._heads.latest(transaction, shard)

    async def submit(self, reads: ReadSet, decide: Decide[T]) -> T:
        """Implement one command and return its answer, once it is durable.

        Raises what `decide` raises, and Unavailable when nothing could be made durable in time: the command may then
        have taken effect or not.
        """
        command = _Command(reads, decide, asyncio.get_running_loop().create_future())
        return cast("T", await self._wait(command))

    async def submit_kept(
        self,
        kind: type[T],
        reads: ReadSet,
        decide: DecideKept[T],
        idempotency: Idempotency | None,
        guard: Guard | None = None,
        again: Again[T] | None = None,
    ) -> Reply[T]:
        """The same for a command whose answer, of type `kind`, is kept under the client's key. A retry gets it as it
        was, or as `again` makes it.

        Raises what `guard` raises too. After Unavailable, a retry with the same key tells whether the command took
        effect.
        """

        def repeat(work: UnitOfWork, body: bytes) -> Reply[T]:
            kept = Reply(body, kind)
            value = kept.value if again is None else again(work, kept.value)
            return kept if value is kept.value else Reply.of(value)

        command = _Command(reads, decide, asyncio.get_running_loop().create_future(), guard, repeat)
        if idempotency is not None:
            secret = self._ring.derive("idempotency", f"{idempotency.principal}\0{idempotency.key}")
            command.secret = secret
            command.idempotency_id = hashlib.sha256(b"id" + secret).digest()[:16]
            command.fingerprint = idempotency.fingerprint
        return cast("Reply[T]", await self._wait(command))

    async def _wait(self, command: _Command) -> _Result:
        if not self._running:
            raise Unavailable("the writer is not running")
        if self._under_way >= MAX_WAITING:
            raise Unavailable("too much is waiting", retry_after=1)
        timeout = asyncio.get_running_loop().call_later(TIMEOUT_S, _time_out, command.future)
        self._under_way += 1
        self._idle.clear()
        try:
            await self._send(command)
            return await command.future
        finally:
            timeout.cancel()
            command.future.cancel()
            self._under_way -= 1
            if self._under_way == 0:
                self._idle.set()

    async def _send(self, command: _Command) -> None:
        """Let a command wait in the lane of its shard, or in that of all who need several. Raises Unavailable."""
        shards = self._heads.shards
        if shards > 1:
            owners = await read_routing(self._storage, command.reads)
            anywhere = shard_of(command.idempotency_id or bytes(8), shards)
            command.shards = owners.shards(command.reads, shards) or frozenset((anywhere,))
        name = min(command.shards) if len(command.shards) == 1 else ACROSS
        lane = self._lanes.get(name)
        if lane is None:
            waiting: asyncio.Queue[_Command] = asyncio.Queue(MAX_WAITING)
            lane = self._lanes[name] = _Lane(waiting, asyncio.create_task(self._run(waiting), name=f"writer {name}"))
        try:
            lane.waiting.put_nowait(command)
        except asyncio.QueueFull as error:
            raise Unavailable("too much is waiting", retry_after=1) from error

    async def _run(self, waiting: asyncio.Queue[_Command]) -> None:
        while True:
            commands = [await waiting.get()]
            while len(commands) < MAX_BATCH and not waiting.empty():
                commands.append(waiting.get_nowait())
            await self._carry_out_apart(commands)

    async def _carry_out_apart(self, commands: list[_Command], alone: bool = False) -> None:
        """One batch; if a defect spoils it, each command alone, so that a poisoned one harms no other."""
        # Nobody waits any more for what was given up.
        commands = [command for command in commands if not command.future.done()]
        if not commands:
            return
        try:
            answers, work = await self._carry_out(commands)
        except _Misrouted:
            await self._send_again(commands)
        except Exception as error:
            # That nothing can be made durable is no command's fault. A defect is one's, and so may be what met others
            # each time that it was tried; or it came of what another shard was at, and is gone at the second try.
            gone = isinstance(error, Unavailable) and not isinstance(error, Conflict)
            together = {command.shards for command in commands}
            if gone and len(together) > 1:
                # Or it can in some shards, and not in others.
                for shards in together:
                    await self._carry_out_apart([each for each in commands if each.shards == shards], alone)
            elif gone or alone:
                _tell(commands, [_told(error)] * len(commands))
            else:
                for command in commands:
                    await self._carry_out_apart([command], alone=True)
        else:
            _tell(commands, answers)
            self._on_commit(work, len(commands))

    async def _send_again(self, commands: Sequence[_Command]) -> None:
        """What has been sent astray, to where it belongs by now, unless nobody waits for it any more."""
        waited_for = [command for command in commands if not command.future.done()]
        sent = await asyncio.gather(*map(self._send, waited_for), return_exceptions=True)
        for command, error in zip(waited_for, sent, strict=True):
            if isinstance(error, Exception):
                _tell([command], [_told(error)])

    async def _carry_out(self, commands: list[_Command]) -> tuple[list[_Result | VerifierError], UnitOfWork]:
        """One transaction, durable on return: what each command is told, and what was written."""
        for _ in range(TRIES - 1):
            try:
                return await self._try(commands)
            except Conflict:
                await asyncio.sleep(0)
        return await self._try(commands)

    async def _try(self, commands: list[_Command]) -> tuple[list[_Result | VerifierError], UnitOfWork]:
        async with self._storage.transaction() as transaction:
            held = frozenset[int]().union(*(command.shards for command in commands))
            heads, shards = await self._heads.lock(transaction, held)
            sizes = {shard: head.size for shard, head in heads.items()}
            work = UnitOfWork(transaction, self._ring, self._authenticator, self._entropy, self._clock(), sizes, shards)
            await work.loaded.load([command.reads for command in commands])
            if shards > 1:
                _check_held(work.loaded.routing(), commands, held, shards)
            replays = await self._replays(transaction, commands)
            decided = self._decide(work, commands, replays)
            heads = await self._heads.extend(transaction, heads, work.log.staged, work.authenticate())
            answers = self._answers(work, commands, decided)
            await work.flush()
        self._heads.keep(heads)
        return answers, work

    async def _replays(self, transaction: Transaction, commands: Sequence[_Command]) -> _Kept:
        ids = (command.idempotency_id for command in commands if command.idempotency_id)
        return {bytes(row[0]): (row[1], row[2]) for row in await transaction.fetch_in(records.IDEMPOTENCY, ids)}

    def _decide(self, work: UnitOfWork, commands: Sequence[_Command], replays: _Kept) -> list[_Outcome]:
        """Each command's outcome: how to build its answer, a kept answer, an error, or the twin it repeats."""
        decided: list[_Outcome] = []
        first: dict[bytes, _Command] = {}
        for command in commands:
            staged = len(work.log.leaves)
            outcome: _Outcome
            try:
                work.begin(command.reads)
                if command.guard is not None:
                    command.guard(work)
                outcome = _repeated(work, command, replays, first) or command.decide(work)
            except VerifierError as error:
                outcome = error
            if not isinstance(outcome, VerifierError):
                if command.idempotency_id:
                    first.setdefault(command.idempotency_id, command)
            elif len(work.log.leaves) != staged:
                raise InternalError("a command failed after it had staged a leaf") from outcome
            decided.append(outcome)
        return decided

    def _answers(
        self, work: UnitOfWork, commands: Sequence[_Command], decided: Sequence[_Outcome]
    ) -> list[_Result | VerifierError]:
        """The bytes each command is told; those of idempotent commands are kept, sealed by the client's key."""
        answers: list[_Result | VerifierError] = []
        by_command: dict[int, Reply[Struct]] = {}
        for command, outcome in zip(commands, decided, strict=True):
            if isinstance(outcome, VerifierError | Reply):
                answers.append(outcome)
                continue
            if isinstance(outcome, _Command):
                answers.append(by_command[id(outcome)])
                continue
            if not isinstance(outcome, About):
                answers.append(outcome())
                continue
            reply = by_command[id(command)] = Reply.of(outcome.answer())
            answers.append(reply)
            if command.idempotency_id:
                sealed = seal(command.secret, self._entropy(NONCE_BYTES), "answer", reply.body)
                until = work.now_ms + IDEMPOTENCY_MS
                kept = command.idempotency_id, command.fingerprint, sealed, outcome.application_id, until
                work.writes.stage(records.INSERT_IDEMPOTENCY, kept)
        return answers


def _check_held(owners: ShardRouting, commands: Sequence[_Command], held: frozenset[int], shards: int) -> None:
    """Raise _Misrouted if a command looks at somebody's in another shard: by now, or now that there are more."""
    if not all(owners.shards(command.reads, shards) <= held for command in commands):
        raise _Misrouted


def _repeated(
    work: UnitOfWork, command: _Command, replays: _Kept, first: dict[bytes, _Command]
) -> Reply[Struct] | _Command | None:
    """The kept answer, or the twin in the same work, of a key that was used before. Raises IdempotencyKeyReused."""
    kept = replays.get(command.idempotency_id)
    twin = first.get(command.idempotency_id)
    if kept is not None:
        fingerprint, sealed = kept
        if fingerprint != command.fingerprint:
            raise IdempotencyKeyReused
        assert command.repeat is not None  # noqa: S101 - only a command that keeps its answer has a key
        return command.repeat(work, unseal(command.secret, "answer", sealed))
    if twin is not None and twin.fingerprint != command.fingerprint:
        raise IdempotencyKeyReused
    return twin


def _told(error: Exception) -> VerifierError:
    """What those are told whose commands failed by it."""
    if isinstance(error, Unavailable):
        return error
    defect = InternalError("a command failed")
    defect.__cause__ = error
    return defect


def _tell(commands: Sequence[_Command], answers: Sequence[_Result | VerifierError]) -> None:
    for command, answer in zip(commands, answers, strict=True):
        if command.future.done():
            continue  # who asked has stopped waiting
        if isinstance(answer, VerifierError):
            command.future.set_exception(answer)
        else:
            command.future.set_result(answer)


def _time_out(future: asyncio.Future[_Result]) -> None:
    if not future.done():
        future.set_exception(Unavailable("the database did not answer in time", retry_after=1))
