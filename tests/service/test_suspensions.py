"""A suspended member of staff can do nothing at any node, and nothing is done in their name (specs/protocol.md 2.1)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.service.test_identity import Signer
from tests.world import COLLEAGUE, DESK, OFFICER, Clock, Json, Person, World, as_json, staff, system
from verifier.core.call import CallRules
from verifier.core.errors import CallClosed, Forbidden, NotFound, PolicyRefused, Suspended, Unavailable
from verifier.core.messages.calls import AskIdentity, IssueCall
from verifier.core.principal import Principal
from verifier.core.suspensions import SuspendStaff
from verifier.ledger.read_set import ReadSet
from verifier.ledger.routing import ShardRouting
from verifier.ports import Row, Storage
from verifier.service import Context, Service
from verifier.service.staff.cutoff import MAX_AGE_MS, WATCHED_MS

ZHOU, WU = staff("9001", "supervisor"), staff("9002", "supervisor")
LOANS = system("calls")


async def suspend(
    node: World, staff_id: str = OFFICER.id, caller: Principal = ZHOU, reason: str = "left the bank", key: str = ""
) -> Json:
    asked = SuspendStaff(reason)
    answer = await node.service.suspensions.suspend(caller, staff_id, asked, node.key(caller, asked, key))
    return as_json(answer)


async def lift(node: World, staff_id: str = OFFICER.id, caller: Principal = WU) -> Json:
    return as_json(await node.service.suspensions.lift(caller, staff_id))


async def poll(node: World) -> None:
    """Does what a node does twice a second."""
    await node.service.suspensions.refresh()
    await node.service.suspensions.revoke_calls()


async def issue_for(node: World, person: Person, officer_id: str = OFFICER.id) -> Json:
    """A bank system issues a call in an officer's name."""
    asked = IssueCall("documents", person.number, DESK, officer_id)
    issue = node.service.calls.issue
    return as_json(await issue(LOANS, person.application_id, asked, node.key(LOANS, asked)))


async def state(node: World, call_id: str) -> str:
    return str((await node.call_row(call_id))["state"])


@pytest.fixture
async def other(world: World, storage: Storage, tmp_path: Path) -> AsyncIterator[World]:
    """Another node on the same database."""
    async with World(storage, tmp_path / "ring.json", clock=world.clock) as made:
        yield made


