"""A handset that rings asks whether the call is from the bank (section 7.15, law L13)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.world import DESK, NOON, Person, World, staff
from verifier.core.application import RegisteredNumber
from verifier.core.call import CallRules, LegMode
from verifier.core.messages.customers import VerifyCall
from verifier.core.policy import ContactPolicy
from verifier.core.suspensions import SuspendStaff
from verifier.core.times import from_ms
from verifier.ports import Storage

OTHER_DESK = "+861082345679"
STRANGER = "+861099999999"


@pytest.fixture
def mode() -> LegMode:
    return "required"


@pytest.fixture
async def world(storage: Storage, tmp_path: Path, mode: LegMode) -> AsyncIterator[World]:
    policy = ContactPolicy(caller_numbers=frozenset({DESK, OTHER_DESK}))
    async with World(storage, tmp_path / "ring.json", CallRules(leg_mode=mode), policy=policy) as made:
        yield made


async def verify(world: World, person: Person, caller_number: str = DESK, rang: float = 0, alive: bool = True) -> str:
    """The verdict for a handset that began to ring `rang` seconds from now."""
    if alive:
        await world.alive()
    asked = VerifyCall(caller_number, from_ms(world.clock() + int(rang * 1000)))
    return (await world.service.ringing.verify(person.principal, asked)).verdict


@pytest.mark.shows("CVP-7.15-1")
async def test_a_call_that_rings_is_legit_from_its_own_number_only(world: World, wang: Person) -> None:
    call_id = (await world.issue(wang))["call"]["call_id"]
    await world.leg(call_id, "ringing", wang.number)
    assert await verify(world, wang) == "legit"
    assert await verify(world, wang, OTHER_DESK) == "not_legit"
    assert await verify(world, wang, STRANGER) == "undetermined"


@pytest.mark.shows("CVP-7.15-1")
async def test_another_customer_is_not_told_that_the_call_is_legit(world: World, wang: Person, mallory: Person) -> None:
    call_id = (await world.issue(wang))["call"]["call_id"]
    await world.leg(call_id, "ringing", wang.number)
    assert await verify(world, mallory) == "not_legit"


@pytest.mark.shows("CVP-7.15-2")
@pytest.mark.parametrize("late", [0.0, 3.0, 29.0])
async def test_a_call_whose_ringing_event_is_late_is_never_not_legit(world: World, wang: Person, late: float) -> None:
    call_id = (await world.issue(wang))["call"]["call_id"]
    rang_at = world.clock()
    world.clock.advance(late)
    assert await verify(world, wang, rang=-late) == "undetermined"
    await world.leg(call_id, "ringing", wang.number, at=rang_at)
    assert await verify(world, wang, rang=-late) == "legit"


@pytest.mark.shows("CVP-7.15-2")
async def test_a_number_of_the_bank_without_a_call_is_not_legit(world: World, wang: Person) -> None:
    assert await verify(world, wang) == "not_legit"
    assert await verify(world, Person(666)) == "not_legit"
    assert await verify(world, wang, STRANGER) == "undetermined"


@pytest.mark.shows("CVP-7.15-1")
async def test_a_second_call_is_not_legit_because_the_first_is_connected(world: World, wang: Person) -> None:
    """Somebody who spoofs the bank's number rings while the customer is on the phone with the bank."""
    call_id = (await world.issue(wang))["call"]["call_id"]
    await world.leg(call_id, "ringing", wang.number)
    await world.leg(call_id, "connected", wang.number)
    world.clock.advance(60)
    assert await verify(world, wang) == "undetermined"


@pytest.mark.shows("CVP-7.15-2")
async def test_a_call_that_ended_is_possible_for_thirty_seconds(world: World, wang: Person) -> None:
    call_id = (await world.issue(wang))["call"]["call_id"]
    await world.leg(call_id, "ringing", wang.number)
    await world.service.calls.revoke(staff("4412"), call_id, world.key(staff("4412")))
    world.clock.advance(29)
    assert await verify(world, wang) == "undetermined"
    world.clock.advance(2)
    assert await verify(world, wang) == "not_legit"


@pytest.mark.shows("CVP-7.15-2")
@pytest.mark.parametrize("twin", [False, True], ids=["one application", "two applications with the number"])
async def test_a_leg_without_a_code_is_not_called_a_fraud(world: World, wang: Person, twin: bool) -> None:
    if twin:
        numbers = (RegisteredNumber(wang.number, from_ms(NOON - 90 * 86_400_000)),)
        second = Person(7)
        registration = wang.registration(numbers=numbers)
        await world.service.applications.register(second.application_id, registration)
    await world.leg_by_number("ringing", wang.number, officer_id=None)
    assert await verify(world, wang) == "undetermined"
    world.clock.advance(31)
    assert await verify(world, wang) == "not_legit"


@pytest.mark.shows("CVP-7.15-1", "CVP-7.15-2")
async def test_a_silent_exchange_leaves_every_question_undetermined(world: World, wang: Person) -> None:
    call_id = (await world.issue(wang))["call"]["call_id"]
    await world.leg(call_id, "ringing", wang.number)
    await world.alive()
    world.clock.advance(61)
    assert await verify(world, wang, rang=-61, alive=False) == "undetermined"
    assert await verify(world, wang, OTHER_DESK, alive=False) == "undetermined"
    assert (await verify(world, wang, rang=-61), await verify(world, wang, OTHER_DESK)) == ("legit", "not_legit")


@pytest.mark.shows("CVP-7.15-1", "CVP-7.15-2")
@pytest.mark.parametrize("mode", ["observed", "off"])
async def test_without_required_legs_nothing_is_certain(world: World, wang: Person) -> None:
    call_id = (await world.issue(wang))["call"]["call_id"]
    await world.leg(call_id, "ringing", wang.number)
    assert await verify(world, wang) == "undetermined"
    assert await verify(world, wang, OTHER_DESK) == "undetermined"


@pytest.mark.shows("CVP-7.15-3")
@pytest.mark.parametrize("rang", [-301.0, 31.0])
async def test_a_handset_with_a_wrong_clock_gets_no_verdict(world: World, wang: Person, rang: float) -> None:
    assert await verify(world, wang, rang=rang) == "undetermined"


@pytest.mark.shows("CVP-7.15-1")
async def test_the_call_of_a_suspended_officer_is_not_legit(world: World, wang: Person) -> None:
    call_id = (await world.issue(wang))["call"]["call_id"]
    await world.leg(call_id, "ringing", wang.number)
    supervisor = staff("9001", "supervisor")
    asked = SuspendStaff("phone lost")
    await world.service.suspensions.suspend(supervisor, "4412", asked, world.key(supervisor, asked))
    assert await verify(world, wang) == "undetermined"
