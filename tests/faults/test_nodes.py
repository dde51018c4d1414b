"""Three nodes on one PostgreSQL, killed in turn under load: one log, one answer per key, one use per code."""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path

import aiohttp
import pytest

from tests.faults.history import History
from tests.faults.nodes import Nodes
from tests.faults.test_kill import check_log
from tests.postgres import Postgres
from verifier.core.shards import MAX_SHARDS

NODES = 3
KILLS = int(os.environ.get("NODE_KILLS", "2"))
SEED = int(os.environ.get("KILL_SEED", random.SystemRandom().getrandbits(32)))
CUSTOMERS = 24


@pytest.mark.shows("CVP-10-1", "CVP-10-4")
async def test_nodes_killed_under_load_leave_one_log_and_use_each_code_once(
    tmp_path: Path, session: aiohttp.ClientSession, postgres: Postgres
) -> None:
    print(f"\nKILL_SEED={SEED} NODE_KILLS={KILLS}")
    rng = random.Random(SEED)
    async with Nodes(tmp_path, session, postgres.new_database(), NODES) as nodes:
        history = History(nodes, await nodes.trust(), SEED)
        for turn in range(KILLS):
            # New customers each time, since the contact policy limits the calls to a customer.
            customers = [(f"N-{turn}-{n}", f"+86139{turn:04d}{n:04d}") for n in range(CUSTOMERS)]
            load = [asyncio.create_task(history.work(*each)) for each in customers]
            load.append(asyncio.create_task(history.watch_all(session)))
            await asyncio.sleep(rng.uniform(0.2, 0.8))
            # Every other turn splits the log during the load.
            split = asyncio.create_task(nodes.split(min(MAX_SHARDS, 2 * turn + 2))) if turn % 2 else None
            await asyncio.sleep(rng.uniform(0.0, 1.0))
            victim = rng.randrange(NODES)
            nodes.kill_node(victim)
            await asyncio.sleep(rng.uniform(0.0, 0.3))
            await nodes.start_node(victim)
            if split is not None:
                await split
                # The load must go on until a node has served a checkpoint of a new shard.
                await asyncio.wait_for(_several_logs_served(history), 60)
            broken = [task for task in load if task.done()]
            for task in load:
                task.cancel()
            await asyncio.gather(*load, return_exceptions=True)
            assert not broken, broken[0].exception()
        answered = [post for post in history.posts if post.reply is not None]
        for n in range(0, len(answered), 200):
            await asyncio.gather(*(history.check(post) for post in answered[n : n + 200]))
        assert {call: ids for call, ids in history.receipts.items() if len(ids) != 1} == {}
        await check_log(nodes, history)
        await nodes.audit()
    print(
        f"{len(answered)} acknowledged by {NODES} nodes over {KILLS} kills, {len(history.receipts)} codes used, "
        f"{len(history.roots)} checkpoints seen, {len(history.served)} of them served"
    )
    assert len(answered) > 20 * CUSTOMERS
    assert len({origin for origin, _ in history.served}) > 1 or KILLS < 2


async def _several_logs_served(history: History) -> None:
    while len({origin for origin, _ in history.served}) < 2:
        await asyncio.sleep(0.05)
