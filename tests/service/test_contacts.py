"""The contacts of a loan: whom the bank calls, who may confirm, and what each of them learns (law L12)."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from tests.world import LOANS, NOON, OFFICER, Company, Json, Person, World, at_company, staff
from verifier.api.bodies import decode_body
from verifier.core.application import RegisteredNumber, Registration
from verifier.core.contacts import Borrower, Consents, Contact
from verifier.core.errors import CallClosed, InvalidField, NotFound, PolicyRefused
from verifier.core.messages.customers import Preferences
from verifier.core.names import check_names
from verifier.core.octets import base64url
from verifier.core.times import from_ms

HOUR = 3600


@pytest.fixture
async def company(world: World) -> Company:
    company = Company(10)
    await world.register(company)
    return company


def text(verdict: Json, language: str = "en") -> str:
    return next(str(each["text"]) for each in verdict["words"] if each["language"] == language)


@pytest.mark.shows("CVP-3.3-3", "CVP-7-7")
async def test_the_head_of_finance_confirms_and_the_legal_representative_learns_whom_the_bank_called(
    world: World, company: Company
) -> None:
    _, code = await world.live_call(company)
    first = await world.confirm(company.finance, code)
    assert (first["verdict"], first["given_before"]) == ("genuine", False)
    assert "called" not in first["call"]
    second = await world.confirm(company.legal, code)
    assert (second["verdict"], second["given_before"]) == ("genuine", False)
    assert second["call"]["called"] == {"role": "finance", "name": company.finance.name}
    assert company.finance.name in text(second)
    assert company.finance.name in text(second, "zh-CN")
    assert second["receipt_id"] != first["receipt_id"]
    assert world.check(second["receipt"]).call.ticket == world.check(first["receipt"]).call.ticket
    assert (await world.confirm(Person(1), code))["verdict"] == "not_genuine"
    assert (await world.audit()).findings == []


@pytest.mark.shows("CVP-7-8")
async def test_each_contact_who_enters_the_code_again_gets_their_first_receipt(world: World, company: Company) -> None:
    _, code = await world.live_call(company)
    first = {each: await world.confirm(each, code) for each in (company.legal, company.finance)}
    for each, before in first.items():
        again = await world.confirm(each, code)
        assert (again["receipt_id"], again["given_before"]) == (before["receipt_id"], True)
        assert again["receipt"] == before["receipt"]
    by_phone = await world.ring_in(company.finance.number, code)
    assert by_phone["receipt_id"] == first[company.finance]["receipt_id"]


@pytest.mark.shows("CVP-7.12-1")
async def test_a_retry_of_another_contact_is_genuine_during_the_call_and_ended_afterwards(
    world: World, company: Company
) -> None:
    call_id, code = await world.live_call(company)
    await world.confirm(company.finance, code)
    kept = await world.confirm(company.legal, code, key="k")
    assert await world.confirm(company.legal, code, key="k") == kept
    await world.leg(call_id, "ended", company.number)
    assert (await world.confirm(company.legal, code, key="k"))["verdict"] == "ended"


@pytest.mark.shows("CVP-7-9")
async def test_a_receipt_belongs_to_the_contact_who_asked(world: World, company: Company) -> None:
    _, code = await world.live_call(company)
    mine = await world.confirm(company.finance, code)
    theirs = await world.confirm(company.legal, code)
    read = world.service.receipts.read
    assert (await read(company.legal.principal, theirs["receipt_id"])).receipt_id == theirs["receipt_id"]
    for who, receipt in ((company.legal, mine), (company.finance, theirs)):
        with pytest.raises(NotFound):
            await read(who.principal, receipt["receipt_id"])


@pytest.mark.shows("CVP-7.5-10")
async def test_each_contact_finds_their_own_receipt_in_the_list_of_calls(world: World, company: Company) -> None:
    async def listed(who: Person) -> list[str | None]:
        return [each.receipt_id for each in (await world.service.me.calls(who.principal, None, 10)).calls]

    call_id, code = await world.live_call(company)
    mine = await world.confirm(company.finance, code)
    assert await listed(company.legal) == [None]
    theirs = await world.confirm(company.legal, code)
    await world.leg(call_id, "ended", company.number)
    world.clock.advance(90 * 24 * HOUR)
    await world.service.housekeeping.sweep()
    assert await listed(company.finance) == [mine["receipt_id"]]
    assert await listed(company.legal) == [theirs["receipt_id"]]
    assert (await world.audit()).findings == []


@pytest.mark.shows("CVP-7.5-10")
async def test_a_borrower_finds_their_receipt_also_if_a_contact_was_first(world: World) -> None:
    person, other = Person(1), Person(7)
    await world.register(person, **person.several(at_company(other, "guarantor", "confirm", "details")))
    _, code = await world.live_call(person)
    await world.confirm(other, code)
    mine = await world.confirm(person, code)
    listed = await world.service.me.calls(person.principal, None, 10)
    assert [each.receipt_id for each in listed.calls] == [mine["receipt_id"]]


@pytest.mark.shows("CVP-3.3-7")
async def test_a_contact_without_details_learns_neither_the_loan_nor_calls_to_others(
    world: World, company: Company
) -> None:
    helper = at_company(company.former, "helper", "confirm", numbers=())
    await world.register(company, at_company(company.finance, "finance"), helper)
    _, code = await world.live_call(company)
    verdict = await world.confirm(company.former, code)
    assert verdict["verdict"] == "genuine"
    assert verdict["call"]["officer"]["id"] == OFFICER.id
    assert verdict["call"]["never_asks"]
    assert "loan" not in verdict["call"]
    assert (verdict["call"]["purpose"], verdict["call"]["asks"]) == (None, [])
    for language in ("zh-CN", "en"):
        assert "流动资金贷款" not in text(verdict, language)
        assert company.application_id not in text(verdict, language)
    assert (await world.service.me.calls(company.former.principal, None, 10)).calls == ()
    assert (await world.service.me.applications(company.former.principal)).applications == ()
    assert (await world.call_status(company.former)).state == "none"


@pytest.mark.shows("CVP-3.3-4")
@pytest.mark.parametrize("rights", [("called",), ("called", "details"), ()])
async def test_a_contact_without_the_right_to_confirm_gets_the_uniform_refusal(
    world: World, company: Company, rights: Any
) -> None:
    silent = at_company(company.legal, "guarantor", rights=rights)
    await world.register(company, at_company(company.finance, "finance"), silent)
    _, code = await world.live_call(company)
    stranger = await world.confirm(Person(1), code)
    refused = await world.confirm(company.legal, code)
    assert refused["verdict"] == "not_genuine"
    assert (refused["words"], refused["call"]) == (stranger["words"], stranger["call"])
    assert (await world.confirm(company.finance, code))["verdict"] == "genuine"


async def test_a_former_head_of_finance_gets_not_genuine_and_keeps_their_receipts(
    world: World, company: Company
) -> None:
    _, code = await world.live_call(company)
    before = await world.confirm(company.finance, code)
    await world.register(company, at_company(company.legal, "legal_representative"))
    assert (await world.confirm(company.finance, code))["verdict"] == "not_genuine"
    assert (await world.ring_in(company.finance.number, code))["verdict"] == "unavailable"
    kept = await world.service.receipts.read(company.finance.principal, before["receipt_id"])
    assert kept.receipt_id == before["receipt_id"]
    assert (await world.service.me.calls(company.finance.principal, None, 10)).calls == ()


@pytest.mark.shows("CVP-3.3-6")
@pytest.mark.parametrize("change", ["removed", "not called"])
async def test_a_contact_removed_during_a_call_revokes_it(world: World, company: Company, change: str) -> None:
    call_id, code = await world.live_call(company)
    left = [at_company(company.legal, "legal_representative")]
    if change == "not called":
        left.append(at_company(company.finance, "finance", "confirm", "details"))
    await world.register(company, *left)
    assert (await world.call_view(call_id)).state == "revoked"
    with pytest.raises(CallClosed):
        await world.reveal(call_id)
    for who in (company.finance, company.legal):
        assert (await world.confirm(who, code))["verdict"] == "not_genuine"
    assert (await world.audit()).findings == []


async def test_a_contact_who_stays_keeps_the_call_through_an_update(world: World, company: Company) -> None:
    _, code = await world.live_call(company)
    newcomer = at_company(company.former, "guarantor")
    kept = at_company(company.legal, "legal_representative"), at_company(company.finance, "finance")
    await world.register(company, *kept, newcomer)
    assert (await world.confirm(company.finance, code))["verdict"] == "genuine"


@pytest.mark.shows("CVP-3.3-5")
async def test_a_new_contact_waits_out_the_cooling_off_period_whatever_date_is_given(
    world: World, company: Company
) -> None:
    usual = at_company(company.finance, "finance"), at_company(company.legal, "legal_representative")
    old = from_ms(NOON - 900 * 86_400_000)
    await world.register(company, *usual, at_company(company.former, "guarantor", added_at=old))
    with pytest.raises(PolicyRefused) as refused:
        await world.issue(company, number=company.former.number)
    assert [each.rule for each in refused.value.refusals] == ["number_cooling_off"]
    world.clock.advance(71 * HOUR)
    # A later update does not begin the period again.
    await world.register(company, *usual, at_company(company.former, "guarantor", added_at=old))
    world.clock.advance(HOUR)
    assert await world.issue(company, number=company.former.number)
    view = await world.service.applications.read(LOANS, company.application_id)
    assert isinstance(view.registration.contacts, tuple)
    added = [each.added_at for each in view.registration.contacts]
    assert added == [msgspec.UNSET, msgspec.UNSET, from_ms(NOON)]


@pytest.mark.shows("CVP-4.2-11")
async def test_caps_hours_and_consents_are_those_of_the_contact_who_is_called(world: World) -> None:
    company = Company(20)
    abroad = at_company(company.legal, "legal_representative", time_zone="America/New_York")
    refusing = at_company(company.former, "guarantor", consents=Consents(service_calls=False))
    await world.register(company, at_company(company.finance, "finance"), abroad, refusing)

    async def rules(number: str) -> list[str]:
        with pytest.raises(PolicyRefused) as refused:
            await world.issue(company, number=number)
        return [each.rule for each in refused.value.refusals]

    assert await rules(company.legal.number) == ["contact_hours"]
    assert await rules(company.former.number) == ["consent"]
    assert await world.issue(company, number=company.finance.number)


@pytest.mark.shows("CVP-4.2-11")
async def test_a_person_who_is_a_contact_of_many_companies_has_one_cap(world: World) -> None:
    one, two = Company(20), Company(30)
    accountant = Person(5)
    await world.register(accountant)
    for company in (one, two):
        await world.register(company, at_company(accountant, "finance"), at_company(company.legal, "guarantor"))
    for party in (one, two, accountant):
        await world.issue(party, number=accountant.number)
    for party in (one, two, accountant):
        world.clock.advance(1)
        with pytest.raises(PolicyRefused) as refused:
            await world.issue(party, number=accountant.number)
        assert [each.rule for each in refused.value.refusals] == ["person_daily_cap"]
    # The calls to the accountant do not count for the guarantor.
    assert await world.issue(one, number=one.legal.number)


@pytest.mark.shows("CVP-6.6-1")
async def test_the_status_is_about_the_contact_who_is_called(world: World, company: Company) -> None:
    call_id = (await world.issue(company))["call"]["call_id"]
    await world.leg(call_id, "ringing", company.number)
    assert (await world.call_status(company.finance)).state == "ringing"
    assert (await world.call_status(company.legal)).state == "none"


@pytest.mark.shows("CVP-7.14-1")
async def test_a_call_check_lists_the_calls_to_the_person_who_asks(world: World, company: Company) -> None:
    await world.live_call(company)
    mine = await world.check_calls(company.finance, NOON - 1000, NOON)
    theirs = await world.check_calls(company.legal, NOON - 1000, NOON)
    assert (len(mine["calls"]), len(theirs["calls"])) == (1, 0)


async def test_a_call_check_still_lists_a_call_after_the_contact_has_changed_their_number(
    world: World, company: Company
) -> None:
    call_id, _ = await world.live_call(company)
    await world.leg(call_id, "ended", company.number)
    other = RegisteredNumber("+8613800139999", from_ms(NOON - 90 * 86_400_000))
    await world.register(company, at_company(company.finance, "finance", numbers=(other,)))
    assert len((await world.check_calls(company.finance, NOON - 1000, NOON))["calls"]) == 1


@pytest.mark.shows("CVP-3.3-6")
async def test_the_histories_of_a_removed_contact_go_with_them(world: World, company: Company) -> None:
    await world.live_call(company)
    history = await world.check_calls(company.finance, NOON - 1000, NOON)
    await world.register(company, at_company(company.legal, "legal_representative"))
    with pytest.raises(NotFound):
        await world.service.receipts.read(company.finance.principal, history["receipt_id"])
    assert (await world.audit()).findings == []


async def test_an_erasure_while_a_contact_is_on_the_phone_leaves_nothing_of_them(
    world: World, company: Company
) -> None:
    _, code = await world.live_call(company)
    await world.confirm(company.finance, code)
    history = await world.check_calls(company.legal, NOON - 1000, NOON)
    await world.erase(company)
    assert await world.counts("contacts", "numbers", "confirmations") == (0, 0, 0)
    for who in (company.finance, company.legal):
        assert (await world.confirm(who, code))["verdict"] == "not_genuine"
    with pytest.raises(NotFound):
        await world.service.receipts.read(company.legal.principal, history["receipt_id"])
    assert (await world.audit()).findings == []


@pytest.mark.shows("CVP-3.3-2")
async def test_a_loan_of_one_person_can_get_contacts_and_lose_them(world: World) -> None:
    person = Person(1)
    await world.register(person)
    _, code = await world.live_call(person)
    await world.register(person, **person.several(at_company(Person(7), "helper", "confirm", numbers=())))
    assert (await world.confirm(Person(7), code))["call"]["called"]["role"] == "borrower"
    assert (await world.confirm(person, code))["verdict"] == "genuine"
    await world.register(person)
    assert (await world.confirm(person, code))["verdict"] == "genuine"
    assert (await world.confirm(Person(7), code))["verdict"] == "not_genuine"
    assert (await world.audit()).findings == []


async def test_an_application_stays_with_its_borrower(world: World, company: Company) -> None:
    other = Borrower("91330000MA99999999", "西山贸易有限公司", "company")
    with pytest.raises(InvalidField) as refused:
        await world.register(company, borrower=other)
    assert refused.value.errors[0].pointer == "/borrower/id"


WRONG: dict[str, tuple[str, list[Contact]]] = {
    "two with one login": (
        "/contacts",
        [at_company(Person(1), "finance"), at_company(Person(1), "guarantor", "confirm", numbers=())],
    ),
    "two without a login and with one name": (
        "/contacts",
        [at_company(Person(1), "finance", id=None), at_company(Person(2), "guarantor", id=None, name=Person(1).name)],
    ),
    "a number twice": (
        "/contacts",
        [
            at_company(Person(1), "finance"),
            at_company(Person(2), "guarantor", numbers=at_company(Person(1), "finance").numbers),
        ],
    ),
    "called without a number": ("/contacts/0/rights", [at_company(Person(1), "finance", "called", numbers=())]),
    "a right without a login or number": (
        "/contacts/0/rights",
        [at_company(Person(1), "finance", "confirm", numbers=(), id=None)],
    ),
    "a right twice": ("/contacts/0/rights", [at_company(Person(1), "finance", "called", "called")]),
    "a helper who is called": ("/contacts/0/rights", [at_company(Person(1), "helper", "called")]),
    "a helper with details": ("/contacts/0/rights", [at_company(Person(1), "helper", "confirm", "details")]),
    "a helper who is the officer": ("/contacts/0/id", [at_company(Person(1), "helper", "confirm", id=OFFICER.id)]),
    "its own guarantor": ("/contacts/0/role", [at_company(Person(1), "guarantor", name=Company(10).borrower.name)]),
    "its own guarantor by id": ("/contacts/0/role", [at_company(Person(1), "guarantor", id=Company(10).borrower.id)]),
    "an unknown time zone": ("/contacts/0/time_zone", [at_company(Person(1), "finance", time_zone="Mars/Olympus")]),
    "added in the future": (
        "/contacts/0/added_at",
        [at_company(Person(1), "finance", added_at=from_ms(NOON + 600_000))],
    ),
    "a number from the future": (
        "/contacts/0/numbers/0/added_at",
        [at_company(Person(1), "finance", numbers=(RegisteredNumber("+8613800138000", from_ms(NOON + 600_000)),))],
    ),
}


@pytest.mark.shows("CVP-3.3-8")
@pytest.mark.parametrize(("pointer", "contacts"), WRONG.values(), ids=WRONG)
async def test_wrong_contacts_are_refused_by_name_and_nothing_is_written(
    world: World, pointer: str, contacts: list[Contact]
) -> None:
    with pytest.raises(InvalidField) as refused:
        await world.register(Company(10), *contacts)
    assert [each.pointer for each in refused.value.errors] == [pointer]
    assert await world.counts("applications", "contacts", "numbers") == (0, 0, 0)


@pytest.mark.shows("CVP-3.3-1", "CVP-3.3-8")
@pytest.mark.parametrize(
    ("pointer", "changes"),
    [
        ("/contacts", {"contacts": msgspec.UNSET}),
        ("/borrower", {"borrower": msgspec.UNSET}),
        ("/customer", {"customer": Person(1).registration().customer}),
        ("/numbers", {"numbers": Person(1).registration().numbers}),
        ("/consents", {"consents": Consents()}),
    ],
)
def test_the_members_of_both_forms_are_not_mixed(pointer: str, changes: Any) -> None:
    with pytest.raises(InvalidField) as refused:
        Company(10).registration(**changes)
    assert [each.pointer for each in refused.value.errors] == [pointer]


@pytest.mark.shows("CVP-3.1-12")
def test_the_names_of_borrowers_and_contacts_hold_no_link() -> None:
    contact = at_company(Person(1), "finance", name="bank.example/login")
    registration = Company(10).registration(contact, borrower=Borrower("b", "www.bank.example", "company"))
    with pytest.raises(InvalidField) as refused:
        check_names(registration)
    assert [each.pointer for each in refused.value.errors] == ["/borrower/name", "/contacts/0/name"]


async def test_officers_find_a_company_by_the_name_of_a_contact(world: World, company: Company) -> None:
    for query in (company.borrower.name, company.legal.name, company.legal.number[-8:]):
        found = await world.service.desk.applications(staff(OFFICER.id), query, None, 10)
        assert [each.application_id for each in found.applications] == [company.application_id]


async def test_a_contact_with_several_numbers_can_be_called_on_each(world: World) -> None:
    company = Company(10)
    numbers = tuple(
        replace(company.finance.registration().people[0].numbers[0], number=f"+861380013700{n}") for n in (1, 2)
    )
    await world.register(company, at_company(company.finance, "finance", numbers=numbers))
    issued = await world.issue(company, number=numbers[1].number)
    assert world.check(issued["ticket"]).contact.role == "finance"
    await world.leg(issued["call"]["call_id"], "connected", numbers[1].number)
    code = await world.reveal(issued["call"]["call_id"])
    assert (await world.ring_in(numbers[0].number, code))["verdict"] == "unavailable"
    assert (await world.ring_in(numbers[1].number, code))["verdict"] == "genuine"


@pytest.mark.shows("CVP-4-14")
async def test_a_ticket_names_its_contact_by_a_pseudonym_of_the_application(world: World) -> None:
    company, person = Company(10), Person(1)
    nameless = at_company(company.legal, "guarantor", id=None)
    await world.register(company, at_company(company.finance, "finance"), nameless)
    application = await world.context.reading.application(company.application_id)
    named = {company.finance.number: f"id:{company.finance.customer_id}", company.legal.number: f"name:{nameless.name}"}
    for number, key in named.items():
        ticket = world.check((await world.issue(company, number=number))["ticket"])
        expected = hmac.digest(application.keys.pseudonyms, b"contact\0" + key.encode(), "sha256")[:16]
        assert ticket.contact.pseudonym == base64url(expected)
        world.clock.advance(601)
    await world.register(person)
    assert world.check((await world.issue(person))["ticket"]).contact is msgspec.UNSET


@pytest.mark.shows("CVP-3.3-8")
@pytest.mark.parametrize(
    ("pointer", "change"),
    [
        ("/contacts", lambda body: body["contacts"].extend([body["contacts"][0]] * 49)),
        ("/contacts/0/role", lambda body: body["contacts"][0].update(role="treasurer")),
        ("/contacts/0/rights/0", lambda body: body["contacts"][0].update(rights=["everything"])),
        ("/contacts/0/numbers", lambda body: body["contacts"][0].update(numbers=body["contacts"][0]["numbers"] * 11)),
    ],
)
def test_contacts_out_of_bounds_are_refused_by_name(pointer: str, change: Callable[[Json], None]) -> None:
    body = msgspec.json.decode(msgspec.json.encode(Company(10).registration()))
    change(body)
    with pytest.raises(InvalidField) as refused:
        decode_body(msgspec.json.encode(body), msgspec.json.Decoder(Registration))
    assert [each.pointer for each in refused.value.errors] == [pointer]


@pytest.mark.shows("CVP-4.2-11", "CVP-4.2-24")
async def test_a_refusal_of_marketing_is_that_of_the_contact_and_not_of_the_loan(world: World) -> None:
    company, agreed = Company(10), Consents(marketing_calls=True)
    people = ((company.finance, "finance"), (company.legal, "legal_representative"))
    await world.register(company, *(at_company(who, role, consents=agreed) for who, role in people))
    await world.service.me.put_preferences(company.finance.principal, Preferences(marketing_calls=False))
    with pytest.raises(PolicyRefused) as refused:
        await world.issue(company, purpose="marketing", number=company.finance.number)
    assert [each.rule for each in refused.value.refusals] == ["consent"]
    assert await world.issue(company, purpose="marketing", number=company.legal.number)


@pytest.mark.shows("CVP-4.2-9")
async def test_an_update_keeps_the_calls_to_contacts_without_a_login_counted(world: World) -> None:
    company = Company(10)
    nameless = at_company(company.finance, "finance", id=None)
    await world.register(company, nameless)
    for _ in range(3):
        await world.issue(company)
        world.clock.advance(601)
    await world.register(company, nameless)
    with pytest.raises(PolicyRefused) as refused:
        await world.issue(company)
    assert [each.rule for each in refused.value.refusals] == ["daily_cap", "person_daily_cap"]


@pytest.mark.shows("CVP-3.3-5")
async def test_a_borrower_who_was_no_contact_does_not_become_one_undated_by_the_other_form(world: World) -> None:
    wang, spouse = Person(1), Person(2)
    alone = {**wang.several(), "contacts": (at_company(spouse, "guarantor"),)}
    await world.register(wang, **alone)
    with pytest.raises(InvalidField) as refused:
        await world.register(wang)
    assert [each.pointer for each in refused.value.errors] == ["/customer"]
    await world.register(wang, **wang.several(at_company(spouse, "guarantor")))
    with pytest.raises(PolicyRefused) as young:
        await world.issue(wang)
    assert [each.rule for each in young.value.refusals] == ["number_cooling_off"]
    with pytest.raises(InvalidField):
        await world.register(wang)
