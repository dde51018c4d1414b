"""The upgrade of a database whose rows have no authenticators yet."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.world import Person, World, another_code, staff
from verifier.core.errors import InternalError, Unavailable
from verifier.core.messages.policy_exceptions import RequestException
from verifier.core.sealing import KEY_BYTES, NONCE_BYTES, seal, unseal
from verifier.core.suspensions import SuspendStaff
from verifier.ledger.authenticate_rows import AlreadyAuthenticated, authenticate, row_context
from verifier.ledger.decrypted import leaf_context, unwrap_keys
from verifier.ledger.tables import APPLICATIONS, TABLES
from verifier.ports import Storage, Transaction
from verifier.storage import open_storage
from verifier.storage.migrate import migrate


@pytest.fixture
async def storage(database: str) -> AsyncIterator[Storage]:
    opened = await open_storage(database)
    await migrate(opened)
    yield opened
    await opened.close()


async def lived(world: World, person: Person) -> Any:
    """Makes a call with a wrong code, a confirmation, a report and an end. Returns the receipt."""
    call_id, code = await world.live_call(person)
    await world.confirm(person, another_code(code))
    verdict = await world.confirm(person, code)
    await world.report(person, "somebody rang")
    await world.leg(call_id, "ended", person.number)
    return verdict["receipt"]


async def as_before(storage: Storage, world: World) -> None:
    """Turns the database back into the old format: one key per application, and no authenticators."""
    ring = world.ring
    keys: dict[str, tuple[bytes, bytes]] = {}
    async with storage.transaction() as transaction:
        for table in TABLES:
            rows = [table.row(*row[:-1]) async for row in table.rows(transaction)]
            for row in rows:
                if table is APPLICATIONS and row.wrapped_key is not None:
                    now = unwrap_keys(ring, row.application_id, row.kek_id, row.wrapped_key).sealing
                    keys[row.application_id] = now, os.urandom(KEY_BYTES)
                    wrapped = ring.wrap(row.application_id, keys[row.application_id][1])
                    sql = "UPDATE applications SET kek_id = $2, wrapped_key = $3 WHERE application_id = $1"
                    await transaction.execute_many(sql, [(row.application_id, *wrapped)])
                context, sealed = row_context(row)
                if sealed is not None and row.application_id is not None:
                    again = sealed_again(keys[row.application_id], context, context, sealed)
                    sql = f"UPDATE {table.name} SET sealed = $2 WHERE {table.key[0]} = $1"
                    await transaction.execute_many(sql, [(context, again)])
            await transaction.execute_many(f"UPDATE {table.name} SET mac = NULL", [()])
        await leaves_as_before(transaction, world, keys)
        await transaction.execute_many("UPDATE log_head SET shares = NULL, mac = NULL", [()])
        await transaction.execute_many("DELETE FROM calls WHERE application_id = '-decoy'", [()])


async def leaves_as_before(transaction: Transaction, world: World, keys: dict[str, tuple[bytes, bytes]]) -> None:
    rows = await transaction.fetch(
        "SELECT leaf_index, statement_id, typ, customer_index, application_id, sealed FROM leaves "
        "WHERE leaf_index >= 0 AND sealed IS NOT NULL"
    )
    for leaf_index, statement_id, typ, customer_index, application_id, sealed in rows:
        context = leaf_context(statement_id, typ, customer_index)
        if application_id is None:
            again = world.ring.seal(statement_id, world.ring.unseal(context, sealed))
        else:
            again = sealed_again(keys[application_id], context, statement_id, sealed)
        await transaction.execute_many("UPDATE leaves SET sealed = $2 WHERE leaf_index = $1", [(leaf_index, again)])


def sealed_again(keys: tuple[bytes, bytes], before: str, after: str, sealed: bytes) -> bytes:
    return seal(keys[1], os.urandom(NONCE_BYTES), after, unseal(keys[0], before, sealed))


async def every_kind(world: World, person: Person) -> str:
    """Makes an exception, a request, a suspension, a stray leg and an erased application. Returns the exception id."""
    erased = Person(5)
    await world.register(erased)
    await lived(world, erased)
    await world.erase(erased)
    asked = RequestException("documents", person.number, ("contact_hours",), "she asked for it")
    officer, supervisor = staff("4412"), staff("9001", "supervisor")
    await world.service.policy_exceptions.request(officer, person.application_id, asked, world.key(officer, asked))
    reason = SuspendStaff("lost the telephone")
    await world.service.suspensions.suspend(supervisor, "7001", reason, world.key(supervisor, reason))
    await world.leg_by_number("connected", "+8613999999999", leg_id="stray-1")
    return str((await world.grant(person, "contact_hours"))["exception_id"])


@pytest.mark.shows("CVP-10.2-5")
async def test_an_upgrade_authenticates_existing_rows_once_and_everything_still_works(
    storage: Storage, tmp_path: Path
) -> None:
    people = [Person(n) for n in range(3)]
    async with World(storage, tmp_path / "ring.json") as world:
        for person in people:
            await world.register(person)
        receipts = [await lived(world, person) for person in people]
        await world.report(Person(7), "of nobody")
        await world.begin_dialogue(people[0].number)
        exception_id = await every_kind(world, people[2])
        world.clock.advance(200)
        await world.service.housekeeping.sweep()
        await as_before(storage, world)
    with pytest.raises(InternalError, match="run `verifier authenticate` once"):
        await World(storage, tmp_path / "ring.json").service.start()
    assert await authenticate(storage, world.ring, os.urandom, world.clock()) > 9
    assert await storage.fetch("SELECT session_id FROM ivr_sessions") == []
    with pytest.raises(AlreadyAuthenticated):
        await authenticate(storage, world.ring, os.urandom, world.clock())
    async with World(storage, tmp_path / "ring.json") as after:
        after.clock.advance(1_000)
        assert (await after.audit()).findings == []
        for person, receipt in zip(people, receipts, strict=True):
            assert after.check(receipt).verdict == "genuine"
            [past] = (await after.service.me.calls(person.principal, None, 10)).calls
            assert past.receipt_id is not None
            assert (await after.service.receipts.read(person.principal, past.receipt_id)).receipt_id == past.receipt_id
            call_id, code = await after.live_call(person)
            assert (await after.confirm(person, code))["verdict"] == "genuine"
            await after.leg(call_id, "ended", person.number)
        await after.issue(people[2], exception_id=exception_id)
        [request] = (await after.service.policy_exceptions.list(staff("9001", "supervisor"))).requests
        [suspension] = (await after.service.suspensions.list(None, 10)).suspensions
        assert (request.reason, suspension.reason) == ("she asked for it", "lost the telephone")
        assert (await after.audit()).findings == []


@pytest.mark.shows("CVP-10.2-5")
async def test_an_upgrade_is_refused_while_calls_are_open(storage: Storage, tmp_path: Path) -> None:
    async with World(storage, tmp_path / "ring.json") as world:
        await world.register(Person(1))
        await world.live_call(Person(1))
        await as_before(storage, world)
    with pytest.raises(Unavailable, match="calls are open"):
        await authenticate(storage, world.ring, os.urandom, world.clock())


@pytest.mark.shows("CVP-10.2-5")
async def test_removed_authenticators_are_not_written_again(storage: Storage, tmp_path: Path) -> None:
    """The rows may have been changed since. The keys of an application show that the upgrade was done before."""
    async with World(storage, tmp_path / "ring.json") as world:
        await world.register(Person(1))
        async with storage.transaction() as transaction:
            await transaction.execute_many("UPDATE log_head SET shares = NULL, mac = NULL", [()])
            for table in TABLES:
                await transaction.execute_many(f"UPDATE {table.name} SET mac = NULL", [()])
    with pytest.raises(AlreadyAuthenticated):
        await authenticate(storage, world.ring, os.urandom, world.clock())
    [[mac]] = await storage.fetch("SELECT mac FROM applications")
    assert mac is None


async def test_a_leaf_without_its_key_does_not_stop_an_upgrade(storage: Storage, tmp_path: Path) -> None:
    """Earlier versions could leave such a leaf if an erasure ran at the same time. It stays unchanged."""
    async with World(storage, tmp_path / "ring.json") as world:
        await world.register(Person(1))
        await lived(world, Person(1))
        await world.erase(Person(1))
        await as_before(storage, world)
        left = "UPDATE leaves SET sealed = $1 WHERE leaf_index = 0"
        async with storage.transaction() as transaction:
            await transaction.execute_many(left, [(b"x" * 40,)])
    await authenticate(storage, world.ring, os.urandom, world.clock())
    [[sealed]] = await storage.fetch("SELECT sealed FROM leaves WHERE leaf_index = 0")
    assert bytes(sealed) == b"x" * 40
