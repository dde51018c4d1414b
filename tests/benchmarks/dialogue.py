"""Compares a step of the telephone dialogue with a confirmation by telephone: 64 at a time, on one database.

python -m tests.benchmarks.dialogue --rounds 7
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from tests.world import Person, World
from verifier.storage import open_storage
from verifier.storage.migrate import migrate

AT_ONCE = 64
CALLS = 640


async def rate_of(ask: Callable[[int], Awaitable[object]]) -> float:
    """The number of requests a second, with AT_ONCE of them concurrent."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(n: int) -> None:
        async with slots:
            await ask(n)

    began = time.perf_counter()
    await asyncio.gather(*(one(n) for n in range(CALLS)))
    return CALLS / (time.perf_counter() - began)


async def round_of(world: World, people: Sequence[Person]) -> tuple[float, float]:
    """Confirmations and dialogue steps a second. Every code is right and used once."""
    rates = []
    for by_dialogue in (False, True):
        codes = [(await world.live_call(person))[1] for person in people]
        if by_dialogue:
            sessions = [(await world.begin_dialogue(person.number))["session_id"] for person in people]

            async def ask(n: int, codes: list[str] = codes, sessions: list[str] = sessions) -> None:
                turn = await world.press(sessions[n], codes[n])
                assert turn["say"][0]["name"] == "genuine"

        else:

            async def ask(n: int, codes: list[str] = codes) -> None:
                assert (await world.ring_in(people[n].number, codes[n]))["verdict"] == "genuine"

        rates.append(await rate_of(ask))
        # A day later neither the daily cap nor open calls block the next calls.
        world.clock.advance(86_400)
    return rates[0], rates[1]


async def measure(rounds: int) -> None:
    with tempfile.TemporaryDirectory(prefix="dialogue-", dir="/var/tmp") as folder:
        storage = await open_storage(f"sqlite:{folder}/verifier.sqlite3")
        await migrate(storage)
        async with World(storage, Path(folder) / "ring.json") as world:
            people = [Person(n) for n in range(CALLS)]
            for person in people:
                await world.register(person)
            await round_of(world, people)
            found = [await round_of(world, people) for _ in range(rounds)]
        await storage.close()
    ratios = [steps / confirmations for confirmations, steps in found]
    for name, rates in zip(("confirmations", "steps"), zip(*found, strict=True), strict=True):
        print(f"{name} a second: median {statistics.median(rates):.0f} of {min(rates):.0f} to {max(rates):.0f}")
    print(f"steps for each confirmation: median {statistics.median(ratios):.2f}", end=" ")
    print(f"of {min(ratios):.2f} to {max(ratios):.2f}, over {rounds} rounds of {CALLS}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    asyncio.run(measure(parser.parse_args().rounds))
