"""Helpers whom a customer invites: how they come, what they may see, and how they go (section 7.18)."""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from tests.helping import DAY, Helping
from tests.world import NOON, OFFICER, Company, Json, Person, World, another_code, at_company
from verifier.core.application import AssignedOfficer
from verifier.core.errors import InvalidField, NotFound, RateLimited, Tampered, TooManyHelpers, Unavailable
from verifier.ledger.helpers import DecryptedHelper
from verifier.ledger.indexes import invitation_index

PURPOSE, PRODUCT = "documents", "个人住房贷款"


@pytest.fixture
def mother() -> Person:
    return Person(1)


@pytest.fixture
def daughter() -> Person:
    return Person(2)


@pytest.fixture
async def helping(world: World, mother: Person) -> Helping:
    """The mother has a loan. The daughter has none: she only has a login at the bank."""
    await world.register(mother)
    return Helping(world)


def text(verdict: Json, language: str = "en") -> str:
    return next(str(each["text"]) for each in verdict["words"] if each["language"] == language)


def claims(verdict: Json) -> Json:
    payload = verdict["receipt"]["statement"].split(".")[1]
    found: Json = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return found


async def seen(helping: Helping, customer: Person) -> list[str]:
    """What the customer's first helper has seen, newest first."""
    return [each["seen"] for each in (await helping.helpers(customer))[0]["looks"]]


# --- the invitation ---------------------------------------------------------------------------------------


@pytest.mark.shows("CVP-7.18-1", "CVP-7.18-3")
async def test_a_helper_may_look_once_both_have_confirmed(
    world: World, helping: Helping, mother: Person, daughter: Person
) -> None:
    _, code = await world.live_call(mother)
    invited = await helping.invite(mother, "小美")
    helper_id = invited["helper_id"]
    with pytest.raises(NotFound):
        await helping.accept(mother, helper_id)
    entered = await helping.enter(daughter, invited["invitation"])
    assert (entered["helper_id"], entered["person"], entered["state"]) == (helper_id, "妈妈", "entered")
    with pytest.raises(NotFound):
        await helping.confirm(daughter, helper_id, code)
    with pytest.raises(NotFound):
        await helping.call_status(daughter, helper_id)
    [waiting] = await helping.helpers(mother)
    assert (waiting["name"], waiting["said_name"], waiting["login"]) == ("小美", daughter.name, daughter.customer_id)
    assert (await helping.accept(mother, helper_id))["state"] == "active"
    assert (await helping.confirm(daughter, helper_id, code))["verdict"] == "genuine"
    assert [each["state"] for each in await helping.people(daughter)] == ["active"]
    assert (await world.audit()).findings == []


@pytest.mark.shows("CVP-7.18-1")
async def test_an_invitation_is_stored_as_a_blind_index_only(world: World, helping: Helping, mother: Person) -> None:
    letters = (await helping.invite(mother))["invitation"].replace("-", "")
    [(index, sealed)] = await world.storage.fetch("SELECT invitation, sealed FROM helpers")
    assert bytes(index) == invitation_index(world.ring, letters)
    assert letters.encode() not in bytes(sealed)
    assert "女儿".encode() not in bytes(sealed)


@pytest.mark.shows("CVP-7.18-2")
async def test_an_invitation_is_used_once_and_then_refused_like_an_unknown_one(
    world: World, helping: Helping, mother: Person, daughter: Person
) -> None:
    invitation = (await helping.invite(mother))["invitation"]
    await helping.enter(daughter, invitation.lower().replace("-", " "))
    with pytest.raises(NotFound) as used:
        await helping.enter(Person(3), invitation)
    with pytest.raises(NotFound) as unknown:
        await helping.enter(Person(3), "BBBBB-BBBBB")
    await helping.end(mother, (await helping.invite(mother))["helper_id"])
    assert used.value.detail == unknown.value.detail


@pytest.mark.shows("CVP-7.18-2")
async def test_an_invitation_is_entered_by_one_of_two_at_once(world: World, helping: Helping, mother: Person) -> None:
    invitation = (await helping.invite(mother))["invitation"]
    entering = (helping.enter(Person(n), invitation) for n in (3, 4))
    done = await asyncio.gather(*entering, return_exceptions=True)
    assert sorted(type(each).__name__ for each in done) == ["NotFound", "dict"]


