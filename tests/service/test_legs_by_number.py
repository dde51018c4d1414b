"""Leg events without a call id: matched to the only call they can mean, or kept as stray legs (law L5)."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from tests.world import COLLEAGUE, DESK, NOON, OFFICER, Person, World, staff
from verifier.core.errors import Erased, InvalidField, LegNotConnected
from verifier.core.legs import LegByNumber
from verifier.core.principal import Principal
from verifier.core.times import from_ms
from verifier.service.legs.leg_events import MAX_APPLICATIONS

STRANGER = "+8613700137000"
BRANCH = "+861082340000"


async def issued(world: World, person: Person, officer_id: str = "4412", caller_number: str = DESK) -> str:
    told = await world.issue(person, officer=staff(officer_id), caller_number=caller_number)
    return str(told["call"]["call_id"])


def twin(person: Person) -> Person:
    """The same customer and number, with another application."""
    other = Person(int(person.customer_id.removeprefix("cust-")))
    other.application_id += "-B"
    return other


@pytest.mark.shows("CVP-6.1-4")
async def test_a_leg_to_the_customers_number_makes_the_waiting_call_live(world: World, wang: Person) -> None:
    call_id = await issued(world, wang)
    told = await world.leg_by_number("connected", wang.number, caller_number=DESK, officer_id="4412")
    assert (told["result"], told["call"]["call_id"], told["call"]["state"]) == ("matched", call_id, "live")
    code = await world.reveal(call_id)
    assert (await world.confirm(wang, code))["verdict"] == "genuine"
    told = await world.leg_by_number("ended", None)
    assert (told["result"], told["call"]["state"]) == ("matched", "ended")


@pytest.mark.shows("CVP-6.1-11", "CVP-7.17-2")
async def test_the_answer_to_a_leg_event_has_nothing_of_the_customer(world: World, wang: Person) -> None:
    call_id = await issued(world, wang)
    elsewhere = await world.leg(call_id, "ringing", STRANGER, leg_id="b")
    by_call = await world.leg(call_id, "connected", wang.number)
    by_number = (await world.leg_by_number("ended", None))["call"]
    allowed = {"call_id", "state", "rang_at", "connected_at", "leg_ended_at"}
    assert set(elsewhere) == set(by_call) == set(by_number) == allowed
    assert wang.number not in str((elsewhere, by_call, by_number)), (
        "the leg to another number does not tell the right one"
    )
    assert await world.counts("looks") == (0,)


@pytest.mark.shows("CVP-6.1-7", "CVP-6-2")
@pytest.mark.parametrize("order", sorted(set(itertools.permutations(["connected", "ended", "connected", "ended"]))))
async def test_repeated_and_reordered_events_have_the_same_outcome(
    world: World, wang: Person, order: tuple[str, ...]
) -> None:
    call_id = await issued(world, wang)
    world.clock.advance(10)
    times = {"connected": NOON + 1000, "ended": NOON + 5000}
    for event in order:
        told = await world.leg_by_number(event, wang.number, at=times[event])
        if event == "ended":
            times["ended"] += 1000
    assert told["result"] == "matched"
    assert told["call"]["connected_at"] == "2026-11-23T04:00:01Z"
    assert told["call"]["leg_ended_at"] == "2026-11-23T04:00:05Z"
    assert await world.discrepancies() == []
    with pytest.raises(LegNotConnected):
        await world.reveal(call_id)


@pytest.mark.shows("CVP-6.1-5")
async def test_concurrent_events_of_one_leg_go_to_one_call(world: World, wang: Person) -> None:
    call_id = await issued(world, wang)
    told = await asyncio.gather(
        *(world.leg_by_number(event, wang.number) for event in ("ended", "connected", "connected", "ended"))
    )
    assert {each["call"]["call_id"] for each in told if each["call"]} == {call_id}
    with pytest.raises(LegNotConnected):
        await world.reveal(call_id)
    assert await world.counts("legs") == (1,)


@pytest.mark.shows("CVP-6.1-5")
async def test_an_end_by_number_finds_a_leg_that_was_reported_by_call(world: World, wang: Person) -> None:
    call_id, _ = await world.live_call(wang)
    told = await world.leg_by_number("ended", None)
    assert (told["result"], told["call"]["call_id"]) == ("matched", call_id)


async def test_a_retried_event_gets_the_same_answer(world: World, wang: Person) -> None:
    await issued(world, wang)
    told = [await world.leg_by_number("connected", wang.number, at=NOON, key="once") for _ in range(2)]
    assert told[0] == told[1]


@pytest.mark.shows("CVP-6.1-4")
@pytest.mark.parametrize(
    ("number", "more"),
    [
        (STRANGER, {}),
        (None, {"caller_number": BRANCH}),
        (None, {"officer_id": "4413"}),
        (None, {"at": NOON - 61_000}),
    ],
    ids=["another number", "another desk", "another officer", "before the issue"],
)
async def test_a_leg_that_contradicts_the_call_is_not_matched(
    world: World, wang: Person, number: str | None, more: dict[str, object]
) -> None:
    call_id = await issued(world, wang)
    told = await world.leg_by_number("connected", number or wang.number, **more)  # type: ignore[arg-type]
    assert told == {"result": "unmatched", "call": None}
    with pytest.raises(LegNotConnected):
        await world.reveal(call_id)


@pytest.mark.shows("CVP-6.1-4", "CVP-6.1-6")
async def test_two_waiting_calls_are_ambiguous_unless_the_desk_or_the_officer_is_given(
    world: World, wang: Person
) -> None:
    other = twin(wang)
    await world.register(other)
    first, second = await issued(world, wang), await issued(world, other, "4413", BRANCH)
    told = await world.leg_by_number("connected", wang.number, leg_id="x", officer_id=None)
    assert told == {"result": "ambiguous", "call": None}
    for call_id in (first, second):
        assert (await world.call_row(call_id))["state"] == "issued"
    by_desk = await world.leg_by_number("connected", wang.number, leg_id="y", caller_number=BRANCH, officer_id="4413")
    by_officer = await world.leg_by_number("connected", wang.number, leg_id="z", officer_id="4412")
    assert (by_desk["call"]["call_id"], by_officer["call"]["call_id"]) == (second, first)


@pytest.mark.shows("CVP-6.1-6")
async def test_a_leg_that_was_unmatched_is_never_matched_later(world: World, wang: Person) -> None:
    """A repeated event must not make a call live that was issued after the leg connected."""
    assert (await world.leg_by_number("connected", wang.number))["result"] == "unmatched"
    call_id = await issued(world, wang)
    assert (await world.leg_by_number("connected", wang.number))["result"] == "unmatched"
    with pytest.raises(LegNotConnected):
        await world.reveal(call_id)


@pytest.mark.shows("CVP-6.1-4", "CVP-6.1-7")
async def test_a_leg_that_ended_before_the_issue_is_not_matched(world: World, wang: Person) -> None:
    await world.leg_by_number("ended", wang.number)
    world.clock.advance(20)
    call_id = await issued(world, wang)
    assert (await world.leg_by_number("connected", wang.number, at=NOON - 5000))["result"] == "unmatched"
    assert (await world.call_row(call_id))["state"] == "issued"


async def test_a_second_leg_after_a_dropped_line_is_matched_to_the_same_call(world: World, wang: Person) -> None:
    call_id = await issued(world, wang)
    await world.leg_by_number("connected", wang.number, leg_id="a")
    world.clock.advance(5)
    told = await world.leg_by_number("connected", wang.number, leg_id="b")
    assert told["call"]["call_id"] == call_id
    await world.leg_by_number("ended", None, leg_id="a")
    assert await world.reveal(call_id)


@pytest.mark.shows("CVP-6.1-5")
async def test_a_leg_of_a_closed_call_is_not_matched_to_the_next_call(world: World, wang: Person) -> None:
    first = await issued(world, wang)
    await world.leg_by_number("connected", wang.number)
    await world.revoke(first)
    second = await issued(world, wang)
    told = await world.leg_by_number("connected", wang.number)
    assert (told["call"]["call_id"], told["call"]["state"]) == (first, "revoked")
    assert (await world.call_row(second))["state"] == "issued"


@pytest.mark.shows("CVP-6.1-4")
async def test_a_number_of_too_many_applications_is_ambiguous(world: World, wang: Person) -> None:
    call_id = await issued(world, wang)
    for n in range(MAX_APPLICATIONS):
        broker = Person(n + 1000)
        broker.number = wang.number
        await world.register(broker)
    assert (await world.leg_by_number("connected", wang.number))["result"] == "ambiguous"
    assert (await world.call_row(call_id))["state"] == "issued"


async def test_after_an_erasure_its_leg_is_refused_and_its_number_is_unmatched(world: World, wang: Person) -> None:
    await issued(world, wang)
    await world.leg_by_number("connected", wang.number)
    await world.erase(wang)
    world.clock.advance(1)
    with pytest.raises(Erased):
        await world.leg_by_number("ended", None)
    assert (await world.leg_by_number("connected", wang.number, leg_id="b"))["result"] == "unmatched"
    assert [kind for kind, _ in await world.discrepancies()] == ["leg_not_on_file", "code_never_used"]


async def test_a_leg_concurrent_with_an_erasure_is_stored_only_if_matched(world: World, wang: Person) -> None:
    await issued(world, wang)
    _, told = await asyncio.gather(world.erase(wang), world.leg_by_number("connected", wang.number))
    assert told["result"] in ("unmatched", "matched")
    assert await world.counts("legs") == (int(told["result"] == "matched"),)


@pytest.mark.shows("CVP-6-7")
@pytest.mark.parametrize(
    ("event", "offset_s", "number", "pointer"),
    [
        ("connected", 0, None, "/number"),
        ("connected", -86_401, STRANGER, "/at"),
        ("ended", -86_401, None, "/at"),
        ("ended", 61, None, "/at"),
    ],
)
async def test_an_event_without_a_number_or_with_a_time_out_of_range_is_refused(
    world: World, event: str, offset_s: int, number: str | None, pointer: str
) -> None:
    with pytest.raises(InvalidField) as caught:
        await world.leg_by_number(event, number, at=NOON + offset_s * 1000)
    assert caught.value.errors[0].pointer == pointer
    assert await world.counts("legs", "stray_legs") == (0, 0)


async def test_concurrent_events_of_one_leg_with_different_officers_go_to_one_call(world: World, wang: Person) -> None:
    """Two officers call one customer. Whichever call the leg is matched to, both events go to it."""
    other = twin(wang)
    await world.register(other, officers=(COLLEAGUE, OFFICER))
    await issued(world, wang)
    await issued(world, other, "4413", BRANCH)
    told = await asyncio.gather(
        world.leg_by_number("connected", wang.number, caller_number=DESK),
        world.leg_by_number("connected", wang.number, caller_number=BRANCH, officer_id="4413"),
    )
    assert len({each["call"]["call_id"] for each in told}) == 1


@pytest.mark.shows("CVP-6.1-9")
async def test_events_of_one_leg_from_two_systems_go_together(world: World, wang: Person) -> None:
    """Two adapters serve one telephone exchange. When one stops, the other reports the end of the leg."""
    call_id = await issued(world, wang)
    await world.leg_by_number("connected", wang.number)
    other = Principal(kind="system", id="pbx-2", issuer="systems", roles=frozenset({"legs"}))
    heard = LegByNumber("ended", "leg-1", from_ms(world.clock()))
    told = await world.service.legs.by_number(heard, world.key(other, heard))
    assert told.value.call is not None
    assert told.value.call.leg_ended_at
    with pytest.raises(LegNotConnected):
        await world.reveal(call_id)


@pytest.mark.shows("CVP-6.1-10")
async def test_a_leg_without_an_officer_is_ambiguous_if_several_officers_are_assigned(
    world: World, wang: Person
) -> None:
    """If a colleague rings the customer, their leg must not reveal the code of the other officer's call."""
    call_id = await issued(world, wang)
    told = await world.leg_by_number("connected", wang.number, caller_number=DESK, officer_id=None)
    assert told == {"result": "ambiguous", "call": None}
    assert (await world.call_row(call_id))["state"] == "issued"
    with pytest.raises(LegNotConnected):
        await world.reveal(call_id)
    assert [kind for kind, _ in await world.discrepancies()] == ["leg_ambiguous"]
    # A later event with an officer changes nothing.
    assert (await world.leg_by_number("connected", wang.number, officer_id="4412"))["result"] == "ambiguous"
    assert (await world.leg_by_number("connected", wang.number, leg_id="b", officer_id="4412"))["result"] == "matched"


