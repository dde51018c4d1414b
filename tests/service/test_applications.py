"""Registering, reading and updating applications."""

from __future__ import annotations

import asyncio

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from tests.world import LOANS, NOON, OFFICER, Company, Person, World, another_code, at_company
from verifier import keys
from verifier.core.application import Customer, RegisteredNumber, Status
from verifier.core.errors import InternalError, InvalidField, NotFound
from verifier.core.messages.customers import Preferences
from verifier.core.times import from_ms
from verifier.ledger.commands import Answer
from verifier.ledger.read_set import ReadSet
from verifier.ledger.unit_of_work import UnitOfWork

OLD = from_ms(NOON - 90 * 86_400_000)


async def test_a_registered_application_is_read_back_unchanged(world: World) -> None:
    person = Person(1)
    registered = await world.register(person)
    found = await world.service.applications.read(LOANS, person.application_id)
    assert found.registration == person.registration()
    assert registered["registration"]["customer"]["name"] == person.name
    with pytest.raises(NotFound):
        await world.service.applications.read(LOANS, "LN-404")


@pytest.mark.shows("CVP-3.1-1")
async def test_an_update_keeps_the_key_the_counters_and_the_live_call(world: World, wang: Person) -> None:
    call_id, code = await world.live_call(wang)
    await world.register(wang, product="汽车贷款")
    found = await world.service.applications.read(LOANS, wang.application_id)
    assert (found.registration.product, found.open_call_id) == ("汽车贷款", call_id)
    assert (await world.confirm(wang, code))["verdict"] == "genuine"


@pytest.mark.shows("CVP-3.1-2")
async def test_an_application_cannot_move_to_another_customer(world: World, wang: Person) -> None:
    """Otherwise the new customer could see and confirm calls that were made to the first one."""
    with pytest.raises(InvalidField) as caught:
        await world.register(wang, customer=Customer("cust-2", "孙强"))
    assert caught.value.errors[0].pointer == "/customer/id"
    assert (await world.service.applications.read(LOANS, wang.application_id)).registration.customer.id == "cust-1"


async def test_a_revoked_call_is_not_the_open_call(world: World, wang: Person) -> None:
    call_id, _ = await world.live_call(wang)
    await world.revoke(call_id)
    assert (await world.service.applications.read(LOANS, wang.application_id)).open_call_id is None


async def test_after_a_number_change_the_open_call_is_confirmed_by_app_only(world: World, wang: Person) -> None:
    _, code = await world.live_call(wang)
    await world.register(wang, numbers=(RegisteredNumber("+8613700137000", OLD),))
    for number in (wang.number, "+8613700137000"):
        assert (await world.ring_in(number, code))["verdict"] == "unavailable"
    assert (await world.confirm(wang, code))["verdict"] == "genuine"


async def test_the_later_of_two_registrations_in_one_batch_sets_the_numbers(world: World) -> None:
    person = Person(1)
    later = (RegisteredNumber("+8613700137000", OLD),)
    await asyncio.gather(world.register(person), world.register(person, numbers=later))
    assert await world.counts("numbers") == (1,)
    assert (await world.ring_in("+8613700137000", another_code("000000000")))["verdict"] == "not_genuine"


async def test_an_update_moves_an_application_to_the_active_key(world: World, wang: Person) -> None:
    _, code = await world.live_call(wang)
    kek = "SELECT kek_id FROM applications"
    before = (await world.storage.fetch(kek))[0][0]
    keys.rotate(world.ring_file, "encryption", NOON, force=True)
    world.ring.refresh()
    assert (await world.service.applications.read(LOANS, wang.application_id)).application_id == wang.application_id
    await world.register(wang)
    assert (await world.storage.fetch(kek))[0][0] != before
    assert (await world.confirm(wang, code))["verdict"] == "genuine"


