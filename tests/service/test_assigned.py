"""A call stays open only while its officer is assigned to the application (laws L5, L10)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from tests.service.test_desk import _until_it_ends as until_it_ends
from tests.service.test_identity import Signer
from tests.world import COLLEAGUE, OFFICER, Json, Person, World, staff
from verifier.core.call import CallRules
from verifier.core.errors import CallClosed, NotFound
from verifier.core.messages.calls import AskIdentity
from verifier.import_files import ImportFile
from verifier.importing import import_file
from verifier.ports import Storage
from verifier.service import Service, applications

OFFICER_4412 = staff("4412")


async def remove_without_revoking(world: World, person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """Removes the officer but leaves their open call, as registrations did before they revoked calls."""
    with monkeypatch.context() as before:
        before.setattr(applications, "current_state", lambda application, opened, now_ms, rules: opened.call)
        await world.register(person, officers=(COLLEAGUE,))


async def state(world: World, call_id: str) -> str:
    return str((await world.call_row(call_id))["state"])


@pytest.mark.shows("CVP-6-8", "CVP-7.5-6")
@pytest.mark.parametrize("confirmed", [False, True])
async def test_registering_without_the_officer_revokes_their_open_call_at_once(
    world: World, wang: Person, confirmed: bool
) -> None:
    call_id, code = await world.live_call(wang)
    if confirmed:
        assert (await world.confirm(wang, code))["verdict"] == "genuine"
    watched = world.service.desk.watch(OFFICER_4412, call_id)
    assert (await anext(watched)) is not None
    told = await world.register(wang, officers=(COLLEAGUE,))
    assert told["open_call_id"] is None
    assert await state(world, call_id) == "revoked"
    assert not (await world.call_status(wang)).on_call
    with pytest.raises(NotFound):
        await until_it_ends(watched)
    # It stays revoked after the officer is assigned again.
    await world.register(wang)
    assert (await world.confirm(wang, code))["verdict"] == "not_genuine"
    assert (await world.ring_in(wang.number, code))["verdict"] == "not_genuine"
    with pytest.raises(CallClosed):
        await world.reveal(call_id)
    assert not (await world.audit()).findings


@pytest.mark.shows("CVP-6-8")
async def test_registering_with_the_officer_keeps_the_call(world: World, wang: Person) -> None:
    call_id, code = await world.live_call(wang)
    told = await world.register(wang, officers=(OFFICER,), stage="review")
    assert (told["open_call_id"], await state(world, call_id)) == (call_id, "live")
    assert (await world.confirm(wang, code))["verdict"] == "genuine"


@pytest.mark.shows("CVP-6-8")
async def test_an_import_without_the_officer_revokes_the_call_too(world: World, wang: Person, tmp_path: Path) -> None:
    call_id, code = await world.live_call(wang)
    line = {"application_id": wang.application_id, **msgspec.to_builtins(wang.registration(officers=(COLLEAGUE,)))}
    path = tmp_path / "export.jsonl"
    path.write_bytes(msgspec.json.encode(line) + b"\n")
    account = await import_file(world.service, ImportFile(path, world.clock()))
    assert account.registered == 1
    assert await state(world, call_id) == "revoked"
    assert (await world.confirm(wang, code))["verdict"] == "not_genuine"


@pytest.mark.shows("CVP-6-8")
async def test_a_removed_officer_who_asks_for_the_code_gets_none_and_the_call_is_revoked(
    world: World, wang: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    call_id, code = await world.live_call(wang)
    await remove_without_revoking(world, wang, monkeypatch)
    assert await state(world, call_id) == "live"
    with pytest.raises(NotFound):
        await world.reveal(call_id)
    assert await state(world, call_id) == "revoked"
    assert (await world.confirm(wang, code))["verdict"] == "not_genuine"
    await world.issue(wang, officer=staff("4413"))


Event = Callable[[World, Person, str], Awaitable[Json]]
LEG_EVENTS: dict[str, Event] = {
    "by call": lambda world, person, call_id: world.leg(call_id, "connected", person.number),
    "by number": lambda world, person, call_id: world.leg_by_number("connected", person.number),
    "by number, without an officer": lambda world, person, call_id: world.leg_by_number(
        "connected", person.number, officer_id=None
    ),
}


@pytest.mark.shows("CVP-6-8")
@pytest.mark.parametrize("told", LEG_EVENTS)
async def test_a_leg_of_a_removed_officer_revokes_the_call(
    world: World, wang: Person, monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    call_id = (await world.issue(wang))["call"]["call_id"]
    await remove_without_revoking(world, wang, monkeypatch)
    answer = await LEG_EVENTS[told](world, wang, call_id)
    if told == "by call":
        assert (answer["state"], answer["connected_at"]) == ("revoked", None)
    else:
        assert answer == {"result": "unmatched", "call": None}
    assert await state(world, call_id) == "revoked"


@pytest.mark.shows("CVP-6-8")
@pytest.mark.parametrize("door", ["app", "phone", "dialogue"])
@pytest.mark.parametrize("given_before", [False, True])
async def test_a_call_of_a_removed_officer_is_never_genuine(
    world: World, wang: Person, monkeypatch: pytest.MonkeyPatch, door: str, given_before: bool
) -> None:
    call_id, code = await world.live_call(wang)
    session = (await world.begin_dialogue(wang.number))["session_id"]
    if given_before:
        assert (await world.confirm(wang, code))["verdict"] == "genuine"
    await remove_without_revoking(world, wang, monkeypatch)
    assert not (await world.call_status(wang)).on_call
    if door == "app":
        assert (await world.confirm(wang, code))["verdict"] == "not_genuine"
    elif door == "phone":
        assert (await world.ring_in(wang.number, code))["verdict"] == "not_genuine"
    else:
        assert (await world.press(session, code))["say"][0]["name"] == "not_genuine"
    assert await state(world, call_id) == "revoked"


@pytest.mark.shows("CVP-6.4-1")
async def test_a_call_of_a_removed_officer_gets_no_identity_header(
    world: World, wang: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    call_id = (await world.issue(wang))["call"]["call_id"]
    await remove_without_revoking(world, wang, monkeypatch)
    with pytest.raises(CallClosed):
        await Service(world.context, Signer()).identities.make(call_id, AskIdentity())


async def test_a_supervisor_but_not_the_removed_officer_can_revoke_the_call(
    world: World, wang: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    call_id, _ = await world.live_call(wang)
    await remove_without_revoking(world, wang, monkeypatch)
    with pytest.raises(NotFound):
        await world.revoke(call_id)
    assert (await world.revoke(call_id, staff("9001", "supervisor")))["state"] == "revoked"


@pytest.mark.shows("CVP-7.5-6")
async def test_a_retry_by_a_removed_officer_gets_no_code(storage: Storage, tmp_path: Path) -> None:
    async with World(storage, tmp_path / "ring.json", CallRules(leg_mode="off")) as world:
        person = Person(1)
        await world.register(person)
        assert (await world.issue(person, key="once"))["code"]
        await world.register(person, officers=(COLLEAGUE,))
        with pytest.raises(NotFound):
            await world.issue(person, key="once")
        # Once assigned again, the officer gets the code again.
        await world.register(person)
        assert (await world.issue(person, key="once"))["code"]


@pytest.mark.shows("CVP-7.5-4")
async def test_lists_omit_calls_and_applications_of_a_removed_officer(
    world: World, wang: Person, mallory: Person
) -> None:
    kept = (await world.issue(mallory))["call"]["call_id"]
    await world.issue(wang)
    await world.register(wang, officers=(COLLEAGUE,))
    desk = world.service.desk
    assert [each.call_id for each in (await desk.calls(OFFICER_4412, None, None, 9)).calls] == [kept]
    found = (await desk.applications(OFFICER_4412, "", None, 9)).applications
    assert [each.application_id for each in found] == [mallory.application_id]


@pytest.mark.shows("CVP-7.5-4")
async def test_a_forged_assignment_row_shows_no_application(world: World, wang: Person) -> None:
    """The table of assignments is only an index. The sealed facts say who is assigned."""
    async with world.storage.transaction() as transaction:
        sql = "INSERT INTO assignments (officer_id, application_id) VALUES ($1, $2)"
        await transaction.execute_many(sql, [("5555", wang.application_id)])
    assert (await world.service.desk.applications(staff("5555"), "", None, 9)).applications == ()


async def test_an_officer_cannot_reveal_or_revoke_a_colleagues_call(world: World, wang: Person) -> None:
    call_id, _ = await world.live_call(wang)
    for ask in (world.reveal, world.revoke):
        with pytest.raises(NotFound):
            await ask(call_id, staff("4413"))
