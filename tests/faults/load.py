"""A steady load of reports from a customer, and the checks after an outage."""

from __future__ import annotations

import asyncio
import itertools

from tests.faults.client import Client, Reply
from tests.faults.server import Server
from verifier.demo.client import now_iso

SENDERS = 8
TIMEOUT_S = 20


class Load:
    """Sends reports continuously, for an `async with`. Each answer must be 201 or unavailable."""

    def __init__(self, server: Server) -> None:
        self.done: dict[str, Reply] = {}
        self.refused: dict[str, Reply] = {}
        self._at = now_iso()
        self._customer: Client = server.customer("cust-1")
        self._numbers = itertools.count()
        self._stopping = False
        self._senders: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Load:
        self._senders = [asyncio.create_task(self._run()) for _ in range(SENDERS)]
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.end()

    async def end(self) -> None:
        """Stop sending, and wait for the outstanding answers."""
        self._stopping = True
        await asyncio.gather(*self._senders)

    async def wait_for_answers(self, more: int = 3 * SENDERS) -> None:
        """Wait until that many more reports have been answered with 201."""
        await self._reach(self.done, len(self.done) + more)

    async def wait_for_refusal(self) -> None:
        """Wait until a report has been answered with unavailable."""
        await self._reach(self.refused, 1)

    async def _reach(self, replies: dict[str, Reply], count: int) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            while len(replies) < count:
                for sender in self._senders:
                    if sender.done():
                        sender.result()
                await asyncio.sleep(0.01)

    async def send(self, key: str) -> Reply:
        """Send the report of that key. The same key always sends the same report."""
        return await self._customer.post("/v1/reports", {"at": self._at, "said": key}, key)

    async def _run(self) -> None:
        while not self._stopping:
            key = f"report-{next(self._numbers)}"
            reply = await self.send(key)
            if reply.status == 201:
                self.done[key] = reply
            else:
                assert_unavailable(reply)
                self.refused[key] = reply
            # Stays below the rate limit, however long the outage is.
            await asyncio.sleep(0.05)

    async def check(self) -> None:
        """Check that accepted reports repeat their answer byte by byte, and that refused ones now succeed once."""
        assert self.done
        for key, reply in self.done.items():
            assert reply.same(await self.send(key)), key
        for key in self.refused:
            again = await self.send(key)
            assert again.status == 201
            assert again.same(await self.send(key)), key


def assert_unavailable(reply: Reply) -> None:
    """Check for an unavailable problem that says when to retry (law L6)."""
    assert reply.status == 503, reply
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert int(reply.headers["Retry-After"]) >= 1
    assert (reply.json["slug"], reply.json["verdict"]) == ("unavailable", "unavailable")
