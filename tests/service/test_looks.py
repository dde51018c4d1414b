"""Who looked: each read of staff and systems is recorded, searched by auditors and told to the customer (law L15)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.world import (
    LOANS,
    NOON,
    Company,
    Json,
    Person,
    World,
    as_json,
    at_company,
    failing_commit,
    staff,
    system,
)
from verifier.core.application import AnnouncedCall
from verifier.core.errors import Erased, NotFound, Tampered, Unavailable
from verifier.core.looks import MyLook, SearchLooks
from verifier.core.messages.counter import FindCustomer
from verifier.core.messages.policy_exceptions import DecideException, RequestException
from verifier.core.principal import Principal
from verifier.core.times import from_ms

OFFICER = staff("4412")
SUPERVISOR = staff("9001", "supervisor")
AUDITOR = staff("9002", "auditor")
CLERK = staff("7301", "counter")
DAY_S = 86_400


async def told(world: World, person: Person) -> list[MyLook]:
    return list((await world.service.looks.mine(person.principal, None, 100)).looks)


async def operations_told(world: World, person: Person) -> list[str]:
    """What the customer would be told, as pairs of reader and operation, oldest first."""
    looks = await search(world, application_id=person.application_id)
    return [f"{each['reader']['id']} {each['operation']}" for each in reversed(looks)]


async def search(world: World, **asked: Any) -> list[Json]:
    """All looks that an auditor finds, newest first, page by page."""
    found: list[Json] = []
    cursor = None
    while True:
        page = as_json(await world.service.looks.search(AUDITOR, SearchLooks(**{**asked, "cursor": cursor})))
        found += [each for each in page["looks"] if each["operation"] != "search_looks"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


async def at_counter(world: World, present: Person, reason: str, clerk: Principal = CLERK) -> None:
    """A clerk looks up a customer who is present, by their number."""
    asked = FindCustomer(number=present.number, reason=reason)
    await world.service.counter.find(clerk, asked, world.key(clerk, asked))


async def request_exception(world: World, person: Person) -> str:
    asked = RequestException("documents", person.number, ("daily_cap",), "they asked for it")
    request = world.service.policy_exceptions.request
    return str(as_json(await request(OFFICER, person.application_id, asked, world.key(OFFICER, asked)))["request_id"])


async def decide_exception(world: World, request_id: str) -> None:
    asked = DecideException(False, "not today")
    await world.service.policy_exceptions.decide(SUPERVISOR, request_id, asked, world.key(SUPERVISOR, asked))


async def read_everything(world: World, person: Person) -> None:
    """Every read of staff and of systems that shows a customer's data, once."""
    desk, calls = world.service.desk, world.service.calls
    call_id = (await world.issue(person))["call"]["call_id"]
    for step in (
        desk.application(OFFICER, person.application_id),
        world.service.applications.read(LOANS, person.application_id),
        desk.applications(OFFICER, "", None, 50),
        desk.calls(OFFICER, None, None, 50),
        calls.read(OFFICER, call_id),
        calls.read(SUPERVISOR, call_id),
        calls.read(AUDITOR, call_id),
        calls.read(system("legs"), call_id),
    ):
        await step
        world.clock.advance(1)
    stream = desk.watch(OFFICER, call_id)
    await anext(stream)
    await anext(stream)
    await stream.aclose()
    announced = AnnouncedCall("documents", from_ms(NOON), from_ms(NOON + 3_600_000))
    await world.register(person, announced_calls=(announced,))
    for _ in range(2):
        world.clock.advance(1)
        await world.service.queues.list(OFFICER)
    world.clock.advance(1)
    request_id = await request_exception(world, person)
    world.clock.advance(1)
    await world.service.policy_exceptions.list(OFFICER)
    world.clock.advance(1)
    await world.service.policy_exceptions.list(SUPERVISOR)
    world.clock.advance(1)
    await decide_exception(world, request_id)
    world.clock.advance(1)
    await world.revoke(call_id, SUPERVISOR)


READ = [
    "4412 get_application",
    "pbx get_application",
    "4412 search_applications",
    "4412 list_calls",
    "4412 get_call",
    "9001 get_call",
    "9002 get_call",
    "pbx get_call",
    "4412 call_events",
    "4412 list_queue",
    "4412 request_exception",
    "4412 list_exception_requests",
    "9001 list_exception_requests",
    "9001 decide_exception",
    "9001 revoke_call",
]


