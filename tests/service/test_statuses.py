"""Enquiries and closed loans: who may be phoned about what, when a loan was closed, and full protection (law L10)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, get_args

import msgspec
import pytest
from msgspec import UNSET
from msgspec.structs import replace

from tests.world import COLLEAGUE, LOANS, NOON, Company, Party, Person, World, at_company, staff, system
from verifier.core.application import Consents, Registration, Status
from verifier.core.errors import InvalidField, PolicyRefused, VerifierError
from verifier.core.messages.calls import CallPurpose
from verifier.core.messages.customers import Preferences
from verifier.core.purposes import Purpose
from verifier.core.times import from_ms, to_ms
from verifier.ledger import records
from verifier.ledger.commands import Answer
from verifier.ledger.decrypted import DecryptedApplication
from verifier.ledger.read_set import ReadSet
from verifier.ledger.unit_of_work import UnitOfWork
from verifier.service.staff.purposes import purposes_of

DAY_S = 86_400
ALL = get_args(Purpose)
WILLING = Consents(marketing_calls=True)
OFFICER = staff("4412")


async def held(world: World, person: Person) -> Registration:
    view = await world.service.applications.read(LOANS, person.application_id)
    return view.registration


async def refused(world: World, person: Person, purpose: str) -> list[str]:
    """The rules that refuse a call. Empty if it was issued, and revoked again."""
    try:
        issued = await world.issue(person, purpose=purpose)
    except PolicyRefused as error:
        return [each.rule for each in error.refusals]
    await world.revoke(issued["call"]["call_id"])
    return []


async def offered(world: World, person: Party) -> dict[str, list[str]]:
    """What the officer's console is told: each purpose, with the rules that refuse it."""
    view = await world.service.desk.application(OFFICER, person.application_id)
    assert view.purposes is not UNSET
    return {each.purpose: [told.rule for told in each.refusals] for each in view.purposes}


@pytest.mark.shows("CVP-4.2-1", "CVP-4.2-20", "CVP-4.2-21", "CVP-4.2-23")
@pytest.mark.parametrize("status", get_args(Status))
async def test_what_is_refused_is_what_the_console_is_told_and_nothing_is_written(world: World, status: Status) -> None:
    person = Person(1)
    await world.register(person, status=status, consents=WILLING)
    told = await offered(world, person)
    assert list(told) == list(ALL)
    for purpose in ALL:
        before = await world.counts("calls", "leaves", "idempotency")
        assert await refused(world, person, purpose) == told[purpose], purpose
        if told[purpose]:
            assert await world.counts("calls", "leaves", "idempotency") == before
        world.clock.advance(DAY_S / 24 / 60)
        if purpose in ("progress", "repayment"):
            world.clock.advance(DAY_S)  # three calls a day
    assert "purpose" not in told["marketing"]


@pytest.mark.shows("CVP-4.2-22")
async def test_a_supervisor_cannot_lift_a_status(world: World) -> None:
    """The types of an exception name no such rule, and one for another rule does not lift it."""
    person = Person(1)
    await world.register(person, status="closed")
    granted = await world.grant(person, "daily_cap", "contact_hours", "number_cooling_off", "person_daily_cap")
    with pytest.raises(PolicyRefused) as caught:
        await world.issue(person, exception_id=granted["exception_id"])
    assert [(each.rule, each.exception) for each in caught.value.refusals] == [("purpose", False)]


@pytest.mark.shows("CVP-4.2-20", "CVP-4-10", "CVP-6.6-1")
async def test_a_call_on_an_enquiry_has_full_protection(world: World) -> None:
    lead = Person(1)
    await world.register(lead, status="enquiry", product="小微企业贷款")
    issued = await world.issue(lead, purpose="appointment")
    ticket = world.check(issued["ticket"])
    assert (ticket.purpose, ticket.asks, issued["code"]) == ("appointment", ("appointment",), None)
    call_id = issued["call"]["call_id"]
    assert (await world.call_status(lead)).state == "expected"
    await world.leg(call_id, "connected", lead.number)
    status = await world.call_status(lead)
    assert (status.state, "预约" in status.words[0].text) == ("connected", True)
    code = await world.reveal(call_id)
    stranger = await world.confirm(Person(66), code)
    assert stranger["verdict"] == "not_genuine"
    verdict = await world.confirm(lead, code)
    assert verdict["verdict"] == "genuine"
    assert verdict["call"]["loan"]["product"] == "小微企业贷款"
    assert "小微企业贷款" in verdict["words"][0]["text"]
    assert world.check(verdict["receipt"]).verdict == "genuine"
    past = await world.service.me.calls(lead.principal, None, 20)
    assert [each.purpose for each in past.calls] == ["appointment"]
    mine = await world.service.me.applications(lead.principal)
    assert [(each.status, each.product) for each in mine.applications] == [("enquiry", "小微企业贷款")]


