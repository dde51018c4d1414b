"""The rounds of `run.py`: the bare handler, the service, and its peer if there is one, in turn on the same core."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.bank import Bank
from tests.benchmarks.figures import Round
from tests.benchmarks.load import Answer, Failed, Request, send
from tests.benchmarks.servers import Server, batches
from verifier.demo.bank import free_ports

WARM_UP = 500


class Served(NamedTuple):
    """A server and its port. Only the service has an admin port, which counts its batches."""

    server: Server
    port: int
    admin_port: int | None = None


class Contender(NamedTuple):
    """A service in the race: the names of its phases, where it is served, and how its verdicts are checked."""

    issue: str
    confirm: str
    served: Served
    check_verdicts: Callable[[Iterable[Answer]], None]


class Race:
    """The services and the bank whose people use them. With `known`, customers have logged in before they confirm."""

    def __init__(self, bank: Bank, contenders: list[Contender], connections: int, known: bool) -> None:
        self._bank = bank
        self._contenders = contenders
        self._connections = connections
        self._known = known
        self._rounds: dict[str, list[Round]] = {}

    async def run(
        self, applications: int, rounds: int, seconds: float, core: int, folder: Path
    ) -> dict[str, list[Round]]:
        """Warm up, measure, and return the rounds of each phase. `seconds` are those of a phase in one round."""
        answers = [await self._round(each, range(WARM_UP), None) for each in self._contenders]
        (folder / "answer.json").write_bytes(answers[0])
        port = free_ports()[0]
        arguments = ["tests.benchmarks.bare", str(port), str(folder / "answer.json")]
        async with serving(Server(arguments, {}, core, folder / "bare.log"), port) as server:
            bare = Served(server, port)
            await self._bare_round(bare, range(WARM_UP), 0.5)
            phases = [name for each in self._contenders for name in (each.issue, each.confirm)]
            self._rounds = {phase: [] for phase in ("bare", *phases)}
            share = (applications - WARM_UP) // rounds
            for i in range(rounds):
                some = range(WARM_UP + i * share, WARM_UP + (i + 1) * share)
                await self._bare_round(bare, some, seconds)
                for each in self._contenders[:: -1 if i % 2 else 1]:
                    await self._round(each, some, seconds)
        return self._rounds

    async def _bare_round(self, bare: Served, some: range, seconds: float) -> None:
        await self._stretch("bare", bare, self._bank.issues(itertools.cycle(some)), 201, seconds)

    async def _round(self, each: Contender, some: range, seconds: float | None) -> bytes:
        """Issue calls for the given time, then confirm every code. Return the answer to an issue."""
        bank = self._bank
        issued = await self._stretch(each.issue, each.served, bank.issues(some), 201, seconds)
        codes = bank.codes(issued.load.answers)
        if self._known:
            looks = bank.looks(i for i, _ in codes)
            await send(each.served.port, looks, status=200, connections=self._connections)
        confirmed = await self._stretch(each.confirm, each.served, bank.confirms(codes), 200, None)
        each.check_verdicts(confirmed.load.answers)
        if len(confirmed.load.answers) != len(codes):
            raise Failed(f"{len(codes)} codes were issued and {len(confirmed.load.answers)} confirmed")
        return issued.load.answers[0].body

    async def _stretch(
        self, phase: str, served: Served, requests: Iterator[Request], status: int, seconds: float | None
    ) -> Round:
        server, port, admin_port = served
        before = batches(admin_port) if admin_port else (0.0, 0.0)
        cpu_s = server.cpu_s
        load = await send(port, requests, status=status, connections=self._connections, seconds=seconds)
        cpu_s = server.cpu_s - cpu_s
        after = batches(admin_port) if admin_port else (0.0, 0.0)
        measured = Round(load, cpu_s, after[0] - before[0], after[1] - before[1])
        self._rounds.setdefault(phase, []).append(measured)
        return measured


@asynccontextmanager
async def serving(server: Server, port: int) -> AsyncIterator[Server]:
    """Wait until a server answers, and stop it in the end. Raises Failed, also if the server wrote anything."""
    try:
        await server.listening(port)
        yield server
    except Failed as error:
        raise Failed(f"{error}\n{server.written()[-6000:]}".strip()) from error
    finally:
        server.stop()
    if server.written():
        raise Failed(f"a server complained: {server.written()[-6000:]}")