@pytest.mark.shows("CVP-6.1-10")
async def test_a_leg_without_an_officer_may_be_of_any_application_with_the_number(world: World) -> None:
    person, other = Person(1), twin(Person(1))
    await world.register(person, officers=(OFFICER,))
    await world.register(other, officers=(COLLEAGUE,))
    await issued(world, person)
    assert (await world.leg_by_number("connected", person.number, officer_id=None))["result"] == "ambiguous"
    await world.register(other, officers=(OFFICER,))
    told = await world.leg_by_number("connected", person.number, leg_id="b", officer_id=None)
    assert told["result"] == "matched"


@pytest.mark.shows("CVP-6.1-10", "CVP-6.1-4")
async def test_with_one_officer_for_all_applications_the_caller_number_selects_the_call(world: World) -> None:
    person, other = Person(1), twin(Person(1))
    for each in (person, other):
        await world.register(each, officers=(OFFICER,))
    await issued(world, person)
    second = await issued(world, other, caller_number=BRANCH)
    told = await world.leg_by_number("connected", person.number, caller_number=BRANCH, officer_id=None)
    assert told["call"]["call_id"] == second


async def test_a_leg_that_no_call_waits_for_is_unmatched_and_not_ambiguous(world: World, wang: Person) -> None:
    assert (await world.leg_by_number("connected", wang.number, officer_id=None))["result"] == "unmatched"
    assert [kind for kind, _ in await world.discrepancies()] == ["leg_without_code"]
