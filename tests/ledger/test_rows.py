"""A changed row is refused where it is used, and found by the audit (law L16)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest
from msgspec import Struct

from tests.service.test_erasure import Remembering, columns, everything, look, person, world
from tests.world import COLLEAGUE, OFFICER, Person, World, staff
from verifier.core.errors import InternalError, NotFound, Tampered, VerifierError
from verifier.core.suspensions import SuspendStaff
from verifier.ledger.rows import MAC_BYTES, Table
from verifier.ledger.tables import TABLES
from verifier.ports import Row

__all__ = ["person", "world"]

SUPERVISOR = staff("9001", "supervisor")


async def execute(world: World, sql: str, *args: object) -> None:
    async with world.storage.transaction() as transaction:
        await transaction.execute_many(sql, [args])


async def rows_of(world: World, table: Table[Any]) -> list[Row]:
    return [tuple(row) for row in await world.storage.fetch(f"SELECT {table.columns} FROM {table.name}")]


def _key(table: Table[Any], row: Row) -> tuple[Any, ...]:
    key = table.key_of(row)
    return key if isinstance(key, tuple) else (key,)


def changed(value: object) -> object:
    """Another value of the same type."""
    if isinstance(value, bytes):
        return bytes([value[0] ^ 1]) + value[1:]
    if isinstance(value, int):
        return value + 1
    return f"{value}x" if isinstance(value, str) else None


async def whole_scene(world: Remembering, person: Person) -> None:
    """Everything about an application, after another one was erased."""
    erased = Person(2)
    await world.register(erased)
    _, code = await world.live_call(erased)
    await world.confirm(erased, code)
    await world.report(erased, "x")
    await look(world, erased)
    await world.check_calls(erased, world.clock() - 1000)
    await world.erase(erased)
    await everything(world, person)
    for _ in range(2):
        await world.alive()
        world.clock.advance(20)
    asked = SuspendStaff("lost telephone")
    for each in ("7001", "7002"):
        await world.service.suspensions.suspend(SUPERVISOR, each, asked, world.key(SUPERVISOR, asked, each))
    await world.service.suspensions.lift(SUPERVISOR, "7002")


@pytest.mark.shows("CVP-10.2-1", "CVP-10.2-2")
async def test_an_authenticator_covers_each_column_of_its_row(world: Remembering, person: Person) -> None:
    """A row with a changed column, or with the authenticator of another row, is refused when read."""
    await whole_scene(world, person)
    schema = await columns(world.storage)
    read = world.context.authenticator.read
    for table in TABLES:
        names = table.columns.split(", ")
        assert sorted(schema[table.name]) == sorted(names), "a column that no authenticator covers"
        rows = await rows_of(world, table)
        assert rows, table.name
        for row in rows:
            read(table, row)
            for at, value in enumerate(row):
                other: Any = 7 if value is None else changed(value)
                with pytest.raises(Tampered):
                    read(table, (*row[:at], other, *row[at + 1 :]))
                if value is not None:
                    with pytest.raises(Tampered):
                        read(table, (*row[:at], None, *row[at + 1 :]))
        for one, other in pairwise(rows):
            with pytest.raises(Tampered):
                read(table, (*one[:-1], other[-1]))


@pytest.mark.shows("CVP-10.2-1")
async def test_a_row_of_the_last_release_verifies_and_a_later_column_cannot_be_set_or_cleared(
    world: Remembering, person: Person
) -> None:
    await whole_scene(world, person)
    authenticator, later = world.context.authenticator, [table for table in TABLES if table.later]
    assert {table.name for table in later} == {"applications", "calls", "legs", "stray_legs"}
    for table in later:
        rows = [row[:-1] for row in await rows_of(world, table)]
        assert any(row[-1] is not None for row in rows), f"no row of {table.name} has a later column"
        for row in rows:
            first = row[: -len(table.later)]
            old = authenticator.digest(table.name, first)[:MAC_BYTES]
            assert authenticator.read(table, (*first, *[None] * len(table.later), old)) is not None
            with pytest.raises(Tampered):
                authenticator.read(table, (*first, *[7] * len(table.later), old))


@pytest.mark.shows("CVP-8.3-4", "CVP-10.2-3")
async def test_the_audit_finds_each_changed_deleted_and_added_row(world: Remembering, person: Person) -> None:
    await whole_scene(world, person)
    assert (await world.audit()).findings == []
    for table in TABLES:
        row = next(each for each in await rows_of(world, table) if "-decoy" not in each)
        update = f"UPDATE {table.name} SET mac = $1 WHERE mac = $2"
        await execute(world, update, changed(row[-1]), row[-1])
        found = (await world.audit()).findings
        assert any("is not as it was written" in each for each in found), (table.name, found)
        await execute(world, update, row[-1], changed(row[-1]))
        await execute(world, table.delete, *_key(table, row))
        assert (await world.audit()).findings, f"a row of {table.name} is gone"
        await execute(world, table.insert, *row)
        assert (await world.audit()).findings == []


SetsBack = Callable[[World, Person, str, str], Awaitable[object]]


class Earlier(Struct):
    """The table of a row to set back, and what happens before that."""

    table: str
    then: SetsBack


def _confirm(world: World, person: Person, call_id: str, code: str) -> Awaitable[object]:
    return world.confirm(person, code)


def _wrong(world: World, person: Person, call_id: str, code: str) -> Awaitable[object]:
    return world.confirm(person, "482177302")


def _revoke(world: World, person: Person, call_id: str, code: str) -> Awaitable[object]:
    return world.revoke(call_id)


async def _two_wrong(world: World, person: Person, call_id: str, code: str) -> None:
    for _ in range(2):
        await world.confirm(person, "482177302")


@pytest.mark.parametrize(
    "earlier",
    [
        Earlier("calls", _revoke),
        Earlier("calls", _confirm),
        Earlier("applications", _revoke),
        Earlier("limits", _two_wrong),
    ],
    ids=["a revoked call", "a used call", "an application's open call", "fewer wrong codes"],
)
@pytest.mark.shows("CVP-8.3-4", "CVP-10.2-3")
async def test_the_audit_finds_a_row_set_back_with_its_authenticator(
    world: Remembering, person: Person, earlier: Earlier
) -> None:
    table = next(each for each in TABLES if each.name == earlier.table)
    call_id, code = await world.live_call(person)
    await world.confirm(person, "482177302")
    before = await rows_of(world, table)
    await earlier.then(world, person, call_id, code)
    after = await rows_of(world, table)
    assert (await world.audit()).findings == []
    old = next(row for row in before if row not in after)
    await execute(world, table.delete, *_key(table, old))
    await execute(world, table.insert, *old)
    world.context.authenticator.read(table, old)
    assert (await world.audit()).findings


async def test_the_audit_finds_a_deleted_open_call_and_a_deleted_limit(world: Remembering, person: Person) -> None:
    call_id, _ = await world.live_call(person)
    await world.confirm(person, "482177302")
    await execute(world, "DELETE FROM limits WHERE limit_key LIKE 'LN%'")
    limits_gone = (await world.audit()).findings
    assert limits_gone
    await execute(world, "DELETE FROM calls WHERE call_id = $1", call_id)
    assert len((await world.audit()).findings) > len(limits_gone)


async def test_an_application_moved_to_the_victims_index_makes_no_code_genuine(
    world: Remembering, person: Person, mallory: Person
) -> None:
    _, code = await world.live_call(mallory)
    index = world.context.customer_index(person.customer_id)
    sql = "UPDATE applications SET customer_index = $1 WHERE application_id = $2"
    await execute(world, sql, index, mallory.application_id)
    with pytest.raises(InternalError):
        await world.confirm(person, code)


@pytest.mark.shows("CVP-8.3-4", "CVP-10.2-4")
async def test_a_forged_row_from_a_number_to_an_application_is_ignored(
    world: Remembering, person: Person, mallory: Person
) -> None:
    """A row of `numbers` has no authenticator, but the application it leads to does not name the number."""
    _, code = await world.live_call(mallory)
    told: list[str] = []
    world.context.tampered = told.append
    number = world.context.number_index(person.number)
    await execute(
        world, "INSERT INTO numbers (number_index, application_id) VALUES ($1, $2)", number, mallory.application_id
    )
    assert (await world.ring_in(person.number, code))["verdict"] == "not_genuine"
    assert told
    assert set(told) == {"numbers"}
    assert (await world.audit()).findings


@pytest.mark.shows("CVP-8.3-4", "CVP-10.2-4")
async def test_a_forged_assignment_shows_no_application_and_the_audit_finds_it(
    world: Remembering, person: Person
) -> None:
    sql = "INSERT INTO assignments (officer_id, application_id) VALUES ($1, $2)"
    await execute(world, sql, "6666", person.application_id)
    assert (await world.service.desk.applications(staff("6666"), "", None, 50)).applications == ()
    assert (await world.audit()).findings


@pytest.mark.shows("CVP-10.2-4")
async def test_a_forged_exception_lifts_nothing(world: Remembering, person: Person) -> None:
    granted = (await world.grant(person, "daily_cap"))["exception_id"]
    await execute(world, "UPDATE exceptions SET rules = 'status consent daily_cap' WHERE exception_id = $1", granted)
    with pytest.raises(InternalError):
        await world.issue(person, exception_id=granted)
    forged = "exc_" + "0" * 32
    await execute(
        world,
        "INSERT INTO exceptions (exception_id, application_id, officer_id, granted_by, rules, expires_at, mac) "
        "SELECT $1, application_id, officer_id, granted_by, rules, expires_at, mac FROM exceptions",
        forged,
    )
    with pytest.raises(InternalError):
        await world.issue(person, exception_id=forged)


@pytest.mark.shows("CVP-10.2-2")
async def test_an_officer_written_into_a_call_gets_no_code(world: Remembering, person: Person) -> None:
    call_id, _ = await world.live_call(person)
    await execute(world, "UPDATE calls SET officer_id = $1 WHERE call_id = $2", COLLEAGUE.id, call_id)
    with pytest.raises(VerifierError) as refused:
        await world.reveal(call_id, officer=COLLEAGUE)
    assert isinstance(refused.value, InternalError | NotFound)


@pytest.mark.parametrize("column", ["state", "expires_at", "due_at", "leg_ended_at", "receipt_leaf", "connected_at"])
async def test_a_changed_call_is_never_genuine(world: Remembering, person: Person, column: str) -> None:
    call_id, code = await world.live_call(person)
    row = await world.call_row(call_id)
    await world.revoke(call_id)
    late = "" if column == "state" else f", {column} = 2000000000000"
    await execute(world, f"UPDATE calls SET state = 'live'{late} WHERE call_id = $1", call_id)
    sql = "UPDATE applications SET open_call_id = $1 WHERE application_id = $2"
    assert row["state"] == "live"
    with suppress(InternalError):
        assert (await world.confirm(person, code))["verdict"] == "not_genuine"
    await execute(world, sql, call_id, person.application_id)
    with pytest.raises(InternalError):
        await world.confirm(person, code)


async def test_no_call_is_issued_from_a_registration_that_was_set_back(world: Remembering, person: Person) -> None:
    """The old registration names an officer who has been removed since."""
    [(sealed,)] = await world.storage.fetch(
        "SELECT sealed FROM applications WHERE application_id = $1", person.application_id
    )
    await world.register(person, officers=(COLLEAGUE,))
    await execute(world, "UPDATE applications SET sealed = $1 WHERE application_id = $2", sealed, person.application_id)
    with pytest.raises(InternalError):
        await world.issue(person)


@pytest.mark.shows("CVP-10.2-2")
async def test_a_changed_suspension_counts_as_in_force(world: Remembering, person: Person) -> None:
    asked = SuspendStaff("lost telephone")
    await world.service.suspensions.suspend(SUPERVISOR, OFFICER.id, asked, world.key(SUPERVISOR, asked))
    await execute(world, "UPDATE suspensions SET lifted_at = 5, lifted_by = 'system:desk'")
    world.context.cutoff.version = None
    await world.service.suspensions.refresh()
    assert world.context.cutoff.holds(OFFICER.id)


@pytest.mark.shows("CVP-10.2-2")
async def test_a_deleted_suspension_stays_in_force_at_a_node_that_knew_it(world: Remembering) -> None:
    asked = SuspendStaff("lost telephone")
    await world.service.suspensions.suspend(SUPERVISOR, OFFICER.id, asked, world.key(SUPERVISOR, asked))
    await execute(world, "DELETE FROM suspensions")
    await world.service.suspensions.refresh()
    assert world.context.cutoff.holds(OFFICER.id)
    assert (await world.audit()).findings


@pytest.mark.shows("CVP-2.1-1", "CVP-10.2-2")
@pytest.mark.parametrize("table", ["calls", "applications"])
@pytest.mark.parametrize("bad", [0, 1])
async def test_a_changed_row_does_not_keep_other_calls_open(
    world: Remembering, person: Person, mallory: Person, table: str, bad: int
) -> None:
    """Other calls are revoked with their officer's suspension and expire in time, in either order of the rows."""
    people = person, mallory
    calls = [(await world.live_call(each))[0] for each in people]
    sql = f"UPDATE {table} SET mac = $1 WHERE application_id = $2"
    await execute(world, sql, b"x" * 16, people[bad].application_id)
    asked = SuspendStaff("lost telephone")
    await world.service.suspensions.suspend(SUPERVISOR, OFFICER.id, asked, world.key(SUPERVISOR, asked))
    assert (await world.call_row(calls[1 - bad]))["state"] == "revoked"
    assert (await world.call_row(calls[bad]))["state"] == "live"
    await world.service.suspensions.lift(SUPERVISOR, OFFICER.id)
    world.clock.advance(1)
    call_id, _ = await world.live_call(people[1 - bad])
    world.clock.advance(20_000)
    await world.service.housekeeping.sweep()
    assert (await world.call_row(call_id))["state"] == "expired"
    assert (await world.call_row(calls[bad]))["state"] == "live"


@pytest.mark.shows("CVP-10.2-2")
async def test_a_changed_row_affects_no_other_customer(world: Remembering, person: Person, mallory: Person) -> None:
    _, code = await world.live_call(person)
    await execute(world, "UPDATE applications SET call_counter = 9 WHERE application_id = $1", mallory.application_id)
    with pytest.raises(InternalError):
        await world.issue(mallory)
    assert (await world.confirm(person, code))["verdict"] == "genuine"