@pytest.mark.shows("CVP-3.1-20")
async def test_the_service_dates_the_closing_and_later_updates_keep_the_date(world: World, wang: Person) -> None:
    assert (await held(world, wang)).closed_at is UNSET
    world.clock.advance(3600)
    closed = await world.register(wang, status="closed")
    assert to_ms(datetime.fromisoformat(closed["registration"]["closed_at"])) == NOON + 3_600_000
    world.clock.advance(89 * DAY_S)
    await world.register(wang, status="closed", product="已结清的贷款")
    kept = await held(world, wang)
    assert (kept.closed_at, kept.product) == (from_ms(NOON + 3_600_000), "已结清的贷款")
    assert await refused(world, wang, "repayment") == []
    world.clock.advance(DAY_S)
    assert await refused(world, wang, "repayment") == []
    world.clock.advance(DAY_S)
    await world.register(wang, status="closed")
    assert await refused(world, wang, "repayment") == ["application_open"]


@pytest.mark.shows("CVP-3.1-20")
async def test_reopening_clears_the_date_and_closing_again_begins_anew(world: World, wang: Person) -> None:
    await world.register(wang, status="closed")
    world.clock.advance(100 * DAY_S)
    assert await refused(world, wang, "repayment") == ["application_open"]
    await world.register(wang)
    assert (await held(world, wang)).closed_at is UNSET
    assert await refused(world, wang, "documents") == []
    await world.register(wang, status="closed")
    assert (await held(world, wang)).closed_at == from_ms(world.clock())
    assert await refused(world, wang, "repayment") == []


@pytest.mark.shows("CVP-3.1-20")
async def test_the_banks_own_date_counts_and_is_kept(world: World, wang: Person) -> None:
    paid_off = from_ms(NOON) - timedelta(days=91)
    await world.register(wang, status="closed", closed_at=paid_off)
    assert await refused(world, wang, "repayment") == ["application_open"]
    await world.register(wang, status="closed")
    assert (await held(world, wang)).closed_at == paid_off
    await world.register(wang, status="closed", closed_at=paid_off + timedelta(days=1))
    assert await refused(world, wang, "repayment") == []


@pytest.mark.shows("CVP-3.1-21")
@pytest.mark.parametrize(
    "facts",
    [
        {"status": "open", "closed_at": from_ms(NOON)},
        {"status": "enquiry", "closed_at": from_ms(NOON)},
        {"status": "closed", "closed_at": from_ms(NOON + 301_000)},
        {"status": "closed", "closed_at": from_ms(-1)},
        {"status": "closed", "closed_at": datetime.fromisoformat("0001-01-01T00:00:00+14:00")},
        {"status": "closed", "closed_at": datetime.fromisoformat("9999-12-31T23:59:59-12:00")},
    ],
)
async def test_an_impossible_date_is_refused_by_name_and_nothing_is_written(
    world: World, wang: Person, facts: dict[str, Any]
) -> None:
    before = await held(world, wang)
    with pytest.raises(InvalidField) as caught:
        await world.register(wang, **facts)
    assert [each.pointer for each in caught.value.errors] == ["/closed_at"]
    assert await held(world, wang) == before


