"""The upgrade of a database of the release before contacts. `before_contacts.json` was written by that release."""

from __future__ import annotations

import asyncio
import json
import os
import time
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from tests.world import LOANS, Company, Person, World, at_company
from verifier.core.contacts import RIGHTS
from verifier.core.errors import Erased
from verifier.ports import Storage
from verifier.storage import migrate as migrations
from verifier.storage import open_storage
from verifier.storage.migrate import migrate

BEFORE: dict[str, Any] = json.loads(Path(__file__).with_name("before_contacts.json").read_text(encoding="utf-8"))
# `MIGRATED_ROWS` asks for a larger database.
ROWS = int(os.environ.get("MIGRATED_ROWS", "300"))
LAST = 22
# What the release before writes when it registers an application, and when it closes a call.
OLD_COLUMNS = (
    "application_id, customer_index, kek_id, wrapped_key, sealed, call_counter, local_day, calls_today, open_call_id, "
    "created_at, updated_at, erased_at, opted_out, mac"
)
OLD_INSERT = f"INSERT INTO applications ({OLD_COLUMNS}) VALUES ({', '.join(f'${n}' for n in range(1, 15))})"
OLD_UPDATE = "UPDATE applications SET call_counter = $2, calls_today = $3, open_call_id = $4 WHERE application_id = $1"


