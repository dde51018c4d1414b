"""The limits on guesses are the same whether or not a call to anybody is open (law L7).

Somebody who enters wrong codes for a loan must not learn from the limits that the bank calls another contact of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from tests.helping import Helping
from tests.service.test_counter import confirm as at_the_counter
from tests.service.test_counter import who
from tests.world import Json, Person, World, another_code, at_company
from verifier.core.errors import RateLimited

BORROWER, FINANCE, HELPER = Person(1), Person(2), Person(3)
WRONG = another_code("482177300", 0)
Enter = Callable[[str], Awaitable[Json]]
Way = Callable[[World], Awaitable[Enter]]


async def helper_of(world: World, person: Person) -> Enter:
    helping = Helping(world)
    helper_id = await helping.add(person, HELPER)
    return lambda code: helping.confirm(HELPER, helper_id, code)


async def helper_of_the_borrower(world: World) -> Enter:
    return await helper_of(world, BORROWER)


async def helper_of_another_contact(world: World) -> Enter:
    return await helper_of(world, FINANCE)


async def in_the_app(world: World) -> Enter:
    return lambda code: world.confirm(FINANCE, code)


async def by_telephone(world: World) -> Enter:
    return lambda code: world.ring_in(FINANCE.number, code)


async def clerk(world: World) -> Enter:
    return lambda code: at_the_counter(world, who(application_id=BORROWER.application_id), code)


async def clerk_by_number(world: World) -> Enter:
    return lambda code: at_the_counter(world, who(number=FINANCE.number), code)


async def told(enter: Enter, codes: list[str]) -> list[str]:
    """What somebody hears who enters these codes."""
    heard = []
    for code in codes:
        try:
            heard.append(str((await enter(code))["verdict"]))
        except RateLimited as error:
            heard.append(f"rate_limited {error.retry_after}")
    return heard


async def prepared(world: World, way: Way, called: Person | None) -> tuple[Enter, str]:
    """The way to enter codes, and the code of the open call. Without a call, any code."""
    await world.register(BORROWER, **BORROWER.several(at_company(FINANCE, "finance", "called", "confirm")))
    enter = await way(world)
    if called is None:
        return enter, WRONG
    call_id = (await world.issue(BORROWER, number=called.number))["call"]["call_id"]
    await world.leg(call_id, "connected", called.number)
    return enter, await world.reveal(call_id)


ways = pytest.mark.parametrize(
    ("way", "heard"),
    [
        (helper_of_the_borrower, ["not_genuine"] * 6 + ["rate_limited 600"] * 2),
        (helper_of_another_contact, ["not_genuine"] * 6 + ["rate_limited 600"] * 2),
        (in_the_app, ["not_genuine"] * 6 + ["rate_limited 600"] * 2),
        (clerk, ["not_genuine"] * 6 + ["rate_limited 600"] * 2),
        (clerk_by_number, ["not_genuine"] * 6 + ["rate_limited 600"] * 2),
        # By telephone, wrong codes count during a call to that telephone only, and at most three (CVP-7.1-5).
        (by_telephone, ["not_genuine"] * 8),
    ],
)


@pytest.mark.shows("CVP-7.18-5", "CVP-7-5")
@pytest.mark.parametrize("called", [None, BORROWER, FINANCE], ids=["nobody", "borrower", "finance"])
@ways
async def test_wrong_codes_are_limited_alike_whoever_is_called(
    world: World, way: Way, heard: list[str], called: Person | None
) -> None:
    enter, code = await prepared(world, way, called)
    assert await told(enter, [another_code(code, n) for n in range(1, 9)]) == heard


@pytest.mark.shows("CVP-7.18-5")
@pytest.mark.parametrize("called", [None, BORROWER, FINANCE], ids=["nobody", "borrower", "finance"])
@pytest.mark.parametrize("helped", [BORROWER, FINANCE], ids=["of_borrower", "of_finance"])
async def test_a_limit_that_a_helper_has_reached_stays_reached_when_a_call_begins(
    world: World, helped: Person, called: Person | None
) -> None:
    async def way(world: World) -> Enter:
        enter = await helper_of(world, helped)
        assert await told(enter, [another_code(WRONG, n) for n in range(1, 7)]) == ["not_genuine"] * 6
        return enter

    enter, code = await prepared(world, way, called)
    assert await told(enter, [code]) == ["rate_limited 600"]


@pytest.mark.shows("CVP-7.18-5")
@pytest.mark.parametrize("called", [BORROWER, FINANCE], ids=["borrower", "finance"])
async def test_the_code_of_a_call_to_somebody_else_costs_a_helper_what_a_wrong_one_costs(
    world: World, called: Person
) -> None:
    helped = FINANCE if called is BORROWER else BORROWER
    enter, code = await prepared(world, lambda world: helper_of(world, helped), called)
    assert await told(enter, [code] * 7) == ["not_genuine"] * 6 + ["rate_limited 600"]
    # It costs nothing of the call: the person who was called can still confirm it, by telephone too.
    assert (await world.ring_in(called.number, code))["verdict"] == "genuine"
