"""A full disk, a locked file, a database gone: unavailable meanwhile, nothing lost, recovery by itself (law L6)."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.faults.server import Server
from tests.postgres import Postgres
from verifier.demo.bank import now_iso
from verifier.demo.client import Answer

NUMBER = "+8613800138000"
RECOVERY_S = 15


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as made:
        yield made


async def _serve(folder: Path, session: aiohttp.ClientSession, database: str = "") -> Server:
    server = Server(folder, session, database)
    await server.bank.prepare()
    await server.start()
    facts = {
        "customer": {"id": "cust-1", "name": "王芳"},
        "numbers": [{"number": NUMBER, "added_at": "2025-01-01T00:00:00Z"}],
        "officers": [{"id": "4412", "name": "李伟", "branch": "北京"}],
        "product": "个人住房贷款",
    }
    assert (await server.system("loan-origination").put("/v1/applications/LN-1", facts)).status == 200
    return server


async def _live_code(server: Server) -> str:
    officer = server.person(server.bank.officer("4412"))
    asked = {"purpose": "documents", "number": NUMBER, "caller_number": "+861082345678"}
    call_id = (await officer.post("/v1/applications/LN-1/calls", asked)).json["call"]["call_id"]
    leg = {"event": "connected", "leg_id": "1", "number": NUMBER, "at": now_iso()}
    await server.system("pbx").post(f"/v1/calls/{call_id}/legs", leg)
    return str((await officer.get(f"/v1/calls/{call_id}/code")).json["digits"])


async def _confirm(server: Server, code: str) -> Answer:
    customer = server.person(server.bank.customer("cust-1"))
    return await customer.post("/v1/confirmations", {"code": code}, "the-one-key")


def _assert_unavailable(answer: Answer) -> None:
    assert answer.status == 503, answer
    assert (answer.json["slug"], answer.json["verdict"]) == ("unavailable", "unavailable")


async def _recovered(server: Server, code: str) -> Any:
    async with asyncio.timeout(RECOVERY_S):
        while (answer := await _confirm(server, code)).status == 503 or not await server.ready():
            await asyncio.sleep(0.1)
    assert answer.json["verdict"] == "genuine"
    assert await _confirm(server, code) == answer
    return answer.json


async def test_on_a_full_disk_nothing_is_told_and_with_space_it_goes_on(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    server = await _serve(tmp_path, session)
    code = await _live_code(server)
    everything = resource.RLIM_INFINITY
    # No file of the process can grow or be written any more, which is what a full disk is to SQLite.
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (1, everything))
    _assert_unavailable(await _confirm(server, code))
    assert not await server.ready()
    status = await server.person(server.bank.customer("cust-1")).get("/v1/me/call-status")
    assert status.json["on_call"] is True  # what is durable can still be read
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (everything, everything))
    assert (await _recovered(server, code))["given_before"] is False
    assert server.stop() == 0
    await server.bank.stop()


async def test_while_another_process_holds_the_file_it_is_unavailable(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    server = await _serve(tmp_path, session)
    code = await _live_code(server)
    other = sqlite3.connect(tmp_path / "verifier.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    _assert_unavailable(await _confirm(server, code))
    other.execute("ROLLBACK")
    other.close()
    assert (await _recovered(server, code))["given_before"] is False
    server.stop()
    await server.bank.stop()


async def test_a_postgres_that_goes_and_comes_back_is_followed_without_a_restart(
    tmp_path: Path, session: aiohttp.ClientSession, own_postgres: Postgres
) -> None:
    server = await _serve(tmp_path, session, own_postgres.new_database())
    code = await _live_code(server)
    own_postgres.kill()
    _assert_unavailable(await _confirm(server, code))
    assert not await server.ready()
    own_postgres.start()
    assert (await _recovered(server, code))["given_before"] is False
    assert server.stop() == 0
    await server.bank.stop()


async def test_sigterm_answers_what_is_under_way_and_exits_in_order(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    server = await _serve(tmp_path, session)
    customer = server.person(server.bank.customer("cust-1"))
    asked = [
        asyncio.create_task(customer.post("/v1/reports", {"at": now_iso(), "said": str(n)}, f"key-{n}"))
        for n in range(50)
    ]
    watching = asyncio.create_task(_watch(session, server))
    await asyncio.sleep(0.05)
    assert await asyncio.to_thread(server.stop) == 0
    answers = await asyncio.gather(*asked, return_exceptions=True)
    answered = [answer for answer in answers if isinstance(answer, Answer)]
    assert {answer.status for answer in answered} == {201}
    assert len(answered) >= 1
    await asyncio.wait_for(watching, 5)
    await server.start()
    for number, answer in enumerate(answers):
        if isinstance(answer, Answer):
            again = await customer.post("/v1/reports", {"at": "2026-01-01T00:00:00Z"}, f"key-{number}")
            assert again.json["slug"] == "idempotency_key_reused"
    server.stop()
    await server.bank.stop()


async def _watch(session: aiohttp.ClientSession, server: Server) -> None:
    """An event stream that is open when the service stops must not hold it up."""
    headers = {"Authorization": f"Bearer {server.bank.customer('cust-1')}"}
    async with session.get(f"{server.bank.url}/v1/me/events", headers=headers) as response:
        async for _ in response.content:
            pass
