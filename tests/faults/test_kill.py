"""kill -9 in the middle of load: what was acknowledged is there, and no code can be used twice (laws L3, L4)."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from tests.faults.server import Server
from verifier.core.evidence import Evidence, Trust, verify_evidence
from verifier.core.merkle import Tree, leaf_hash
from verifier.demo.bank import now_iso
from verifier.demo.client import Answer, Caller
from verifier.log import Log
from verifier.storage import open_storage

ROUNDS = int(os.environ.get("KILL_ROUNDS", "25"))
WORKERS = 24
DESK, OLD = "+861082345678", "2025-01-01T00:00:00Z"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
        made = Server(tmp_path, session)
        await made.bank.prepare()
        await made.start()
        yield made
        made.stop()
        await made.bank.stop()


class Post(msgspec.Struct):
    """One POST with its key, and the answer if one came."""

    caller: Caller
    path: str
    body: dict[str, Any]
    key: str
    call_id: str = ""
    answer: Answer | None = None

    async def send(self) -> Answer:
        """Send it, again if need be. Raises ClientError when the server goes away before the answer."""
        answer = await self.caller.post(self.path, self.body, self.key)
        if answer.status >= 500:
            raise aiohttp.ClientError(str(answer.json))
        if self.answer is not None:
            assert answer == self.answer, "the same key has given two answers"
        self.answer = answer
        return answer


class History:
    """Everything that was asked, and every checkpoint that was seen from outside."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.posts: list[Post] = []
        self.checkpoints: dict[int, str] = {}
        self.officer = server.person(server.bank.officer("4412"))
        self.loans, self.pbx, self.ivr = (server.system(name) for name in ("loan-origination", "pbx", "ivr"))

    async def post(self, caller: Caller, path: str, body: dict[str, Any], call_id: str = "") -> Answer:
        self.posts.append(Post(caller, path, body, f"key-{len(self.posts)}", call_id))
        return await self.posts[-1].send()

    async def work(self, name: str, number: str) -> None:
        """One customer's calls, one after another, until the server goes away."""
        path = f"/v1/applications/{name}"
        customer = self.server.person(self.server.bank.customer(name))
        facts = {
            "customer": {"id": name, "name": "王芳"},
            "numbers": [{"number": number, "added_at": OLD}],
            "officers": [{"id": "4412", "name": "李伟", "branch": "北京"}],
            "product": "个人住房贷款",
        }
        assert (await self.loans.put(path, facts)).status == 200
        while True:
            asked = {"purpose": "documents", "number": number, "caller_number": DESK}
            issued = await self.post(self.officer, f"{path}/calls", asked)
            call_id = issued.json["call"]["call_id"]
            leg = {"event": "connected", "leg_id": "1", "number": number, "at": now_iso()}
            await self.post(self.pbx, f"/v1/calls/{call_id}/legs", leg)
            code = (await self.officer.get(f"/v1/calls/{call_id}/code")).json["digits"]
            spoken = {"digits": code, "dialled_number": "+861095588", "caller_number": number}
            await asyncio.gather(
                self.post(customer, "/v1/confirmations", {"code": code}, call_id),
                self.post(customer, "/v1/confirmations", {"code": code}, call_id),
                self.post(self.ivr, "/v1/ivr/confirmations", spoken, call_id),
            )
            await self.post(self.pbx, f"/v1/calls/{call_id}/legs", {**leg, "event": "ended"})

    async def watch(self, session: aiohttp.ClientSession) -> None:
        """Keep every checkpoint that can be had."""
        while True:
            async with session.get(f"{self.server.bank.url}/log/checkpoint") as response:
                _, size, root, *_ = (await response.text()).split("\n")
                assert self.checkpoints.setdefault(int(size), root) == root
            await asyncio.sleep(0.01)


async def test_kill_9_in_the_middle_of_load_loses_nothing_and_uses_no_code_twice(server: Server) -> None:
    rng = random.Random(20261123)
    history = History(server)
    async with aiohttp.ClientSession() as session:
        for turn in range(ROUNDS):
            names = [(f"K-{turn}-{n}", f"+86138{turn:04d}{n:04d}") for n in range(WORKERS)]
            tasks = [asyncio.create_task(history.work(*each)) for each in names]
            tasks.append(asyncio.create_task(history.watch(session)))
            await asyncio.sleep(rng.uniform(0.2, 1.2))
            server.kill()
            for ended in await asyncio.gather(*tasks, return_exceptions=True):
                assert isinstance(ended, aiohttp.ClientError | OSError), ended
            await server.start()
            await _check(history)
    acknowledged = sum(post.answer is not None for post in history.posts)
    print(f"\n{ROUNDS} kills, {acknowledged} answers, {len(history.checkpoints)} checkpoints seen")
    assert acknowledged > ROUNDS * WORKERS
    await _check_log(history)


async def _check(history: History) -> None:
    """Ask everything again with its key: what was answered is answered alike, what was lost gets one answer."""
    recent = history.posts[-2000:]
    await asyncio.gather(*(post.send() for post in recent))
    trust = await _trust(history.server)
    first: dict[str, set[str]] = defaultdict(set)
    for post in recent:
        assert post.answer is not None
        assert post.answer.status < 300 or post.answer.json["slug"] in ("call_open", "call_closed"), post.answer
        if post.answer.json.get("verdict") == "genuine":
            if not post.answer.json["given_before"]:
                first[post.call_id].add(post.answer.json["receipt_id"])
            if "receipt" in post.answer.json:
                verify_evidence(msgspec.convert(post.answer.json["receipt"], Evidence), trust)
    assert not {call_id: receipts for call_id, receipts in first.items() if len(receipts) > 1}


async def _trust(server: Server) -> Trust:
    description = await server.person("").get("/.well-known/callback-verification")
    return msgspec.convert(description.json, Trust)


async def _check_log(history: History) -> None:
    """The log audits, and every checkpoint ever seen is that of its leaves."""
    server = history.server
    command = [sys.executable, "-m", "verifier", "log", "verify"]
    audited = subprocess.run(command, env=server.environment(), capture_output=True, text=True)
    assert audited.returncode == 0, audited.stdout + audited.stderr
    storage = await open_storage(server.bank.config.database)
    entries = await Log(storage).entries(0, 1 << 40)
    await storage.close()
    tree = Tree(0, {})
    for size, root in sorted(history.checkpoints.items()):
        tree, _ = tree.extend([leaf_hash(entry) for entry in entries[tree.size : size]])
        assert tree.size == size
        assert root == msgspec.json.encode(tree.root()).decode().strip('"')