@pytest.mark.shows("CVP-7.17-1", "CVP-7.17-2")
async def test_each_read_of_personal_data_is_recorded_once(world: World, wang: Person, mallory: Person) -> None:
    await read_everything(world, wang)
    assert await operations_told(world, wang) == READ
    seen_too = ["4412 search_applications"]
    assert await operations_told(world, mallory) == seen_too, "they were on the same page of the search"
    assert not (await world.audit()).findings


@pytest.mark.shows("CVP-7.17-1")
async def test_a_look_says_who_what_of_whom_when_and_why(world: World, wang: Person) -> None:
    both = staff("7001", "counter", "supervisor")
    await at_counter(world, wang, "客户到店", both)
    [found] = await search(world, application_id=wang.application_id)
    assert found.pop("look_id").startswith("look_")
    assert found == {
        "at": "2026-11-23T04:00:00Z",
        "reader": {"kind": "staff", "id": "7001", "roles": ["counter", "supervisor"]},
        "operation": "find_customer",
        "application_id": wang.application_id,
        "reason": "客户到店",
    }
    [(sealed,)] = await world.storage.fetch("SELECT sealed FROM looks WHERE operation = 'find_customer'")
    assert "客户到店".encode() not in bytes(sealed)


async def test_an_answer_without_a_customer_records_nothing(world: World, wang: Person) -> None:
    nobody = staff("5555")
    assert (await world.service.desk.applications(nobody, "", None, 50)).applications == ()
    assert (await world.service.desk.calls(nobody, None, None, 50)).calls == ()
    assert (await world.service.policy_exceptions.list(SUPERVISOR)).requests == ()
    with pytest.raises(NotFound):
        await world.service.desk.application(nobody, wang.application_id)
    assert await world.counts("looks") == (0,)


