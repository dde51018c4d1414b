"""Nodes that crash and whose clocks jump, and a network that loses and repeats requests."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.simulator.storage import Database, SimulatedStorage
from tests.world import NOON, World
from verifier.clock import CheckedClock
from verifier.core.errors import Unavailable, VerifierError
from verifier.keys import FileKeyRing
from verifier.service import Context, Service

TRIES = 40
Asking = Callable[[World], Awaitable[Any]]


def running_ms() -> int:
    """The simulated time, in milliseconds."""
    return int(asyncio.get_running_loop().time() * 1000)


class Node:
    """A process with its own clock. `start` after a crash is a new process."""

    def __init__(self, name: str, database: Database, ring: FileKeyRing, ring_file: Path, rng: random.Random) -> None:
        self.name = name
        self.skew_ms = rng.randint(-1000, 1000)
        self._database = database
        self._ring = ring
        self._ring_file = ring_file
        self._rng = rng
        self._tasks: dict[asyncio.Task[Any], None] = {}  # a dict, because its order does not depend on addresses
        self._world: World | None = None

    def _wall_ms(self) -> int:
        return NOON + running_ms() + self.skew_ms

    async def start(self) -> None:
        """Starts the node unless it runs, with as many tries as needed."""
        if self._world is not None:
            return
        while self._world is None:
            storage = SimulatedStorage(self._database)
            world = World(storage, self._ring_file, ring=self._ring, entropy=self._rng.randbytes)
            try:
                clock = CheckedClock(self._wall_ms, running_ms)
                world.context = Context(
                    world.settings, storage, self._ring, clock, self._rng.randbytes, clock.check_skew
                )
                world.service = Service(world.context)
                world.service.exchanges.adopt(["pbx"])
                await world.service.start()
                self._world = world
            except VerifierError:
                await asyncio.sleep(0.5)
        self._tasks[asyncio.create_task(self._sweep(self._world))] = None

    async def _sweep(self, world: World) -> None:
        while True:
            await asyncio.sleep(5)
            with contextlib.suppress(VerifierError):
                await world.service.housekeeping.sweep()

    def crash(self) -> None:
        """Like kill -9: cancels every request and task where it waits."""
        world, self._world = self._world, None
        if world is not None:
            world.context.writer.kill()
            for each in self._tasks:
                each.cancel()
        self._tasks.clear()

    async def serve(self, asking: Asking) -> Any:
        """Executes a request. Raises ConnectionError if the process does not run or crashes."""
        if self._world is None:
            raise ConnectionRefusedError
        task = asyncio.create_task(_answered(asking(self._world)))
        self._tasks[task] = None
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise ConnectionResetError from None
            raise
        finally:
            self._tasks.pop(task, None)


async def _answered(asking: Awaitable[Any]) -> Any:
    return await asking


class Network:
    """The network between clients and nodes. It drops and repeats requests, and loses answers."""

    def __init__(self, nodes: list[Node], rng: random.Random) -> None:
        self.nodes = nodes
        self.healed = False
        self.seen: dict[str, int] = {}
        self._rng = rng
        self._often = {each: rng.choice((0.0, 0.0, 0.02, 0.1)) for each in ("dropped", "doubled", "unanswered")}
        self._late: list[asyncio.Task[Any]] = []

    def _strikes(self, what: str) -> bool:
        if self.healed or self._rng.random() >= self._often[what]:
            return False
        self.seen[what] = self.seen.get(what, 0) + 1
        return True

    async def ask(self, asking: Asking) -> Any:
        """Sends a request to random nodes until one answers, with retries as an SDK makes them. Returns the answer.

        Raises the error with which the service refuses, and Unavailable if no node answered.
        """
        for _ in range(TRIES):
            node = self._rng.choice(self.nodes)
            await asyncio.sleep(self._rng.expovariate(200))
            if self._strikes("doubled"):
                self._late.append(asyncio.create_task(self._again(asking)))
            if not self._strikes("dropped"):
                try:
                    answer = await node.serve(asking)
                    if not self._strikes("unanswered"):
                        return answer
                except (ConnectionError, Unavailable):
                    pass
                except VerifierError:
                    if not self._strikes("unanswered"):
                        raise
            await asyncio.sleep(self._rng.uniform(0.1, 2))
        raise Unavailable("nobody answered")

    async def _again(self, asking: Asking) -> None:
        """Sends the same request again, after a random time to a random node, and ignores the answer."""
        await asyncio.sleep(self._rng.uniform(0, 3))
        with contextlib.suppress(ConnectionError, VerifierError):
            await self._rng.choice(self.nodes).serve(asking)

    async def quiet(self) -> None:
        """Waits for the repeated requests that are still on their way."""
        await asyncio.gather(*self._late)
