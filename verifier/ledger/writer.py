"""The writer: group commit. All waiting commands become one transaction, with one checkpoint for each shard.

Implements specs/protocol.md section 10. The writer guarantees:

- A caller gets an answer only after the answer is durable and in the log.
- Commands on one customer's applications run one after another.
- A retry with the same idempotency key gets the answer of the first request.

To follow a command, start at `submit_kept`. A command waits in the lane of its shard. `_run` takes all waiting commands
of a lane as one batch. `_commit_batch` commits the batch and answers the callers. `_commit_with_retries` retries the
batch on conflicts. `_transact` runs the transaction, and `_run_batch` is what happens in it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import cast

from msgspec import Struct

from verifier.core.errors import InternalError, NotFound, Unavailable, VerifierError
from verifier.core.sealing import NONCE_BYTES
from verifier.core.shards import shard_of
from verifier.ledger import decoys
from verifier.ledger.commands import About, Again, Command, Decide, DecideKept, Guard, Outcome, Reply, Result, T
from verifier.ledger.decrypter import Decrypter
from verifier.ledger.heads import NODE_BYTES, Head, Heads
from verifier.ledger.idempotency import Idempotency, Kept, keep, read_kept, read_reply, repeated
from verifier.ledger.read_set import ReadSet
from verifier.ledger.routing import ShardRouting, read_routing
from verifier.ledger.rows import Authenticator
from verifier.ledger.unit_of_work import UnitOfWork
from verifier.ports import Clock, Conflict, Entropy, KeyRing, Row, Storage, Transaction

MAX_BATCH = 256
MAX_WAITING = 4096
TIMEOUT_S = 15.0
TRIES = 4
# The name of the lane for commands that lock several shards.
ACROSS = -1


class _Misrouted(Exception):
    """A command reads rows of a shard that its batch has not locked."""


class _Rehearsed(Exception):
    """Raised to roll back the transaction of a rehearsal."""


class _Lane(Struct, frozen=True):
    """A queue of commands, and the task that commits them in batches."""

    waiting: asyncio.Queue[Command]
    task: asyncio.Task[None]


class Writer:
    """Commits commands in batches.

    After each commit, the writer calls `on_commit` with the unit of work and the number of commands in the batch. At
    the start of each batch, it calls `check_clock` with the database's own time. `check_clock` raises Unavailable if
    the clock skew is too large. It may run in the thread of the database. `on_commit` runs on the event loop.
    """

    def __init__(
        self,
        storage: Storage,
        ring: KeyRing,
        authenticator: Authenticator,
        decrypter: Decrypter,
        clock: Clock,
        entropy: Entropy,
        origin: str,
        on_commit: Callable[[UnitOfWork, int], None] = lambda work, commands: None,
        check_clock: Callable[[str], None] = lambda database_time: None,
    ) -> None:
        self._storage = storage
        self._ring = ring
        self._authenticator = authenticator
        self._decrypter = decrypter
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
        """Create the log if it is missing. Write the decoys. Then accept commands."""
        async with self._storage.transaction() as transaction:
            await self._open(transaction)
        self._running = True

    async def rehearse(self) -> None:
        """Do what `start` does, then roll back. Raises the same errors as `start`."""
        with suppress(_Rehearsed):
            async with self._storage.transaction() as transaction:
                await self._open(transaction)
                raise _Rehearsed

    async def _open(self, transaction: Transaction) -> None:
        await self._heads.open(transaction)
        await decoys.plant(transaction, self._authenticator)

    async def split(self, shards: int) -> None:
        """Split the log into this many shards, for all nodes. Raises InvalidField if it already has more shards."""
        async with self._storage.transaction() as transaction:
            await self._heads.split(transaction, shards)

    def shard_of(self, customer_index: bytes | None) -> int:
        """The shard of a customer, or the first shard if `customer_index` is None.

        The result depends on the number of shards, and this node may not know yet that the log was split.
        """
        return 0 if customer_index is None else shard_of(customer_index, self._heads.shards)

    async def stop(self) -> None:
        """Commit the waiting commands, then stop."""
        self._running = False
        await self._idle.wait()
        self.kill()
        await asyncio.gather(*(lane.task for lane in self._lanes.values()), return_exceptions=True)
        self._lanes.clear()

    def kill(self) -> None:
        """Stop immediately. Waiting commands get no answer."""
        self._running = False
        for lane in self._lanes.values():
            lane.task.cancel()

    async def probe(self) -> None:
        """Commit an empty batch, as a health check. Raises Unavailable if the database cannot commit now."""
        if not self._running or any(lane.task.done() for lane in self._lanes.values()):
            raise Unavailable("the writer is not running")
        async with self._storage.transaction() as transaction:
            await self._heads.latest(transaction, 0)

    async def checkpoint(self, shard: int) -> str:
        """The latest durable checkpoint of a shard. Raises NotFound for an unknown shard. Raises Unavailable."""
        if shard >= self._heads.shards:
            raise NotFound("the log has no such shard")
        async with self._storage.transaction() as transaction:
            return await self._heads.latest(transaction, shard)

    async def submit(self, reads: ReadSet, decide: Decide[T]) -> T:
        """Run one command, and return its answer once it is durable.

        Raises the errors of `decide`. Raises Unavailable if no commit has succeeded before the timeout. After
        Unavailable, the command may still take effect.
        """
        command = Command(reads, decide, asyncio.get_running_loop().create_future())
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
        """Run one command, and keep its answer of type `kind` under the client's idempotency key.

        A retry with the same key gets the kept answer, updated by `again`. `guard` runs first, for a retry too. Raises
        the errors of `guard` and `decide`. After Unavailable, send the command again with the same key: if the first
        command has taken effect, the retry gets the kept answer.
        """

        def repeat(work: UnitOfWork, row: Row) -> Reply[T]:
            kept = read_reply(self._ring, command.secret, row, kind)
            value = kept.value if again is None else again(work, kept.value)
            return kept if value is kept.value else Reply.of(value)

        command = Command(reads, decide, asyncio.get_running_loop().create_future(), guard, repeat)
        if idempotency is not None:
            secret = self._ring.derive("idempotency", f"{idempotency.principal}\0{idempotency.key}")
            command.secret = secret
            command.idempotency_id = hashlib.sha256(b"id" + secret).digest()[:16]
            command.fingerprint = idempotency.fingerprint
        return cast("Reply[T]", await self._wait(command))

    async def _wait(self, command: Command) -> Result:
        """Queue a command, and wait for its answer or the timeout."""
        if not self._running:
            raise Unavailable("the writer is not running")
        if self._under_way >= MAX_WAITING:
            raise Unavailable("too many commands are waiting", retry_after=1)
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

    async def _send(self, command: Command) -> None:
        """Put a command into the lane of its shard, or into the lane for several shards. Raises Unavailable."""
        shards = self._heads.shards
        if shards > 1:
            routing = await read_routing(self._storage, command.reads)
            # A command that reads no customer's rows may use any shard. All retries with one idempotency key must use
            # the same shard.
            anywhere = shard_of(command.idempotency_id or bytes(8), shards)
            command.shards = routing.shards(command.reads, shards) or frozenset((anywhere,))
        name = min(command.shards) if len(command.shards) == 1 else ACROSS
        lane = self._lanes.get(name)
        if lane is None:
            waiting: asyncio.Queue[Command] = asyncio.Queue(MAX_WAITING)
            lane = self._lanes[name] = _Lane(waiting, asyncio.create_task(self._run(waiting), name=f"writer {name}"))
        try:
            lane.waiting.put_nowait(command)
        except asyncio.QueueFull as error:
            raise Unavailable("too many commands are waiting", retry_after=1) from error

    async def _run(self, waiting: asyncio.Queue[Command]) -> None:
        """The loop of a lane: take all waiting commands, at most MAX_BATCH, and commit them together."""
        while True:
            commands = [await waiting.get()]
            while len(commands) < MAX_BATCH and not waiting.empty():
                commands.append(waiting.get_nowait())
            await self._commit_batch(commands)

    async def _commit_batch(self, commands: list[Command], alone: bool = False) -> None:
        """Commit a batch and answer its callers.

        If the batch fails although the database is available, run each command again alone.
        """
        # Drop commands that have timed out.
        commands = [command for command in commands if not command.future.done()]
        if not commands:
            return
        try:
            answers, work = await self._commit_with_retries(commands)
        except _Misrouted:
            await self._reroute(commands)
        except Exception as error:
            # A failed commit fails the whole batch. One command may have caused a bug or a repeated conflict, so run
            # each command again alone. If the database is unavailable, a second run would not help.
            unavailable = isinstance(error, Unavailable) and not isinstance(error, Conflict)
            groups = {command.shards for command in commands}
            if unavailable and len(groups) > 1:
                # Commit the commands of each shard alone, because the database may accept writes for some shards only.
                for shards in groups:
                    await self._commit_batch([each for each in commands if each.shards == shards], alone)
            elif unavailable or alone:
                _resolve(commands, [_as_error(error)] * len(commands))
            else:
                for command in commands:
                    await self._commit_batch([command], alone=True)
        else:
            _resolve(commands, answers)
            self._on_commit(work, len(commands))

    async def _reroute(self, commands: Sequence[Command]) -> None:
        """Read the current rows, and put each misrouted command into the lane of its current shard."""
        waiting = [command for command in commands if not command.future.done()]
        results = await asyncio.gather(*map(self._send, waiting), return_exceptions=True)
        for command, error in zip(waiting, results, strict=True):
            if isinstance(error, Exception):
                _resolve([command], [_as_error(error)])

    async def _commit_with_retries(self, commands: list[Command]) -> tuple[list[Result | VerifierError], UnitOfWork]:
        """Commit a batch, and retry it on a conflict. Returns each command's answer or error, and the unit of work."""
        for _ in range(TRIES - 1):
            try:
                return await self._transact(commands)
            except Conflict:
                await asyncio.sleep(0)
        return await self._transact(commands)

    async def _transact(self, commands: list[Command]) -> tuple[list[Result | VerifierError], UnitOfWork]:
        """Run a batch as one transaction. When this returns, the transaction is durable."""
        heads, answers, work = await self._storage.commit(partial(self._run_batch, commands))
        self._heads.remember(heads)
        return answers, work

    async def _run_batch(
        self, commands: list[Command], transaction: Transaction
    ) -> tuple[dict[int, Head], list[Result | VerifierError], UnitOfWork]:
        """Lock the heads, load, decide, extend the log, and write. Awaits only methods of the transaction."""
        held = frozenset[int]().union(*(command.shards for command in commands))
        heads, shards = await self._heads.lock(transaction, held)
        sizes = {shard: head.size for shard, head in heads.items()}
        work = UnitOfWork(
            transaction,
            self._ring,
            self._authenticator,
            self._decrypter,
            self._entropy,
            self._clock(),
            sizes,
            shards,
        )
        await work.loaded.load([command.reads for command in commands])
        if shards > 1:
            _check_held(work.loaded.routing(), commands, held, shards)
        kept = await read_kept(transaction, commands)
        decided = self._decide(work, commands, kept)
        shares = work.stage_rows()
        heads = await self._heads.extend(transaction, heads, work.log.staged, shares)
        answers = self._answers(work, commands, decided)
        await work.flush()
        return heads, answers, work

    def _decide(self, work: UnitOfWork, commands: Sequence[Command], kept: Kept) -> list[Outcome]:
        """Decide the commands in order of arrival. Each command sees the effects of earlier commands."""
        decided: list[Outcome] = []
        first: dict[bytes, Command] = {}
        for command in commands:
            staged = len(work.log.leaves)
            outcome: Outcome
            try:
                work.begin(command.reads)
                if command.guard is not None:
                    command.guard(work)
                outcome = repeated(work, command, kept, first) or command.decide(work)
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
        self, work: UnitOfWork, commands: Sequence[Command], decided: Sequence[Outcome]
    ) -> list[Result | VerifierError]:
        """Build the answers, after the inclusion proofs have been made.

        If a command has an idempotency key, keep its answer.
        """
        answers: list[Result | VerifierError] = []
        by_command: dict[int, Reply[Struct]] = {}
        for command, outcome in zip(commands, decided, strict=True):
            if isinstance(outcome, VerifierError | Reply):
                answers.append(outcome)
            elif isinstance(outcome, Command):
                answers.append(by_command[id(outcome)])
            elif not isinstance(outcome, About):
                answers.append(outcome())
            else:
                reply = by_command[id(command)] = Reply.of(outcome.answer())
                answers.append(reply)
                if command.idempotency_id:
                    keep(work, command, reply, outcome.application_id, self._entropy(NONCE_BYTES))
        return answers


def _check_held(routing: ShardRouting, commands: Sequence[Command], held: frozenset[int], shards: int) -> None:
    """Raise _Misrouted if a command reads rows of a shard that the batch has not locked (`held`).

    This can happen if a row has got another customer, or if the log was split, after the command was routed.
    """
    if not all(routing.shards(command.reads, shards) <= held for command in commands):
        raise _Misrouted


def _as_error(error: Exception) -> VerifierError:
    """The error that callers get when their batch failed."""
    if isinstance(error, Unavailable):
        return error
    defect = InternalError("a command failed")
    defect.__cause__ = error
    return defect


def _resolve(commands: Sequence[Command], answers: Sequence[Result | VerifierError]) -> None:
    for command, answer in zip(commands, answers, strict=True):
        if command.future.done():
            continue  # the command has timed out
        if isinstance(answer, VerifierError):
            command.future.set_exception(answer)
        else:
            command.future.set_result(answer)


def _time_out(future: asyncio.Future[Result]) -> None:
    if not future.done():
        future.set_exception(Unavailable("the database did not answer in time", retry_after=1))