@pytest.mark.shows("CVP-3.1-21")
@pytest.mark.parametrize("closed_at", [from_ms(0), from_ms(NOON + 300_000)])
@pytest.mark.parametrize("time_zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
async def test_the_earliest_and_the_latest_date_work_in_every_zone(
    world: World, closed_at: datetime, time_zone: str
) -> None:
    person = Person(1)
    customer = replace(person.registration().customer, time_zone=time_zone)
    await world.register(person, status="closed", closed_at=closed_at, customer=customer)
    assert ("application_open" in (await offered(world, person))["repayment"]) is (closed_at == from_ms(0))


async def as_before(world: World, person: Person, **changes: Any) -> None:
    """Writes the row of a closed application as the release before did: without a date."""

    def decide(work: UnitOfWork) -> Answer[CallPurpose]:
        opened = work.applications.get(person.application_id)
        facts = replace(opened.registration, closed_at=UNSET)
        sealed = work.seal(
            DecryptedApplication(opened.row, opened.keys, facts, facts.people),
            person.application_id,
            msgspec.json.encode(facts),
        )
        work.applications.put(replace(opened.row, sealed=sealed, **changes))
        return lambda: CallPurpose("documents")

    await world.context.writer.submit(ReadSet(application_id=person.application_id), decide)


@pytest.mark.shows("CVP-3.1-20")
async def test_what_an_earlier_release_has_closed_counts_from_its_last_update(world: World, wang: Person) -> None:
    await world.register(wang, status="closed")
    await as_before(world, wang)
    assert (await held(world, wang)).closed_at is UNSET
    world.clock.advance(90 * DAY_S)
    assert await refused(world, wang, "repayment") == []
    # The next update writes down the time that has counted so far.
    await world.register(wang, status="closed")
    assert (await held(world, wang)).closed_at == from_ms(NOON)
    world.clock.advance(DAY_S)
    assert await refused(world, wang, "repayment") == ["application_open"]


@pytest.mark.shows("CVP-4.2-23")
async def test_the_console_is_told_of_consents_and_refusals(world: World) -> None:
    person = Person(1)
    await world.register(person)
    assert (await offered(world, person))["marketing"] == ["consent"]
    await world.register(person, consents=WILLING)
    assert (await offered(world, person))["marketing"] == []
    await world.service.me.put_preferences(person.principal, Preferences(marketing_calls=False))
    view = await world.service.applications.read(LOANS, person.application_id)
    assert view.purposes is not UNSET
    told = {each.purpose: each.refusals for each in view.purposes}
    assert [each.detail for each in told["marketing"]] == ["the customer has refused marketing calls"]
    assert told["documents"] == ()
    # A search does not say: it would have to read the refusal of each customer.
    found = await world.service.desk.applications(OFFICER, "", None, 10)
    assert [each.purposes for each in found.applications] == [UNSET]


@pytest.mark.shows("CVP-4.2-23")
async def test_nobody_else_is_told_the_purposes(world: World) -> None:
    person = Person(1)
    await world.register(person, status="enquiry", officers=(COLLEAGUE,))
    with pytest.raises(VerifierError) as caught:
        await world.service.desk.application(OFFICER, person.application_id)
    assert caught.value.slug == "not_found"
    with pytest.raises(PolicyRefused) as refusal:
        await world.issue(person, officer=system("calls"), officer_id="4412", purpose="terms")
    assert [each.rule for each in refusal.value.refusals] == ["officer_assigned", "purpose"]


@pytest.mark.shows("CVP-4.2-23")
async def test_a_purpose_is_refused_if_it_is_for_each_contact_who_may_be_called(world: World) -> None:
    company = Company(10)
    unwilling = at_company(company.finance, "finance")
    await world.register(company, unwilling, at_company(company.legal, "guarantor", "confirm", consents=WILLING))
    told = await offered(world, company)
    assert (told["marketing"], told["documents"]) == (["consent"], [])
    await world.register(company, unwilling, at_company(company.legal, "guarantor", consents=WILLING))
    assert (await offered(world, company))["marketing"] == []
    await world.service.me.put_preferences(company.legal.principal, Preferences(marketing_calls=False))
    assert (await offered(world, company))["marketing"] == ["consent"]


@pytest.mark.shows("CVP-4.2-23")
async def test_no_purpose_is_offered_if_nobody_may_be_called(world: World) -> None:
    company = Company(10)
    await world.register(company, at_company(company.finance, "finance", "confirm", "details", consents=WILLING))
    assert await offered(world, company) == {each: ["contact_right"] for each in ALL}
    with pytest.raises(PolicyRefused) as refusal:
        await world.issue(company)
    assert [each.rule for each in refusal.value.refusals] == ["contact_right"]


@pytest.mark.shows("CVP-4.2-23")
async def test_the_purposes_of_fifty_contacts_take_two_queries(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    company, asked = Company(10), []
    await world.register(company, *(at_company(Person(n), "finance", consents=WILLING) for n in range(50)))
    fetch = world.storage.fetch_in

    async def fetch_in(sql: str, *given: Any) -> Any:
        asked.append(sql)
        return await fetch(sql, *given)

    opened = await world.context.reading.application(company.application_id)
    monkeypatch.setattr(world.storage, "fetch_in", fetch_in)
    await purposes_of(world.context, opened)
    assert asked == [records.APPLICATIONS_OF_PEOPLE, records.REFUSALS_OF]
