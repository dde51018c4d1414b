"""Waking those who watch a customer's calls. Carries out specs/protocol.md section 7.5 (live events).

A wake-up is a hint to read again, never news by itself, so a lost one only delays.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict


class Events:
    """Watchers of this node, by customer index."""

    def __init__(self) -> None:
        self._watchers: dict[bytes, set[asyncio.Event]] = defaultdict(set)
        self.closed = False
        self.batches = 0
        self.commands = 0

    def publish(self, customers: set[bytes], commands: int) -> None:
        """A batch has been committed that changed calls of these customers."""
        self.batches += 1
        self.commands += commands
        for customer in customers:
            for event in self._watchers.get(customer, ()):
                event.set()

    def close(self) -> None:
        """Wake every watcher for the last time."""
        self.closed = True
        for events in self._watchers.values():
            for event in events:
                event.set()

    async def wait(self, customer: bytes, timeout_s: float) -> None:
        """Return when something of the customer's may have changed, or after the time-out."""
        event = asyncio.Event()
        self._watchers[customer].add(event)
        try:
            async with asyncio.timeout(timeout_s):
                await event.wait()
        except TimeoutError:
            pass
        finally:
            self._watchers[customer].discard(event)
            if not self._watchers[customer]:
                del self._watchers[customer]
