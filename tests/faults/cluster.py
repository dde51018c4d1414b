"""A PostgreSQL cluster with automatic failover: Patroni with etcd, one leader, one synchronous standby.

Nodes reach each server through a proxy, and the servers reach each other through another, so a test can cut any link.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from tests.faults.proxy import Proxy
from tests.postgres import as_user, bin_folder, free_port, give

MEMBERS = ("alpha", "beta")
# The shortest lease that Patroni allows. A leader that does not renew it in time has lost it.
LEASE_S, ROUND_S, RETRY_S = 20, 1, 3


class Member:
    """One PostgreSQL server, managed by its Patroni."""

    def __init__(self, name: str, folder: Path, etcd: int) -> None:
        self.name = name
        self.postgres, self.rest = free_port(), free_port()
        self.for_nodes, self.for_peers = Proxy(self.postgres), Proxy(self.postgres)
        self.to_etcd = Proxy(etcd)
        self._folder = folder / name
        self._process: subprocess.Popen[bytes] | None = None

    async def prepare(self) -> None:
        for each in (self.for_nodes, self.for_peers, self.to_etcd):
            await each.start()
        self._folder.mkdir()
        give(self._folder)
        (self._folder / "patroni.json").write_text(json.dumps(self._settings()))

    def _settings(self) -> dict[str, Any]:
        dynamic = {
            "ttl": LEASE_S,
            "loop_wait": ROUND_S,
            "retry_timeout": RETRY_S,
            "synchronous_mode": True,
            # Do not wait for a server that died: its standby has everything.
            "primary_start_timeout": 0,
            "maximum_lag_on_failover": 0,
            "postgresql": {
                "use_pg_rewind": True,
                "parameters": {
                    "max_connections": 100,
                    "wal_keep_size": "512MB",
                    "wal_sender_timeout": "3s",
                    "wal_receiver_timeout": "3s",
                    "wal_log_hints": "on",
                },
            },
        }
        host = "127.0.0.1"
        return {
            "scope": "verifier",
            "name": self.name,
            "restapi": {"listen": f"{host}:{self.rest}", "connect_address": f"{host}:{self.rest}"},
            # Version 2 of etcd's interface. With version 3, Patroni 3.0 may keep the state from before it was cut off
            # (patroni issue 2779), and then no standby becomes synchronous again.
            "etcd": {"hosts": [f"{host}:{self.to_etcd.port}"], "use_proxies": True},
            "bootstrap": {"dcs": dynamic, "initdb": [{"encoding": "UTF8"}, "no-sync"]},
            "postgresql": {
                "listen": f"{host}:{self.postgres}",
                "connect_address": f"{host}:{self.for_peers.port}",
                "data_dir": str(self._folder / "data"),
                "bin_dir": str(bin_folder()),
                "pgpass": str(self._folder / "data.pgpass"),
                "pg_hba": ["host all all 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust"],
                "authentication": {
                    "superuser": {"username": "verifier"},
                    "replication": {"username": "replicator"},
                    "rewind": {"username": "verifier"},
                },
                "parameters": {"unix_socket_directories": ""},
            },
        }

    def start(self) -> None:
        with (self._folder / "patroni.log").open("ab") as log:
            command = [*as_user(), shutil.which("patroni") or "patroni", str(self._folder / "patroni.json")]
            environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": str(self._folder)}
            self._process = subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, cwd=self._folder, start_new_session=True
            )

    @property
    def running(self) -> bool:
        return self._process is not None

    def postmaster(self) -> int:
        return int((self._folder / "data" / "postmaster.pid").read_text().split()[0])

    def kill_server(self) -> None:
        """kill -9 of PostgreSQL alone. Its Patroni notices."""
        os.kill(self.postmaster(), signal.SIGKILL)

    def kill_machine(self) -> None:
        """kill -9 of everything on the machine: no orderly shutdown, and the lease must run out."""
        pids = self._pids()
        self.halt()
        for each in pids:
            _signal(each, signal.SIGKILL)

    def halt(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """SIGSTOP for everything on the machine, as if a hypervisor paused it."""
        assert self._process is not None
        for each in (self._process.pid, *self._pids()):
            _signal(each, signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        # The server first: for a moment it still believes that it leads.
        for each in (*self._pids(), self._process.pid):
            _signal(each, signal.SIGCONT)

    def _pids(self) -> list[int]:
        """The postmaster and its children."""
        try:
            first = self.postmaster()
        except (OSError, IndexError, ValueError):
            return []
        children = subprocess.run(["pgrep", "-P", str(first)], capture_output=True, text=True).stdout.split()
        return [first, *map(int, children)]

    async def end(self) -> None:
        if self._process is not None:
            _signal(self._process.pid, signal.SIGCONT)
        self.kill_machine()
        for each in (self.for_nodes, self.for_peers, self.to_etcd):
            await each.stop()

    def told(self) -> str:
        """The end of its Patroni's log."""
        log = self._folder / "patroni.log"
        return log.read_text()[-3000:] if log.exists() else ""


