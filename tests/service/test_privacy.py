"""No personal data is stored in plaintext, and an erasure keeps the log intact (law L11)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.world import DESK, LOANS, Person, World, another_code
from verifier.core.errors import Erased, NotFound
from verifier.ledger.tables import APPLICATIONS
from verifier.storage import open_storage
from verifier.storage.migrate import migrate

TABLES = (
    *("applications", "calls", "leaves", "legs", "stray_legs", "numbers", "limits", "idempotency", "exceptions"),
    *("reports", "messages"),
)


async def _story(world: World, person: Person) -> list[str]:
    """Does everything that leaves a trace. Returns the texts that must not be found in the database."""
    _, code = await world.live_call(person)
    wrong = another_code(code)
    await world.confirm(person, wrong)
    await world.ring_in(person.number, code)
    await world.report(person, "他说低息贷款", code=wrong)
    await world.grant(person, "contact_hours")
    # A telephone exchange may put the number into the id of a leg.
    for number in (person.number, "+8617000000000"):
        await world.leg_by_number("connected", number, leg_id=f"SIP/{number[1:]}-0001", caller_number=DESK)
    numbers = [person.number, DESK, "+8617000000000"]
    return [person.name, "李伟", "他说低息贷款", code, wrong, *numbers, *(each[1:] for each in numbers)]


@pytest.mark.shows("CVP-4.1-1", "CVP-4.1-3", "CVP-5-3", "CVP-10-3")
async def test_no_table_holds_a_number_name_or_code_in_plaintext(world: World, wang: Person) -> None:
    secrets = await _story(world, wang)
    for table in TABLES:
        for row in await world.storage.fetch(f"SELECT * FROM {table}"):
            held = b"\0".join(each if isinstance(each, bytes) else str(each).encode() for each in row)
            assert not [each for each in secrets if each.encode() in held], table


@pytest.mark.shows("CVP-4.1-3", "CVP-5-3")
async def test_the_database_file_holds_no_personal_data_in_plaintext(tmp_path: Path) -> None:
    path = tmp_path / "verifier.sqlite3"
    storage = await open_storage(f"sqlite:{path}")
    await migrate(storage)
    async with World(storage, tmp_path / "ring.json") as world:
        person = Person(1)
        await world.register(person)
        secrets = await _story(world, person)
        content = b"".join(each.read_bytes() for each in tmp_path.glob("verifier.sqlite3*"))
        assert len(content) > 10_000
        assert not [each for each in secrets if each.encode() in content]
    await storage.close()


@pytest.mark.shows("CVP-4-3")
async def test_log_leaves_are_hiding_commitments(world: World, wang: Person, mallory: Person) -> None:
    """The same code entered twice gives two different commitments, because each has its own salt."""
    first = await world.confirm(wang, another_code("000000000"))
    second = await world.confirm(wang, another_code("000000000"))
    claims = [world.check(each["receipt"]) for each in (first, second)]
    assert claims[0].salt != claims[1].salt
    assert claims[0].code != claims[1].code
    assert claims[0].customer != claims[1].customer


@pytest.mark.shows("CVP-4.1-5", "CVP-8.1-11")
async def test_an_erasure_deletes_the_key_and_all_sealed_data_and_keeps_the_log(
    world: World, wang: Person, mallory: Person
) -> None:
    call_id, code = await world.live_call(wang)
    verdict = await world.confirm(wang, code)
    await world.report(wang, "text")
    _, other = await world.live_call(mallory)
    before = await world.counts("leaves", "calls")
    erased = await world.erase(wang)
    assert await world.erase(wang) == erased
    assert await world.counts("leaves", "calls") == before
    selected = f"SELECT {APPLICATIONS.columns} FROM applications WHERE application_id = $1"
    row = (await world.storage.fetch(selected, wang.application_id))[0]
    # The last column is the row's authenticator.
    assert [each for each in row[:-1] if isinstance(each, bytes)] == []
    held = await world.storage.fetch(
        "SELECT sealed, customer_index FROM leaves WHERE application_id = $1", wang.application_id
    )
    assert held
    assert {tuple(each) for each in held} == {(None, None)}
    assert await world.storage.fetch("SELECT sealed FROM reports WHERE sealed IS NOT NULL") == []
    by_application = "SELECT 1 FROM idempotency WHERE application_id = $1"
    assert await world.storage.fetch(by_application, wang.application_id) == []
    assert await world.storage.fetch("SELECT 1 FROM numbers WHERE application_id = $1", wang.application_id) == []
    audited = await world.audit()
    assert audited.findings == []
    assert audited.erased == len(held)
    # What the customer kept still verifies, without the bank (law L8).
    assert world.check(verdict["receipt"]).call.call_id == call_id
    assert (await world.confirm(mallory, other))["verdict"] == "genuine"


async def test_a_confirmation_concurrent_with_an_erasure_gets_a_verdict(
    world: World, wang: Person, shards: int
) -> None:
    _, code = await world.live_call(wang)
    _, *told = await asyncio.gather(world.erase(wang), world.confirm(wang, code), world.ring_in(wang.number, code))
    after = await world.confirm(wang, code), await world.ring_in(wang.number, code)
    assert [each["verdict"] for each in after] == ["not_genuine", "unavailable"]
    if shards == 1:
        assert [each["verdict"] for each in told] == ["not_genuine", "unavailable"]
    else:
        # The erasure first looks up the customer's shard, so the confirmations may run before it.
        assert told[0]["verdict"] in ("genuine", "not_genuine")
        assert told[1]["verdict"] in ("genuine", "unavailable")


@pytest.mark.shows("CVP-4.1-5")
async def test_requests_concurrent_with_an_erasure_leave_no_sealed_data(
    world: World, wang: Person, mallory: Person
) -> None:
    _, code = await world.live_call(wang)
    told = await asyncio.gather(
        world.issue(mallory, key="kept nowhere"),
        world.erase(mallory),
        world.confirm(wang, code),
        world.report(wang, "他说低息贷款", code=code),
        world.erase(wang),
        return_exceptions=True,
    )
    # With several shards the erasure may run first, and then the application is not found.
    assert [each for each in told if isinstance(each, BaseException) and not isinstance(each, NotFound)] == []
    for table in ("leaves", "reports"):
        rows = await world.storage.fetch(f"SELECT application_id FROM {table} WHERE sealed IS NOT NULL")
        assert [row[0] for row in rows if row[0] is not None] == [], table
    rows = await world.storage.fetch("SELECT application_id FROM idempotency")
    assert [row[0] for row in rows if row[0] is not None] == []
    assert (await world.audit()).findings == []


@pytest.mark.shows("CVP-4.1-5", "CVP-6.3-1")
async def test_an_erasure_expires_an_overdue_call_and_revokes_an_open_one(
    world: World, wang: Person, mallory: Person
) -> None:
    over, _ = await world.live_call(wang)
    world.clock.advance(600)
    going_on, _ = await world.live_call(mallory)
    await world.erase(wang)
    await world.erase(mallory)
    assert [(await world.call_row(each))["state"] for each in (over, going_on)] == ["expired", "revoked"]


@pytest.mark.shows("CVP-3.1-3")
async def test_an_erased_application_is_never_found_or_registered_again(world: World, wang: Person) -> None:
    call_id, code = await world.live_call(wang)
    await world.erase(wang)
    assert (await world.confirm(wang, code))["verdict"] == "not_genuine"
    assert (await world.ring_in(wang.number, code))["verdict"] == "unavailable"
    assert (await world.service.me.calls(wang.principal, None, 10)).calls == ()
    for gone in (world.register(wang), world.leg(call_id, "ended", wang.number)):
        with pytest.raises(Erased):
            await gone
    for hidden in (world.reveal(call_id), world.issue(wang)):
        with pytest.raises(NotFound):
            await hidden
    with pytest.raises(Erased):
        await world.service.applications.read(LOANS, wang.application_id)
