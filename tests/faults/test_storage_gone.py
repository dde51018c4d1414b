"""A full disk, a locked file or a missing database: unavailable, nothing lost, automatic recovery (law L6)."""

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
    """A small file system. Skips the test if this user may not mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256m", "verifier-test", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("this user may not mount a file system")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


class Customer:
    """A customer on a call with the bank, whose code is not confirmed yet."""

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

    async def assert_unavailable_and_not_ready(self) -> None:
        """Check what clients see of every storage outage."""
        assert_unavailable(await self.confirms())
        assert not await self._server.ready()

    async def assert_recovered(self) -> None:
        """Wait until the same process is ready. The refused confirmation must now succeed, and repeat its answer."""
        async with asyncio.timeout(RECOVERY_S):
            while not await self._server.ready():
                await asyncio.sleep(0.1)
        first = await self.confirms()
        assert (first.status, first.json["verdict"], first.json["given_before"]) == (200, "genuine", False)
        assert first.same(await self.confirms())


@pytest.mark.shows("CVP-7.2-1", "CVP-10-1")
async def test_on_a_full_disk_the_service_is_unavailable_and_recovers_with_space(
    tmp_path: Path, disk: Path, session: aiohttp.ClientSession
) -> None:
    async with Server(tmp_path, session, f"sqlite:{disk / 'verifier.sqlite3'}") as server:
        customer = Customer(server)
        await customer.is_rung()
        # Filled while nothing is written: a failed transaction would leave space for a smaller one.
        filler = disk / "filler"
        _fill(filler)
        async with Load(server) as load:
            await load.wait_for_refusal()
            await customer.assert_unavailable_and_not_ready()
            assert await customer.is_on_call()
            filler.unlink()
            await load.wait_for_answers()
        await _check_recovery(server, customer, load)


@pytest.mark.needs("postgresql")
async def test_on_a_full_disk_of_postgres_the_service_is_unavailable_and_recovers_with_space(
    tmp_path: Path, disk: Path, session: aiohttp.ClientSession
) -> None:
    postgres = Postgres(disk / "postgres", "fsync=on", "max_wal_size=32MB")
    postgres.start()
    try:
        async with Server(tmp_path, session, postgres.new_database()) as server:
            customer = Customer(server)
            await customer.is_rung()
            filler = disk / "filler"
            stranger = server.customer("cust-2")
            asked = {"code": "482177302"}
            assert (await stranger.post("/v1/confirmations", asked, "before")).status == 200
            _fill(filler)
            # The pages that the database has already may still have room for a verdict.
            for attempt in range(50):
                if (await stranger.post("/v1/confirmations", asked, f"full-{attempt}")).status == 503:
                    break
            else:
                pytest.fail("the disk is not full")
            async with Load(server) as load:
                await load.wait_for_refusal()
                # The node may be ready, since updating a row may work where inserting one does not.
                assert_unavailable(await customer.confirms())
                filler.unlink()
                # PostgreSQL stops when its journal has no space. A supervisor would start it again.
                await asyncio.to_thread(postgres.start_if_ended)
                await load.wait_for_answers()
            await _check_recovery(server, customer, load)
    finally:
        postgres.kill()


def _fill(filler: Path) -> None:
    """Write until no byte is free."""
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 512, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                pass


async def test_at_a_file_size_limit_the_service_is_unavailable_and_recovers_without_it(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    async with Server(tmp_path, session) as server, Load(server) as load:
        customer = Customer(server)
        await customer.is_rung()
        await load.wait_for_answers()
        _, most = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (1, most))
        await load.wait_for_refusal()
        await customer.assert_unavailable_and_not_ready()
        assert await customer.is_on_call()
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (most, most))
        await load.wait_for_answers()
        await load.end()
        await _check_recovery(server, customer, load)


async def test_with_a_locked_database_file_the_service_is_unavailable_until_the_lock_ends(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    async with Server(tmp_path, session) as server, Load(server) as load:
        customer = Customer(server)
        await customer.is_rung()
        await load.wait_for_answers()
        other = sqlite3.connect(tmp_path / "verifier.sqlite3", isolation_level=None, timeout=20)
        other.execute("BEGIN EXCLUSIVE")
        await asyncio.gather(load.wait_for_refusal(), customer.assert_unavailable_and_not_ready())
        other.close()
        await load.wait_for_answers()
        await load.end()
        await _check_recovery(server, customer, load)


@pytest.mark.shows("CVP-10-14")
async def test_with_a_damaged_database_file_a_node_is_unavailable_and_cannot_start_again(
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
        # The node may still have some pages in memory, and not have read a damaged one yet.
        async with asyncio.timeout(RECOVERY_S):
            while await server.ready():
                assert (await customer.asks()).status in (200, 503)
        for _ in range(3):
            await customer.assert_unavailable_and_not_ready()
            assert_unavailable(await customer.asks())
        server.kill()
        with pytest.raises(RuntimeError, match=r"not a database|damaged|malformed"):
            await server.start()


async def test_a_readiness_check_that_times_out_on_a_locked_file_leaves_no_transaction_open(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    async with Server(tmp_path, session) as server:
        customer = Customer(server)
        await customer.is_rung()
        other = sqlite3.connect(tmp_path / "verifier.sqlite3", isolation_level=None, timeout=20)
        other.execute("BEGIN EXCLUSIVE")
        # The check times out after READY_TIMEOUT_S. SQLite still waits for its busy_timeout.
        assert not await server.ready()
        other.close()
        await customer.assert_recovered()


@pytest.mark.parametrize("goes", ["in order", "at once"])
async def test_a_node_recovers_from_a_postgres_restart_without_its_own(
    tmp_path: Path, session: aiohttp.ClientSession, own_postgres: Postgres, goes: str
) -> None:
    async with Server(tmp_path, session, own_postgres.new_database()) as server, Load(server) as load:
        customer = Customer(server)
        await customer.is_rung()
        await load.wait_for_answers()
        await asyncio.to_thread(own_postgres.stop if goes == "in order" else own_postgres.kill)
        await load.wait_for_refusal()
        await customer.assert_unavailable_and_not_ready()
        await asyncio.to_thread(own_postgres.start)
        await load.wait_for_answers()
        await load.end()
        await _check_recovery(server, customer, load)


async def _check_recovery(server: Server, customer: Customer, load: Load) -> None:
    await customer.assert_recovered()
    await load.check()
    await server.audit()
    assert await server.stop() == 0
