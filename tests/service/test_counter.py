"""The counter of a branch: a clerk asks for a customer who is present (specs/protocol.md section 7.19)."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.ledger.test_rows import execute
from tests.service.test_suspensions import suspend
from tests.world import DESK, NO_CAP, NOON, Company, Json, Person, World, another_code, as_json, at_company, staff
from verifier.core.application import AssignedOfficer, Customer, RegisteredNumber
from verifier.core.errors import (
    IdempotencyKeyReused,
    InvalidField,
    MalformedCode,
    NotFound,
    OwnCustomer,
    RateLimited,
    Suspended,
    VerifierError,
)
from verifier.core.limits import Limit
from verifier.core.messages.counter import CheckCallsAtCounter, ConfirmAtCounter, FindCustomer, ReportAtCounter
from verifier.core.octets import base64url
from verifier.core.sealing import unseal
from verifier.core.statements import commitment
from verifier.core.times import from_ms
from verifier.ports import Storage

DAY_MS = 86_400_000
REASON = "asks about a call of this morning"
CLERK = staff("5101", "counter")
WRONG = another_code("482177300", 0)
SECOND_NUMBER = "+8613900139000"
Ask = Callable[..., Awaitable[Json]]


@pytest.fixture
async def world(storage: Storage, tmp_path: Path) -> AsyncIterator[World]:
    async with World(storage, tmp_path / "ring.json") as world:
        yield world


def who(person: Person | None = None, **named: str) -> dict[str, str]:
    """The customer at the counter, by their application unless `named` says otherwise, and the reason."""
    found = named or {"application_id": (person or Person(1)).application_id}
    return {"reason": REASON, **found}


async def find(world: World, present: dict[str, str], clerk: Any = CLERK, key: str = "") -> Json:
    asked = FindCustomer(**present)
    return as_json(await world.service.counter.find(clerk, asked, world.key(clerk, asked, key)))


async def confirm(world: World, present: dict[str, str], code: str = WRONG, clerk: Any = CLERK, key: str = "") -> Json:
    asked = ConfirmAtCounter(code=code, **present)
    return as_json(await world.service.counter.confirm(clerk, asked, world.key(clerk, asked, key)))


async def check(world: World, present: dict[str, str], clerk: Any = CLERK, key: str = "", **more: Any) -> Json:
    window = {"begins": from_ms(world.clock() - DAY_MS), "ends": from_ms(world.clock()), **more}
    asked = CheckCallsAtCounter(**window, **present)
    return as_json(await world.service.counter.check_calls(clerk, asked, world.key(clerk, asked, key)))


async def report(world: World, present: dict[str, str], clerk: Any = CLERK, key: str = "", **more: Any) -> Json:
    asked = ReportAtCounter(at=from_ms(world.clock()), said="they wanted a fee", **more, **present)
    return as_json(await world.service.counter.report(clerk, asked, world.key(clerk, asked, key)))


ACTS: dict[str, Ask] = {"find": find, "confirm": confirm, "check": check, "report": report}
acts = pytest.mark.parametrize("act", ACTS.values(), ids=list(ACTS))


async def receipt(world: World, person: Person, receipt_id: str) -> Json:
    """The receipt as its customer fetches it in the app."""
    return as_json(await world.service.receipts.read(person.principal, receipt_id))


def words_of(error: VerifierError) -> tuple[str, str]:
    return error.slug, error.detail


@pytest.mark.shows("CVP-7.19-1")
async def test_the_clerk_gets_the_answers_that_the_customer_gets_in_the_app(world: World) -> None:
    wang = Person(1)
    await world.register(wang)
    call_id, code = await world.live_call(wang)
    assert await find(world, who(wang)) == {"name": wang.name, "language": "zh-CN"}
    history = await check(world, who(wang), caller_number=DESK)
    assert [each["call_id"] for each in history["calls"]] == [call_id]
    assert history["from_number"] is True
    assert {**history, "receipt": 0, "receipt_id": 0} == {
        **await world.check_calls(wang, world.clock() - DAY_MS, number=DESK),
        "receipt": 0,
        "receipt_id": 0,
    }
    verdict = await confirm(world, who(wang), code)
    assert (verdict["verdict"], verdict["call"]["call_id"]) == ("genuine", call_id)
    # It was used: the customer gets the same receipt, marked as given before.
    mine = await world.confirm(wang, code)
    assert (mine["given_before"], mine["receipt"]) == (True, verdict["receipt"])


@pytest.mark.shows("CVP-7.19-1")
async def test_a_code_is_genuine_only_while_its_call_is_live_and_then_ended(world: World) -> None:
    wang = Person(1)
    await world.register(wang)
    call_id, code = await world.live_call(wang)
    await world.leg(call_id, "ended", wang.number)
    world.clock.advance(600)
    verdict = await confirm(world, who(wang), code)
    assert verdict["verdict"] == "ended"
    assert world.check(verdict["receipt"]).verdict == "ended"
    assert (await confirm(world, who(wang), WRONG))["verdict"] == "not_genuine"


@pytest.mark.shows("CVP-7.19-2")
async def test_receipts_belong_to_the_customer_and_not_to_the_clerk(world: World) -> None:
    wang, other = Person(1), Person(2)
    await world.register(wang)
    await world.register(other)
    verdict, history, taken = (
        await confirm(world, who(wang)),
        await check(world, who(wang)),
        await report(world, who(wang)),
    )
    for receipt_id, given in (
        (verdict["receipt_id"], verdict["receipt"]),
        (history["receipt_id"], history["receipt"]),
        (taken["report_id"], taken["receipt"]),
    ):
        assert (await receipt(world, wang, receipt_id))["receipt"] == given
        for stranger in (other, Person(9)):
            with pytest.raises(NotFound):
                await receipt(world, stranger, receipt_id)
    for given in (verdict, history):
        claims = world.check(given["receipt"])
        assert claims.customer == commitment(claims.salt, wang.customer_id)
    assert world.check(verdict["receipt"]).channel == "app"


@pytest.mark.shows("CVP-7.19-3", "CVP-7.6-2")
async def test_a_report_says_who_has_taken_it_and_its_receipt_commits_to_that(world: World) -> None:
    wang = Person(1)
    await world.register(wang)
    taken = await report(world, who(wang))
    rows = await world.storage.fetch(
        "SELECT sealed, application_id FROM reports WHERE report_id = $1", taken["report_id"]
    )
    application = await world.context.reading.application(rows[0][1])
    text = unseal(application.keys.sealing, taken["report_id"], bytes(rows[0][0]))
    kept = msgspec.json.decode(text)
    assert kept["taken_by"] == CLERK.id
    assert kept["report"]["said"] == "they wanted a fee"
    assert "reason" not in kept["report"]
    assert world.check(taken["receipt"]).report == base64url(hashlib.sha256(text).digest())


@pytest.mark.shows("CVP-7.19-4")
@acts
async def test_every_lookup_that_leads_to_no_one_customer_is_refused_in_one_way(world: World, act: Ask) -> None:
    gone, one, two = Person(1), Person(2), Person(3)
    two.number = one.number
    for each in (gone, one, two):
        await world.register(each)
    await world.erase(gone)
    refused = []
    for present in (
        who(application_id="LN-unknown"),
        who(gone),
        who(number=gone.number),
        who(number="+8613700137000"),
        who(number=one.number),
    ):
        before = await world.counts("leaves", "reports", "signals")
        with pytest.raises(NotFound) as caught:
            await act(world, present)
        refused.append(words_of(caught.value))
        assert await world.counts("leaves", "reports", "signals") == before
    assert len(set(refused)) == 1
    await act(world, who(one))


@pytest.mark.shows("CVP-7.19-4")
@acts
async def test_the_customer_is_named_by_their_application_or_their_number_and_not_by_both(
    world: World, act: Ask
) -> None:
    wang = Person(1)
    await world.register(wang)
    reason = {"reason": "asks"}
    for present in (reason, {**reason, "application_id": wang.application_id, "number": wang.number}):
        with pytest.raises(InvalidField):
            await act(world, present)
    await act(world, who(number=wang.number))


@pytest.mark.shows("CVP-7.19-5")
async def test_a_code_is_tried_against_the_calls_of_that_customer_only(world: World) -> None:
    wang, li = Person(1), Person(2)
    await world.register(wang)
    await world.register(li)
    _, code = await world.live_call(li)
    assert (await confirm(world, who(wang), code))["verdict"] == "not_genuine"
    assert (await confirm(world, who(number=wang.number), code))["verdict"] == "not_genuine"
    assert (await world.confirm(li, code))["verdict"] == "genuine"


@pytest.mark.shows("CVP-7.19-5")
async def test_by_number_only_calls_to_that_number_are_confirmed(world: World) -> None:
    wang = Person(1)
    numbers = tuple(RegisteredNumber(each, from_ms(NOON - 90 * DAY_MS)) for each in (wang.number, SECOND_NUMBER))
    await world.register(wang, numbers=numbers)
    call_id, code = await world.live_call(wang)
    with pytest.raises(InvalidField) as caught:
        await confirm(world, who(number=SECOND_NUMBER), code)
    assert [each.pointer for each in caught.value.errors] == ["/number"]
    assert (await world.call_row(call_id))["state"] == "live"
    # Nothing was counted for the customer, so nothing is counted twice when the clerk sends the request again.
    keys = [row[0] for row in await world.storage.fetch("SELECT limit_key FROM limits")]
    assert [each.partition(":")[0] for each in keys] == ["counter"]
    # A wrong code at the other number spends no attempt of the call.
    assert (await confirm(world, who(number=SECOND_NUMBER), WRONG))["verdict"] == "not_genuine"
    assert (await world.call_row(call_id))["app_wrong"] == 0
    assert (await confirm(world, who(number=wang.number), code))["verdict"] == "genuine"
    await world.leg(call_id, "ended", wang.number)
    world.clock.advance(600)
    assert (await confirm(world, who(number=SECOND_NUMBER), code))["verdict"] == "not_genuine"
    assert (await confirm(world, who(number=wang.number), code))["verdict"] == "ended"


@pytest.mark.shows("CVP-7.19-5", "CVP-6.2-2")
async def test_the_clerk_adds_no_guesses_to_those_of_the_app(world: World) -> None:
    wang = Person(1)
    await world.register(wang)
    call_id, code = await world.live_call(wang)
    await world.confirm(wang, another_code(code, 1))
    for step in (2, 3):
        assert (await confirm(world, who(wang), another_code(code, step)))["verdict"] == "not_genuine"
    assert (await world.call_row(call_id))["app_wrong"] == 3
    assert (await world.confirm(wang, code))["verdict"] == "not_genuine"
    assert (await confirm(world, who(wang), code))["verdict"] == "not_genuine"
    # The telephone is another channel.
    assert (await world.ring_in(wang.number, code))["verdict"] == "genuine"


@pytest.mark.shows("CVP-7.19-5", "CVP-7.16-1", "CVP-7.16-2")
async def test_impossible_digits_are_judged_as_in_the_app_and_leave_the_customers_signal(world: World) -> None:
    wang = Person(1)
    await world.register(wang)
    impossible = WRONG[:8] + str((int(WRONG[8]) + 1) % 10)
    for typed in ("12345", impossible):
        with pytest.raises(MalformedCode) as caught:
            await confirm(world, who(number=wang.number), typed)
        assert [each.pointer for each in caught.value.errors] == ["/code"]
    for present in (who(wang), who(number=wang.number)):
        assert (await confirm(world, present, impossible))["verdict"] == "not_genuine"
    rows = await world.storage.fetch("SELECT person, channel FROM signals")
    assert {(bytes(row[0]), row[1]) for row in rows} == {(world.context.customer_index(wang.customer_id), "app")}


@pytest.fixture
async def capped(storage: Storage, tmp_path: Path) -> AsyncIterator[World]:
    """Allows a clerk three requests a day."""
    async with World(storage, tmp_path / "ring.json", counter_cap=Limit(3, DAY_MS)) as world:
        yield world


@pytest.mark.shows("CVP-7.19-6")
@acts
async def test_a_clerk_has_a_daily_cap_of_their_own_for_all_customers_together(capped: World, act: Ask) -> None:
    for n in (1, 2, 3, 4):
        await capped.register(Person(n))
    for n in (1, 2):
        await act(capped, who(Person(n)))
    # Who is not on file is counted too: a cap that only successes spend would be no bound on fishing.
    with pytest.raises(NotFound):
        await act(capped, who(application_id="LN-unknown"))
    before = await capped.counts("leaves", "limits", "idempotency", "reports")
    for present in (who(Person(4)), who(application_id="LN-unknown"), who(number=Person(3).number)):
        with pytest.raises(RateLimited) as caught:
            await act(capped, present)
        assert caught.value.retry_after == DAY_MS / 1000 / 3
    assert await capped.counts("leaves", "limits", "idempotency", "reports") == before
    await act(capped, who(Person(4)), clerk=staff("5102", "counter"))
    assert (await capped.confirm(Person(4), WRONG))["verdict"] == "not_genuine"
    capped.clock.advance(DAY_MS / 1000 / 3)
    await act(capped, who(Person(4)))


@pytest.mark.shows("CVP-7.19-6")
@acts
async def test_a_retry_with_the_same_key_gets_the_same_answer_and_is_not_counted(capped: World, act: Ask) -> None:
    await capped.register(Person(1))
    present = who(Person(1))
    first = await act(capped, present, key="same")
    await capped.register(Person(1), customer=Customer("cust-1", "王芳芳"))
    for _ in range(5):
        assert await act(capped, present, key="same") == first
    for _ in range(2):
        await act(capped, present)
    assert await act(capped, present, key="same") == first
    with pytest.raises(RateLimited):
        await act(capped, present)
    with pytest.raises(IdempotencyKeyReused):
        await act(capped, who(Person(2)), key="same")


@pytest.mark.shows("CVP-7.19-4")
@acts
async def test_a_retry_by_a_number_that_another_customer_has_now_leads_to_nobody(world: World, act: Ask) -> None:
    wang, li = Person(1), Person(2)
    await world.register(wang)
    present = who(number=wang.number)
    await act(world, present, key="same")
    added = from_ms(NOON - 90 * DAY_MS)
    await world.register(wang, numbers=(RegisteredNumber(SECOND_NUMBER, added),))
    await world.register(li, numbers=(RegisteredNumber(wang.number, added),))
    with pytest.raises(NotFound):
        await act(world, present, key="same")
    await act(world, present)


@pytest.mark.shows("CVP-7.19-6", "CVP-10-10")
async def test_requests_of_a_clerk_at_the_same_moment_are_all_counted(storage: Storage, tmp_path: Path) -> None:
    """The customers are in different shards, and the cap of the clerk in one."""
    async with World(storage, tmp_path / "ring.json", counter_cap=Limit(12, DAY_MS)) as world:
        for n in range(8):
            await world.register(Person(n))
        asked = [confirm(world, who(Person(n % 8))) for n in range(16)]
        told = await asyncio.gather(*asked, return_exceptions=True)
        assert sum(isinstance(each, dict) for each in told) == 12
        assert all(isinstance(each, dict | RateLimited) for each in told)
        assert (await world.audit()).findings == []


@pytest.mark.shows("CVP-7.19-6")
async def test_no_cap_is_stored_under_a_staff_number(capped: World) -> None:
    with pytest.raises(NotFound):
        await find(capped, who())
    keys = [row[0] for row in await capped.storage.fetch("SELECT limit_key FROM limits")]
    assert len(keys) == 1
    assert keys[0].startswith("counter:staff:")
    assert CLERK.id not in keys[0]


@pytest.mark.shows("CVP-7.19-1")
async def test_the_limits_of_the_customer_hold_at_the_counter_too(storage: Storage, tmp_path: Path) -> None:
    caps = {"verdict_cap": Limit(2, DAY_MS), "report_cap": Limit(1, DAY_MS), "guess_limit": NO_CAP}
    async with World(storage, tmp_path / "ring.json", **caps) as world:
        await world.register(Person(1))
        await world.confirm(Person(1), WRONG)
        await confirm(world, who())
        await check(world, who())
        await report(world, who())
        for act in (confirm, check, report):
            with pytest.raises(RateLimited):
                await act(world, who())
        with pytest.raises(RateLimited):
            await world.confirm(Person(1), WRONG)


@pytest.mark.shows("CVP-2.1-2")
@acts
async def test_a_suspended_clerk_gets_nothing_not_even_a_kept_answer(world: World, act: Ask) -> None:
    await world.register(Person(1))
    await act(world, who(), key="before")
    await suspend(world, CLERK.id)
    for key in ("", "before"):
        with pytest.raises(Suspended):
            await act(world, who(), key=key)


@pytest.mark.shows("CVP-7.19-4")
async def test_nobody_is_found_by_a_row_that_someone_has_put_into_the_index_of_numbers(world: World) -> None:
    wang = Person(1)
    await world.register(wang)
    planted = "+8613700137000"
    index = world.context.number_index(planted)
    insert = "INSERT INTO numbers (number_index, application_id) VALUES ($1, $2)"
    await execute(world, insert, index, wang.application_id)
    tampered: list[str] = []
    world.context.tampered = tampered.append
    with pytest.raises(NotFound):
        await find(world, who(number=planted))
    assert tampered == ["numbers"]


async def test_the_audit_finds_nothing_after_a_day_at_the_counter(world: World) -> None:
    for n in range(1, 9):
        await world.register(Person(n))
    for n in range(1, 9):
        await confirm(world, who(Person(n)))
        await check(world, who(number=Person(n).number))
        await report(world, who(Person(n)))
    assert (await world.audit()).findings == []


@pytest.mark.shows("CVP-7.19-7")
@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
async def test_the_customer_is_told_that_a_clerk_has_looked_and_why(world: World, act: Ask) -> None:
    wang = Person(1)
    await world.register(wang)
    with suppress(VerifierError):
        await act(world, who(wang), key="k")
        await act(world, who(wang), key="k")
    told = (await world.service.looks.mine(wang.principal, None, 10)).looks
    assert [(each.reader.id, each.reader.roles, each.reason) for each in told] == [("5101", ("counter",), REASON)]


@pytest.mark.shows("CVP-7.19-7")
async def test_a_request_that_finds_nobody_is_no_look(world: World) -> None:
    wang = Person(1)
    await world.register(wang)
    with pytest.raises(NotFound):
        await find(world, who(number="+8617000000000"))
    assert (await world.service.looks.mine(wang.principal, None, 10)).looks == ()


@pytest.mark.shows("CVP-7.19-4")
async def test_a_contact_of_a_company_is_found_by_their_own_number(world: World) -> None:
    company = Company(10)
    await world.register(company)
    _, code = await world.live_call(company)
    with pytest.raises(NotFound):
        await find(world, who(application_id=company.application_id))
    assert (await find(world, who(number=company.legal.number)))["name"] == company.legal.name
    assert (await confirm(world, who(number=company.finance.number), code))["verdict"] == "genuine"
    await world.register(company, at_company(company.legal, "legal_representative"))
    assert (await find(world, who(application_id=company.application_id)))["name"] == company.legal.name


OWN = staff("4412", "officer", "counter")


@pytest.mark.shows("CVP-7.19-8")
@acts
async def test_an_officer_of_the_customer_is_refused_at_the_counter(world: World, act: Ask) -> None:
    wang, other = Person(1), Person(2)
    await world.register(wang)
    await world.register(other, officers=(AssignedOfficer("4413", "Zhao Min", "Pudong"),))
    before = await world.counts("leaves", "reports", "signals")
    for present in (who(wang), who(number=wang.number)):
        with pytest.raises(OwnCustomer):
            await act(world, present, clerk=OWN)
    assert await world.counts("leaves", "reports", "signals") == before
    # Each request was counted and recorded, and other customers and other clerks are answered.
    assert len((await world.service.looks.mine(wang.principal, None, 10)).looks) == 2
    await act(world, who(other), clerk=OWN)
    await act(world, who(wang))


@pytest.mark.shows("CVP-7.19-8")
async def test_an_officer_does_not_confirm_the_code_of_their_own_call(world: World) -> None:
    wang = Person(1)
    await world.register(wang)
    call_id, code = await world.live_call(wang)
    with pytest.raises(OwnCustomer):
        await confirm(world, who(wang), code, clerk=OWN)
    assert (await world.call_row(call_id))["state"] == "live"
    assert (await world.confirm(wang, code))["given_before"] is False


@pytest.mark.shows("CVP-7.19-8")
@acts
async def test_another_loan_of_the_customer_does_not_help_their_officer(world: World, act: Ask) -> None:
    wang, second = Person(1), Person(2)
    second.customer_id, second.principal = wang.customer_id, wang.principal
    await world.register(wang)
    await world.register(second, officers=(AssignedOfficer("4413", "Zhao Min", "Pudong"),))
    for present in (who(second), who(number=second.number)):
        with pytest.raises(OwnCustomer):
            await act(world, present, clerk=OWN)


@pytest.mark.shows("CVP-7.19-8")
@acts
async def test_a_clerk_who_has_become_an_officer_gets_no_kept_answer(world: World, act: Ask) -> None:
    wang = Person(1)
    others = (AssignedOfficer("4413", "Zhao Min", "Pudong"),)
    await world.register(wang, officers=others)
    first = await act(world, who(wang), clerk=OWN, key="same")
    await world.register(wang)
    with pytest.raises(OwnCustomer):
        await act(world, who(wang), clerk=OWN, key="same")
    await world.register(wang, officers=others)
    assert await act(world, who(wang), clerk=OWN, key="same") == first


async def verdicts_of(world: World, person: Person) -> list[Any]:
    """The stored daily cap of verdicts of a person."""
    index = world.context.customer_index(person.customer_id).hex()
    return list(await world.storage.fetch("SELECT tat FROM limits WHERE limit_key = $1", f"verdicts:login:{index}"))


@pytest.mark.shows("CVP-7.3-3", "CVP-7.16-3")
@pytest.mark.parametrize("kind", ["other_number", "impossible"])
async def test_a_refusal_at_the_counter_counts_once_however_often_it_is_sent(world: World, kind: str) -> None:
    wang = Person(1)
    numbers = tuple(RegisteredNumber(each, from_ms(NOON - 90 * DAY_MS)) for each in (wang.number, SECOND_NUMBER))
    await world.register(wang, numbers=numbers)
    _, code = await world.live_call(wang)
    typed = code if kind == "other_number" else WRONG[:8] + str((int(WRONG[8]) + 1) % 10)
    refused = []
    counted = []
    for _ in range(3):
        with pytest.raises((InvalidField, MalformedCode)) as caught:
            await confirm(world, who(number=SECOND_NUMBER), typed, key="same")
        refused.append(words_of(caught.value))
        counted.append(await verdicts_of(world, wang))
    assert len(set(refused)) == 1
    assert counted[0] == counted[1] == counted[2]


@pytest.mark.shows("CVP-7.19-1")
async def test_a_contact_without_confirm_hears_by_number_what_the_app_says(world: World) -> None:
    company = Company(10)
    called_only = at_company(company.finance, "finance", "called")
    await world.register(company, called_only, at_company(company.legal, "legal_representative"))
    _, code = await world.live_call(company)
    for typed in (code, WRONG):
        mine = await world.confirm(company.finance, typed)
        verdict = await confirm(world, who(number=company.finance.number), typed)
        assert (verdict["verdict"], verdict["words"], verdict["call"]) == ("not_genuine", mine["words"], None)
        assert (await receipt(world, company.finance, verdict["receipt_id"]))["receipt"] == verdict["receipt"]
    impossible = WRONG[:8] + str((int(WRONG[8]) + 1) % 10)
    with pytest.raises(MalformedCode):
        await confirm(world, who(number=company.finance.number), impossible)
    assert (await confirm(world, who(number=company.finance.number), impossible))["verdict"] == "not_genuine"
