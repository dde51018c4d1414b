"""An event loop without sockets, threads or waiting. When idle, its clock jumps to the next timer."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class Stuck(Exception):
    """Every task waits, and no timer is set."""


class _Jumping:
    """A selector that advances the clock instead of waiting."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise Stuck
        self.now_s += timeout
        return []

    def close(self) -> None:
        """Nothing to close."""


class SimulatedLoop(asyncio.BaseEventLoop):
    """Runs callbacks that are ready at the same time in a random order, which the seed determines."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self._selector = _Jumping()
        self._rng = rng
        self._clock_resolution = 1e-6

    def time(self) -> float:
        """Seconds since the start."""
        return self._selector.now_s

    def _process_events(self, event_list: list[Any]) -> None:
        """There are no I/O events."""

    def _write_to_self(self) -> None:
        """There is no other thread, so the loop need not be woken."""

    def _run_once(self) -> None:
        if len(self._ready) > 1:
            ready = list(self._ready)
            self._rng.shuffle(ready)
            self._ready.clear()
            self._ready.extend(ready)
        super()._run_once()


def simulate(rng: random.Random, main: Coroutine[Any, Any, Result]) -> Result:
    """Runs a coroutine to its end, and cancels the remaining tasks."""
    loop = SimulatedLoop(rng)
    try:
        return loop.run_until_complete(main)
    finally:
        loop.run_until_complete(_ended(asyncio.all_tasks(loop)))
        loop.close()


async def _ended(left: set[asyncio.Task[Any]]) -> None:
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
