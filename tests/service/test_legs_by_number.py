"""Leg events of an exchange that does not know the call: matched with the one it can mean, or kept apart (law L5)."""

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
    """The same customer, with the same number, and another application."""
    other = Person(int(person.customer_id.removeprefix("cust-")))
    other.application_id += "-B"
    return other


@pytest.mark.shows("CVP-6.1-4")
async def test_a_leg_to_a_number_on_file_makes_the_call_that_waits_for_it_live(world: World, wang: Person) -> None:
    call_id = await issued(world, wang)
    told = await world.leg_by_number("connected", wang.number, caller_number=DESK, officer_id="4412")
    assert (told["result"], told["call"]["call_id"], told["call"]["state"]) == ("matched", call_id, "live")
    code = await world.reveal(call_id)
    assert (await world.confirm(wang, code))["verdict"] == "genuine"
    told = await world.leg_by_number("ended", None)
    assert (told["result"], told["call"]["state"]) == ("matched", "ended")


@pytest.mark.shows("CVP-6.1-7", "CVP-6-2")
@pytest.mark.parametrize("order", sorted(set(itertools.permutations(["connected", "ended", "connected", "ended"]))))
async def test_any_order_and_doubling_of_events_ends_the_same(
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
async def test_events_of_one_leg_at_one_moment_go_to_one_call(world: World, wang: Person) -> None:
    call_id = await issued(world, wang)
    told = await asyncio.gather(
        *(world.leg_by_number(event, wang.number) for event in ("ended", "connected", "connected", "ended"))
    )
    assert {each["call"]["call_id"] for each in told if each["call"]} == {call_id}
    with pytest.raises(LegNotConnected):
        await world.reveal(call_id)
    assert await world.counts("legs") == (1,)


@pytest.mark.shows("CVP-6.1-5")
async def test_the_end_of_a_leg_told_of_by_call_is_found_by_its_id(world: World, wang: Person) -> None:
    call_id, _ = await world.live_call(wang)
    told = await world.leg_by_number("ended", None)
    assert (told["result"], told["call"]["call_id"]) == ("matched", call_id)


async def test_the_same_request_gets_the_same_answer(world: World, wang: Person) -> None:
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
async def test_a_leg_that_cannot_be_the_calls_is_not_matched(
    world: World, wang: Person, number: str | None, more: dict[str, object]
) -> None:
    call_id = await issued(world, wang)
    told = await world.leg_by_number("connected", number or wang.number, **more)  # type: ignore[arg-type]
    assert told == {"result": "unmatched", "call": None}
    with pytest.raises(LegNotConnected):
        await world.reveal(call_id)


@pytest.mark.shows("CVP-6.1-4", "CVP-6.1-6")
async def test_nothing_is_bound_when_two_calls_wait_and_the_caller_number_or_the_officer_tells_them_apart(
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
async def test_a_leg_that_was_once_ambiguous_or_unknown_is_never_matched_later(world: World, wang: Person) -> None:
    """A doubled event must not make a call live whose leg was up before, or which may be another's."""
    assert (await world.leg_by_number("connected", wang.number))["result"] == "unmatched"
    call_id = await issued(world, wang)
    assert (await world.leg_by_number("connected", wang.number))["result"] == "unmatched"
    with pytest.raises(LegNotConnected):
        await world.reveal(call_id)


@pytest.mark.shows("CVP-6.1-4", "CVP-6.1-7")
async def test_a_leg_that_had_ended_before_the_issue_is_not_taken_for_a_new_one(world: World, wang: Person) -> None:
    await world.leg_by_number("ended", wang.number)
    world.clock.advance(20)
    call_id = await issued(world, wang)
    assert (await world.leg_by_number("connected", wang.number, at=NOON - 5000))["result"] == "unmatched"
    assert (await world.call_row(call_id))["state"] == "issued"


async def test_after_a_dropped_line_a_second_leg_is_matched_with_the_same_call(world: World, wang: Person) -> None:
    call_id = await issued(world, wang)
    await world.leg_by_number("connected", wang.number, leg_id="a")
    world.clock.advance(5)
    told = await world.leg_by_number("connected", wang.number, leg_id="b")
    assert told["call"]["call_id"] == call_id
    await world.leg_by_number("ended", None, leg_id="a")
    assert await world.reveal(call_id)


@pytest.mark.shows("CVP-6.1-5")
async def test_a_leg_of_a_closed_call_stays_with_it(world: World, wang: Person) -> None:
    first = await issued(world, wang)
    await world.leg_by_number("connected", wang.number)
    await world.revoke(first)
    second = await issued(world, wang)
    told = await world.leg_by_number("connected", wang.number)
    assert (told["call"]["call_id"], told["call"]["state"]) == (first, "revoked")
    assert (await world.call_row(second))["state"] == "issued"


@pytest.mark.shows("CVP-6.1-4")
async def test_a_number_that_is_on_file_very_often_matches_nothing(world: World, wang: Person) -> None:
    call_id = await issued(world, wang)
    for n in range(MAX_APPLICATIONS):
        broker = Person(n + 1000)
        broker.number = wang.number
        await world.register(broker)
    assert (await world.leg_by_number("connected", wang.number))["result"] == "ambiguous"
    assert (await world.call_row(call_id))["state"] == "issued"


async def test_a_leg_of_an_erased_application_is_refused_and_one_to_its_number_unknown(
    world: World, wang: Person
) -> None:
    await issued(world, wang)
    await world.leg_by_number("connected", wang.number)
    await world.erase(wang)
    world.clock.advance(1)
    with pytest.raises(Erased):
        await world.leg_by_number("ended", None)
    assert (await world.leg_by_number("connected", wang.number, leg_id="b"))["result"] == "unmatched"
    assert [kind for kind, _ in await world.discrepancies()] == ["leg_not_on_file", "code_never_used"]


async def test_an_erasure_at_the_same_moment_leaves_a_leg_unmatched(world: World, wang: Person) -> None:
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
async def test_an_event_without_its_number_or_of_another_day_is_refused_and_not_kept(
    world: World, event: str, offset_s: int, number: str | None, pointer: str
) -> None:
    with pytest.raises(InvalidField) as caught:
        await world.leg_by_number(event, number, at=NOON + offset_s * 1000)
    assert caught.value.errors[0].pointer == pointer
    assert await world.counts("legs", "stray_legs") == (0, 0)


async def test_two_nodes_hear_of_one_leg_at_once(world: World, wang: Person) -> None:
    """Two officers of one customer: no matter whose leg it is, no event goes to two calls."""
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
async def test_a_leg_is_one_whichever_system_tells_of_it(world: World, wang: Person) -> None:
    """Two adapters for one exchange: if one stops, the end that the other tells of ends the leg."""
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
async def test_a_leg_that_names_no_officer_makes_no_call_live_when_several_could_be_meant(
    world: World, wang: Person
) -> None:
    """The colleague rings the customer: the code of the other officer's call must not come with it."""
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
async def test_officers_of_every_application_with_that_number_could_be_meant(world: World) -> None:
    person, other = Person(1), twin(Person(1))
    await world.register(person, officers=(OFFICER,))
    await world.register(other, officers=(COLLEAGUE,))
    await issued(world, person)
    assert (await world.leg_by_number("connected", person.number, officer_id=None))["result"] == "ambiguous"
    await world.register(other, officers=(OFFICER,))
    told = await world.leg_by_number("connected", person.number, leg_id="b", officer_id=None)
    assert told["result"] == "matched"


@pytest.mark.shows("CVP-6.1-10", "CVP-6.1-4")
async def test_one_officer_for_all_needs_no_name_and_the_caller_number_tells_their_calls_apart(world: World) -> None:
    person, other = Person(1), twin(Person(1))
    for each in (person, other):
        await world.register(each, officers=(OFFICER,))
    await issued(world, person)
    second = await issued(world, other, caller_number=BRANCH)
    told = await world.leg_by_number("connected", person.number, caller_number=BRANCH, officer_id=None)
    assert told["call"]["call_id"] == second


async def test_a_leg_that_nobody_waits_for_is_without_a_code_and_not_ambiguous(world: World, wang: Person) -> None:
    assert (await world.leg_by_number("connected", wang.number, officer_id=None))["result"] == "unmatched"
    assert [kind for kind, _ in await world.discrepancies()] == ["leg_without_code"]
