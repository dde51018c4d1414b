"""A steady load of POSTs that any customer may send, and what must hold of it after an outage."""

from __future__ import annotations

import asyncio
import itertools

from tests.faults.client import Client, Reply
from tests.faults.server import Server
from verifier.demo.client import now_iso

SENDERS = 8
TIMEOUT_S = 20


class Load:
    """Reports without pause, for an `async with`: each is answered 201, or says that it cannot be done now."""

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
        """Send no more, and wait for the answers that are due."""
        self._stopping = True
        await asyncio.gather(*self._senders)

    async def answered(self, more: int = 3 * SENDERS) -> None:
        """Wait until that many more have been answered 201."""
        await self._reach(self.done, len(self.done) + more)

    async def felt(self) -> None:
        """Wait until one has been refused."""
        await self._reach(self.refused, 1)

    async def _reach(self, replies: dict[str, Reply], count: int) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            while len(replies) < count:
                for sender in self._senders:
                    if sender.done():
                        sender.result()
                await asyncio.sleep(0.01)

    async def send(self, key: str) -> Reply:
        """The report of that key; the same one each time."""
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
            # Below the bound on requests a minute, however long the outage.
            await asyncio.sleep(0.05)

    async def check(self) -> None:
        """What was answered is there, in the same bytes; what was refused can be asked again, for one answer."""
        assert self.done
        for key, reply in self.done.items():
            assert reply.same(await self.send(key)), key
        for key in self.refused:
            again = await self.send(key)
            assert again.status == 201
            assert again.same(await self.send(key)), key


def assert_unavailable(reply: Reply) -> None:
    """A problem that nobody can read as genuine, and that says when to ask again (law L6)."""
    assert reply.status == 503, reply
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert int(reply.headers["Retry-After"]) >= 1
    assert (reply.json["slug"], reply.json["verdict"]) == ("unavailable", "unavailable")
