"""A PostgreSQL leader that is killed in load: the synchronous standby takes over, and nothing acknowledged is lost.

`FAILOVERS=20 python -m pytest -s tests/faults/test_failover.py` is the long form.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.conftest import require
from tests.faults.cluster import Cluster
from tests.faults.history import History
from tests.faults.nodes import Nodes
from tests.faults.test_kill import check_log
from tests.postgres import installed

FAILOVERS = int(os.environ.get("FAILOVERS", "1"))
SEED = int(os.environ.get("KILL_SEED", random.SystemRandom().getrandbits(32)))
NODES, CUSTOMERS = 3, 24


@pytest.fixture
async def cluster(session: aiohttp.ClientSession) -> AsyncIterator[Cluster]:
    require("Patroni with etcd", installed() and bool(shutil.which("patroni") and shutil.which("etcd")))
    with tempfile.TemporaryDirectory(prefix="cluster-", ignore_cleanup_errors=True) as folder:
        async with Cluster(Path(folder), session) as made:
            yield made


@pytest.mark.shows("CVP-10-4", "CVP-10-6")
async def test_a_leader_that_is_killed_in_load_loses_nothing_and_no_node_is_restarted(
    tmp_path: Path, session: aiohttp.ClientSession, cluster: Cluster
) -> None:
    print(f"\nKILL_SEED={SEED} FAILOVERS={FAILOVERS}")
    waits: dict[str, list[float]] = {"server": [], "machine": []}
    async with Nodes(tmp_path, session, await cluster.new_database("verifier"), NODES) as nodes:
        history = History(nodes, await nodes.trust(), SEED)
        for turn in range(FAILOVERS):
            customers = [(f"F-{turn}-{n}", f"+86139{turn:04d}{n:04d}") for n in range(CUSTOMERS)]
            load = [asyncio.create_task(history.work(*each)) for each in customers]
            await asyncio.sleep(random.Random(SEED + turn).uniform(1, 3))
            leader, _ = await cluster.settled()
            what = "machine" if turn % 2 else "server"
            killed_at = time.monotonic()
            leader.kill_machine() if what == "machine" else leader.kill_server()
            waits[what].append(await _first_confirmed(history, killed_at) - killed_at)
            if not leader.running:
                leader.start()
            broken = [task for task in load if task.done()]
            for task in load:
                task.cancel()
            await asyncio.gather(*load, return_exceptions=True)
            assert not broken, broken[0].exception()
            await cluster.settled()
        answered = [post for post in history.posts if post.reply is not None]
        for n in range(0, len(answered), 200):
            await asyncio.gather(*(history.check(post) for post in answered[n : n + 200]))
        assert {call: ids for call, ids in history.receipts.items() if len(ids) != 1} == {}
        await check_log(nodes, history)
        await nodes.audit()
    for what, times in waits.items():
        if times:
            print(
                f"{what} killed {len(times)} times: first new confirm after {statistics.median(times):.1f} s (median), "
                f"{max(times):.1f} s (worst)"
            )
    print(f"{len(answered)} acknowledged, 0 lost; {len(history.receipts)} codes used; {len(history.roots)} checkpoints")


async def _first_confirmed(history: History, since: float) -> float:
    """When the first confirm that was asked after an instant had its answer."""
    async with asyncio.timeout(120):
        while True:
            found = [post.returned for post in history.posts if post.about and post.reply and post.invoked > since]
            if found:
                return min(found)
            await asyncio.sleep(0.05)