@pytest.fixture
def not_revoking(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A node that records suspensions but revokes no calls, as if it stopped in between."""

    async def nothing() -> int:
        return 0

    monkeypatch.setattr(world.service.suspensions, "revoke_calls", nothing)
    return world


@pytest.mark.shows("CVP-2.1-1", "CVP-2.1-3")
async def test_a_suspension_revokes_the_officers_open_call_at_once(world: World, wang: Person) -> None:
    call_id, code = await world.live_call(wang)
    await suspend(world)
    assert await state(world, call_id) == "revoked"
    assert (await world.confirm(wang, code))["verdict"] == "not_genuine"
    assert (await world.ring_in(wang.number, code))["verdict"] == "not_genuine"
    with pytest.raises(Suspended):
        await world.reveal(call_id)
    assert not (await world.audit()).findings


@pytest.mark.shows("CVP-2.1-1")
async def test_a_suspension_revokes_a_confirmed_call(world: World, wang: Person) -> None:
    call_id, code = await world.live_call(wang)
    assert (await world.confirm(wang, code))["verdict"] == "genuine"
    await suspend(world)
    assert await state(world, call_id) == "revoked"
    assert (await world.confirm(wang, code))["verdict"] == "not_genuine"


@pytest.mark.shows("CVP-2.1-3")
async def test_a_suspended_officers_code_is_not_genuine_even_before_the_call_is_revoked(
    not_revoking: World, other: World, wang: Person
) -> None:
    call_id, code = await not_revoking.live_call(wang)
    await suspend(not_revoking)
    await other.service.suspensions.refresh()
    assert await state(other, call_id) == "live"
    for node in (not_revoking, other):
        assert (await node.confirm(wang, code))["verdict"] == "not_genuine"
        assert (await node.ring_in(wang.number, code))["verdict"] == "not_genuine"
        assert not (await node.call_status(wang)).on_call
        session = (await node.begin_dialogue(wang.number))["session_id"]
        assert (await node.press(session, code))["say"][0]["name"] == "not_genuine"
    row = await other.call_row(call_id)
    assert (row["app_wrong"], row["ivr_wrong"]) == (0, 0), "a right code costs no attempt"


@pytest.mark.shows("CVP-2.1-3", "CVP-7.12-1")
async def test_a_genuine_answer_is_not_repeated_even_before_the_call_is_revoked(
    not_revoking: World, other: World, wang: Person
) -> None:
    """A retry gets `ended`, and the dialogue does not repeat the verdict."""
    call_id, code = await not_revoking.live_call(wang)
    session = (await other.begin_dialogue(wang.number))["session_id"]
    assert (await other.press(session, code, key="step"))["say"][0]["name"] == "genuine"
    assert (await other.confirm(wang, code, key="app"))["verdict"] == "genuine"
    assert (await other.ring_in(wang.number, code, key="phone"))["verdict"] == "genuine"
    await suspend(not_revoking)
    await other.service.suspensions.refresh()
    assert await state(other, call_id) == "confirmed"
    assert (await other.confirm(wang, code, key="app"))["verdict"] == "ended"
    assert (await other.ring_in(wang.number, code, key="phone"))["verdict"] == "ended"
    assert "genuine" not in {each["name"] for each in (await other.press(session, code, key="step"))["say"]}
    assert "genuine" not in {each["name"] for each in (await other.press(session, "9"))["say"]}


@pytest.mark.shows("CVP-2.1-3", "CVP-10-3")
async def test_a_retry_does_not_repeat_the_code_of_a_suspended_officer(storage: Storage, tmp_path: Path) -> None:
    async with World(storage, tmp_path / "ring.json", CallRules(leg_mode="off")) as world:
        person = Person(1)
        await world.register(person)
        for officer, named in ((staff(OFFICER.id), None), (LOANS, OFFICER.id)):
            issued = await world.issue(person, officer=officer, officer_id=named, key=f"{named}")
            assert issued["code"] is not None
            await suspend(world)
            with pytest.raises(Suspended):
                await world.issue(person, officer=officer, officer_id=named, key=f"{named}")
            await lift(world)


@pytest.mark.shows("CVP-7.5-6", "CVP-10-3")
async def test_a_retry_does_not_repeat_the_code_of_a_removed_officer(storage: Storage, tmp_path: Path) -> None:
    async with World(storage, tmp_path / "ring.json", CallRules(leg_mode="off")) as world:
        person = Person(1)
        await world.register(person)
        first = await world.issue(person, officer=LOANS, officer_id=OFFICER.id, key="once")
        assert first["code"] is not None
        assert await world.issue(person, officer=LOANS, officer_id=OFFICER.id, key="once") == first
        await world.register(person, officers=(COLLEAGUE,))
        again = await world.issue(person, officer=LOANS, officer_id=OFFICER.id, key="once")
        assert again == {**first, "code": None}


@pytest.mark.shows("CVP-2.1-3")
async def test_a_leg_does_not_make_a_suspended_officers_call_live(
    not_revoking: World, other: World, wang: Person
) -> None:
    call_id = (await not_revoking.issue(wang))["call"]["call_id"]
    await suspend(not_revoking)
    await other.service.suspensions.refresh()
    assert (await other.leg(call_id, "connected", wang.number))["state"] == "revoked"


@pytest.mark.shows("CVP-2.1-3")
async def test_a_leg_by_number_does_not_make_a_suspended_officers_call_live(
    not_revoking: World, other: World, wang: Person
) -> None:
    call_id = (await not_revoking.issue(wang))["call"]["call_id"]
    await suspend(not_revoking)
    await other.service.suspensions.refresh()
    await other.leg_by_number("connected", wang.number)
    assert await state(other, call_id) == "revoked"


@pytest.mark.shows("CVP-2.1-3")
async def test_a_suspended_officers_call_gets_no_identity_header(not_revoking: World, wang: Person) -> None:
    identities = Service(not_revoking.context, Signer()).identities
    call_id = (await not_revoking.issue(wang))["call"]["call_id"]
    assert await identities.make(call_id, AskIdentity())
    await suspend(not_revoking)
    with pytest.raises(CallClosed):
        await identities.make(call_id, AskIdentity())


@pytest.mark.shows("CVP-2.1-2")
async def test_no_call_is_issued_in_the_name_of_a_suspended_officer(world: World, wang: Person) -> None:
    await suspend(world)
    before = await world.counts("calls", "leaves")
    with pytest.raises(Suspended):
        await world.issue(wang)
    with pytest.raises(Suspended):
        await issue_for(world, wang)
    assert await world.counts("calls", "leaves") == before
    assert (await issue_for(world, wang, COLLEAGUE.id))["call"]["officer"]["id"] == COLLEAGUE.id


@pytest.mark.shows("CVP-2.1-4")
async def test_a_call_issued_by_a_slow_node_is_revoked_when_the_node_reads_the_suspension(
    world: World, other: World, wang: Person
) -> None:
    await suspend(world)
    call_id = (await issue_for(other, wang))["call"]["call_id"]
    assert await state(world, call_id) == "issued"
    await poll(other)
    assert await state(world, call_id) == "revoked"


@pytest.mark.shows("CVP-2.1-4")
async def test_a_call_committed_after_the_suspension_is_revoked_by_a_later_poll(
    world: World, other: World, wang: Person
) -> None:
    await suspend(world)
    await poll(world)
    call_id = (await issue_for(other, wang))["call"]["call_id"]
    await poll(world)
    assert await state(world, call_id) == "revoked"


@pytest.mark.shows("CVP-2.1-4")
async def test_a_starting_node_revokes_the_open_calls_of_suspended_officers(
    not_revoking: World, storage: Storage, wang: Person, tmp_path: Path
) -> None:
    call_id, _ = await not_revoking.live_call(wang)
    await suspend(not_revoking)
    async with World(storage, tmp_path / "ring.json") as started:
        await poll(started)
        assert await state(started, call_id) == "revoked"


@pytest.mark.shows("CVP-2.1-4")
async def test_issues_at_two_nodes_concurrent_with_a_suspension_leave_no_open_call(world: World, other: World) -> None:
    people = [Person(100 + n) for n in range(24)]
    for person in people:
        await world.register(person)
    issued, refused = asyncio.Event(), 0

    async def work(node: World, customers: list[Person]) -> None:
        nonlocal refused
        for person in customers:
            try:
                await issue_for(node, person)
                issued.set()
            except Suspended:
                refused += 1

    async def cut_off() -> None:
        await issued.wait()
        await suspend(world)
        await poll(other)

    await asyncio.gather(work(world, people[::2]), work(other, people[1::2]), cut_off())
    assert 0 < refused < len(people)
    for node in (world, other):
        await poll(node)
    rows = await world.storage.fetch("SELECT state, due_at FROM calls WHERE officer_id = $1", OFFICER.id)
    assert {tuple(row) for row in rows} == {("revoked", None)}
    for node in (world, other):
        with pytest.raises(Suspended):
            await issue_for(node, people[0])
    assert not (await world.audit()).findings


@pytest.mark.shows("CVP-2.1-5")
async def test_an_officer_works_again_after_another_supervisor_lifts_the_suspension(
    world: World, other: World, wang: Person
) -> None:
    suspended = await suspend(world, reason="手机丢失")
    assert (suspended["staff_id"], suspended["reason"]) == (OFFICER.id, "手机丢失")
    assert (suspended["suspended_by"], suspended["lifted_by"]) == ("staff:9001", None)
    await poll(other)
    world.clock.advance(60)
    lifted = await lift(world)
    assert (lifted["suspension_id"], lifted["lifted_by"]) == (suspended["suspension_id"], "staff:9002")
    assert await lift(world) == lifted
    await poll(other)
    for node in (world, other):
        await node.service.suspensions.admit(staff(OFFICER.id))
    call_id, code = await other.live_call(wang)
    await poll(other)
    assert await state(other, call_id) == "live"
    assert (await world.confirm(wang, code))["verdict"] == "genuine"


@pytest.mark.shows("CVP-2.1-5")
async def test_a_supervisor_cannot_lift_their_own_suspension(world: World) -> None:
    await suspend(world, ZHOU.id, WU)
    with pytest.raises(Forbidden, match="nobody can lift their own"):
        await lift(world, ZHOU.id, ZHOU)


@pytest.mark.shows("CVP-2.1-5")
async def test_a_suspended_supervisor_cannot_lift_or_suspend_at_any_node(world: World, other: World) -> None:
    await suspend(world)
    await suspend(world, ZHOU.id, LOANS)
    with pytest.raises(Suspended):
        await lift(other, OFFICER.id, ZHOU)
    with pytest.raises(Suspended):
        await suspend(other, WU.id, ZHOU)
    with pytest.raises(Suspended):
        await world.service.suspensions.admit(ZHOU)


@pytest.mark.shows("CVP-2.1-5")
async def test_one_of_two_concurrent_mutual_suspensions_is_refused(world: World, other: World) -> None:
    told = await asyncio.gather(suspend(world, WU.id, ZHOU), suspend(other, ZHOU.id, WU), return_exceptions=True)
    assert sorted(type(each).__name__ for each in told) == ["Suspended", "dict"]
    assert await world.counts("suspensions") == (1,)


@pytest.mark.shows("CVP-2.1-5", "CVP-10-10")
def test_commands_about_one_member_of_staff_lock_the_same_shard() -> None:
    routing = ShardRouting({}, {}, {}, {}, {}, {})
    mine, theirs, both = (routing.shards(ReadSet(staff_ids=each), 64) for each in (("1",), ("2",), ("2", "1")))
    assert len(mine) == len(theirs) == 1
    assert both == mine | theirs


@pytest.mark.shows("CVP-2.1-6")
async def test_concurrent_suspensions_of_one_person_make_one_suspension(world: World, other: World) -> None:
    # The first command tells a node how many shards there are, so that it routes the following ones.
    for node in (world, other):
        await node.service.housekeeping.sweep()
    told = await asyncio.gather(*(suspend(node, caller=LOANS) for node in (world, other) for _ in range(10)))
    assert len({each["suspension_id"] for each in told}) == 1
    again = await suspend(world, reason="another reason")
    assert again["reason"] == "left the bank"
    assert again["suspended_by"] == "system:pbx"
    await lift(world)
    world.clock.advance(1)
    renewed = await suspend(world, reason="another reason")
    assert renewed["suspension_id"] != again["suspension_id"]
    assert await world.counts("suspensions") == (2,)


@pytest.mark.shows("CVP-3.2-4", "CVP-2.1-6")
async def test_a_retry_after_the_suspension_was_lifted_gets_the_same_answer(world: World) -> None:
    told = await suspend(world, key="same")
    await lift(world)
    assert await suspend(world, key="same") == told
    assert await world.counts("suspensions") == (1,)
    await world.service.suspensions.admit(staff(OFFICER.id))


@pytest.mark.shows("CVP-2.1-6")
async def test_suspensions_are_listed_in_pages_newest_first(world: World) -> None:
    for n in range(5):
        await suspend(world, f"44{n}")
        world.clock.advance(1)
    await lift(world, "442")
    page = await world.service.suspensions.list(None, 2)
    found = [*page.suspensions]
    while page.next_cursor is not None:
        page = await world.service.suspensions.list(page.next_cursor, 2)
        found += page.suspensions
    assert [each.staff_id for each in found] == ["444", "443", "442", "441", "440"]
    assert [each.lifted_by for each in found] == [None, None, "staff:9002", None, None]
    with pytest.raises(NotFound):
        await lift(world, "never")


@pytest.mark.shows("CVP-4.1-3")
async def test_the_reason_is_not_stored_in_plaintext(world: World) -> None:
    await suspend(world, reason="因涉嫌泄露客户资料")
    for table in ("suspensions", "idempotency"):
        rows = await world.storage.fetch(f"SELECT * FROM {table}")
        assert rows
        held = b"".join(each if isinstance(each, bytes) else str(each).encode() for row in rows for each in row)
        assert "涉嫌".encode() not in held


@pytest.mark.shows("CVP-2.1-2")
async def test_an_exception_of_a_suspended_supervisor_lifts_nothing(world: World, wang: Person) -> None:
    world.clock.advance(12 * 3600)
    granted = await world.grant(wang, "contact_hours", supervisor=ZHOU.id)
    await suspend(world, ZHOU.id, WU)
    with pytest.raises(PolicyRefused):
        await world.issue(wang, exception_id=granted["exception_id"])
    await lift(world, ZHOU.id, WU)
    assert await world.issue(wang, exception_id=granted["exception_id"])


@pytest.mark.shows("CVP-2.1-3")
async def test_a_caller_is_not_transferred_to_a_suspended_officer(world: World, wang: Person) -> None:
    _, code = await world.live_call(wang)
    session = (await world.begin_dialogue(wang.number))["session_id"]
    assert (await world.press(session, code))["say"][0]["name"] == "genuine"
    await suspend(world)
    told = await world.press(session, "0")
    assert (told["act"], told["to"]) == ("transfer", "fraud_desk")


class Gone:
    """A storage whose reads fail while `gone` is set."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.gone = False
        self.asked = 0

    async def fetch(self, sql: str, *args: Any) -> Any:
        self.asked += 1
        if self.gone:
            raise Unavailable("the database cannot answer")
        return await self._storage.fetch(sql, *args)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)


