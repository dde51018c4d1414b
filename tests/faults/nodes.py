"""Several nodes on one PostgreSQL. Each is a process that a test can kill and start again."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp

from tests.faults.client import Client
from tests.faults.server import START_S, Server
from verifier.demo.bank import free_ports


class Nodes(Server):
    """A bank with `count` nodes. Clients use any of them. With the faketime library each node has its own clock."""

    def __init__(
        self,
        folder: Path,
        session: aiohttp.ClientSession,
        database: str,
        count: int,
        faketime: Path | None = None,
        drain_seconds: int = 0,
    ) -> None:
        super().__init__(folder, session, database, drain_seconds=drain_seconds)
        self._folder = folder
        self._faketime = faketime
        self._ports = [free_ports()[:2] for _ in range(count)]
        self._nodes: list[subprocess.Popen[bytes] | None] = [None] * count
        self._urls = [f"http://127.0.0.1:{public}" for public, _ in self._ports]

    @property
    def urls(self) -> list[str]:
        return self._urls

    async def start(self) -> None:
        """Start all nodes, and wait until they are ready."""
        await asyncio.gather(*(self.start_node(n) for n in range(len(self._nodes))))

    async def start_node(self, n: int) -> None:
        public, admin = self._ports[n]
        settings = self.environment(listen=f"127.0.0.1:{public}", admin_listen=f"127.0.0.1:{admin}")
        if self._faketime is not None:
            settings |= {
                "LD_PRELOAD": str(self._faketime),
                "FAKETIME_TIMESTAMP_FILE": str(self._clock(n)),
                "FAKETIME_NO_CACHE": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            }
            self.set_clock(n, 0)
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "verifier", "serve"]
            process = subprocess.Popen(command, env=settings, stdout=log, stderr=log)
        self._nodes[n] = process
        async with asyncio.timeout(START_S):
            while not await self.node_ready(n):
                assert process.poll() is None, self.log.read_text()[-2000:]
                await asyncio.sleep(0.05)

    def set_clock(self, n: int, ahead_s: int) -> None:
        """Move a node's clock. Needs the faketime library."""
        self._clock(n).write_text(f"{ahead_s:+d}\n")

    def _clock(self, n: int) -> Path:
        return self._folder / f"clock-{n}"

    def freeze_node(self, n: int) -> None:
        """Send SIGSTOP, as if a hypervisor paused the machine."""
        self._signal(n, signal.SIGSTOP)

    def thaw_node(self, n: int) -> None:
        self._signal(n, signal.SIGCONT)

    def _signal(self, n: int, what: signal.Signals) -> None:
        process = self._nodes[n]
        assert process is not None
        process.send_signal(what)

    def kill_node(self, n: int) -> None:
        """kill -9."""
        process, self._nodes[n] = self._nodes[n], None
        if process is not None:
            process.kill()
            process.wait()

    async def stop_node(self, n: int) -> int:
        """SIGTERM; the exit status, once the process has drained."""
        process, self._nodes[n] = self._nodes[n], None
        assert process is not None
        process.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(process.wait, 30)

    def kill(self) -> None:
        for n in range(len(self._nodes)):
            self.kill_node(n)

    async def node_ready(self, n: int) -> bool:
        """Whether a node's /readyz answers 200."""
        try:
            async with self._session.get(f"http://127.0.0.1:{self._ports[n][1]}/readyz") as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False

    def _client(self, **who: Any) -> Client:
        return Client(self._session, self.bank.url, nodes=self._urls, **who)
