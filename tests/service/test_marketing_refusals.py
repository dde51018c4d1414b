"""A refusal of marketing belongs to the person: before the first application, and after the last (laws L10, L16)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from tests.world import Company, Person, World, at_company
from verifier.core.application import Consents
from verifier.core.errors import InternalError, PolicyRefused, Tampered
from verifier.core.messages.customers import Preferences
from verifier.ledger import records
from verifier.ledger.commands import Answer
from verifier.ledger.read_set import ReadSet
from verifier.ledger.tables import REFUSALS
from verifier.ledger.unit_of_work import UnitOfWork

AGREED = Consents(marketing_calls=True)


def another_loan(person: Person, n: int) -> Person:
    """The same person, with another application and another number."""
    loan = Person(n)
    loan.customer_id, loan.name, loan.principal = person.customer_id, person.name, person.principal
    return loan


async def say(world: World, person: Person, *, allowed: bool) -> None:
    told = await world.service.me.put_preferences(person.principal, Preferences(marketing_calls=allowed))
    assert told.marketing_calls is allowed


async def allowed(world: World, person: Person) -> bool:
    """What the person is told. The console is told the same, if they have an application."""
    said = (await world.service.me.preferences(person.principal)).marketing_calls
    assert isinstance(said, bool)
    return said


async def offer(world: World, person: Person) -> bool:
    """Whether a marketing call is issued. It is revoked again."""
    try:
        issued = await world.issue(person, purpose="marketing")
    except PolicyRefused as refused:
        told = [(each.rule, each.detail) for each in refused.refusals]
    else:
        await world.revoke(issued["call"]["call_id"])
        return True
    assert told == [("consent", "the customer has refused marketing calls")]
    return False


async def tamper(world: World, sql: str, *values: object) -> None:
    async with world.storage.transaction() as transaction:
        await transaction.execute_many(sql, [values])


@pytest.mark.shows("CVP-4.2-6", "CVP-4.2-24")
async def test_a_refusal_before_the_first_application_holds_for_it(world: World) -> None:
    person, other = Person(1), Person(2)
    assert await allowed(world, person)
    await say(world, person, allowed=False)
    assert (await allowed(world, person), await allowed(world, other)) == (False, True)
    for each in (person, other):
        await world.register(each, status="enquiry", consents=AGREED)
    assert (await offer(world, person), await offer(world, other)) == (False, True)
    assert (await world.issue(person, purpose="progress"))["call"]["state"] == "issued"
    assert await world.counts("marketing_refusals") == (1,)
    assert not (await world.audit()).findings


@pytest.mark.shows("CVP-4.2-24", "CVP-4.1-6")
async def test_a_refusal_outlives_every_application(world: World, wang: Person) -> None:
    await world.register(wang, consents=AGREED)
    await say(world, wang, allowed=False)
    await world.erase(wang)
    assert not await allowed(world, wang)
    later = another_loan(wang, 7)
    await world.register(later, consents=AGREED)
    assert not await offer(world, later)
    await world.erase(later)
    # What stays is the blind index of the login, and a time.
    [row] = await world.storage.fetch(f"SELECT {REFUSALS.columns} FROM marketing_refusals")
    assert bytes(row[0]) == world.context.customer_index(wang.customer_id)
    assert row[1] == world.clock()
    assert not (await world.audit()).findings


@pytest.mark.shows("CVP-4.2-6", "CVP-4.2-24")
async def test_the_person_can_take_the_refusal_back_and_say_it_again(world: World, wang: Person) -> None:
    await world.register(wang, consents=AGREED)
    for _ in range(2):
        await say(world, wang, allowed=False)
        first = await world.storage.fetch("SELECT refused_at FROM marketing_refusals")
        world.clock.advance(60)
        await say(world, wang, allowed=False)
        assert await world.storage.fetch("SELECT refused_at FROM marketing_refusals") == first
        assert not await offer(world, wang)
        for _ in range(2):
            await say(world, wang, allowed=True)
        assert await world.counts("marketing_refusals") == (0,)
    assert await offer(world, wang)
    assert not (await world.audit()).findings


@pytest.mark.shows("CVP-4.2-24")
async def test_no_marketing_call_follows_a_refusal_that_was_answered(world: World, wang: Person) -> None:
    """Refusal and issue arrive at one moment, in one batch or in two."""
    await world.register(wang, consents=AGREED)
    for refusal_first in (True, False):
        refuse, issue = say(world, wang, allowed=False), world.issue(wang, purpose="marketing")
        pair: tuple[Any, ...] = (refuse, issue) if refusal_first else (issue, refuse)
        outcomes = await asyncio.gather(*pair, return_exceptions=True)
        assert outcomes[0 if refusal_first else 1] is None
        issued = outcomes[1 if refusal_first else 0]
        assert isinstance(issued, PolicyRefused | dict), issued
        assert not await offer(world, wang)
        if isinstance(issued, dict):
            await world.revoke(issued["call"]["call_id"])
        await say(world, wang, allowed=True)


@pytest.mark.shows("CVP-4.2-24")
async def test_a_refusal_at_one_node_holds_at_the_next_at_once(world: World, wang: Person) -> None:
    await world.register(wang, consents=AGREED)
    async with World(world.storage, world.ring_file, ring=world.ring, clock=world.clock) as node:
        assert await offer(node, wang)
        for there, here in ((world, node), (node, world)):
            await say(there, wang, allowed=False)
            assert not await offer(here, wang)
            assert not await allowed(here, wang)
            await say(here, wang, allowed=True)
            assert await allowed(there, wang)
        assert await offer(world, wang)
    assert not (await world.audit()).findings


async def refused_before(world: World, person: Person, n: int = 1) -> None:
    """Writes a refusal as the release before did: into the row of the application."""

    def decide(work: UnitOfWork) -> Answer[Preferences]:
        row = work.applications.get(person.application_id).row
        work.applications.put(replace(row, opted_out=n))
        return lambda: Preferences(marketing_calls=False)

    await world.context.writer.submit(ReadSet(application_id=person.application_id), decide)


async def opted_out(world: World) -> int:
    rows = await world.storage.fetch("SELECT COALESCE(SUM(opted_out), 0) FROM applications")
    return int(rows[0][0])


@pytest.mark.shows("CVP-4.2-25")
async def test_a_refusal_of_an_earlier_release_counts_until_the_person_says_something_new(
    world: World, wang: Person
) -> None:
    later = another_loan(wang, 7)
    await world.register(wang, consents=AGREED)
    await refused_before(world, wang)
    await world.register(later, consents=AGREED)
    # Registering again keeps what the row says, and copies it to no other.
    await world.register(wang, consents=AGREED)
    assert await opted_out(world) == 1
    assert not await allowed(world, wang)
    for each in (wang, later):
        assert not await offer(world, each)
    await say(world, wang, allowed=True)
    assert (await opted_out(world), await allowed(world, wang), await offer(world, later)) == (0, True, True)
    await refused_before(world, wang)
    await say(world, wang, allowed=False)
    assert (await opted_out(world), await world.counts("marketing_refusals")) == (0, (1,))
    assert not (await world.audit()).findings


@pytest.mark.shows("CVP-4.2-25")
async def test_a_refusal_that_moves_while_it_is_read_is_not_overlooked(
    world: World, wang: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader has no transaction. The refusal moves from the application to the person between its two reads."""
    await world.register(wang, consents=AGREED)
    await refused_before(world, wang)
    fetch = world.storage.fetch_in
    moved: list[str] = []

    async def fetch_in(sql: str, *given: Any) -> Any:
        found = await fetch(sql, *given)
        if not moved and (sql == records.REFUSALS_OF or sql == records.APPLICATIONS_OF_PEOPLE):
            moved.append(sql)
            await say(world, wang, allowed=False)
        return found

    monkeypatch.setattr(world.storage, "fetch_in", fetch_in)
    assert not await allowed(world, wang)
    assert (len(moved), await opted_out(world)) == (1, 0)