@pytest.mark.shows("CVP-7.18-2")
@pytest.mark.parametrize(("seconds", "entered"), [(599, True), (600, False)])
async def test_an_invitation_lasts_ten_minutes(
    world: World, helping: Helping, mother: Person, daughter: Person, seconds: int, entered: bool
) -> None:
    invitation = (await helping.invite(mother))["invitation"]
    world.clock.advance(seconds)
    if entered:
        await helping.enter(daughter, invitation)
        return
    with pytest.raises(NotFound):
        await helping.enter(daughter, invitation)
    assert await helping.helpers(mother) == []


@pytest.mark.shows("CVP-7.18-2")
async def test_a_login_has_ten_wrong_tries_a_day_and_then_the_right_one_is_not_looked_at(
    world: World, helping: Helping, mother: Person
) -> None:
    mallory = Person(66)
    invitation = (await helping.invite(mother))["invitation"]
    for each in "BCDFGHJKLM":
        with pytest.raises(NotFound):
            await helping.enter(mallory, f"BBBBBBBBB{each}")
    with pytest.raises(RateLimited):
        await helping.enter(mallory, invitation)
    # Others can still enter it, and a slip costs no try.
    for _ in range(12):
        with pytest.raises(InvalidField):
            await helping.enter(Person(2), "482 177 306")
    await helping.enter(Person(2), invitation)


@pytest.mark.shows("CVP-7.18-2")
async def test_a_refused_invitation_counts_once_and_is_refused_again_when_it_is_sent_again(
    world: World, helping: Helping, mother: Person
) -> None:
    for _ in range(20):
        with pytest.raises(NotFound):
            await helping.enter(Person(66), "BBBBB-BBBBB", key="same")
    invitation = (await helping.invite(mother))["invitation"]
    first = await helping.enter(Person(66), invitation, key="another")
    assert await helping.enter(Person(66), invitation, key="another") == first


@pytest.mark.shows("CVP-7.18-2")
async def test_wrong_tries_cost_a_customer_none_of_their_own_invitations(
    world: World, helping: Helping, mother: Person
) -> None:
    for each in "BCDFGHJKLM":
        with pytest.raises(NotFound):
            await helping.enter(mother, f"BBBBBBBBB{each}")
    for _ in range(10):
        await helping.end(mother, (await helping.invite(mother))["helper_id"])
    with pytest.raises(RateLimited):
        await helping.invite(mother)
    with pytest.raises(RateLimited):
        await helping.enter(mother, "BBBBB-BBBBB")


@pytest.mark.shows("CVP-7.18-2")
async def test_an_invitation_is_confirmed_within_a_day(
    world: World, helping: Helping, mother: Person, daughter: Person
) -> None:
    invited = await helping.invite(mother)
    await helping.enter(daughter, invited["invitation"])
    world.clock.advance(DAY)
    with pytest.raises(NotFound):
        await helping.accept(mother, invited["helper_id"])


@pytest.mark.shows("CVP-7.18-2")
async def test_a_retried_invitation_is_the_same_and_the_invitations_of_a_day_are_bounded(
    world: World, helping: Helping, mother: Person
) -> None:
    first = await helping.invite(mother, key="k")
    assert await helping.invite(mother, key="k") == first
    await helping.end(mother, first["helper_id"])
    for _ in range(9):
        await helping.end(mother, (await helping.invite(mother))["helper_id"])
    with pytest.raises(RateLimited):
        await helping.invite(mother)


@pytest.mark.shows("CVP-7.18-3")
async def test_nobody_is_their_own_helper_or_helps_a_person_twice(
    world: World, helping: Helping, mother: Person, daughter: Person
) -> None:
    own = (await helping.invite(mother))["invitation"]
    with pytest.raises(InvalidField):
        await helping.enter(mother, own)
    await helping.enter(daughter, own)
    again = (await helping.invite(mother))["invitation"]
    with pytest.raises(InvalidField):
        await helping.enter(daughter, again)