@pytest.mark.shows("CVP-7.17-3")
async def test_a_read_that_cannot_be_recorded_shows_nothing(
    world: World, wang: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    call_id = (await world.issue(wang))["call"]["call_id"]
    await request_exception(world, wang)
    before = await world.counts("looks")
    monkeypatch.setattr(world.storage, "commit", failing_commit(world.storage))
    desk, calls = world.service.desk, world.service.calls
    for read in (
        desk.application(OFFICER, wang.application_id),
        world.service.applications.read(LOANS, wang.application_id),
        desk.applications(OFFICER, "", None, 50),
        desk.calls(OFFICER, None, None, 50),
        calls.read(OFFICER, call_id),
        calls.read(SUPERVISOR, call_id),
        calls.read(system("legs"), call_id),
        anext(desk.watch(OFFICER, call_id)),
        world.service.policy_exceptions.list(SUPERVISOR),
        world.service.looks.search(AUDITOR, SearchLooks(customer_id=wang.customer_id)),
    ):
        with pytest.raises(Unavailable) as refused:
            await read  # type: ignore[misc]
        assert wang.name not in str(refused.value.detail)
    monkeypatch.undo()
    assert await world.counts("looks") == before


@pytest.mark.shows("CVP-7.17-3")
async def test_reads_that_wait_together_are_one_transaction(world: World, wang: Person) -> None:
    application = await world.context.reading.application(wang.application_id)
    before = world.context.events.batches
    await asyncio.gather(*(world.service.looks.record(OFFICER, "get_application", (application,)) for _ in range(50)))
    assert world.context.events.batches - before <= 2
    assert await world.counts("looks") == (50,)


@pytest.mark.shows("CVP-7.17-1")
async def test_a_list_that_a_console_polls_is_one_look_in_ten_minutes(
    world: World, wang: Person, mallory: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    await request_exception(world, wang)

    async def poll(times: int, *readers: Principal) -> list[str]:
        for _ in range(times):
            world.clock.advance(4)
            for each in readers:
                assert (await world.service.policy_exceptions.list(each)).requests
        both = [await operations_told(world, each) for each in (wang, mallory)]
        return [each for found in both for each in found if each.endswith(" list_exception_requests")]

    told = await poll(100, SUPERVISOR, OFFICER)
    assert sorted(told) == ["4412 list_exception_requests", "9001 list_exception_requests"]
    await request_exception(world, mallory)
    assert len(await poll(10, SUPERVISOR)) == 3, "a new request is a new look"
    assert len(await poll(60, SUPERVISOR)) == 4
    world.clock.advance(600)
    monkeypatch.setattr(world.storage, "commit", failing_commit(world.storage))
    for _ in range(2):
        with pytest.raises(Unavailable):
            await world.service.policy_exceptions.list(SUPERVISOR)


@pytest.mark.shows("CVP-7.17-4")
async def test_an_auditor_searches_by_person_application_customer_and_time(world: World, wang: Person) -> None:
    other = Person(2)
    await world.register(other)
    for who, person in (("4412", wang), ("4413", wang), ("4412", other), ("4413", other)):
        await world.service.desk.application(staff(who), person.application_id)
        world.clock.advance(10)

    async def found(**asked: Any) -> list[tuple[str, str]]:
        looks = await search(world, limit=1, **asked)
        return [(each["reader"]["id"], each["application_id"]) for each in reversed(looks)]

    first, second, third, fourth = (
        ("4412", wang.application_id),
        ("4413", wang.application_id),
        ("4412", other.application_id),
        ("4413", other.application_id),
    )
    assert await found() == [first, second, third, fourth]
    assert await found(staff_id="4412") == [first, third]
    assert await found(application_id=wang.application_id) == [first, second]
    assert await found(customer_id=other.customer_id) == [third, fourth]
    assert await found(customer_id=other.customer_id, staff_id="4413") == [fourth]
    assert await found(customer_id=other.customer_id, application_id=wang.application_id) == []
    assert await found(customer_id="nobody") == await found(application_id="LN-404") == await found(staff_id="1") == []
    window = {"since": from_ms(NOON + 10_000), "until": from_ms(NOON + 30_000)}
    assert await found(**window) == [second, third]
    assert await found(**window, staff_id="4412") == [third]
    assert await found(**window, application_id=wang.application_id) == [second]


@pytest.mark.shows("CVP-7.17-4")
async def test_each_search_is_itself_a_look_also_if_it_finds_nobody(
    world: World, wang: Person, mallory: Person
) -> None:
    await world.erase(mallory)
    for asked in (
        SearchLooks(customer_id=wang.customer_id),
        SearchLooks(application_id=wang.application_id),
        SearchLooks(application_id=mallory.application_id),
        SearchLooks(application_id="LN-404"),
        SearchLooks(customer_id=mallory.customer_id),
        SearchLooks(staff_id="4412"),
        SearchLooks(since=from_ms(NOON)),
    ):
        await world.service.looks.search(AUDITOR, asked)
        world.clock.advance(1)
    found = (await world.service.looks.search(AUDITOR, SearchLooks(staff_id=AUDITOR.id))).looks
    assert [each.application_id for each in reversed(found)] == [
        wang.application_id,
        wang.application_id,
        mallory.application_id,
        "LN-404",
        None,
        None,
        None,
    ]
    assert {each.operation for each in found} == {"search_looks"}
    assert [each.words[1].text for each in await told(world, wang)] == ["Checked who had looked at this loan"] * 2
    assert {each.reader.id for each in await told(world, wang)} == {AUDITOR.id}
    assert not (await world.audit()).findings


@pytest.mark.shows("CVP-7.17-4")
async def test_a_search_that_shows_the_reason_of_a_look_is_a_look_at_that_loan(
    world: World, wang: Person, mallory: Person
) -> None:
    await at_counter(world, wang, "客户到店")
    await world.service.desk.application(OFFICER, mallory.application_id)
    world.clock.advance(1)
    found = (await world.service.looks.search(AUDITOR, SearchLooks())).looks
    assert {each.reason for each in found} == {"客户到店", None}
    assert [each.reader.id for each in await told(world, wang)] == [AUDITOR.id, CLERK.id]
    assert [each.reader.id for each in await told(world, mallory)] == [OFFICER.id]


@pytest.mark.shows("CVP-7.17-5")
async def test_the_customer_is_told_who_looked_when_and_at_what(world: World, wang: Person) -> None:
    await world.service.desk.application(OFFICER, wang.application_id)
    world.clock.advance(1)
    call_id = (await world.issue(wang))["call"]["call_id"]
    await world.service.calls.read(SUPERVISOR, call_id)
    world.clock.advance(1)
    await world.service.applications.read(LOANS, wang.application_id)
    looks = as_json(await world.service.looks.mine(wang.principal, None, 100))["looks"]
    assert [(each["reader"]["kind"], each["reader"]["id"], each["name"], each["branch"]) for each in looks] == [
        ("system", "pbx", None, None),
        ("staff", "9001", None, None),
        ("staff", "4412", "李伟", "北京中关村支行"),
    ]
    assert [each["at"] for each in looks] == [f"2026-11-23T04:00:0{n}Z" for n in (2, 1, 0)]
    assert [each["text"] for each in looks[2]["words"]] == ["查看了这笔贷款的资料", "Opened the file of this loan"]


@pytest.mark.shows("CVP-7.17-5", "CVP-3.3-7")
async def test_each_contact_is_told_of_each_look_but_only_who_was_present_is_told_why(world: World) -> None:
    company = Company(10)
    guarantor = at_company(company.former, "guarantor", "called", "confirm")
    usual = at_company(company.finance, "finance"), at_company(company.legal, "legal_representative")
    await world.register(company, *usual, guarantor)
    await world.service.desk.application(OFFICER, company.application_id)
    world.clock.advance(1)
    await world.service.calls.read(SUPERVISOR, (await world.issue(company))["call"]["call_id"])
    world.clock.advance(1)
    await at_counter(world, company.finance, "财务负责人到店核实来电")
    general = ("查看了这笔贷款的信息", "Looked at data of this loan")
    call = ("查看了与这笔贷款有关的一次通话", "Looked at one call about this loan")
    file = ("查看了这笔贷款的资料", "Opened the file of this loan")
    for person, words, reason in (
        (
            company.finance,
            [("在网点柜台查询了您的姓名", "Looked up your name at the counter of a branch"), call, file],
            True,
        ),
        (company.legal, [general, call, file], False),
        (company.former, [general] * 3, False),
    ):
        looks = await told(world, person)
        assert [tuple(each.text for each in look.words) for look in looks] == words
        assert [look.reason for look in looks] == ["财务负责人到店核实来电" if reason else None, None, None]
        assert [look.reader.id for look in looks] == [CLERK.id, SUPERVISOR.id, OFFICER.id]
        assert [look.reference is None for look in looks] == [person is company.former] * 3


@pytest.mark.shows("CVP-7.17-5")
async def test_the_customer_reads_their_looks_in_pages_and_never_anothers(
    world: World, wang: Person, mallory: Person
) -> None:
    second = Person(1)
    second.application_id = "LN-1b"
    await world.register(second)
    for n in range(7):
        await world.service.desk.application(OFFICER, (wang, second, mallory)[n % 3].application_id)
        world.clock.advance(1)
    found: list[str] = []
    cursor = None
    while True:
        page = await world.service.looks.mine(wang.principal, cursor, 2)
        found += [each.application_id for each in page.looks]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == ["LN-1", "LN-1b", "LN-1", "LN-1b", "LN-1"]
    assert [each.application_id for each in await told(world, mallory)] == [mallory.application_id] * 2
    assert await told(world, Person(404)) == []


@pytest.mark.shows("CVP-7.17-6")
async def test_an_erasure_leaves_who_looked_and_when_but_no_reason_and_no_person(world: World, wang: Person) -> None:
    await at_counter(world, wang, "王芳1 came to the branch")
    world.clock.advance(1)
    await world.service.desk.application(OFFICER, wang.application_id)
    await world.erase(wang)
    assert await told(world, wang) == []
    looks = await search(world, application_id=wang.application_id)
    assert [(each["operation"], each["reason"]) for each in looks] == [
        ("get_application", None),
        ("find_customer", None),
    ]
    assert await search(world, customer_id=wang.customer_id) == []
    assert {tuple(row) for row in await world.storage.fetch("SELECT sealed FROM looks")} == {(None,)}
    with pytest.raises(Erased):
        await world.service.applications.read(LOANS, wang.application_id)
    assert not (await world.audit()).findings


@pytest.mark.shows("CVP-7.17-7")
async def test_looks_are_deleted_after_their_retention_time(world: World, wang: Person) -> None:
    await world.service.desk.application(OFFICER, wang.application_id)
    world.clock.advance(1_095 * DAY_S)
    await world.service.housekeeping.sweep()
    assert await world.counts("looks") == (1,)
    world.clock.advance(1)
    await world.service.housekeeping.sweep()
    assert await world.counts("looks") == (0,)
    assert not (await world.audit()).findings


@pytest.mark.shows("CVP-7.17-8")
async def test_a_changed_look_is_told_to_nobody_and_a_deleted_one_is_found(world: World, wang: Person) -> None:
    for _ in range(2):
        await world.service.desk.application(OFFICER, wang.application_id)
    async with world.storage.transaction() as transaction:
        await transaction.execute_many("UPDATE looks SET reader = 'staff:4413'", [()])
    with pytest.raises(Tampered):
        await told(world, wang)
    with pytest.raises(Tampered):
        await world.service.looks.search(AUDITOR, SearchLooks(staff_id="4413"))
    async with world.storage.transaction() as transaction:
        await transaction.execute_many("UPDATE looks SET reader = 'staff:4412'", [()])
    assert not (await world.audit()).findings
    async with world.storage.transaction() as transaction:
        await transaction.execute_many("DELETE FROM looks WHERE look_id = (SELECT MIN(look_id) FROM looks)", [()])
    assert (await world.audit()).findings
