"""The daily cap of the person: a customer with several applications gets no more calls than with one (law L10)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.world import DESK, Company, Party, Person, World, at_company, staff
from verifier.core.application import Customer
from verifier.core.errors import PolicyRefused, Tampered
from verifier.core.policy import ContactPolicy
from verifier.ledger.read_set import ReadSet
from verifier.ports import Storage


def another_loan(person: Person, n: int) -> Person:
    """The same customer, with another application and another number."""
    loan = Person(n)
    loan.customer_id, loan.name, loan.principal = person.customer_id, person.name, person.principal
    return loan


@pytest.fixture
async def loans(world: World, wang: Person) -> Sequence[Person]:
    """Two applications of one customer."""
    other = another_loan(wang, 7)
    await world.register(other)
    return wang, other


async def refused(world: World, loan: Person, **asked: object) -> list[str]:
    """The rules that refuse a call."""
    with pytest.raises(PolicyRefused) as caught:
        await world.issue(loan, **asked)  # type: ignore[arg-type]
    return [each.rule for each in caught.value.refusals]


@pytest.mark.shows("CVP-4.2-9", "CVP-4.2-1")
async def test_the_calls_on_all_applications_of_a_customer_count(
    world: World, loans: Sequence[Person], mallory: Person
) -> None:
    first, second = loans
    for loan in (first, second, first):
        await world.issue(loan)
    before = await world.counts("calls", "leaves", "idempotency")
    with pytest.raises(PolicyRefused, match="3 calls have been made to this customer today, about all of their"):
        await world.issue(second)
    assert await refused(world, first) == await refused(world, second) == ["person_daily_cap"]
    assert await world.counts("calls", "leaves", "idempotency") == before
    # Another customer has a count of their own.
    assert (await world.issue(mallory))["call"]["state"] == "issued"
    # A new application of the same customer does not begin a new count.
    third = another_loan(first, 8)
    await world.register(third)
    assert await refused(world, third) == ["person_daily_cap"]
    world.clock.advance(86_400)
    assert (await world.issue(third))["call"]["state"] == "issued"


@pytest.mark.shows("CVP-4.2-9")
async def test_one_application_that_reaches_both_caps_breaks_both_rules(world: World, wang: Person) -> None:
    for _ in range(3):
        await world.issue(wang)
    assert await refused(world, wang) == ["daily_cap", "person_daily_cap"]


@pytest.mark.shows("CVP-4.2-9")
async def test_calls_at_the_same_moment_on_two_applications_share_one_cap(
    world: World, loans: Sequence[Person]
) -> None:
    """The calls of one batch see each other. So do those of two nodes, since a customer has one shard."""
    node = World(world.storage, world.ring_file, ring=world.ring, clock=world.clock)
    async with node:
        tries = [one.issue(loan) for one in (world, node) for loan in loans for _ in range(4)]
        answers = await asyncio.gather(*tries, return_exceptions=True)
    issued = [each for each in answers if isinstance(each, dict)]
    kinds = {type(each) for each in answers} - {dict}
    assert (len(issued), kinds) == (3, {PolicyRefused})
    assert await world.counts("calls") == (3,)


@pytest.mark.shows("CVP-4.2-9")
@pytest.mark.parametrize("at_company_too", [False, True])
async def test_an_application_registered_at_the_same_moment_has_no_count_of_its_own(
    world: World, wang: Person, monkeypatch: pytest.MonkeyPatch, at_company_too: bool
) -> None:
    for _ in range(3):
        await world.issue(wang)
    new: Party = Company(20) if at_company_too else another_loan(wang, 9)
    contacts = (at_company(wang, "finance"),) if at_company_too else ()
    submitted, submit = asyncio.Event(), world.context.writer.submit

    async def submit_and_say(reads: ReadSet, decide: Any) -> Any:
        submitted.set()
        return await submit(reads, decide)

    async def issue() -> object:
        await submitted.wait()
        return await world.issue(new, number=wang.number if at_company_too else "")

    monkeypatch.setattr(world.context.writer, "submit", submit_and_say)
    _, tried = await asyncio.gather(world.register(new, *contacts), issue(), return_exceptions=True)
    assert isinstance(tried, PolicyRefused)
    assert [each.rule for each in tried.refusals] == ["person_daily_cap"]


@pytest.mark.shows("CVP-4.2-9")
async def test_each_application_counts_by_its_own_clock(world: World, wang: Person) -> None:
    """At 23:30 in London it is the next day in Shanghai. The call is of both days, each on its own application."""
    london = another_loan(wang, 7)
    await world.register(london, customer=Customer(wang.customer_id, wang.name, "en", "Europe/London"))
    hours = ContactPolicy(hours_start=ContactPolicy().hours_start.replace(0), hours_end=ContactPolicy().hours_end.max)
    night = World(world.storage, world.ring_file, ring=world.ring, clock=world.clock, policy=hours)
    async with night:
        # From noon to 23:30 in London, which is 07:30 of the next day in Shanghai.
        world.clock.advance(19.5 * 3600)
        for loan in (london, london, wang):
            await night.issue(loan)
        assert await refused(night, wang) == await refused(night, london) == ["person_daily_cap"]
        # In London it is the next day. In Shanghai it is not.
        world.clock.advance(3600)
        await night.issue(london)
        assert (await night.issue(wang))["call"]["state"] == "issued"


@pytest.mark.shows("CVP-4.2-9", "CVP-4.2-3", "CVP-4.2-4")
async def test_a_second_person_may_lift_the_cap_of_the_person_for_one_call(
    world: World, loans: Sequence[Person]
) -> None:
    first, second = loans
    for loan in (first, second, first):
        await world.issue(loan)
    other = await world.grant(second, "daily_cap")
    assert await refused(world, second, exception_id=other["exception_id"]) == ["person_daily_cap"]
    granted = await world.grant(second, "person_daily_cap")
    issued = await world.issue(second, exception_id=granted["exception_id"])
    assert world.check(issued["ticket"]).exceptions == ("person_daily_cap",)
    # A call by exception counts as well.
    with pytest.raises(PolicyRefused, match="4 calls"):
        await world.issue(second)


@pytest.mark.shows("CVP-4.2-9", "CVP-4.1-6")
async def test_the_calls_of_an_erased_application_do_not_count_any_more(world: World, loans: Sequence[Person]) -> None:
    """After an erasure, nothing says that the application was this person's. So it cannot be counted."""
    first, second = loans
    for loan in (first, second, first):
        await world.issue(loan)
    await world.erase(first)
    assert (await world.issue(second))["call"]["state"] == "issued"
    assert (await world.issue(second))["call"]["state"] == "issued"
    assert await refused(world, second) == ["daily_cap", "person_daily_cap"]
    assert not (await world.audit()).findings


