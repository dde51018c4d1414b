"""On SIGTERM the node commits and answers all pending requests, ends the streams, and exits with status 0."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
from pathlib import Path

import aiohttp
import pytest

from tests.faults.server import Server
from verifier.demo.client import now_iso

PENDING = 50
# Long enough for every request to arrive, and shorter than SQLite's busy timeout.
ARRIVED_S, DRAINING_S = 1.0, 1.0


@pytest.mark.shows("CVP-12-3")
async def test_sigterm_answers_all_pending_requests_and_exits_with_0(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    async with Server(tmp_path, session) as server:
        customer = server.customer("cust-1")
        said = [{"at": now_iso(), "said": str(n)} for n in range(PENDING)]
        # While another process locks the file, every request is pending and none can be answered.
        other = sqlite3.connect(tmp_path / "verifier.sqlite3", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        asked = [asyncio.create_task(customer.post("/v1/reports", body, body["said"])) for body in said]
        watching = asyncio.create_task(_watch(session, server))
        await asyncio.sleep(ARRIVED_S)
        stopped = asyncio.create_task(server.stop())
        await asyncio.sleep(DRAINING_S)
        assert not any(each.done() for each in (*asked, stopped))
        other.close()
        answers = await asyncio.gather(*asked)
        assert {answer.status for answer in answers} == {201}
        assert await stopped == 0
        await asyncio.wait_for(watching, 5)
        await server.start()
        for body, answer in zip(said, answers, strict=True):
            assert answer.same(await customer.post("/v1/reports", body, body["said"]))


@pytest.mark.shows("CVP-12-3")
async def test_a_draining_node_accepts_no_new_connection(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    async with Server(tmp_path, session) as server:
        customer = server.customer("cust-1")
        other = sqlite3.connect(tmp_path / "verifier.sqlite3", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        asked = asyncio.create_task(customer.post("/v1/reports", {"at": now_iso(), "said": "1"}, "1"))
        await asyncio.sleep(ARRIVED_S)
        stopped = asyncio.create_task(server.stop())
        await asyncio.sleep(DRAINING_S)
        port = int(server.bank.url.rpartition(":")[2])
        try:
            await asyncio.open_connection("127.0.0.1", port)
            raise AssertionError("a new connection was taken")
        except ConnectionRefusedError:
            pass
        other.close()
        assert (await asked).status == 201
        assert await stopped == 0


@pytest.mark.shows("CVP-12-5")
async def test_a_draining_node_is_not_ready_but_answers_until_a_second_signal(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    async with Server(tmp_path, session, drain_seconds=25) as server:
        customer = server.customer("cust-1")
        before = await customer.post("/v1/reports", {"at": now_iso(), "said": "1"}, "1")
        assert before.headers.get("Connection") != "close"
        stopped = asyncio.create_task(server.stop())
        async with asyncio.timeout(5):
            while await server.ready():
                await asyncio.sleep(0.01)
        for said in ("2", "3"):
            answer = await customer.post("/v1/reports", {"at": now_iso(), "said": said}, said)
            assert (answer.status, answer.headers["Connection"]) == (201, "close")
        assert (await customer.get("/openapi.json")).headers["Connection"] == "close"
        assert not stopped.done()
        os.kill(server.pid, signal.SIGTERM)
        async with asyncio.timeout(10):
            assert await stopped == 0


async def _watch(session: aiohttp.ClientSession, server: Server) -> None:
    """Hold an event stream open. It must not delay the stop of the service."""
    headers = {"Authorization": f"Bearer {server.bank.customer('cust-1')}"}
    async with session.get(f"{server.bank.url}/v1/me/events", headers=headers) as response:
        async for _ in response.content:
            pass
