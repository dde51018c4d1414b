"""Issuing a call: code bound to ticket, log before code, contact policy, exceptions (laws L2, L3, L10)."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from msgspec.structs import astuple

from tests.world import COLLEAGUE, DESK, NOON, OFFICER, Person, World, failing_commit, staff, system
from verifier.core.application import Consents, RegisteredNumber
from verifier.core.code import derive_code
from verifier.core.errors import CallOpen, Forbidden, NotFound, PolicyRefused, Tampered, Unavailable
from verifier.core.messages.calls import CallView
from verifier.core.octets import base64url
from verifier.core.statements import digest
from verifier.core.times import from_ms
from verifier.ledger.log import Log

OLD = from_ms(NOON - 91 * 86_400_000)


@pytest.mark.shows("CVP-1-1", "CVP-4-4")
async def test_an_issued_call_has_a_signed_ticket_in_the_log(world: World, wang: Person) -> None:
    issued = await world.issue(wang)
    ticket = world.check(issued["ticket"])
    assert ticket.jti == issued["call"]["call_id"]
    assert astuple(ticket.officer) == astuple(OFFICER)
    assert ticket.dest.tn == (wang.number[1:],)
    assert ticket.orig.tn == "861082345678"
    assert ticket.exp - ticket.iat == 600
    assert wang.application_id not in issued["ticket"]["statement"]
    shard = world.context.writer.shard_of(world.context.customer_index(wang.customer_id))
    assert await Log(world.storage, shard).entries(0, 1) == [digest(issued["ticket"]["statement"])]


@pytest.mark.shows("CVP-1-1", "CVP-10-1")
async def test_an_issue_whose_commit_fails_returns_no_code_and_no_ticket(
    world: World, wang: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law L3: no code or ticket is given before its commit."""
    monkeypatch.setattr(world.storage, "commit", failing_commit(world.storage))
    with pytest.raises(Unavailable):
        await world.issue(wang)
    monkeypatch.undo()
    assert await world.counts("calls", "leaves") == (0, 0)
    assert (await world.issue(wang))["call"]["state"] == "issued"
    assert not (await world.audit()).findings


@pytest.mark.shows("CVP-5-1")
@pytest.mark.parametrize("field", ["officer", "orig", "dest", "purpose", "exp", "application", "asks"])
async def test_changing_any_fact_of_the_ticket_gives_another_code(world: World, wang: Person, field: str) -> None:
    """Law L2: the code is a function of the ticket's bytes, so a changed ticket cannot keep its code."""
    call_id, code = await world.live_call(wang)
    application, opened = await world.context.reading.call(call_id)
    key, statement = application.keys.codes, opened.statement
    assert derive_code(key, call_id, statement, 1) == code
    changed = _with_changed(statement, field)
    assert derive_code(key, call_id, changed, 1) != code


@pytest.mark.shows("CVP-4.1-2", "CVP-5-1")
async def test_a_ticket_swapped_in_the_database_never_confirms(world: World, wang: Person, mallory: Person) -> None:
    call_id, code = await world.live_call(wang)
    other_id, _ = await world.live_call(mallory)
    async with world.storage.transaction() as transaction:
        other = await transaction.fetch("SELECT sealed FROM leaves WHERE statement_id = $1", other_id)
        await transaction.execute_many(
            "UPDATE leaves SET sealed = $2 WHERE statement_id = $1", [(call_id, other[0][0])]
        )
    with pytest.raises(Exception, match="cannot be decrypted"):
        await world.confirm(wang, code)
    assert (await world.audit()).findings


@pytest.mark.shows("CVP-5-1")
async def test_a_changed_call_counter_in_the_database_gives_no_verdict(world: World, wang: Person) -> None:
    call_id, code = await world.live_call(wang)
    async with world.storage.transaction() as transaction:
        await transaction.execute_many("UPDATE calls SET call_counter = 9 WHERE call_id = $1", [(call_id,)])
    with pytest.raises(Tampered):
        await world.confirm(wang, code)


REFUSED = {
    "officer_assigned": ({"officers": (COLLEAGUE,)}, {}),
    "purpose": ({"status": "closed"}, {}),
    "application_open": ({"status": "closed", "closed_at": OLD}, {"purpose": "repayment"}),
    "consent": ({"consents": Consents(service_calls=False)}, {}),
    "marketing": ({}, {"purpose": "marketing"}),
    "number_on_file": ({}, {"number": "+8613700137000"}),
    "number_cooling_off": ({"numbers": (RegisteredNumber("+8613800130001", from_ms(NOON - 3_600_000)),)}, {}),
}


