"""Registering, reading and updating applications."""

from __future__ import annotations

import asyncio

import pytest

from tests.world import LOANS, NOON, OFFICER, Person, World, another_code
from verifier import keys
from verifier.core.application import Customer, RegisteredNumber
from verifier.core.errors import InvalidField, NotFound
from verifier.core.times import from_ms

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
