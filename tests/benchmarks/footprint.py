"""Measures the bytes that a call leaves in each table of PostgreSQL, and the round trips and lock time of a batch.

    python tests/benchmarks/footprint.py --calls 3000

Calls are whole: issued, leg connected, code shown, confirmed in the app, leg ended. Each customer has several. The
service runs in this process on its own PostgreSQL, with a clock that advances by one second per call.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import click

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.postgres import Postgres
from tests.world import Person, World
from verifier.core.policy import ContactPolicy
from verifier.ports import Row, Storage, Transaction
from verifier.storage import open_storage
from verifier.storage.migrate import migrate

CALLS_OF_ONE = 10
TOGETHER = 50
_SIZES = """
SELECT relname, pg_relation_size(relid), pg_indexes_size(relid), pg_total_relation_size(relid)
FROM pg_stat_user_tables ORDER BY 4 DESC
"""


class Counted:
    """A storage that counts the round trips of its transactions, and the seconds that they take."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.round_trips = 0
        self.held_s = 0.0
        self.fetch, self.fetch_in, self.close = storage.fetch, storage.fetch_in, storage.close

    commit = Storage.commit

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[_CountedTransaction]:
        self.round_trips += 2  # BEGIN, COMMIT
        began = time.perf_counter()
        async with self._storage.transaction() as transaction:
            yield _CountedTransaction(self, transaction)
        self.held_s += time.perf_counter() - began


class _CountedTransaction:
    def __init__(self, counted: Counted, transaction: Transaction) -> None:
        self._counted = counted
        self._transaction = transaction

    async def fetch(self, sql: str, *args: Any) -> Sequence[Row]:
        self._counted.round_trips += 1
        return await self._transaction.fetch(sql, *args)

    async def fetch_in(self, sql: str, keys: Iterable[Any]) -> Sequence[Row]:
        wanted = list(keys)
        self._counted.round_trips += bool(wanted)
        return await self._transaction.fetch_in(sql, wanted)

    async def execute_many(self, sql: str, rows: Sequence[Row]) -> None:
        self._counted.round_trips += bool(rows)
        await self._transaction.execute_many(sql, rows)


async def live(world: World, person: Person) -> None:
    """One whole call."""
    call_id, code = await world.live_call(person)
    assert (await world.confirm(person, code))["verdict"] == "genuine"
    await world.leg(call_id, "ended", person.number)


async def run(folder: Path, url: str, calls: int) -> None:
    storage = await open_storage(url)
    await migrate(storage)
    counted = Counted(storage)
    policy = ContactPolicy(daily_cap=50, person_daily_cap=50)
    async with World(counted, folder / "ring.json", policy=policy) as world:
        people = [Person(n) for n in range(calls // CALLS_OF_ONE)]
        await asyncio.gather(*(world.register(each) for each in people))
        before = await _sizes(storage)
        for together in (1, TOGETHER, 4 * TOGETHER):
            await _round_trips(world, counted, people[:together])
        for _ in range(CALLS_OF_ONE - 1):
            for n in range(0, len(people), TOGETHER):
                await asyncio.gather(*(live(world, each) for each in people[n : n + TOGETHER]))
                world.clock.advance(TOGETHER)
        made = (await world.counts("calls"))[0]
        after = await _sizes(storage)
    grown = {table: [b - a for a, b in zip(before.get(table, (0, 0, 0)), after[table], strict=True)] for table in after}
    click.echo(f"{made} calls, bytes of each:")
    for table, (rows, indexes, total) in grown.items():
        if total >= made:
            click.echo(f"  {table:14}{total / made:8.0f}  (rows {rows / made:.0f}, indexes {indexes / made:.0f})")
    click.echo(f"  {'all':14}{sum(each[2] for each in grown.values()) / made:8.0f}")
    await storage.close()


async def _round_trips(world: World, counted: Counted, people: Sequence[Person]) -> None:
    """Let these people take each step of a call at once. Print its round trips per batch and lock time per command."""
    told: list[str] = []

    async def step(name: str, doing: Iterable[Any]) -> list[Any]:
        round_trips, held_s, batches = counted.round_trips, counted.held_s, world.context.events.batches
        answers = await asyncio.gather(*doing)
        batches = world.context.events.batches - batches
        held_us = 1e6 * (counted.held_s - held_s) / len(answers)
        told.append(
            f"{name} {(counted.round_trips - round_trips) / batches:.0f} round trips, {held_us:.0f} us a command"
        )
        return answers

    issued = [each["call"]["call_id"] for each in await step("issue", (world.issue(each) for each in people))]
    both = list(zip(issued, people, strict=True))
    await step("leg connected", (world.leg(call_id, "connected", each.number) for call_id, each in both))
    codes = await step("code shown", (world.reveal(call_id) for call_id in issued))
    await step("confirm", (world.confirm(each, code) for each, code in zip(people, codes, strict=True)))
    await step("leg ended", (world.leg(call_id, "ended", each.number) for call_id, each in both))
    click.echo(f"a batch of {len(people)}: " + "; ".join(told))


async def _sizes(storage: Storage) -> dict[str, tuple[int, int, int]]:
    return {row[0]: (row[1], row[2], row[3]) for row in await storage.fetch(_SIZES)}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--calls", default=3000, show_default=True)
def main(calls: int) -> None:
    """Measure the size of a call and the round trips of a batch."""
    with tempfile.TemporaryDirectory(prefix="footprint-") as name:
        server = Postgres(Path(name), "fsync=on")
        server.start()
        try:
            asyncio.run(run(Path(name), server.new_database(), calls))
        finally:
            server.stop()


if __name__ == "__main__":
    main()
