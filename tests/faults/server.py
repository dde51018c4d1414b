"""A real `verifier serve` in a process of its own, that can be killed and started again on the same data."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import aiohttp

from verifier.config import Config
from verifier.demo.bank import DemoBank, free_ports
from verifier.demo.client import Caller

START_S = 20


class Server:
    """The bank of the demo, with its identity provider here and its service elsewhere."""

    def __init__(self, folder: Path, session: aiohttp.ClientSession, database: str = "") -> None:
        self.bank = DemoBank(folder, free_ports(), database, daily_cap=50)
        self.log = folder / "server.log"
        self._session = session
        self._process: subprocess.Popen[bytes] | None = None

    def environment(self) -> dict[str, str]:
        """The settings that differ from the defaults, as the variables of a process."""
        config = self.bank.config
        values = {each: getattr(config, each) for each in Config.__struct_fields__}
        default = Config(issuer="")
        changed = {f"VERIFIER_{k.upper()}": str(v) for k, v in values.items() if v != getattr(default, k)}
        return {"PATH": os.environ["PATH"], **changed}

    async def start(self) -> None:
        """Start and wait until it is ready."""
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "verifier", "serve"]
            self._process = subprocess.Popen(command, env=self.environment(), stdout=log, stderr=log)
        async with asyncio.timeout(START_S):
            while not await self.ready():
                if self._process.poll() is not None:
                    raise RuntimeError(self.log.read_text()[-2000:])
                await asyncio.sleep(0.05)

    async def ready(self) -> bool:
        """What /readyz says."""
        try:
            async with self._session.get(f"{self.bank.admin_url}/readyz") as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        return self._end(signal.SIGTERM)

    @property
    def pid(self) -> int:
        """The process that serves."""
        assert self._process is not None
        return self._process.pid

    def _end(self, how: signal.Signals) -> int:
        if self._process is None:
            return 0
        self._process.send_signal(how)
        status = self._process.wait(30)
        self._process = None
        return status

    def person(self, token: str) -> Caller:
        return Caller(self._session, self.bank.url, token=token)

    def system(self, name: str) -> Caller:
        return Caller(self._session, self.bank.url, key_id=name, private_key=self.bank.system_keys[name])
