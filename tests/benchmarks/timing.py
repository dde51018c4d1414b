"""Measures whether response times reveal an open call. Enters wrong codes for people with and without one, in turn.

python -m tests.benchmarks.timing --people 5000 --database sqlite

Commands are timed in this process, from `submit` to the answer, on a real database with its commits. HTTP would only
add noise, and so hide differences. Each person gets one wrong code on each channel, so no limit is reached. The output
says how well one sample separates the groups (AUC, where 0.5 is a coin toss), and how well the median of 1,000
resampled samples does. `control` compares two groups without a call, so it shows pure chance. With 5,000 samples,
chance moves the AUC of one sample from 0.5 by 0.006, and that of the median by 0.17.
"""

from __future__ import annotations

import argparse
import asyncio
import bisect
import gc
import os
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.postgres import Postgres
from tests.world import Person, World, another_code
from verifier.core.policy import ContactPolicy
from verifier.storage import open_storage
from verifier.storage.migrate import migrate

AT_ONCE = 64
RESAMPLED = 1000
TIMES = 1000
GROUPS = ("open", "none", "control")
WRONG = another_code("482177300", 0)

Clock = Callable[[], float]
# Processor time covers only this process: SQLite but not PostgreSQL. Other programs disturb it less.
CLOCKS: dict[str, Clock] = {"wall": time.perf_counter, "processor": time.process_time}
Sampled = dict[str, list[float]]
Ask = Callable[[World, Person, str], Awaitable[object]]
WAYS: dict[str, Ask] = {
    "app": lambda world, person, session: world.confirm(person, WRONG),
    "foreign reference": lambda world, person, session: world.confirm(person, WRONG, application_id="LN-foreign"),
    "phone": lambda world, person, session: world.ring_in(person.number, WRONG),
    "foreign by phone": lambda world, person, session: world.ring_in(person.number, WRONG, application_id="LN-x"),
    "dialogue, code": lambda world, person, session: world.press(session, WRONG),
    "dialogue, *": lambda world, person, session: world.press(session, "*"),
}


def auc(one: Sequence[float], other: Sequence[float]) -> float:
    """The share of pairs in which the sample of `one` is longer. Equal ones count half."""
    ordered = sorted(other)
    below = sum(bisect.bisect_left(ordered, each) + bisect.bisect_right(ordered, each) for each in one)
    return below / (2 * len(one) * len(other))


def auc_of_medians(one: Sequence[float], other: Sequence[float], rng: random.Random) -> float:
    medians = [[statistics.median(rng.choices(samples, k=RESAMPLED)) for _ in range(TIMES)] for samples in (one, other)]
    return auc(medians[0], medians[1])


async def _each(work: Callable[[Person], Awaitable[object]], people: Sequence[Person]) -> None:
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(person: Person) -> None:
        async with slots:
            await work(person)

    await asyncio.gather(*(one(person) for person in people))


async def _prepare(world: World, groups: dict[str, list[Person]]) -> dict[Person, str]:
    """Call everyone, revoke the calls of those in the groups without one, and start a dialogue with each."""
    sessions: dict[Person, str] = {}
    people = [person for group in groups.values() for person in group]
    random.Random(1).shuffle(people)
    calls: dict[Person, str] = {}

    async def ring(person: Person) -> None:
        await world.register(person)
        calls[person], _ = await world.live_call(person)
        sessions[person] = (await world.begin_dialogue(person.number))["session_id"]

    await _each(ring, people)
    await _each(lambda person: world.revoke(calls[person]), [*groups["none"], *groups["control"]])
    return sessions


async def _sample(
    world: World, groups: dict[str, list[Person]], sessions: dict[Person, str], ask: Ask, clock: Clock
) -> Sampled:
    """Milliseconds, by group. The groups take turns in an order that changes at random."""
    rng = random.Random(2)
    taken: Sampled = {name: [] for name in groups}
    for turn in zip(*groups.values(), strict=True):
        for name, person in rng.sample(list(zip(groups, turn, strict=True)), len(groups)):
            session = sessions[person]
            began = clock()
            await ask(world, person, session)
            taken[name].append((clock() - began) * 1000)
    return taken


async def measure(address: str, folder: Path, people: int, ways: Sequence[str], clock: Clock) -> None:
    storage = await open_storage(address)
    await migrate(storage)
    policy = ContactPolicy(daily_cap=10, person_daily_cap=10)
    async with World(storage, folder / "ring.json", policy=policy) as world:
        numbered = iter(range(10_000_000))
        groups = {name: [_person(next(numbered)) for _ in range(people)] for name in GROUPS}
        sessions = await _prepare(world, groups)
        gc.collect()
        gc.freeze()
        print(f"{'way':<18}{'median ms':>22}{'one sample':>22}{'median of 1,000':>22}")
        print(f"{'':<18}{'open':>11}{'none':>11}{'open':>11}{'control':>11}{'open':>11}{'control':>11}", flush=True)
        for name in ways:
            taken = await _sample(world, groups, sessions, WAYS[name], clock)
            rng = random.Random(3)
            shown = [
                *(f"{statistics.median(taken[each]):.4f}" for each in ("open", "none")),
                *(f"{auc(taken[each], taken['none']):.4f}" for each in ("open", "control")),
                *(f"{auc_of_medians(taken[each], taken['none'], rng):.3f}" for each in ("open", "control")),
            ]
            print(f"{name:<18}" + "".join(f"{each:>11}" for each in shown), flush=True)
    await storage.close()


def _person(n: int) -> Person:
    """A person whose name, number and ids have the same length for every `n`."""
    person = Person(n)
    person.customer_id, person.application_id = f"cust-{n:08d}", f"LN-{n:08d}"
    person.name, person.number = f"王芳{n:08d}", f"+86138{n:08d}"
    person.principal = type(person.principal)(kind="customer", id=person.customer_id, issuer=person.principal.issuer)
    return person


@contextmanager
def _database(kind: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:{folder}/verifier.sqlite3"
        return
    server = Postgres(folder)
    server.start()
    try:
        yield server.new_database()
    finally:
        server.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=5000)
    parser.add_argument("--database", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--clock", choices=[*CLOCKS], default="wall")
    parser.add_argument("--ways", nargs="*", choices=[*WAYS], default=[*WAYS])
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="timing-", dir="/var/tmp") as made,
        _database(asked.database, Path(made)) as at,
    ):
        print(f"{asked.people} people a group, {asked.database}, {asked.clock} clock, {os.cpu_count()} cores")
        asyncio.run(measure(at, Path(made), asked.people, asked.ways, CLOCKS[asked.clock]))
