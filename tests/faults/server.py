"""Runs `verifier serve` as a process that a test can kill and start again on the same data."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from tests.faults.client import Client
from verifier.config import Config
from verifier.core.evidence import Trust
from verifier.demo.bank import DemoBank, free_ports

START_S = 20


class Server:
    """The demo bank, for an `async with`. Its identity provider runs here, and its service in another process."""

    def __init__(self, folder: Path, session: aiohttp.ClientSession, database: str = "", **settings: Any) -> None:
        self.bank = DemoBank(
            folder, free_ports(), database, **{"daily_cap": 50, "person_daily_cap": 50, "drain_seconds": 0, **settings}
        )
        self.log = folder / "server.log"
        self.shards = 1
        self._session = session
        self._process: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> Server:
        await self.bank.prepare()
        try:
            await self.start()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._end()

    async def _end(self) -> None:
        """Kill the process, so that none outlives the test."""
        self.kill()
        await self.bank.stop()

    def environment(self, **changes: str) -> dict[str, str]:
        """The settings that differ from the defaults, as environment variables."""
        config = msgspec.structs.replace(self.bank.config, **changes)
        values = {each: getattr(config, each) for each in Config.__struct_fields__}
        default = Config(issuer="")
        changed = {f"VERIFIER_{k.upper()}": str(v) for k, v in values.items() if v != getattr(default, k)}
        return {"PATH": os.environ["PATH"], **changed}

    async def start(self, **more: str) -> None:
        """Start with these extra environment variables, and wait until ready."""
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "verifier", "serve"]
            self._process = subprocess.Popen(command, env=self.environment() | more, stdout=log, stderr=log)
        async with asyncio.timeout(START_S):
            while not await self.ready():
                if self._process.poll() is not None:
                    raise RuntimeError(self.log.read_text()[-2000:])
                await asyncio.sleep(0.05)

    async def ready(self) -> bool:
        """Whether /readyz answers 200."""
        try:
            async with self._session.get(f"{self.bank.admin_url}/readyz") as response:
                assert response.status in (200, 503)
                return response.status == 200
        except aiohttp.ClientError:
            return False

    @property
    def pid(self) -> int:
        """The process id of the service."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    async def stop(self) -> int:
        """SIGTERM; the exit status, once the process has drained."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        status = await asyncio.to_thread(self._process.wait, 30)
        self._process = None
        return status

    @property
    def urls(self) -> list[str]:
        """The address of each node."""
        return [self.bank.url]

    async def audit(self) -> None:
        """Check that `verifier log verify` finds nothing."""
        await self._log("verify")

    async def split(self, shards: int) -> None:
        """Run `verifier log split` while nodes keep running. Never reduces the number of shards."""
        self.shards = max(self.shards, shards)
        await self._log("split", str(self.shards))

    async def _log(self, *asked: str) -> None:
        ran = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "verifier", "log", *asked),
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        told, _ = await ran.communicate()
        assert ran.returncode == 0, told.decode()

    async def trust(self) -> Trust:
        """The trust file."""
        return msgspec.json.decode((await self._client().get("/.well-known/callback-verification")).content, type=Trust)

    def officer(self) -> Client:
        return self._client(token=self.bank.officer("4412"))

    def customer(self, customer_id: str) -> Client:
        return self._client(token=self.bank.customer(customer_id))

    def system(self, name: str) -> Client:
        return self._client(system=(name, self.bank.system_keys[name]))

    def _client(self, **who: Any) -> Client:
        return Client(self._session, self.bank.url, **who)


def registration(customer_id: str, number: str) -> dict[str, Any]:
    """The registration of an application that is assigned to officer 4412."""
    return {
        "customer": {"id": customer_id, "name": "王芳"},
        "numbers": [{"number": number, "added_at": "2025-01-01T00:00:00Z"}],
        "officers": [{"id": "4412", "name": "李伟", "branch": "北京"}],
        "product": "个人住房贷款",
    }
