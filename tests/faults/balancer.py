"""A typical load balancer: it polls each node's /readyz, and sends requests to the nodes that answer 200."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import aiohttp

from tests.faults.client import Client, Reply
from tests.faults.nodes import Nodes

ASK_EVERY_S = 0.1


class BalancedNodes(Nodes):
    """Nodes behind a load balancer, which retries failed connections on another node, but never a sent request."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.statuses: dict[int, int] = {}
        self.refused = 0
        self.cut: list[Exception] = []
        self._turn = itertools.count()
        self._ready: set[int] = set()
        self._asking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await super().start()
        self._ready = set(range(len(self._urls)))
        self._asking = asyncio.create_task(self._ask_all())

    async def _end(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
        await super()._end()

    async def _ask_all(self) -> None:
        while True:
            for n in range(len(self._urls)):
                (self._ready.add if await self.node_ready(n) else self._ready.discard)(n)
            await asyncio.sleep(ASK_EVERY_S)

    def next_url(self) -> str:
        """The address of the next ready node, in turn."""
        ready = sorted(self._ready)
        return self._urls[ready[next(self._turn) % len(ready)]]

    def _client(self, **who: Any) -> Client:
        return _BalancedClient(self, self._session, self.bank.url, nodes=self._urls, **who)


class _BalancedClient(Client):
    def __init__(self, balancer: BalancedNodes, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._balancer = balancer

    async def _send(self, node: str, method: str, path: str, content: bytes, headers: dict[str, str]) -> Reply:
        balancer = self._balancer
        while True:
            try:
                reply = await super()._send(balancer.next_url(), method, path, content, headers)
            except aiohttp.ClientConnectorError:
                balancer.refused += 1
            except Exception as error:
                balancer.cut.append(error)
                raise
            else:
                balancer.statuses[reply.status] = balancer.statuses.get(reply.status, 0) + 1
                return reply
