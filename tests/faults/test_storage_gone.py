"""A full disk, a locked file, a database gone: unavailable meanwhile, nothing lost, recovery by itself (law L6)."""

from __future__ import annotations

import asyncio
import os
import resource
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest

from tests.faults.client import Reply
from tests.faults.load import Load, assert_unavailable
from tests.faults.server import Server, registration
from tests.postgres import Postgres
from verifier.demo.client import now_iso

NUMBER = "+8613800138000"
RECOVERY_S = 15


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own, where this user may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256m", "verifier-test", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("this user may not mount a file system")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


class Customer:
    """A customer on the phone with the bank, whose code waits to be confirmed."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._client = server.customer("cust-1")
        self._code = ""

    async def is_rung(self) -> None:
        loans, officer = self._server.system("loan-origination"), self._server.officer()
        assert (await loans.put("/v1/applications/LN-1", registration("cust-1", NUMBER))).status == 200
        asked = {"purpose": "documents", "number": NUMBER, "caller_number": "+861082345678"}
        call_id = (await officer.post("/v1/applications/LN-1/calls", asked, "issue")).json["call"]["call_id"]
        leg = {"event": "connected", "leg_id": "1", "number": NUMBER, "at": now_iso()}
        await self._server.system("pbx").post(f"/v1/calls/{call_id}/legs", leg, "leg")
        self._code = (await officer.get(f"/v1/calls/{call_id}/code")).json["digits"]

    async def confirms(self) -> Reply:
        return await self._client.post("/v1/confirmations", {"code": self._code}, "confirm")

    async def asks(self) -> Reply:
        return await self._client.get("/v1/me/call-status")

    async def is_on_call(self) -> bool:
        return bool((await self._client.get("/v1/me/call-status")).json["on_call"])

    async def is_told_nothing(self) -> None:
        """What every outage of the storage is from outside."""
        assert_unavailable(await self.confirms())
        assert not await self._server.ready()

    async def is_answered_again(self) -> None:
        """The same process is ready; what was refused is carried out once, and answered alike however often asked."""
        async with asyncio.timeout(RECOVERY_S):
            while not await self._server.ready():
                await asyncio.sleep(0.1)
        first = await self.confirms()
        assert (first.status, first.json["verdict"], first.json["given_before"]) == (200, "genuine", False)
        assert first.same(await self.confirms())


@pytest.mark.shows("CVP-7.2-1", "CVP-10-1")
async def test_on_a_full_disk_nothing_is_told_and_with_space_it_goes_on(
    tmp_path: Path, disk: Path, session: aiohttp.ClientSession
) -> None:
    async with Server(tmp_path, session, f"sqlite:{disk / 'verifier.sqlite3'}") as server:
        customer = Customer(server)
        await customer.is_rung()
        # Filled while nothing is being written: half a transaction would leave room for a smaller one.
        filler = disk / "filler"
        _fill(filler)
        async with Load(server) as load:
            await load.felt()
            await customer.is_told_nothing()
            assert await customer.is_on_call()
            filler.unlink()
            await load.answered()
        await _all_is_well(server, customer, load)


@pytest.mark.needs("postgresql")
async def test_on_a_full_disk_of_postgres_nothing_is_told_and_with_space_it_goes_on(
    tmp_path: Path, disk: Path, session: aiohttp.ClientSession
) -> None:
    postgres = Postgres(disk / "postgres", "fsync=on", "max_wal_size=32MB")
    postgres.start()
    try:
        async with Server(tmp_path, session, postgres.new_database()) as server:
            customer = Customer(server)
            await customer.is_rung()
            filler = disk / "filler"
            _fill(filler)
            async with Load(server) as load:
                await load.felt()
                # The node may be ready: a row can be changed where no row can be added.
                assert_unavailable(await customer.confirms())
                filler.unlink()
                # Without room for its journal PostgreSQL gives up, and anyone who watches over it starts it again.
                await asyncio.to_thread(postgres.start_if_ended)
                await load.answered()
            await _all_is_well(server, customer, load)
    finally:
        postgres.kill()


def _fill(filler: Path) -> None:
    """Write until not one byte is free."""
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 512, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                pass


async def test_when_no_file_can_grow_nothing_is_told_and_afterwards_it_goes_on(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    async with Server(tmp_path, session) as server, Load(server) as load:
        customer = Customer(server)
        await customer.is_rung()
        await load.answered()
        _, most = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (1, most))
        await load.felt()
        await customer.is_told_nothing()
        assert await customer.is_on_call()
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (most, most))
        await load.answered()
        await load.end()
        await _all_is_well(server, customer, load)


async def test_while_another_process_holds_the_file_nothing_is_told_and_afterwards_it_goes_on(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    async with Server(tmp_path, session) as server, Load(server) as load:
        customer = Customer(server)
        await customer.is_rung()
        await load.answered()
        other = sqlite3.connect(tmp_path / "verifier.sqlite3", isolation_level=None, timeout=20)
        other.execute("BEGIN EXCLUSIVE")
        await asyncio.gather(load.felt(), customer.is_told_nothing())
        other.close()
        await load.answered()
        await load.end()
        await _all_is_well(server, customer, load)


@pytest.mark.shows("CVP-10-14")
async def test_a_file_that_is_damaged_under_a_node_is_unavailable_and_stops_the_next_start(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    async with Server(tmp_path, session) as server:
        customer = Customer(server)
        await customer.is_rung()
        database = tmp_path / "verifier.sqlite3"
        with closing(sqlite3.connect(database)) as other:
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with database.open("r+b") as file:
            file.write(b"\xee" * database.stat().st_size)
        # The node may have read some pages before, and not have met the damage yet.
        async with asyncio.timeout(RECOVERY_S):
            while await server.ready():
                assert (await customer.asks()).status in (200, 503)
        for _ in range(3):
            await customer.is_told_nothing()
            assert_unavailable(await customer.asks())
        server.kill()
        with pytest.raises(RuntimeError, match=r"not a database|damaged|malformed"):
            await server.start()


async def test_a_readiness_check_that_gave_up_on_a_held_file_leaves_no_transaction_open(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    async with Server(tmp_path, session) as server:
        customer = Customer(server)
        await customer.is_rung()
        other = sqlite3.connect(tmp_path / "verifier.sqlite3", isolation_level=None, timeout=20)
        other.execute("BEGIN EXCLUSIVE")
        # It gives up after READY_TIMEOUT_S, while SQLite goes on waiting for its busy_timeout.
        assert not await server.ready()
        other.close()
        await customer.is_answered_again()


@pytest.mark.parametrize("goes", ["in order", "at once"])
async def test_a_postgres_that_goes_and_comes_back_is_followed_without_a_restart(
    tmp_path: Path, session: aiohttp.ClientSession, own_postgres: Postgres, goes: str
) -> None:
    async with Server(tmp_path, session, own_postgres.new_database()) as server, Load(server) as load:
        customer = Customer(server)
        await customer.is_rung()
        await load.answered()
        await asyncio.to_thread(own_postgres.stop if goes == "in order" else own_postgres.kill)
        await load.felt()
        await customer.is_told_nothing()
        await asyncio.to_thread(own_postgres.start)
        await load.answered()
        await load.end()
        await _all_is_well(server, customer, load)


async def _all_is_well(server: Server, customer: Customer, load: Load) -> None:
    await customer.is_answered_again()
    await load.check()
    await server.audit()
    assert await server.stop() == 0