@pytest.mark.shows("CVP-8.1-11", "CVP-11-3")
async def test_tickets_verify_after_the_signing_keys_are_rotated(world: World, wang: Person) -> None:
    early = await world.issue(wang)
    for use in ("statement", "log"):
        keys.rotate(world.ring_file, use, NOON, force=True)  # type: ignore[arg-type]
    assert world.ring.refresh()
    late = await world.issue(wang)
    assert world.check(early["ticket"]).jti != world.check(late["ticket"]).jti
    assert not (await world.audit()).findings


WRONG = {
    "/customer/time_zone": {"customer": Customer("cust-1", "王芳", time_zone="Mars/Olympus")},
    "/numbers/0/added_at": {"numbers": (RegisteredNumber("+8613800130001", from_ms(NOON + 86_400_000)),)},
    "/numbers": {"numbers": (RegisteredNumber("+8613800130001", OLD),) * 2},
    "/officers": {"officers": (OFFICER, OFFICER)},
}


@pytest.mark.shows("CVP-3.1-4")
@pytest.mark.parametrize("pointer", WRONG)
async def test_an_invalid_registration_names_the_field_and_writes_nothing(world: World, pointer: str) -> None:
    with pytest.raises(InvalidField) as caught:
        await world.register(Person(1), **WRONG[pointer])
    assert caught.value.errors[0].pointer == pointer
    assert await world.counts("applications", "numbers") == (0, 0)


@pytest.mark.shows("CVP-4.2-3")
async def test_an_exception_for_an_unassigned_officer_is_refused(world: World, wang: Person) -> None:
    with pytest.raises(InvalidField) as caught:
        await world.grant(wang, "contact_hours", officer_id="9999")
    assert caught.value.errors[0].pointer == "/officer_id"


async def damage_facts(world: World, person: Person | Company) -> None:
    """The facts cannot be decrypted any more. The row still verifies."""

    def decide(work: UnitOfWork) -> Answer[Preferences]:
        row = work.applications.get(person.application_id).row
        assert row.sealed is not None
        work.applications.put(replace(row, sealed=row.sealed[:-1] + bytes([row.sealed[-1] ^ 1])))
        return lambda: Preferences(marketing_calls=False)

    await world.context.writer.submit(ReadSet(application_id=person.application_id), decide)
    with pytest.raises(InternalError):
        await world.service.applications.read(LOANS, person.application_id)


@pytest.mark.shows("CVP-3.1-22")
@pytest.mark.parametrize("status", ["open", "closed"])
async def test_damaged_facts_can_be_replaced_whatever_the_status(world: World, wang: Person, status: Status) -> None:
    await world.register(wang, status=status)
    world.clock.advance(60)
    await damage_facts(world, wang)
    await world.register(wang, status=status)
    facts = (await world.service.applications.read(LOANS, wang.application_id)).registration
    # Nobody can read since when it was closed, so it counts from now on.
    assert facts.closed_at == (UNSET if status == "open" else from_ms(world.clock()))
    assert (await world.issue(wang, purpose="repayment"))["call"]["state"] == "issued"


@pytest.mark.shows("CVP-3.1-22", "CVP-3.3-6")
@pytest.mark.parametrize("damaged", ["facts", "ticket"])
async def test_damage_does_not_keep_a_contact_whom_the_bank_removes(world: World, damaged: str) -> None:
    """Nobody can read any more whom the open call went to, so it is revoked."""
    company = Company(10)
    await world.register(company)
    call_id, code = await world.live_call(company)
    if damaged == "facts":
        await damage_facts(world, company)
    else:
        async with world.storage.transaction() as transaction:
            sql = "UPDATE leaves SET sealed = $2 WHERE statement_id = $1"
            await transaction.execute_many(sql, [(call_id, b"x" * 40)])
    view = await world.register(company, at_company(company.legal, "legal_representative"))
    assert view["open_call_id"] is None
    assert (await world.call_row(call_id))["state"] == "revoked"
    assert (await world.confirm(company.finance, code))["verdict"] == "not_genuine"
    await world.register(company, at_company(company.legal, "legal_representative"), product="汽车贷款")
    world.clock.advance(4 * 86_400)
    assert (await world.issue(company, number=company.legal.number))["call"]["state"] == "issued"
