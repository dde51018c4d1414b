"""An event loop without sockets, threads or waiting: when nothing can be done its clock jumps to the next timer."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class Stuck(Exception):
    """Everybody waits, and nothing will ever happen."""


class _Jumping:
    """In the place of a selector: instead of waiting for a time, time passes."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise Stuck
        self.now_s += timeout
        return []

    def close(self) -> None:
        """There is nothing to close."""


class SimulatedLoop(asyncio.BaseEventLoop):
    """What is ready at one moment runs in an order that the seed chooses."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self._selector = _Jumping()
        self._rng = rng
        self._clock_resolution = 1e-6

    def time(self) -> float:
        """Seconds since the beginning."""
        return self._selector.now_s

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """There is nobody to wake."""

    def _run_once(self) -> None:
        if len(self._ready) > 1:
            ready = list(self._ready)
            self._rng.shuffle(ready)
            self._ready.clear()
            self._ready.extend(ready)
        super()._run_once()


def simulate(rng: random.Random, main: Coroutine[Any, Any, Result]) -> Result:
    """Run to the end, and cancel what is left."""
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