@pytest.mark.shows("CVP-4.2-25")
async def test_a_refusal_of_an_earlier_release_outlives_its_application(world: World, wang: Person) -> None:
    await world.register(wang, consents=AGREED)
    await refused_before(world, wang)
    await world.erase(wang)
    assert not await allowed(world, wang)
    later = another_loan(wang, 7)
    await world.register(later, consents=AGREED)
    assert not await offer(world, later)
    await say(world, wang, allowed=True)
    assert await offer(world, later)
    # A person who never refused has no row, erased or not.
    await world.erase(later)
    assert await world.counts("marketing_refusals") == (0,)


@pytest.mark.shows("CVP-4.2-25")
async def test_a_refusal_of_an_earlier_release_counts_for_a_borrower_who_is_no_contact_any_more(
    world: World, wang: Person
) -> None:
    """Another person speaks for the loan now. The refusal is about the borrower, wherever the bank calls them."""
    await world.register(wang, consents=AGREED)
    await refused_before(world, wang)
    speaks = Person(8)
    facts = {**wang.several(), "contacts": (at_company(speaks, "finance", consents=AGREED),)}
    await world.register(wang, **facts)
    world.clock.advance(4 * 86_400)
    company = Company(20)
    await world.register(
        company, at_company(wang, "finance", numbers=Person(7).registration().numbers, consents=AGREED)
    )
    seat = another_loan(wang, 7)
    seat.application_id = company.application_id
    assert not await allowed(world, wang)
    assert not await offer(world, seat)
    # Nobody else on the borrower's own loan has refused anything.
    speaks.application_id = wang.application_id
    assert await offer(world, speaks)
    await say(world, wang, allowed=True)
    assert (await opted_out(world), await allowed(world, wang), await offer(world, seat)) == (0, True, True)
    await refused_before(world, wang)
    await say(world, wang, allowed=False)
    assert (await opted_out(world), await world.counts("marketing_refusals")) == (0, (1,))
    assert not (await world.audit()).findings


