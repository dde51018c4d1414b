"""Nodes under load on a PostgreSQL cluster with automatic failover, during one outage after another (laws L3, L4).

Afterwards every acknowledged answer repeats byte by byte, each code was used once, every history is linearizable, and
every checkpoint belongs to the one log of its shard. Only killed processes were started again.

Long runs, with `python -m pytest -s tests/faults/test_outages.py`:
`OUTAGE_RUNS=20 OUTAGES_EACH=5` for any outages; `OUTAGE_RUNS=20 OUTAGES=server_killed,machine_killed OUTAGES_EACH=1`.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import statistics
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.faults.cluster import Cluster
from tests.faults.history import History
from tests.faults.linearizable import violations
from tests.faults.nodes import Nodes
from tests.faults.outages import OUTAGES, Field
from tests.faults.test_kill import check_log

SHORT = "server_killed,log_split,node_frozen,clock_jumped"
NAMES = os.environ.get("OUTAGES", "").split(",") if os.environ.get("OUTAGES") else []
RUNS = int(os.environ.get("OUTAGE_RUNS", "0"))
EACH = int(os.environ.get("OUTAGES_EACH", "3"))
SEED = int(os.environ.get("KILL_SEED", random.SystemRandom().getrandbits(32)))
NODES, CUSTOMERS, SHARDS = 4, 64, 4


@pytest.fixture
async def cluster(session: aiohttp.ClientSession) -> AsyncIterator[Cluster]:
    with tempfile.TemporaryDirectory(prefix="cluster-", ignore_cleanup_errors=True) as folder:
        async with Cluster(Path(folder), session) as made:
            yield made


@pytest.fixture
def faketime() -> Path:
    """The library that changes the clock of one process."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    return found[0]


@pytest.mark.shows("CVP-10-1", "CVP-10-4", "CVP-10-6", "CVP-10-8", "CVP-10-12")
@pytest.mark.needs("postgresql", "patroni", "etcd-server", "libfaketime")
async def test_nothing_is_lost_and_no_code_used_twice_whatever_befalls_nodes_and_servers(
    tmp_path: Path, session: aiohttp.ClientSession, cluster: Cluster, faketime: Path
) -> None:
    print(f"\nKILL_SEED={SEED} OUTAGE_RUNS={RUNS or 1}")
    counts: Counter[str] = Counter()
    waits: dict[str, list[float]] = defaultdict(list)
    url = await cluster.new_database("verifier")
    async with Nodes(tmp_path, session, url, NODES, faketime) as nodes:
        trust = await nodes.trust()
        # All runs share these: the logs of one run must still be there after the others.
        roots: dict[tuple[str, int], bytes] = {}
        for run in range(RUNS or 1):
            rng = random.Random(SEED + run)
            names = rng.choices(NAMES or sorted(OUTAGES), k=EACH) if RUNS else SHORT.split(",")
            print(run, *names, flush=True)
            history = History(nodes, trust, SEED + run, looking=True)
            history.roots = roots
            if RUNS and run == RUNS // 2:
                # The second half of the runs has several shards. An earlier outage may have split the log already.
                await nodes.split(SHARDS)
            await _run(history, Field(cluster, nodes, NODES, rng), session, run, names, waits)
            await cluster.settled()
            await _check(history, nodes)
            counts.update(names)
            counts["operations"] += len(history.operations())
            counts["acknowledged"] += sum(post.reply is not None for post in history.posts)
            counts["codes used"] += len(history.receipts)
            counts["checkpoints seen"] = len(roots)
            counts["checkpoints served"] += len(history.served)
            print(dict(counts), flush=True)
        await nodes.audit()
    for name, times in sorted(waits.items()):
        median, worst = statistics.median(times), max(times)
        print(f"{name}, {len(times)} times: first new confirm after {median:.1f} s (median), {worst:.1f} s (worst)")
    assert counts["codes used"] > CUSTOMERS
    assert counts["checkpoints served"] > len(names)


async def _run(
    history: History,
    field: Field,
    session: aiohttp.ClientSession,
    run: int,
    names: list[str],
    waits: dict[str, list[float]],
) -> None:
    """Cause the outages one after another, under the load of all customers. Confirmations must work after each."""
    load = [asyncio.create_task(_ring_all_day(history, run * CUSTOMERS + n)) for n in range(CUSTOMERS)]
    load.append(asyncio.create_task(history.watch_all(session)))
    await asyncio.sleep(field.rng.uniform(1, 3))
    for name in names:
        field.struck_at = 0.0
        await OUTAGES[name](field)
        since = field.struck_at or time.monotonic()
        waited = await _first_confirmed(history, since) - since
        if field.struck_at:
            waits[name].append(waited)
    broken = [task for task in load if task.done()]
    for task in load:
        task.cancel()
    await asyncio.gather(*load, return_exceptions=True)
    assert not broken, broken[0].exception()


async def _ring_all_day(history: History, n: int) -> None:
    """Call one customer after another, since the contact policy limits the calls to a customer."""
    for other in itertools.count():
        await history.work(f"O-{n}-{other}", f"+86139{n:05d}{other:03d}", calls=45)


async def _first_confirmed(history: History, since: float) -> float:
    """When the first confirmation that was sent after `since` was answered."""
    async with asyncio.timeout(60):
        while True:
            found = [post.returned for post in history.posts if post.kind == "confirm" and post.invoked > since]
            if any(found):
                return min(each for each in found if each)
            await asyncio.sleep(0.05)


async def _check(history: History, nodes: Nodes) -> None:
    assert violations(history.operations()) == {}
    answered = [post for post in history.posts if post.reply is not None]
    for n in range(0, len(answered), 200):
        await asyncio.gather(*(history.check(post) for post in answered[n : n + 200]))
    assert {call: ids for call, ids in history.receipts.items() if len(ids) != 1} == {}
    await check_log(nodes, history)