@pytest.mark.shows("CVP-7.18-3")
async def test_a_customer_has_three_helpers_at_once(world: World, helping: Helping, mother: Person) -> None:
    first = await helping.add(mother, Person(11))
    await helping.add(mother, Person(12))
    pending = (await helping.invite(mother))["helper_id"]
    with pytest.raises(TooManyHelpers):
        await helping.invite(mother)
    await helping.end(mother, pending)
    await helping.add(mother, Person(13))
    with pytest.raises(TooManyHelpers):
        await helping.invite(mother)
    await helping.stop(Person(11), first)
    assert await helping.invite(mother)


@pytest.mark.shows("CVP-7.18-3")
async def test_a_fourth_helper_does_not_come_with_three_invitations_at_once(
    world: World, helping: Helping, mother: Person
) -> None:
    done = await asyncio.gather(*(helping.invite(mother) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(each, TooManyHelpers) for each in done) == 2


@pytest.mark.shows("CVP-7.18-3")
async def test_a_helper_helps_ten_people(world: World, helping: Helping, daughter: Person) -> None:
    people = [Person(100 + n) for n in range(11)]
    for each in people:
        await world.register(each)
    for each in people[:10]:
        await helping.add(each, daughter)
    last = (await helping.invite(people[10]))["invitation"]
    with pytest.raises(TooManyHelpers):
        await helping.enter(daughter, last)
    assert len(await helping.people(daughter)) == 10
    _, code = await world.live_call(people[7])
    helped = [each["helper_id"] for each in await helping.people(daughter)]
    verdicts = [(await helping.confirm(daughter, each, code))["verdict"] for each in helped]
    assert sorted(verdicts) == ["genuine", *["not_genuine"] * 9]
    assert (await world.audit()).findings == []


async def test_a_login_without_a_loan_invites_nobody(world: World, helping: Helping, daughter: Person) -> None:
    with pytest.raises(NotFound):
        await helping.invite(daughter)


@pytest.mark.parametrize("name", ["点 evil.example/x", "a\u202eb"])
async def test_names_have_no_links_and_no_marks(world: World, helping: Helping, mother: Person, name: str) -> None:
    with pytest.raises(InvalidField):
        await helping.invite(mother, name)


# --- thirty days ------------------------------------------------------------------------------------------


@pytest.mark.shows("CVP-7.18-4")
async def test_a_helper_may_look_for_thirty_days_and_not_a_second_longer(
    world: World, helping: Helping, mother: Person, daughter: Person
) -> None:
    helper_id = await helping.add(mother, daughter)
    world.clock.advance(30 * DAY - 1)
    await helping.call_status(daughter, helper_id)
    world.clock.advance(1)
    with pytest.raises(NotFound):
        await helping.call_status(daughter, helper_id)
    with pytest.raises(NotFound):
        await helping.confirm(daughter, helper_id, "482177302")
    assert [each["state"] for each in await helping.helpers(mother)] == ["expired"]
    assert await helping.people(daughter) == []
    with pytest.raises(NotFound):
        await helping.accept(mother, helper_id)


@pytest.mark.shows("CVP-7.18-4")
async def test_the_customer_renews_and_the_helper_does_not(
    world: World, helping: Helping, mother: Person, daughter: Person
) -> None:
    helper_id = await helping.add(mother, daughter)
    world.clock.advance(29 * DAY)
    with pytest.raises(NotFound):
        await helping.accept(daughter, helper_id)
    await helping.accept(mother, helper_id)
    world.clock.advance(30 * DAY - 1)
    assert (await helping.call_status(daughter, helper_id)).state == "none"


@pytest.mark.shows("CVP-7.18-4")
@pytest.mark.parametrize(("entered", "seconds"), [(False, 600), (True, DAY)])
async def test_an_invitation_that_was_ended_is_deleted_when_it_would_have_expired(
    world: World, helping: Helping, mother: Person, daughter: Person, entered: bool, seconds: int
) -> None:
    invited = await helping.invite(mother)
    if entered:
        await helping.enter(daughter, invited["invitation"])
    await helping.end(mother, invited["helper_id"])
    for later, left in ((seconds - 1, 1), (2, 0)):
        world.clock.advance(later)
        await world.service.housekeeping.sweep()
        assert await world.counts("helpers") == (left,)
    assert (await world.audit()).findings == []


@pytest.mark.shows("CVP-7.18-4")
async def test_housekeeping_deletes_what_is_over(
    world: World, helping: Helping, mother: Person, daughter: Person
) -> None:
    helper_id = await helping.add(mother, daughter)
    await helping.call_status(daughter, helper_id)
    await helping.invite(mother)
    world.clock.advance(1000)
    await world.service.housekeeping.sweep()
    assert await world.counts("helpers", "helper_looks") == (1, 1)
    world.clock.advance(32 * DAY)
    await world.service.housekeeping.sweep()
    assert await world.counts("helpers", "helper_looks") == (1, 0)
    world.clock.advance(30 * DAY)
    await world.service.housekeeping.sweep()
    assert await world.counts("helpers", "helper_looks") == (0, 0)
    assert (await world.audit()).findings == []


# --- what a helper sees -----------------------------------------------------------------------------------


@pytest.mark.shows("CVP-7.18-6")
async def test_a_helper_learns_the_officer_and_nothing_of_the_loan(
    world: World, helping: Helping, mother: Person, daughter: Person
) -> None:
    helper_id = await helping.add(mother, daughter)
    _, code = await world.live_call(mother)
    verdict = await helping.confirm(daughter, helper_id, code)
    call = verdict["call"]
    assert (verdict["verdict"], call["officer"]["id"], bool(call["never_asks"])) == ("genuine", OFFICER.id, True)
    assert (call["purpose"], call["asks"], call.get("loan")) == (None, [], None)
    assert call["called"] == {"role": "borrower", "name": mother.name}
    signed = claims(verdict)
    assert (signed["call"]["purpose"], signed["call"]["asks"]) == ("", [])
    assert signed["call"]["ticket"] == world.check(verdict["receipt"]).call.ticket
    shown = json.dumps([verdict, signed], ensure_ascii=False)
    for secret in (PRODUCT, PURPOSE, mother.application_id):
        assert secret not in shown.replace("document_copies", "")
    for language in ("zh-CN", "en"):
        assert mother.name in text(verdict, language)


@pytest.mark.shows("CVP-7.18-6")
async def test_a_contact_without_details_has_a_receipt_without_them_too(world: World, mother: Person) -> None:
    await world.register(mother, **mother.several(at_company(Person(7), "helper", "confirm", numbers=())))
    _, code = await world.live_call(mother)
    signed = claims(await world.confirm(Person(7), code))["call"]
    assert (signed["purpose"], signed["asks"], "loan" in signed) == ("", [], False)
    assert claims(await world.confirm(mother, code))["call"]["loan"]["product"] == PRODUCT


@pytest.mark.shows("CVP-7.18-5")
@pytest.mark.parametrize("first", ["mother", "daughter"])
async def test_the_customer_and_the_helper_each_have_a_receipt_of_their_own(
    world: World, helping: Helping, mother: Person, daughter: Person, first: str
) -> None:
    helper_id = await helping.add(mother, daughter)
    _, code = await world.live_call(mother)

    async def enter(who: str, key: str = "") -> Json:
        if who == "mother":
            return await world.confirm(mother, code, key=key)
        return await helping.confirm(daughter, helper_id, code, key=key)

    second = "daughter" if first == "mother" else "mother"
    given = {who: await enter(who, key=f"k-{who}") for who in (first, second)}
    assert {(each["verdict"], each["given_before"]) for each in given.values()} == {("genuine", False)}
    assert given["mother"]["receipt_id"] != given["daughter"]["receipt_id"]
    for who, before in given.items():
        again = await enter(who)
        assert (again["receipt_id"], again["given_before"]) == (before["receipt_id"], True)
        assert await enter(who, key=f"k-{who}") == before
    read = world.service.receipts.read
    assert (await read(daughter.principal, given["daughter"]["receipt_id"])).receipt_id
    for who, other in ((daughter, "mother"), (mother, "daughter")):
        with pytest.raises(NotFound):
            await read(who.principal, given[other]["receipt_id"])
    assert (await world.audit()).findings == []


@pytest.mark.shows("CVP-7.18-5")
async def test_a_helper_gets_ended_after_the_call_and_learns_nothing_more(
    world: World, helping: Helping, mother: Person, daughter: Person
) -> None:
    helper_id = await helping.add(mother, daughter)
    call_id, code = await world.live_call(mother)
    await helping.confirm(daughter, helper_id, code, key="k")
    await world.leg(call_id, "ended", mother.number)
    assert (await helping.confirm(daughter, helper_id, code, key="k"))["verdict"] == "ended"
    late = await helping.confirm(daughter, helper_id, code)
    assert (late["verdict"], late["call"]["purpose"], claims(late)["call"]["purpose"]) == ("ended", None, "")


@pytest.mark.shows("CVP-7.18-5", "CVP-7.18-7")
async def test_a_helper_who_guesses_gets_the_refusal_of_a_stranger_and_the_limits_of_the_customer(
    world: World, helping: Helping, mother: Person, daughter: Person
) -> None:
    helper_id = await helping.add(mother, daughter)
    stranger = await world.confirm(Person(9), "482177302")
    _, code = await world.live_call(mother)
    for n in range(3):
        refused = await helping.confirm(daughter, helper_id, another_code(code, n + 1))
        assert (refused["verdict"], refused["words"], refused["call"]) == ("not_genuine", stranger["words"], None)
    # Three wrong codes lock the call for the app, whoever entered them: more guesses are worth nothing.
    assert (await helping.confirm(daughter, helper_id, code))["verdict"] == "not_genuine"
    assert (await world.confirm(mother, code))["verdict"] == "not_genuine"
    assert (await world.ring_in(mother.number, code))["verdict"] == "genuine"
    assert await seen(helping, mother) == ["not_genuine"] * 4


@pytest.mark.shows("CVP-7.18-5")
async def test_the_daily_cap_of_a_helper_is_their_own(
    world: World, helping: Helping, mother: Person, daughter: Person
) -> None:
    helper_id = await helping.add(mother, daughter)
    await helping.confirm(daughter, helper_id, "482177302")
    keys = [row[0] for row in await world.storage.fetch("SELECT limit_key FROM limits WHERE limit_key LIKE 'verd%'")]
    index = world.context.customer_index(daughter.customer_id).hex()
    assert keys == [f"verdicts:login:{index}"]


@pytest.mark.shows("CVP-7.18-5")
async def test_the_helper_sees_calls_to_the_person_they_help_and_to_nobody_else(world: World) -> None:
    company, daughter = Company(10), Person(2)
    await world.register(company)
    helping = Helping(world)
    helper_id = await helping.add(company.legal, daughter)
    # The head of finance is called. The legal representative may confirm that call, and their helper may not.
    call_id, code = await world.live_call(company)
    refused = await helping.confirm(daughter, helper_id, code)
    assert (refused["verdict"], refused["call"]) == ("not_genuine", None)
    for n in range(2):
        await helping.confirm(daughter, helper_id, another_code(code, n + 1))
    assert (await helping.call_status(daughter, helper_id)).state == "none"
    # The codes that the helper entered were not tried against that call.
    assert (await world.confirm(company.legal, code))["verdict"] == "genuine"
    await world.leg(call_id, "ended", company.number)
    assert (await helping.confirm(daughter, helper_id, code))["verdict"] == "not_genuine"
    to_them = (await world.issue(company, number=company.legal.number))["call"]["call_id"]
    await world.leg(to_them, "connected", company.legal.number, leg_id="leg-2")
    assert (await helping.call_status(daughter, helper_id)).state == "connected"
    verdict = await helping.confirm(daughter, helper_id, await world.reveal(to_them))
    assert (verdict["verdict"], verdict["call"]["called"]["role"]) == ("genuine", "legal_representative")


@pytest.mark.shows("CVP-7.18-5")
async def test_a_helper_who_is_an_officer_of_the_application_gets_nothing_on_it(
    world: World, helping: Helping, mother: Person, daughter: Person
) -> None:
    helper_id = await helping.add(mother, daughter)
    both = AssignedOfficer(daughter.customer_id, "Wang Mei", "Pudong")
    officer = AssignedOfficer(OFFICER.id, OFFICER.name, OFFICER.branch)
    await world.register(mother, officers=(officer, both))
    _, code = await world.live_call(mother)
    assert (await helping.confirm(daughter, helper_id, code))["verdict"] == "not_genuine"
    assert (await helping.call_status(daughter, helper_id)).state == "none"
    await world.register(mother)
    assert (await helping.confirm(daughter, helper_id, code))["verdict"] == "genuine"


@pytest.mark.shows("CVP-7.18-5")
async def test_a_helper_of_a_helper_gets_nothing(
    world: World, helping: Helping, mother: Person, daughter: Person
) -> None:
    await world.register(daughter)
    friend = Person(3)
    await helping.add(mother, daughter)
    of_daughter = await helping.add(daughter, friend)
    _, code = await world.live_call(mother)
    assert (await helping.confirm(friend, of_daughter, code))["verdict"] == "not_genuine"
    assert (await helping.call_status(friend, of_daughter)).state == "none"


@pytest.mark.shows("CVP-7.18-5")
async def test_a_helper_uses_the_helper_id_of_another_in_vain(
    world: World, helping: Helping, mother: Person, daughter: Person
) -> None:
    helper_id = await helping.add(mother, daughter)
    mallory = Person(66)
    _, code = await world.live_call(mother)
    asks: list[Callable[[], Awaitable[object]]] = [
        lambda: helping.confirm(mallory, helper_id, code),
        lambda: helping.call_status(mallory, helper_id),
        lambda: helping.stop(mallory, helper_id),
        lambda: helping.end(mallory, helper_id),
        lambda: helping.end(daughter, helper_id),
        lambda: helping.accept(mallory, helper_id),
    ]
    for each in asks:
        with pytest.raises(NotFound):
            await each()
    # The helper's own page of codes is theirs: there, the mother's code is nobody's.
    assert (await world.confirm(daughter, code))["verdict"] == "not_genuine"
    assert (await helping.confirm(daughter, helper_id, code))["verdict"] == "genuine"


@pytest.mark.shows("CVP-7.18-5")
async def test_a_helper_has_no_page_with_the_calls_and_loans_of_the_person(
    world: World, helping: Helping, mother: Person, daughter: Person
) -> None:
    await helping.add(mother, daughter)
    await world.live_call(mother)
    assert (await world.service.me.calls(daughter.principal, None, 10)).calls == ()
    assert (await world.service.me.applications(daughter.principal)).applications == ()
    assert (await world.call_status(daughter)).state == "none"
    # By telephone, a helper is nobody.
    assert (await world.ring_in(daughter.number, "482177302"))["verdict"] == "unavailable"


@pytest.mark.shows("CVP-7.18-6")
async def test_the_status_tells_a_helper_who_calls_and_not_why(
    world: World, helping: Helping, mother: Person, daughter: Person
) -> None:
    helper_id = await helping.add(mother, daughter)
    assert (await helping.call_status(daughter, helper_id)).state == "none"
    call_id = (await world.issue(mother))["call"]["call_id"]
    await world.leg(call_id, "ringing", mother.number)
    status = await helping.call_status(daughter, helper_id)
    assert (status.state, [each.id for each in status.officers]) == ("ringing", [OFFICER.id])
    assert OFFICER.name in status.words[1].text
    assert "document" not in repr(status)
    world.clock.advance(3600)
    assert (await world.service.helping.call_status(daughter.principal, helper_id)).state == "unknown"


# --- what the customer sees, and how it ends --------------------------------------------------------------


@pytest.mark.shows("CVP-7.18-7")
async def test_the_customer_sees_each_verdict_and_one_status_an_hour(
    world: World, helping: Helping, mother: Person, daughter: Person
) -> None:
    helper_id = await helping.add(mother, daughter)
    for _ in range(3):
        await helping.call_status(daughter, helper_id)
        world.clock.advance(1199)
    await helping.confirm(daughter, helper_id, "482177302", key="k")
    await helping.confirm(daughter, helper_id, "482177302", key="k")
    world.clock.advance(10)
    await helping.call_status(daughter, helper_id)
    assert await seen(helping, mother) == ["call_status", "not_genuine", "call_status"]
    [helper] = await helping.helpers(mother)
    first = datetime.fromtimestamp(NOON / 1000, UTC).isoformat().replace("+00:00", "Z")
    assert helper["looks"][-1]["at"] == first
    world.clock.advance(31 * DAY)
    assert await seen(helping, mother) == []


@pytest.mark.shows("CVP-7.18-7")
async def test_a_status_that_cannot_be_recorded_is_not_told(
    world: World, helping: Helping, mother: Person, daughter: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper_id = await helping.add(mother, daughter)

    async def broken(*_: object) -> None:
        raise Unavailable

    monkeypatch.setattr(world.context.writer, "submit", broken)
    with pytest.raises(Unavailable):
        await world.service.helping.call_status(daughter.principal, helper_id)


@pytest.mark.shows("CVP-7.18-8")
@pytest.mark.parametrize("by", ["customer", "helper"])
async def test_a_helper_who_ends_in_the_middle_of_a_call_is_out_at_once_also_for_retries(
    world: World, helping: Helping, mother: Person, daughter: Person, by: str
) -> None:
    helper_id = await helping.add(mother, daughter)
    _, code = await world.live_call(mother)
    await helping.confirm(daughter, helper_id, code, key="k")
    ended = await (helping.end(mother, helper_id) if by == "customer" else helping.stop(daughter, helper_id))
    assert ended["state"] == "ended"
    again = await (helping.end(mother, helper_id) if by == "customer" else helping.stop(daughter, helper_id))
    assert again["state"] == "ended"
    for key in ("k", ""):
        with pytest.raises(NotFound):
            await helping.confirm(daughter, helper_id, code, key=key)
    with pytest.raises(NotFound):
        await helping.call_status(daughter, helper_id)
    with pytest.raises(NotFound):
        await helping.accept(mother, helper_id)
    # The customer's call is as it was, and what the helper saw stays to be seen.
    assert (await world.confirm(mother, code))["verdict"] == "genuine"
    [helper] = await helping.helpers(mother)
    assert (helper["state"], [each["seen"] for each in helper["looks"]]) == ("ended", ["genuine"])
    assert await helping.people(daughter) == []


@pytest.mark.shows("CVP-7.18-8")
async def test_a_helper_who_ends_while_their_request_is_on_its_way_is_out(
    world: World, helping: Helping, mother: Person, daughter: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper_id = await helping.add(mother, daughter)
    _, code = await world.live_call(mother)
    await helping.confirm(daughter, helper_id, code, key="k")
    reading = world.context.helpers
    before = await reading.of_helper(world.context.customer_index(daughter.customer_id))

    async def stale(_: bytes) -> list[DecryptedHelper]:
        return before

    await helping.end(mother, helper_id)
    monkeypatch.setattr(reading, "of_helper", stale)
    for key in ("k", ""):
        with pytest.raises(NotFound):
            await helping.confirm(daughter, helper_id, code, key=key)
    world.clock.advance(3600)
    with pytest.raises(NotFound):
        await world.service.helping.call_status(daughter.principal, helper_id)


@pytest.mark.shows("CVP-7.18-8")
async def test_an_invitation_that_was_ended_cannot_be_entered(
    world: World, helping: Helping, mother: Person, daughter: Person
) -> None:
    invited = await helping.invite(mother)
    await helping.end(mother, invited["helper_id"])
    with pytest.raises(NotFound):
        await helping.enter(daughter, invited["invitation"])
    assert await helping.helpers(mother) == []


@pytest.mark.shows("CVP-7.18-8")
async def test_the_erasure_of_the_last_application_deletes_the_helpers(
    world: World, helping: Helping, mother: Person, daughter: Person
) -> None:
    company = Company(20)
    await world.register(company, at_company(mother, "finance"))
    helper_id = await helping.add(mother, daughter)
    await world.erase(mother)
    assert await world.counts("helpers") == (1,)
    assert [each["state"] for each in await helping.people(daughter)] == ["active"]
    await world.erase(company)
    assert await world.counts("helpers") == (0,)
    with pytest.raises(NotFound):
        await helping.confirm(daughter, helper_id, "482177302")
    assert (await world.audit()).findings == []


@pytest.mark.shows("CVP-10.2-1")
async def test_a_forged_helper_is_not_believed(
    world: World, helping: Helping, mother: Person, daughter: Person
) -> None:
    helper_id = await helping.add(mother, daughter)
    _, code = await world.live_call(mother)
    mallory = Person(66)
    async with world.storage.transaction() as transaction:
        index = world.context.customer_index(mallory.customer_id)
        await transaction.execute_many("UPDATE helpers SET helper_index = $1", [(index,)])
    with pytest.raises(Tampered):
        await helping.confirm(mallory, helper_id, code)
    assert (await world.audit()).findings