@pytest.mark.shows("CVP-10.2-1", "CVP-4.2-24")
async def test_a_changed_refusal_stops_marketing_and_nothing_else(world: World, wang: Person) -> None:
    await world.register(wang, consents=AGREED)
    await say(world, wang, allowed=False)
    await tamper(world, "UPDATE marketing_refusals SET refused_at = refused_at - 1")
    with pytest.raises(Tampered):
        await world.issue(wang, purpose="marketing")
    with pytest.raises(InternalError):
        await allowed(world, wang)
    assert (await world.issue(wang))["call"]["state"] == "issued"
    assert any("marketing_refusals" in each for each in (await world.audit()).findings)
    # The application can still be erased.
    await refused_before(world, wang)
    await world.erase(wang)


@pytest.mark.shows("CVP-10.2-2", "CVP-8.3-1")
async def test_the_audit_finds_a_deleted_refusal_and_one_moved_to_another_person(
    world: World, wang: Person, mallory: Person
) -> None:
    """Until then the deletion brings the person the offers that the bank says they agreed to, and nothing more."""
    for each in (wang, mallory):
        await world.register(each, consents=AGREED)
    await say(world, wang, allowed=False)
    person = world.context.customer_index(mallory.customer_id)
    [row] = await world.storage.fetch(f"SELECT {REFUSALS.columns} FROM marketing_refusals")
    await tamper(world, "UPDATE marketing_refusals SET person = $1", person)
    with pytest.raises(Tampered):
        await world.issue(mallory, purpose="marketing")
    assert (await world.audit()).findings
    await tamper(world, "DELETE FROM marketing_refusals")
    assert await offer(world, wang)
    assert any("at least one is gone" in each for each in (await world.audit()).findings)
    await tamper(world, REFUSALS.insert, *row)
    assert not await offer(world, wang)
    assert not (await world.audit()).findings