async def at_version(storage: Storage, version: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Migrates an empty database as the release with this version does."""
    known = migrations.migrations()
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "migrations", lambda: [each for each in known if each[0] <= version])
        await migrate(storage)


def _value(stored: Any) -> Any:
    return b64decode(stored["base64"]) if isinstance(stored, dict) else stored


async def restore(storage: Storage, ring_file: Path) -> None:
    """Writes the rows and the key ring of the release before."""
    ring_file.write_text(BEFORE["ring"], encoding="utf-8")
    ring_file.chmod(0o600)
    async with storage.transaction() as transaction:
        for name, table in BEFORE["tables"].items():
            await transaction.execute_many(f"DELETE FROM {name}", [()])
            columns = table["columns"]
            values = ", ".join(f"${n}" for n in range(1, len(columns) + 1))
            insert = f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({values})"
            await transaction.execute_many(insert, [tuple(map(_value, row)) for row in table["rows"]])


async def test_a_database_of_the_release_before_is_migrated_and_everything_in_it_works(
    empty_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = await open_storage(empty_database)
    await at_version(storage, LAST, monkeypatch)
    await restore(storage, tmp_path / "ring.json")
    assert (await migrate(storage))[0] == "0023_contacts.sql"
    async with World(storage, tmp_path / "ring.json") as world:
        assert (await world.audit()).findings == []
        for person in map(Person, (1, 2, 3)):
            facts = (await world.service.applications.read(LOANS, person.application_id)).registration
            (one,) = facts.people
            assert (facts.owner.id, facts.owner.kind) == (person.customer_id, "person")
            assert (one.id, one.role, one.rights, one.numbers[0].number) == (
                person.customer_id,
                "borrower",
                RIGHTS,
                person.number,
            )
        with pytest.raises(Erased):
            await world.service.applications.read(LOANS, "LN-4")
        for each in (BEFORE["confirmed"], BEFORE["ended"]):
            assert world.check(each["receipt"]).verdict == "genuine"
        again = await world.confirm(Person(1), BEFORE["confirmed"]["code"])
        assert (again["verdict"], again["given_before"]) == ("genuine", True)
        assert again["receipt_id"] == BEFORE["confirmed"]["receipt_id"]
        assert again["receipt"] == BEFORE["confirmed"]["receipt"]
        assert (await world.ring_in(Person(2).number, BEFORE["live"]["code"]))["verdict"] == "genuine"
        assert (await world.confirm(Person(3), BEFORE["ended"]["code"]))["verdict"] == "ended"
        assert (await world.confirm(Person(3), BEFORE["live"]["code"]))["verdict"] == "not_genuine"
        kept = await world.service.receipts.read(Person(3).principal, BEFORE["ended"]["receipt_id"])
        assert kept.receipt_id == BEFORE["ended"]["receipt_id"]
        # A loan of one person gets a contact during the call, who gets a receipt of their own.
        await world.register(Person(2), **Person(2).several(at_company(Person(7), "helper", "confirm", numbers=())))
        other = await world.confirm(Person(7), BEFORE["live"]["code"])
        assert (other["verdict"], other["given_before"]) == ("genuine", False)
        assert (await world.audit()).findings == []
    await storage.close()


async def as_before(storage: Storage) -> None:
    """Turns the schema back. Loans of one person are stored as the release before stores them."""
    async with storage.transaction() as transaction:
        for statement in (
            "DROP TABLE contacts",
            "DROP TABLE confirmations",
            "ALTER TABLE applications DROP COLUMN called_today",
            f"DELETE FROM schema_versions WHERE version > {LAST}",
        ):
            await transaction.execute_many(statement, [()])


@pytest.mark.slow
async def test_registrations_of_the_release_before_are_loans_with_one_contact_each(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The release before goes on reading and writing its rows while the database is migrated, and afterwards."""
    known = migrations.migrations()
    monkeypatch.setattr(migrations, "migrations", lambda: [each for each in known if each[0] <= LAST + 1])
    storage = await open_storage(database)
    people = [_person(n) for n in range(ROWS)]
    async with World(storage, tmp_path / "ring.json") as world:
        for start in range(0, ROWS, 250):
            await asyncio.gather(*map(world.register, people[start : start + 250]))
        call_id, code = await world.live_call(people[0])
        receipt = (await world.confirm(people[0], code))["receipt"]
    before = await storage.fetch(f"SELECT {OLD_COLUMNS} FROM applications ORDER BY application_id")
    await as_before(storage)
    slowest, started, stop = 0.0, asyncio.Event(), asyncio.Event()

    async def serve() -> None:
        nonlocal slowest
        served = await open_storage(database)
        for n in range(1_000_000):
            if stop.is_set():
                break
            began = time.monotonic()
            async with served.transaction() as transaction:
                row = (await transaction.fetch_in(_OLD_SELECT, [before[n % ROWS][0]]))[0]
                await transaction.execute_many(OLD_UPDATE, [(row[0], row[5], row[7], row[8])])
            slowest = max(slowest, time.monotonic() - began)
            started.set()
        await served.close()

    serving = asyncio.create_task(serve()) if not database.startswith("sqlite:") else None
    if serving is not None:
        await started.wait()
    began = time.monotonic()
    assert await migrate(storage) == ["0023_contacts.sql"]
    took = time.monotonic() - began
    stop.set()
    if serving is not None:
        await serving
    print(f"\n{ROWS} registrations: migrated in {took:.2f} s, the slowest transaction beside it took {slowest:.3f} s")
    # A release before this one goes on inserting rows.
    async with storage.transaction() as transaction:
        await transaction.execute_many("DELETE FROM applications WHERE application_id = $1", [(before[-1][0],)])
        await transaction.execute_many(OLD_INSERT, [tuple(before[-1])])
    assert await storage.fetch(f"SELECT {OLD_COLUMNS} FROM applications ORDER BY application_id") == before
    async with World(storage, tmp_path / "ring.json") as after:
        held = {}
        for start in range(0, ROWS, 500):
            held |= await after.service.applications.registered([str(row[0]) for row in before[start : start + 500]])
        assert len(held) == ROWS
        for person in people:
            facts = held[person.application_id]
            assert facts is not None
            assert (facts.owner.id, [each.id for each in facts.people]) == (person.customer_id, [person.customer_id])
        assert after.check(receipt).verdict == "genuine"
        assert (await after.confirm(people[0], code))["given_before"] is True
        assert await after.counts("contacts", "confirmations") == (0, 0)
        company = Company(9_000)
        await after.register(company)
        await after.leg(call_id, "ended", people[0].number)
        _, code = await after.live_call(company)
        assert (await after.confirm(company.legal, code))["verdict"] == "genuine"
        assert (await after.audit()).findings == []
    await storage.close()


_OLD_SELECT = f"SELECT {OLD_COLUMNS} FROM applications WHERE application_id IN ($*)"


def _person(n: int) -> Person:
    person = Person(n)
    person.number = f"+8613{n:09d}"
    return person
