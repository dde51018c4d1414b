"""kill -9 under load: nothing acknowledged is lost, and no code is used twice (laws L3, L4)."""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path

import aiohttp
import pytest

from tests.faults.history import History, cut_off
from tests.faults.server import Server
from verifier.core.merkle import Tree, leaf_hash
from verifier.core.shards import shard_origin
from verifier.ledger.log import Log, count_shards
from verifier.storage import open_storage

ROUNDS = int(os.environ.get("KILL_ROUNDS", "10"))
SEED = int(os.environ.get("KILL_SEED", random.SystemRandom().getrandbits(32)))
CUSTOMERS = 32
SHARDS = 4
OLD_ANSWERS = 50


@pytest.mark.shows("CVP-7-6", "CVP-10-4")
async def test_kill_9_under_load_loses_nothing_and_uses_no_code_twice(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    print(f"\nKILL_SEED={SEED} KILL_ROUNDS={ROUNDS}")
    rng = random.Random(SEED)
    acknowledged = awaited = 0
    async with Server(tmp_path, session) as server:
        history = History(server, await server.trust(), SEED)
        for turn in range(ROUNDS):
            if turn == ROUNDS // 2:
                await server.split(SHARDS)
            before = len(history.posts)
            answers, pause_s = rng.randint(1, 5 * CUSTOMERS), rng.choice((0.0, rng.uniform(0.0, 0.1)))
            await _kill_under_load(server, session, history, turn, answers, pause_s)
            awaited += answers
            recent = history.posts[before:]
            acknowledged += sum(post.reply is not None for post in recent)
            await server.start()
            await check_log(server, history)
            old = rng.sample(history.posts[:before], min(before, OLD_ANSWERS))
            await asyncio.gather(*(history.check(post) for post in (*recent, *old)))
            assert {call: ids for call, ids in history.receipts.items() if len(ids) != 1} == {}
        await check_log(server, history)
        await server.audit()
    lost = len(history.posts) - acknowledged
    print(
        f"{acknowledged} acknowledged, {lost} answers lost, {len(history.receipts)} codes used, "
        f"{len(history.roots)} checkpoints seen"
    )
    assert acknowledged >= awaited
    assert history.receipts


async def _kill_under_load(
    server: Server, session: aiohttp.ClientSession, history: History, turn: int, answers: int, pause_s: float
) -> None:
    """Run load from all customers, and kill the server after so many answers and a pause.

    Without a pause, the last answer would reveal that it was sent before its commit.
    """
    customers = [(f"K-{turn}-{n}", f"+86138{turn:04d}{n:04d}") for n in range(CUSTOMERS)]
    load = [asyncio.create_task(history.work(*each)) for each in customers]
    load.append(asyncio.create_task(history.watch(session, *server.urls)))
    for _ in range(answers):
        history.answered.clear()
        await history.answered.wait()
    await asyncio.sleep(pause_s)
    server.kill()
    await cut_off(load)


async def check_log(server: Server, history: History) -> None:
    """Check every checkpoint seen against the root of the first leaves, rebuilt from the log's entries."""
    storage = await open_storage(server.bank.config.database)
    try:
        shards = range(await count_shards(storage))
        logs = {
            shard_origin(server.bank.config.origin, shard): await Log(storage, shard).entries(0, 1 << 40)
            for shard in shards
        }
    finally:
        await storage.close()
    trees = dict.fromkeys(logs, Tree.resume(0, {}))
    for (origin, size), root in sorted(history.roots.items()):
        tree = trees[origin]
        trees[origin], _ = tree.extend([leaf_hash(entry) for entry in logs[origin][tree.size : size]])
        assert (trees[origin].size, trees[origin].root()) == (size, root), origin
