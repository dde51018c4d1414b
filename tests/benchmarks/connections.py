"""Measures issue and confirm against the number of connections, and draws the result.

    python tests/benchmarks/connections.py

Serves three banks at once, and measures them in turn: one node on SQLite, one node on PostgreSQL, and two nodes on one
PostgreSQL. Starts its own durable PostgreSQL. The requests and settings are those of `run.py`, without pinning: nodes,
database and load share the cores of the machine, and only one bank has load at a time. Two nodes share the connections.

Prints what to put into specs/scaling.md, and draws the plot that it shows (`--plot`). Rates are medians of the rounds,
and the plot shows the least and the most as well. A p99 of the table is that of all rounds together. Takes some five
minutes, of which half is to register applications.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

import click
import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks.bank import Bank
from tests.benchmarks.figures import percentile, surroundings
from tests.benchmarks.load import Answer, Failed, Request, Slice, send
from tests.benchmarks.nodes import serve_node
from tests.benchmarks.plot import Line, Panel, Point, draw
from tests.benchmarks.race import WARM_UP, serving
from tests.postgres import Postgres
from verifier.demo.bank import free_ports

CONNECTIONS = (1, 8, 64, 256, 1024)
PHASES = ("issue", "confirm")
# Applications for each second of issuing, and for each connection in it. When they run out, the stretch ends early.
PER_SECOND, PER_CONNECTION = 4000, 900
COLORS = ("#0072b2", "#d55e00", "#009e73")


class Setup(NamedTuple):
    """A bank and the ports of its nodes. `applications` are the numbers of those without a call."""

    name: str
    bank: Bank
    ports: list[int]
    applications: Iterator[int]


class Stretch(NamedTuple):
    """One phase with so many connections."""

    rps: float
    latencies_ms: list[float]

    @property
    def p99_ms(self) -> float:
        return percentile(self.latencies_ms, 0.99)


Found = dict[tuple[str, str, int], list[Stretch]]
"""The rounds of each setup, phase and number of connections."""


async def stretch(
    ports: list[int], requests: Iterator[Request], status: int, connections: int, seconds: float | None
) -> tuple[Stretch, list[Answer]]:
    """Send requests to the nodes at the same time. Each node has its share of the connections."""
    shares = [(port, connections // len(ports) + (n < connections % len(ports))) for n, port in enumerate(ports)]
    loads = [send(port, requests, status=status, connections=n, seconds=seconds) for port, n in shares if n]
    slices: list[Slice] = await asyncio.gather(*loads)
    answers = [answer for each in slices for answer in each.answers]
    latencies_ms = sorted(s * 1000 for each in slices for s in each.latencies_s)
    return Stretch(len(answers) / max(each.seconds for each in slices), latencies_ms), answers


async def measure(setup: Setup, connections: int, seconds: float | None, applications: Iterator[int]) -> list[Stretch]:
    """Issue calls for the given time, then confirm every code. Raises Failed."""
    bank, ports = setup.bank, setup.ports
    issued, answers = await stretch(ports, bank.issues(applications), 201, connections, seconds)
    codes = bank.codes(answers)
    confirmed, verdicts = await stretch(ports, bank.confirms(codes), 200, connections, None)
    bank.check_verdicts(verdicts)
    if len(verdicts) != len(codes):
        raise Failed(f"{len(codes)} codes were issued and {len(verdicts)} confirmed")
    return [issued, confirmed]


async def set_up(name: str, database: str, count: int, applications: int, folder: Path, stack: AsyncExitStack) -> Setup:
    """Prepare a bank and start its nodes."""
    click.echo(f"{name}: registering {applications} applications …", err=True)
    folder.mkdir()
    bank = Bank(folder, database, free_ports(), 600)
    await bank.prepare(applications)
    await stack.enter_async_context(bank.identity_provider())
    ports = [bank.port, *(free_ports()[0] for _ in range(count - 1))]
    for port in ports:
        await stack.enter_async_context(serving(serve_node(bank, port, folder), port))
    return Setup(name, bank, ports, iter(range(applications)))


async def run(folder: Path, postgres: Postgres, rounds: int, seconds: float) -> Found:
    found: Found = defaultdict(list)
    shares = {count: int(min(count * PER_CONNECTION, PER_SECOND) * seconds) for count in CONNECTIONS}
    needed = rounds * sum(shares.values()) + WARM_UP
    async with AsyncExitStack() as stack:
        setups = [
            await set_up("SQLite, 1 node", "", 1, needed, folder / "sqlite", stack),
            await set_up("PostgreSQL, 1 node", postgres.new_database(), 1, needed, folder / "one", stack),
            await set_up("PostgreSQL, 2 nodes", postgres.new_database(), 2, needed, folder / "two", stack),
        ]
        for setup in setups:
            await measure(setup, 64, None, _take(setup, WARM_UP))
        for turn in range(rounds):
            for count in CONNECTIONS:
                for n in range(len(setups)):
                    setup = setups[(turn + n) % len(setups)]
                    both = await measure(setup, count, seconds, _take(setup, shares[count]))
                    for phase, each in zip(PHASES, both, strict=True):
                        found[setup.name, phase, count].append(each)
            click.echo(f"round {turn + 1} of {rounds}", err=True)
    return found


def _take(setup: Setup, count: int) -> Iterator[int]:
    return iter([next(setup.applications) for _ in range(count)])


def text(found: Found, rounds: int, machine: str, plot: str) -> str:
    """The text for specs/scaling.md."""
    names = list(dict.fromkeys(name for name, _, _ in found))
    lines = [
        f"**Connections** (`python tests/benchmarks/connections.py`, {rounds} rounds; nodes, database and load on the",
        f"same cores; {machine}):",
        "",
        f"![Requests a second and p99 against connections]({plot})",
        "",
        "Requests a second, and p99:",
        "",
        "| | connections | " + " | ".join(names) + " |",
        "|---|---" + "|---" * len(names) + "|",
    ]
    for phase in PHASES:
        for count in CONNECTIONS:
            cells = [_cell(found[name, phase, count]) for name in names]
            lines.append(f"| {phase} | {count:,} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(stretches: list[Stretch]) -> str:
    p99_ms = percentile(sorted(ms for each in stretches for ms in each.latencies_ms), 0.99)
    told = f"{p99_ms:.1f}" if p99_ms < 10 else f"{p99_ms:,.0f}"
    return f"{statistics.median(each.rps for each in stretches):,.0f}, {told} ms"


def panels(found: Found) -> list[Panel]:
    """A panel for each phase and measure: rates above, latencies below."""
    names = list(dict.fromkeys(name for name, _, _ in found))

    def lines(phase: str, what: str) -> list[Line]:
        made = []
        for name, color in zip(names, COLORS, strict=True):
            points = []
            for count in CONNECTIONS:
                values = [getattr(each, what) for each in found[name, phase, count]]
                points.append(Point(count, min(values), statistics.median(values), max(values)))
            made.append(Line(name, color, points))
        return made

    rates = [Panel(f"{phase}: requests a second", lines(phase, "rps"), logarithmic=False) for phase in PHASES]
    return rates + [Panel(f"{phase}: p99, ms", lines(phase, "p99_ms"), logarithmic=True) for phase in PHASES]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--rounds", default=3, show_default=True)
@click.option("--seconds", default=1.5, show_default=True, help="Of issuing, for each number of connections.")
@click.option("--directory", default=Path("/var/tmp"), show_default=True, type=click.Path(path_type=Path))
@click.option("--plot", default=Path("specs/connections.svg"), show_default=True, type=click.Path(path_type=Path))
def main(rounds: int, seconds: float, directory: Path, plot: Path) -> None:
    """Measure issue and confirm against the number of connections, and draw the result."""
    with tempfile.TemporaryDirectory(prefix="connections-", dir=directory) as name:
        postgres = Postgres(Path(name), "fsync=on")
        postgres.start()
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                found = runner.run(run(Path(name), postgres, rounds, seconds))
        except Failed as error:
            raise click.ClickException(str(error)) from error
        finally:
            postgres.stop()
        about = surroundings(Path(name), "")
    plot.write_text(draw(panels(found), CONNECTIONS, "connections"), encoding="utf-8")
    machine = f"{about['cpu']}, {about['cores']} cores, Python {about['python']}"
    click.echo(text(found, rounds, machine, plot.name))


if __name__ == "__main__":
    main()