@pytest.mark.shows("CVP-4.2-9")
async def test_the_cap_of_the_person_is_a_setting_of_its_own(storage: Storage, tmp_path: Path) -> None:
    policy = ContactPolicy(daily_cap=2, person_daily_cap=3)
    async with World(storage, tmp_path / "ring.json", policy=policy) as world:
        first, second = Person(1), another_loan(Person(1), 2)
        for loan in (first, second):
            await world.register(loan)
        for loan in (first, first):
            await world.issue(loan)
        assert await refused(world, first) == ["daily_cap"]
        await world.issue(second)
        assert await refused(world, first) == ["daily_cap", "person_daily_cap"]


@pytest.mark.shows("CVP-10.2-2", "CVP-4.2-9")
async def test_a_count_that_was_lowered_in_the_database_is_not_believed(world: World, loans: Sequence[Person]) -> None:
    """Law L16: the count of the other application has an authenticator."""
    first, second = loans
    for _ in range(3):
        await world.issue(first)
    async with world.storage.transaction() as transaction:
        sql = "UPDATE applications SET calls_today = 0 WHERE application_id = $1"
        await transaction.execute_many(sql, [(first.application_id,)])
    with pytest.raises(Tampered):
        await world.issue(second)
    assert (await world.audit()).findings


async def test_the_audit_finds_an_application_that_was_hidden_from_the_count(
    world: World, loans: Sequence[Person]
) -> None:
    """Law L16: until the audit, the customer can get as many calls as if they had one application."""
    first, second = loans
    for _ in range(3):
        await world.issue(first)
    assert not (await world.audit()).findings
    async with world.storage.transaction() as transaction:
        sql = "UPDATE applications SET customer_index = $2 WHERE application_id = $1"
        await transaction.execute_many(sql, [(first.application_id, world.context.customer_index("nobody"))])
    for _ in range(3):
        await world.issue(second)
    assert await refused(world, second) == ["daily_cap", "person_daily_cap"]
    assert (await world.audit()).findings


@pytest.mark.shows("CVP-4.2-10", "CVP-4.2-1")
async def test_a_caller_number_that_is_not_the_banks_own_is_refused(storage: Storage, tmp_path: Path) -> None:
    policy = ContactPolicy(caller_numbers=frozenset({DESK}))
    async with World(storage, tmp_path / "ring.json", policy=policy) as world:
        person = Person(1)
        await world.register(person)
        assert (await world.issue(person))["call"]["caller_number"] == DESK
        assert await refused(world, person, caller_number="+8613700137000") == ["caller_number"]
        # An exception cannot be granted for the rule. One that lifts every other rule changes nothing.
        granted = await world.grant(person, "contact_hours", "daily_cap", "number_cooling_off", "person_daily_cap")
        asked = {"caller_number": "+8613700137000", "exception_id": granted["exception_id"]}
        assert await refused(world, person, officer=staff("4412"), **asked) == ["caller_number"]
        # The service checks the policy of each call again, so a new setting counts at once.
        moved = replace(policy, caller_numbers=frozenset({"+861082345679"}))
        after = World(storage, world.ring_file, ring=world.ring, clock=world.clock, policy=moved)
        async with after:
            assert await refused(after, person) == ["caller_number"]