@pytest.mark.shows("CVP-2.1-7")
async def test_a_node_that_cannot_read_the_suspensions_admits_no_one_after_five_seconds(world: World) -> None:
    gone, running = Gone(world.storage), Clock(0)
    context = Context(world.settings, gone, world.ring, world.clock, os.urandom, running=running)
    node = Service(context)
    gone.gone = True
    with pytest.raises(Unavailable):
        await node.suspensions.admit(staff(OFFICER.id))
    gone.gone = False
    await node.suspensions.admit(staff(OFFICER.id))
    asked = gone.asked
    running.now_ms += MAX_AGE_MS
    await node.suspensions.admit(staff(OFFICER.id))
    assert gone.asked == asked, "what was read lately is not read again for each request"
    gone.gone = True
    await node.suspensions.admit(LOANS)
    running.now_ms += 1
    for who in (staff(OFFICER.id), ZHOU, LOANS, Person(1).principal):
        with pytest.raises(Unavailable):
            await node.suspensions.admit(who)
    gone.gone = False
    await node.suspensions.admit(staff(OFFICER.id))


async def test_a_node_looks_for_calls_to_revoke_for_one_minute(world: World, wang: Person) -> None:
    gone, running = Gone(world.storage), Clock(0)
    context = Context(world.settings, gone, world.ring, world.clock, os.urandom, running=running)
    node = Service(context)
    await node.start()
    await suspend(world)
    await node.suspensions.refresh()
    for at, asked in ((0, 1), (WATCHED_MS - 1, 1), (WATCHED_MS, 1), (WATCHED_MS + 1, 0)):
        running.now_ms = at
        before = gone.asked
        await node.suspensions.revoke_calls()
        assert gone.asked - before == asked
    await node.stop()


async def test_the_operator_is_notified_of_changes_but_not_of_earlier_suspensions(
    world: World, storage: Storage, tmp_path: Path
) -> None:
    suspended = await suspend(world)
    async with World(storage, tmp_path / "ring.json") as started:
        told: list[Row] = []
        started.context.suspensions_changed = lambda new, ended: told.append((list(new), list(ended)))
        await poll(started)
        assert told == []
        another = await suspend(world, COLLEAGUE.id)
        await lift(world)
        await poll(started)
        await poll(started)
    assert told == [([another["suspension_id"]], [suspended["suspension_id"]])]