@pytest.mark.shows("CVP-4.2-1")
@pytest.mark.parametrize("rule", REFUSED)
async def test_each_rule_of_the_contact_policy_refuses_and_writes_nothing(world: World, rule: str) -> None:
    facts, asked = REFUSED[rule]
    person = Person(1)
    await world.register(person, **facts)
    with pytest.raises(PolicyRefused) as caught:
        await world.issue(person, officer=system("calls"), officer_id="4412", **asked)
    assert {each.rule for each in caught.value.refusals} == {"consent" if rule == "marketing" else rule}
    assert await world.counts("calls", "leaves", "idempotency") == (0, 0, 0)


@pytest.mark.shows("CVP-4.2-1")
@pytest.mark.parametrize(("hours", "allowed"), [(-4.1, False), (-4, True), (8.9, True), (9, False)])
async def test_contact_hours_are_on_the_customers_clock(
    world: World, wang: Person, hours: float, allowed: bool
) -> None:
    """`hours` counts from noon in Shanghai. Calls are allowed from 08:00 to 21:00."""
    world.clock.advance(hours * 3600)
    if allowed:
        assert (await world.issue(wang))["call"]["state"] == "issued"
    else:
        with pytest.raises(PolicyRefused, match="for the customer"):
            await world.issue(wang)


@pytest.mark.shows("CVP-4.2-1")
async def test_the_daily_cap_counts_the_customers_day(world: World, wang: Person) -> None:
    for _ in range(3):
        await world.issue(wang)
    with pytest.raises(PolicyRefused, match="cap"):
        await world.issue(wang)
    world.clock.advance(86_400)
    assert (await world.issue(wang))["call"]["state"] == "issued"


@pytest.mark.shows("CVP-4.2-2")
async def test_a_refusal_lists_all_broken_rules(world: World) -> None:
    person = Person(1)
    await world.register(person, status="closed", officers=(COLLEAGUE,))
    with pytest.raises(PolicyRefused) as caught:
        await world.issue(person, officer=system("calls"), officer_id="4412", number="+8613700137000")
    assert {each.rule for each in caught.value.refusals} == {"officer_assigned", "purpose", "number_on_file"}


@pytest.mark.shows("CVP-4.2-3", "CVP-4.2-4")
async def test_an_exception_needs_a_second_person_is_logged_and_covers_one_call(world: World) -> None:
    person = Person(1)
    await world.register(person, numbers=(RegisteredNumber(person.number, from_ms(NOON - 1000)),))
    with pytest.raises(Forbidden):
        await world.grant(person, "number_cooling_off", supervisor="4412")
    granted = await world.grant(person, "number_cooling_off")
    claims = world.check(granted["evidence"])
    assert (claims.granted_by, claims.officer_id, claims.rules) == ("9001", "4412", ("number_cooling_off",))
    issued = await world.issue(person, exception_id=granted["exception_id"])
    assert world.check(issued["ticket"]).exceptions == ("number_cooling_off",)
    with pytest.raises(PolicyRefused, match="exception"):
        await world.issue(person, exception_id=granted["exception_id"])


@pytest.mark.shows("CVP-4.2-3")
async def test_an_exception_lifts_only_its_rule_for_its_officer_and_application(world: World, mallory: Person) -> None:
    person = Person(1)
    young = (RegisteredNumber(person.number, from_ms(NOON - 1000)),)
    await world.register(person, numbers=young)
    granted = await world.grant(person, "contact_hours")
    with pytest.raises(PolicyRefused) as caught:
        await world.issue(person, exception_id=granted["exception_id"])
    assert caught.value.refusals[0].rule == "number_cooling_off"
    # For another officer or application, the exception does not exist.
    for another in (granted["exception_id"], "exc_" + "0" * 32):
        with pytest.raises(NotFound, match="there is no such exception"):
            await world.issue(person, officer=staff("4413"), exception_id=another)
        with pytest.raises(NotFound, match="there is no such exception"):
            await world.issue(mallory, exception_id=another)
    world.clock.advance(3600)
    with pytest.raises(PolicyRefused, match="used or has expired"):
        await world.issue(person, exception_id=granted["exception_id"])


