"""Clients that hold connections open do not block others, and the service cuts them in time."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from pathlib import Path

import aiohttp
import pytest

from tests.faults.client import Client
from tests.faults.crowd import NEVER_READS, SLOW_BODY, SLOW_HEADERS, Crowd, raise_file_limit
from tests.faults.server import Server
from tests.faults.test_storage_gone import Customer
from verifier.demo.client import now_iso

IDLE, SLOW, DEAF = 10_000, 1_000, 200
# More than the service accepts, so it must cut some.
ENOUGH = 6_000
QUICK = {"request_seconds": 3, "slow_client_seconds": 2, "idle_seconds": 2}
# The service checks connections four times a second, and this machine may be busy.
LATE_S = 8.0


class Watchful:
    """Sends reports continuously, on one kept connection and on new ones. Every answer must be 201."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._took: list[float] = []
        self._senders: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Watchful:
        self._senders = [asyncio.create_task(self._run(name, kept)) for name, kept in (("kept", True), ("new", False))]
        return self

    async def __aexit__(self, *exception: object) -> None:
        for each in self._senders:
            each.cancel()
        for ended in await asyncio.gather(*self._senders, return_exceptions=True):
            if not isinstance(ended, asyncio.CancelledError):
                raise AssertionError(f"a real client was not answered: {ended!r}")

    async def _run(self, name: str, kept: bool) -> None:
        connector = aiohttp.TCPConnector(force_close=not kept)
        async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=10)) as session:
            client = Client(session, self._server.bank.url, token=self._server.bank.customer("cust-1"))
            for n in range(1_000_000):
                began = time.perf_counter()
                reply = await client.post("/v1/reports", {"at": now_iso(), "said": f"{name} {n}"}, f"{name}-{n}")
                assert reply.status == 201, reply
                self._took.append(time.perf_counter() - began)
                await asyncio.sleep(0.02)

    def print_latency(self, during: str) -> None:
        """Print the latency of the answers since the last call."""
        took, self._took = sorted(self._took), []
        assert len(took) >= 10, f"only {len(took)} answers during {during}"
        p50, p99 = (took[len(took) * share // 100] * 1000 for share in (50, 99))
        print(f"{during}: {len(took)} answers, p50 {p50:.0f} ms, p99 {p99:.0f} ms, longest {took[-1] * 1000:.0f} ms")


@pytest.mark.shows("CVP-12.2-1", "CVP-12.2-2")
async def test_crowds_of_silent_slow_and_unreading_clients_do_not_block_others(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    idle = min(IDLE, raise_file_limit() - 2 * SLOW - DEAF)
    if idle < ENOUGH:
        pytest.skip(f"the limit of open files leaves {idle} connections for a crowd")
    async with Server(tmp_path, session, **QUICK) as server:
        customer = Customer(server)
        await customer.is_rung()
        before = _descriptors(server)
        async with Watchful(server) as watchful:
            with Crowd(_port(server)) as crowd:
                await crowd.comes(idle)
                watchful.print_latency(f"{idle} silent connections")
                assert _descriptors(server) < server.bank.config.max_connections + 100
                assert await _cut(server, "full") > 0
                await crowd.comes(SLOW, SLOW_HEADERS, b"X: 1\r\n")
                await crowd.comes(SLOW, SLOW_BODY, b" ")
                await crowd.comes(DEAF, NEVER_READS)
                await asyncio.wait_for(crowd.trickle(0.5), LATE_S)
                watchful.print_latency(f"{SLOW} slow headers, {SLOW} slow bodies, {DEAF} that never read")
                genuine = await customer.confirms()
                assert (genuine.status, genuine.json["verdict"]) == (200, "genuine")
                async with asyncio.timeout(LATE_S):
                    while _descriptors(server) > before + 4:
                        await asyncio.sleep(0.1)
                assert await _cut(server, "headers") >= SLOW
                assert await _cut(server, "body") == SLOW
                assert await _cut(server, "slow_client") == DEAF
        assert await server.stop() == 0


@pytest.mark.shows("CVP-12.2-2")
async def test_idle_connections_make_room_and_busy_ones_do_not(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    async with Server(tmp_path, session, max_connections=10) as server:
        headers = {"Authorization": f"Bearer {server.bank.customer('cust-1')}"}
        streams = [await session.get(f"{server.bank.url}/v1/me/events", headers=headers) for _ in range(9)]
        with Crowd(_port(server)) as crowd:
            await crowd.comes(50)
            streams.append(await session.get(f"{server.bank.url}/v1/me/events", headers=headers))
            assert await _cut(server, "full") == 50
            with pytest.raises(aiohttp.ClientError):
                await session.get(f"{server.bank.url}/v1/me/events", headers=headers)
        assert await server.ready()
        streams.pop().close()
        await Customer(server).is_rung()
        for stream in streams:
            assert await _on_call(stream)
            stream.close()


async def test_open_streams_and_pending_answers_outlast_every_connection_limit(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    short = {"request_seconds": 1, "slow_client_seconds": 1, "idle_seconds": 1}
    async with Server(tmp_path, session, **short) as server:
        headers = {"Authorization": f"Bearer {server.bank.customer('cust-1')}"}
        async with session.get(f"{server.bank.url}/v1/me/events", headers=headers) as stream:
            other = sqlite3.connect(tmp_path / "verifier.sqlite3", isolation_level=None)
            other.execute("BEGIN EXCLUSIVE")
            report = {"at": now_iso(), "said": "waits"}
            waits = asyncio.create_task(server.customer("cust-1").post("/v1/reports", report, "waits"))
            await asyncio.sleep(3)
            other.close()
            assert (await waits).status == 201
            await Customer(server).is_rung()
            assert await asyncio.wait_for(_on_call(stream), 5)


async def _on_call(stream: aiohttp.ClientResponse) -> bool:
    """Read the stream until it says that the customer is on a call. False if it ends first."""
    async for line in stream.content:
        if b'"on_call":true' in line:
            return True
    return False


def _port(server: Server) -> int:
    return int(server.bank.url.rpartition(":")[2])


def _descriptors(server: Server) -> int:
    return len(os.listdir(f"/proc/{server.pid}/fd"))


async def _cut(server: Server, reason: str) -> int:
    """How many connections to the public port were cut for that reason, according to the metrics."""
    async with aiohttp.ClientSession() as session, session.get(f"{server.bank.admin_url}/metrics") as response:
        lines = (await response.text()).splitlines()
    name = f'verifier_connections_cut_total{{listener="public",reason="{reason}"}} '
    return sum(int(float(line.removeprefix(name))) for line in lines if line.startswith(name))
