"""Confirms codes for a contact of 30 loans at 20 companies, and for a contact of one loan, side by side.

    PYTHONPATH=. python tests/benchmarks/many_loans.py [rounds]

Each round has one genuine verdict for either, on SQLite. The 99th percentile for 30 loans is to stay under three times
that for one.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.world import NO_CAP, Company, Person, World, at_company
from verifier.core.contacts import Borrower
from verifier.core.policy import ContactPolicy
from verifier.storage import open_storage
from verifier.storage.migrate import migrate

LOANS, COMPANIES = 30, 20


async def confirmed(world: World, company: Company, person: Person, leg_id: str) -> float:
    """The seconds that a genuine verdict takes."""
    call_id = (await world.issue(company, number=person.number))["call"]["call_id"]
    await world.leg(call_id, "connected", person.number, leg_id=leg_id)
    code = await world.reveal(call_id)
    began = time.perf_counter()
    verdict = await world.confirm(person, code)
    took = time.perf_counter() - began
    assert verdict["verdict"] == "genuine"
    await world.leg(call_id, "ended", person.number, leg_id=leg_id)
    return took


async def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        storage = await open_storage(f"sqlite:{folder}/verifier.sqlite3")
        await migrate(storage)
        policy = ContactPolicy(daily_cap=100_000, person_daily_cap=100_000)
        async with World(storage, Path(folder) / "ring.json", policy=policy, guess_limit=NO_CAP) as world:
            people = {1: Person(1), LOANS: Person(2)}
            loans: dict[int, Company] = {}
            for count, person in people.items():
                for n in range(count):
                    company = loans[count] = Company(100 * count + n)
                    company.borrower = Borrower(f"company-{count}-{n % COMPANIES}", "东海机械有限公司", "company")
                    await world.register(company, at_company(person, "finance"))
            times: dict[int, list[float]] = {each: [] for each in people}
            for n in range(rounds):
                for count, person in people.items():
                    times[count].append(await confirmed(world, loans[count], person, f"{count}-{n}"))
        await storage.close()
    p99 = {}
    for count, took in times.items():
        took.sort()
        p99[count] = took[int(len(took) * 0.99)]
        print(f"{count:>3} loans: median {took[len(took) // 2] * 1000:.2f} ms, p99 {p99[count] * 1000:.2f} ms")
    print(f"p99: {p99[LOANS] / p99[1]:.2f} times")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 500))