def _signal(pid: int, what: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, what)


class Cluster:
    """etcd and two members, for an `async with`."""

    def __init__(self, folder: Path, session: aiohttp.ClientSession) -> None:
        self._folder = folder
        self._session = session
        self._etcd_port, self._peer_port = free_port(), free_port()
        self._etcd: subprocess.Popen[bytes] | None = None
        self.members = [Member(each, folder, self._etcd_port) for each in MEMBERS]

    async def __aenter__(self) -> Cluster:
        try:
            self._start_etcd()
            for each in self.members:
                await each.prepare()
            self.members[0].start()
            await self.leader()
            self.members[1].start()
            await self.settled()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._end()

    async def _end(self) -> None:
        for each in self.members:
            await each.end()
        if self._etcd is not None:
            self._etcd.kill()
            self._etcd.wait()

    def _start_etcd(self) -> None:
        folder = self._folder / "etcd"
        folder.mkdir()
        url, peer = f"http://127.0.0.1:{self._etcd_port}", f"http://127.0.0.1:{self._peer_port}"
        with (self._folder / "etcd.log").open("wb") as log:
            self._etcd = subprocess.Popen(
                [
                    *("etcd", "--name", "one", "--data-dir", str(folder), "--unsafe-no-fsync", "--enable-v2"),
                    *("--listen-client-urls", url, "--advertise-client-urls", url),
                    *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
                    *("--initial-cluster", f"one={peer}"),
                ],
                stdout=log,
                stderr=log,
            )

    def url(self, name: str) -> str:
        """The address of a database, through the proxies."""
        hosts = ",".join(f"127.0.0.1:{each.for_nodes.port}" for each in self.members)
        return f"postgresql://verifier@{hosts}/{name}"

    async def new_database(self, name: str) -> str:
        leader = await self.leader()
        command = ["createdb", "-h", "127.0.0.1", "-p", str(leader.postgres), "-U", "verifier", name]
        # Must not block: its commit waits for the standby, whose replication goes through a proxy in this process.
        created = await asyncio.create_subprocess_exec(*command, cwd="/")
        assert await created.wait() == 0
        return self.url(name)

    async def leader(self, other_than: Member | None = None, timeout_s: float = 90) -> Member:
        """Wait for a leader, and return it."""
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            for each in self.members:
                if each is not other_than and (each.name, "leader") in await self._roles(each):
                    return each
            await asyncio.sleep(0.1)
        raise TimeoutError(self._told())

    async def settled(self, timeout_s: float = 180) -> tuple[Member, Member]:
        """Wait for a leader with a synchronous standby, and return both."""
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            leader = await self.leader()
            standby = next(each for each in self.members if each is not leader)
            if (standby.name, "sync_standby") in await self._roles(leader):
                return leader, standby
            await asyncio.sleep(0.2)
        raise TimeoutError(self._told())

    def _told(self) -> str:
        return "\n".join(f"{each.name}: {each.told()}" for each in self.members)

    async def _roles(self, member: Member) -> set[tuple[str, str]]:
        """The name and role of each server that is up, according to a member's Patroni."""
        try:
            wait = aiohttp.ClientTimeout(total=1)
            async with self._session.get(f"http://127.0.0.1:{member.rest}/cluster", timeout=wait) as response:
                found = msgspec.json.decode(await response.read())["members"]
                return {(each["name"], each["role"]) for each in found if each["state"] in ("running", "streaming")}
        except (aiohttp.ClientError, OSError, TimeoutError, msgspec.DecodeError, KeyError):
            return set()
