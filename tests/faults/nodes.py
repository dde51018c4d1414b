"""Several real nodes on one PostgreSQL, each a process that can be killed and started again by itself."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp

from tests.faults.client import Client
from tests.faults.server import START_S, Server
from verifier.demo.bank import free_ports


class Nodes(Server):
    """The bank with `count` nodes instead of one; clients ask any of them."""

    def __init__(self, folder: Path, session: aiohttp.ClientSession, database: str, count: int) -> None:
        super().__init__(folder, session, database)
        self._ports = [free_ports()[:2] for _ in range(count)]
        self._nodes: list[subprocess.Popen[bytes] | None] = [None] * count
        self._urls = [f"http://127.0.0.1:{public}" for public, _ in self._ports]

    async def start(self) -> None:
        """Start all, and wait until they are ready."""
        await asyncio.gather(*(self.start_node(n) for n in range(len(self._nodes))))

    async def start_node(self, n: int) -> None:
        public, admin = self._ports[n]
        settings = self.environment(listen=f"127.0.0.1:{public}", admin_listen=f"127.0.0.1:{admin}")
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "verifier", "serve"]
            process = subprocess.Popen(command, env=settings, stdout=log, stderr=log)
        self._nodes[n] = process
        async with asyncio.timeout(START_S):
            while not await self._is_ready(admin):
                assert process.poll() is None, self.log.read_text()[-2000:]
                await asyncio.sleep(0.05)

    def kill_node(self, n: int) -> None:
        """kill -9."""
        process, self._nodes[n] = self._nodes[n], None
        if process is not None:
            process.kill()
            process.wait()

    def kill(self) -> None:
        for n in range(len(self._nodes)):
            self.kill_node(n)

    async def _is_ready(self, admin_port: int) -> bool:
        try:
            async with self._session.get(f"http://127.0.0.1:{admin_port}/readyz") as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False

    def _client(self, **who: Any) -> Client:
        return Client(self._session, self.bank.url, nodes=self._urls, **who)
