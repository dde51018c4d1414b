"""Measures the gain of a second node on one PostgreSQL, the cost of log shards, and PostgreSQL's own share.

    python tests/benchmarks/nodes.py

Starts its own durable PostgreSQL, and on it in turn one node and two, with one shard and with several. The load is that
of `run.py`, without pinning. On a machine with two cores the nodes, the database and the load share them. The table
shows the processor time of each, as the median, least and most of the rounds.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks.bank import Bank
from tests.benchmarks.figures import percentile
from tests.benchmarks.load import Request, Slice, send
from tests.benchmarks.servers import Server
from tests.postgres import Postgres
from verifier.app import open_service
from verifier.config import load
from verifier.demo.bank import free_ports

CALLS = 6000
SHARDS = 4
Kind = tuple[str, int, int]
"""Phase, nodes, shards."""
_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """Processor time of a process, its children, and its ended children."""
    total = 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        own, parent = int(stat.parent.name), int(fields[1])
        if own == pid:
            total += sum(int(each) for each in fields[11:15])
        elif parent == pid:
            total += int(fields[11]) + int(fields[12])
    return total / _TICKS


class Stretch:
    """One phase on some nodes."""

    def __init__(self, slices: list[Slice], nodes_s: float, database_s: float) -> None:
        self.rps = sum(each.rps for each in slices)
        self.latencies_ms = sorted(s * 1000 for each in slices for s in each.latencies_s)
        count = len(self.latencies_ms)
        self.node_us, self.database_us = 1e6 * nodes_s / count, 1e6 * database_s / count


async def stretch(
    nodes: list[Server],
    ports: list[int],
    postgres: Postgres,
    requests: Iterable[Request],
    status: int,
    connections: int,
) -> tuple[Stretch, list[Any]]:
    """Send the same number of requests to each node at the same time."""
    asked = list(requests)
    nodes_s, database_s = sum(each.cpu_s for each in nodes), cpu_s(postgres.pid)
    each_has = connections // len(ports)
    loads = [
        send(port, iter(asked[n :: len(ports)]), status=status, connections=each_has) for n, port in enumerate(ports)
    ]
    slices = await asyncio.gather(*loads)
    found = Stretch(slices, sum(each.cpu_s for each in nodes) - nodes_s, cpu_s(postgres.pid) - database_s)
    return found, [answer for each in slices for answer in each.answers]


async def run(folder: Path, postgres: Postgres, rounds: int, connections: int) -> None:
    found: dict[Kind, list[Stretch]] = defaultdict(list)
    for turn in range(rounds):
        for count, shards in ((1, 1), (2, 1), (1, SHARDS), (2, SHARDS)):
            place = folder / f"{turn}-{count}-{shards}"
            place.mkdir()
            bank = Bank(place, postgres.new_database(), free_ports(), 600)
            await bank.prepare(CALLS)
            await _split(bank, shards)
            ports = [bank.port, *(free_ports()[0] for _ in range(count - 1))]
            nodes = []
            async with bank.identity_provider():
                try:
                    for port in ports:
                        nodes.append(serve_node(bank, port, place))
                        await nodes[-1].listening(port)
                    issued, answers = await stretch(nodes, ports, postgres, bank.issues(range(CALLS)), 201, connections)
                    confirms = bank.confirms(bank.codes(answers))
                    confirmed, verdicts = await stretch(nodes, ports, postgres, confirms, 200, connections)
                    bank.check_verdicts(verdicts)
                finally:
                    for each in nodes:
                        each.stop()
            found["issue", count, shards].append(issued)
            found["confirm", count, shards].append(confirmed)
    _tell(found)


async def _split(bank: Bank, shards: int) -> None:
    service = await open_service(load(bank.environment))
    await service.context.writer.split(shards)
    await service.context.storage.close()


def serve_node(bank: Bank, port: int, folder: Path) -> Server:
    """Start a node of a bank on this port and on every core. Its output goes to a file in the folder."""
    addresses = {"VERIFIER_LISTEN": f"127.0.0.1:{port}"}
    if port != bank.port:
        addresses["VERIFIER_ADMIN_LISTEN"] = f"127.0.0.1:{free_ports()[1]}"
    cores = sorted(os.sched_getaffinity(0))
    return Server(["verifier", "serve"], bank.environment | addresses, cores, folder / f"{port}.log")


def _tell(found: dict[Kind, list[Stretch]]) -> None:
    click.echo(
        f"{'':10}{'nodes':>6}{'shards':>8}{'a second':>10}{'p50 ms':>8}{'p99 ms':>8}  {'node us':20}PostgreSQL us"
    )
    for (phase, count, shards), stretches in found.items():
        latencies = sorted(ms for each in stretches for ms in each.latencies_ms)
        rps = statistics.median(each.rps for each in stretches)
        node_us, database_us = (
            _spread(getattr(each, what) for each in stretches) for what in ("node_us", "database_us")
        )
        click.echo(
            f"{phase:10}{count:>6}{shards:>8}{rps:>10.0f}{percentile(latencies, 0.5):>8.0f}"
            f"{percentile(latencies, 0.99):>8.0f}  {node_us:20}{database_us}"
        )
    for phase, count, shards in found:
        pairs = zip(found[phase, 1, 1], found[phase, count, shards], strict=True)
        ratios = [this.rps / one.rps for one, this in pairs]
        told = f"{statistics.median(ratios):.2f} of one with one ({min(ratios):.2f} to {max(ratios):.2f})"
        click.echo(f"{phase}: {count} with {shards} shards do {told}")


def _spread(values: Iterable[float]) -> str:
    ordered = sorted(values)
    return f"{statistics.median(ordered):.0f} ({ordered[0]:.0f} - {ordered[-1]:.0f})"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--rounds", default=3, show_default=True)
@click.option("--connections", default=64, show_default=True, help="Between all nodes.")
@click.option("--directory", default=Path("/var/tmp"), show_default=True, type=click.Path(path_type=Path))
def main(rounds: int, connections: int, directory: Path) -> None:
    """Measure one node and two on one PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="nodes-", dir=directory) as name:
        postgres = Postgres(Path(name), "fsync=on")
        postgres.start()
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(run(Path(name), postgres, rounds, connections))
        finally:
            postgres.stop()


if __name__ == "__main__":
    main()
