"""Wakes the watchers of a customer's calls. Implements specs/protocol.md section 7.5 (live events).

A wake-up tells a watcher to read the state again. Watchers also read the state every 2 seconds. So a lost wake-up
delays an event, but no event is lost.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from verifier.core.errors import RateLimited
from verifier.core.principal import Principal

WATCH_S = 2.0
MAX_WATCH_MS = 600_000
# The maximum number of event streams for one person. It allows open pages on a few devices. A higher number would leave
# fewer connections for other people.
MAX_WATCHED_BY_ONE = 10
# If a client disappears, its stream is closed within this number of seconds.
FREED_S = 10
View = TypeVar("View")


class Events:
    """Watchers of this node, by customer index and by member of staff."""

    def __init__(self) -> None:
        self._watchers: dict[bytes, set[asyncio.Event]] = defaultdict(set)
        self._following: Counter[str] = Counter()
        self.closed = False
        self.batches = 0
        self.commands = 0

    def publish(self, customers: set[bytes], commands: int) -> None:
        """Wake the watchers of the customers whose calls a batch has changed. Count the batch and its commands."""
        self.batches += 1
        self.commands += commands
        for customer in customers:
            for event in self._watchers.get(customer, ()):
                event.set()

    def wake(self, staff_ids: Iterable[str]) -> None:
        """Wake the streams of these members of staff, so that each stream checks again whether the person may watch."""
        for staff_id in staff_ids:
            for event in self._watchers.get(_of_staff(staff_id), ()):
                event.set()

    def close(self) -> None:
        """Wake every watcher, and end all streams."""
        self.closed = True
        for events in self._watchers.values():
            for event in events:
                event.set()

    async def follow(
        self,
        who: Principal,
        customers: Sequence[bytes],
        read: Callable[[], Awaitable[View]],
        clock: Callable[[], int],
        same: Callable[[View, View], bool] = lambda before, now: before == now,
    ) -> AsyncGenerator[View | None, None]:
        """Yield the result of `read` now, and again after each change. Without a change, yield None every 2 seconds.

        `customers` are the blind indexes of the borrowers whose calls are watched.

        The stream ends after 10 minutes, when the watcher's login expires, or when the service stops. The client must
        then connect again. Raises RateLimited if the person has too many streams at this node.
        """
        if self._following[who.key] >= MAX_WATCHED_BY_ONE:
            raise RateLimited("you are watching in too many places", retry_after=FREED_S)
        self._following[who.key] += 1
        try:
            until = clock() + MAX_WATCH_MS
            if who.until is not None:
                until = min(until, who.until)
            before = await read()
            yield before
            while not self.closed and (left := until - clock()) > 0:
                await self.wait((*customers, _of_staff(who.id)), min(WATCH_S, left / 1000))
                now = await read()
                if clock() >= until:
                    return
                yield None if same(before, now) else now
                before = now
        finally:
            self._following[who.key] -= 1
            if not self._following[who.key]:
                del self._following[who.key]

    async def wait(self, keys: Sequence[bytes], timeout_s: float) -> None:
        """Wait until a watcher of one of these keys is woken, or until the timeout."""
        event = asyncio.Event()
        for key in keys:
            self._watchers[key].add(event)
        try:
            async with asyncio.timeout(timeout_s):
                await event.wait()
        except TimeoutError:
            pass
        finally:
            for key in keys:
                self._watchers[key].discard(event)
                if not self._watchers[key]:
                    del self._watchers[key]


def _of_staff(staff_id: str) -> bytes:
    return b"staff\0" + staff_id.encode()
