"""Outages of nodes, database servers and their connections. Each function causes one and returns when it is over."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

import asyncpg
from msgspec import Struct

from tests.faults.cluster import Cluster
from tests.faults.nodes import Nodes

MOST_SHARDS = 16


class Field(Struct):
    """The system under test. `struck_at` is when the leader was taken away, in monotonic seconds, or 0."""

    cluster: Cluster
    nodes: Nodes
    count: int
    rng: random.Random
    struck_at: float = 0.0


Outage = Callable[[Field], Awaitable[None]]


async def server_killed(field: Field) -> None:
    """kill -9 of the leader's PostgreSQL."""
    leader, _ = await field.cluster.settled()
    field.struck_at = time.monotonic()
    leader.kill_server()
    await field.cluster.leader(other_than=leader)


async def machine_killed(field: Field) -> None:
    """kill -9 of everything that runs on the leader's machine."""
    leader, _ = await field.cluster.settled()
    field.struck_at = time.monotonic()
    leader.kill_machine()
    await field.cluster.leader(other_than=leader)
    leader.start()


async def leader_frozen(field: Field) -> None:
    """The leader freezes until another is elected, then resumes in the belief that it still leads."""
    leader, _ = await field.cluster.settled()
    field.struck_at = time.monotonic()
    leader.freeze()
    try:
        await field.cluster.leader(other_than=leader)
        await asyncio.sleep(1)
    finally:
        leader.thaw()


async def nodes_cut_from_leader(field: Field) -> None:
    leader, _ = await field.cluster.settled()
    leader.for_nodes.cut()
    await asyncio.sleep(field.rng.uniform(2, 7))
    leader.for_nodes.heal()


async def leader_cut_from_standby(field: Field) -> None:
    """The leader waits for its standby, and after a while continues without it."""
    leader, _ = await field.cluster.settled()
    leader.for_peers.cut()
    await asyncio.sleep(field.rng.uniform(2, 8))
    leader.for_peers.heal()


async def leader_cut_from_etcd(field: Field) -> None:
    """The leader cannot renew its lease, and must step down although nodes reach it."""
    leader, _ = await field.cluster.settled()
    leader.to_etcd.cut()
    try:
        await field.cluster.leader(other_than=leader)
    finally:
        leader.to_etcd.heal()


async def node_killed(field: Field) -> None:
    n = field.rng.randrange(field.count)
    field.nodes.kill_node(n)
    await asyncio.sleep(field.rng.uniform(0, 1))
    await field.nodes.start_node(n)


async def node_frozen(field: Field) -> None:
    """A node freezes, possibly while it holds the lock of the head row, and then resumes."""
    n = field.rng.randrange(field.count)
    field.nodes.freeze_node(n)
    await asyncio.sleep(field.rng.uniform(1, 8))
    field.nodes.thaw_node(n)


async def clock_jumped(field: Field) -> None:
    """One node's clock is ten minutes ahead or behind."""
    n = field.rng.randrange(field.count)
    field.nodes.set_clock(n, field.rng.choice((-600, 600)))
    await asyncio.sleep(field.rng.uniform(2, 5))
    field.nodes.set_clock(n, 0)


async def storage_slow(field: Field) -> None:
    for each in field.cluster.members:
        each.for_nodes.slow(0.15)
    await asyncio.sleep(field.rng.uniform(2, 5))
    for each in field.cluster.members:
        each.for_nodes.slow(0)


async def connections_exhausted(field: Field) -> None:
    """Another client takes all free connections of the leader, and the nodes lose theirs."""
    leader, _ = await field.cluster.settled()
    taken: list[asyncpg.Connection] = []
    address = f"postgresql://verifier@127.0.0.1:{leader.postgres}/postgres"
    try:
        while True:
            taken.append(await asyncpg.connect(address, timeout=5))
    except (asyncpg.PostgresError, OSError):
        leader.for_nodes.cut()
        leader.for_nodes.heal()
        await asyncio.sleep(field.rng.uniform(1, 3))
    finally:
        for each in taken:
            each.terminate()


async def log_split(field: Field) -> None:
    """Double the number of shards. Not an outage, but it must not disturb anything."""
    await field.nodes.split(min(MOST_SHARDS, 2 * field.nodes.shards))


OUTAGES: dict[str, Outage] = {
    each.__name__: each
    for each in (
        server_killed,
        machine_killed,
        leader_frozen,
        nodes_cut_from_leader,
        leader_cut_from_standby,
        leader_cut_from_etcd,
        node_killed,
        node_frozen,
        clock_jumped,
        storage_slow,
        connections_exhausted,
        log_split,
    )
}