@pytest.mark.shows("CVP-4.2-7")
async def test_an_officers_next_call_does_not_replace_one_that_rings(world: World, wang: Person) -> None:
    call_id = (await world.issue(wang))["call"]["call_id"]
    await world.leg(call_id, "ringing", wang.number)
    with pytest.raises(CallOpen):
        await world.issue(wang)
    world.clock.advance(181)
    assert (await world.issue(wang))["call"]["call_id"] != call_id
    assert (await world.call_row(call_id))["state"] == "revoked"


@pytest.mark.shows("CVP-3.2-4")
def test_an_issued_call_that_an_earlier_release_has_kept_is_read_without_the_time_of_ringing() -> None:
    view = CallView(
        "c", "a", "issued", OFFICER, "terms", "+8610", "+8610", "required", *[from_ms(NOON)] * 2, *[None] * 5
    )
    kept = msgspec.json.decode(msgspec.json.encode(view))
    del kept["rang_at"]
    assert msgspec.convert(kept, CallView).rang_at is None


@pytest.mark.shows("CVP-4.2-7")
async def test_an_officers_next_call_revokes_their_unconnected_one(world: World, wang: Person) -> None:
    first = (await world.issue(wang))["call"]["call_id"]
    second = (await world.issue(wang))["call"]["call_id"]
    assert (await world.call_row(first))["state"] == "revoked"
    assert (await world.call_row(second))["state"] == "issued"


@pytest.mark.shows("CVP-4.2-7")
async def test_an_issue_does_not_revoke_a_live_call_or_a_colleagues(world: World, wang: Person) -> None:
    await world.issue(wang)
    with pytest.raises(CallOpen):
        await world.issue(wang, officer=staff("4413"))
    await world.live_call(wang)
    with pytest.raises(CallOpen):
        await world.issue(wang)


@pytest.mark.shows("CVP-4.2-8")
async def test_an_officer_issues_in_their_own_name_and_a_system_must_name_an_officer(
    world: World, wang: Person
) -> None:
    from verifier.core.errors import InvalidField
    from verifier.core.messages.calls import IssueCall

    issue = world.service.calls.issue
    asked = IssueCall("documents", wang.number, DESK, "4413")
    with pytest.raises(Forbidden):
        await issue(staff("4412"), wang.application_id, asked, world.key(staff("4412"), asked))
    loans = system("calls")
    issued = await issue(loans, wang.application_id, asked, world.key(loans, asked))
    assert issued.value.call.officer.id == "4413"
    nameless = IssueCall("documents", wang.number, DESK)
    with pytest.raises(InvalidField):
        await issue(loans, wang.application_id, nameless, world.key(loans, nameless))


@pytest.mark.shows("CVP-3.2-5")
async def test_a_refusal_is_not_stored_under_its_idempotency_key(world: World, wang: Person) -> None:
    world.clock.advance(12 * 3600)
    with pytest.raises(PolicyRefused):
        await world.issue(wang, key="early")
    world.clock.advance(12 * 3600)
    issued = await world.issue(wang, key="early")
    assert await world.issue(wang, key="early") == issued


async def test_an_unknown_application_is_not_found(world: World) -> None:
    with pytest.raises(NotFound):
        await world.issue(Person(404))


@pytest.mark.shows("CVP-8.2-3", "CVP-10-1")
async def test_tickets_issued_at_once_share_checkpoints_and_each_verifies(world: World) -> None:
    people = [Person(n) for n in range(40)]
    await asyncio.gather(*(world.register(person) for person in people))
    issued = await asyncio.gather(*(world.issue(person) for person in people))
    assert len({world.check(each["ticket"]).jti for each in issued}) == 40
    leaves, checkpoints = await world.counts("leaves", "checkpoints")
    assert leaves == 40
    assert checkpoints < 20
    assert not (await world.audit()).findings


def _with_changed(statement: str, field: str) -> str:
    import msgspec

    from verifier.ledger.decrypted import _payload

    header, _, signature = statement.split(".")
    claims = msgspec.json.decode(_payload(statement))
    claims[field] = claims[field] + 1 if isinstance(claims[field], int) else [claims[field]]
    return f"{header}.{base64url(msgspec.json.encode(claims))}.{signature}"
