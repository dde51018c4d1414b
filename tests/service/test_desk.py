"""Officers' lists, requests for exceptions, and customers' preferences (laws L10, L11)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.world import COLLEAGUE, NOON, OFFICER, Person, World, staff
from verifier.core.application import AnnouncedCall, Consents
from verifier.core.errors import CallClosed, Forbidden, InvalidField, NotFound, PolicyRefused
from verifier.core.messages.calls import CallView
from verifier.core.messages.customers import Preferences
from verifier.core.messages.policy_exceptions import DecideException, RequestException
from verifier.core.times import from_ms

OFFICER_4412, SUPERVISOR = staff("4412"), staff("9001", "supervisor")


async def ask(world: World, person: Person, *rules: str, officer: str = "4412") -> str:
    asked = RequestException("documents", person.number, rules, "he asked for the call")  # type: ignore[arg-type]
    principal = staff(officer)
    await world.service.policy_exceptions.request(principal, person.application_id, asked, world.key(principal, asked))
    requests = (await world.service.policy_exceptions.list(principal)).requests
    return requests[0].request_id


async def decide(world: World, request_id: str, granted: bool, supervisor: str = "9001") -> None:
    principal = staff(supervisor, "supervisor")
    asked = DecideException(granted, "passport seen in the branch")
    await world.service.policy_exceptions.decide(principal, request_id, asked, world.key(principal, asked))


async def _until_it_ends(watched: AsyncIterator[CallView | None]) -> None:
    async with asyncio.timeout(5):
        async for seen in watched:
            assert seen is None


@pytest.mark.shows("CVP-7.5-4")
async def test_an_officer_lists_only_assigned_applications(world: World, wang: Person) -> None:
    other = Person(7)
    await world.register(other, officers=(COLLEAGUE,))
    found = await world.service.desk.applications(OFFICER_4412, "", None, 50)
    assert [each.application_id for each in found.applications] == [wang.application_id]
    await world.register(wang, officers=(COLLEAGUE,))
    assert (await world.service.desk.applications(OFFICER_4412, "", None, 50)).applications == ()


@pytest.mark.shows("CVP-7.5-4")
async def test_an_officer_opens_only_assigned_applications(world: World, wang: Person) -> None:
    desk = world.service.desk
    assert (await desk.application(OFFICER_4412, wang.application_id)).registration.customer.name == wang.name
    for officer, reference in ((staff("5555"), wang.application_id), (OFFICER_4412, "LN-none")):
        with pytest.raises(NotFound):
            await desk.application(officer, reference)
    await world.erase(wang)
    with pytest.raises(NotFound):
        await desk.application(OFFICER_4412, wang.application_id)


@pytest.mark.shows("CVP-7.5-4")
async def test_a_search_matches_every_word_in_name_number_reference_and_product(world: World) -> None:
    people = [Person(n) for n in (1, 2, 3)]
    for person in people:
        await world.register(person)

    async def found(query: str) -> list[str]:
        page = await world.service.desk.applications(OFFICER_4412, query, None, 50)
        return [each.application_id for each in page.applications]

    assert await found("ln-2") == await found("王芳2") == await found("13800130002") == ["LN-2"]
    assert await found("住房 王芳3") == ["LN-3"]
    assert await found("王芳3 ln-2") == await found("nobody") == []


async def test_a_search_finds_the_last_of_many_applications(world: World) -> None:
    await asyncio.gather(*(world.register(Person(n)) for n in range(1000, 1450)))
    desk = world.service.desk
    assert len((await desk.applications(OFFICER_4412, "", None, 100)).applications) == 100
    found = await desk.applications(OFFICER_4412, "王芳1449", None, 50)
    assert [each.application_id for each in found.applications] == ["LN-1449"]
    assert found.next_cursor is None


async def test_applications_are_listed_in_pages(world: World) -> None:
    for n in range(1, 6):
        await world.register(Person(n))
    first = await world.service.desk.applications(OFFICER_4412, "", None, 3)
    rest = await world.service.desk.applications(OFFICER_4412, "", first.next_cursor, 3)
    references = [each.application_id for each in (*first.applications, *rest.applications)]
    assert references == [f"LN-{n}" for n in range(1, 6)]
    assert rest.next_cursor is None


@pytest.mark.shows("CVP-7.5-4")
async def test_an_officer_lists_only_their_own_calls_newest_first_since_a_time(world: World, wang: Person) -> None:
    first = (await world.issue(wang))["call"]["call_id"]
    world.clock.advance(1)
    second = (await world.issue(wang))["call"]["call_id"]
    desk = world.service.desk
    page = await desk.calls(OFFICER_4412, None, None, 1)
    rest = await desk.calls(OFFICER_4412, None, page.next_cursor, 1)
    assert [each.call_id for each in (*page.calls, *rest.calls)] == [second, first]
    assert rest.calls[0].state == "revoked"
    assert [each.call_id for each in (await desk.calls(OFFICER_4412, from_ms(NOON + 1), None, 9)).calls] == [second]
    assert (await desk.calls(staff("4413"), None, None, 9)).calls == ()


async def test_calls_of_an_erased_application_are_gone_from_the_list(world: World, wang: Person) -> None:
    await world.issue(wang)
    await world.erase(wang)
    assert (await world.service.desk.calls(OFFICER_4412, None, None, 9)).calls == ()
    assert (await world.service.desk.applications(OFFICER_4412, "", None, 9)).applications == ()


@pytest.mark.shows("CVP-7.5-4")
async def test_an_officer_watching_a_call_sees_each_change(world: World, wang: Person) -> None:
    call_id = (await world.issue(wang))["call"]["call_id"]
    seen: list[CallView] = []

    async def watch() -> None:
        async for view in world.service.desk.watch(OFFICER_4412, call_id):
            if view is not None:
                seen.append(view)
                if view.state == "confirmed":
                    return

    async def until_seen(state: str) -> None:
        while state not in [view.state for view in seen]:
            await asyncio.sleep(0.01)

    watcher = asyncio.create_task(watch())
    await asyncio.wait_for(until_seen("issued"), 10)
    await world.leg(call_id, "connected", wang.number)
    await asyncio.wait_for(until_seen("live"), 10)
    await world.confirm(wang, await world.reveal(call_id))
    await asyncio.wait_for(watcher, 10)
    assert seen[0].state == "issued"


@pytest.mark.shows("CVP-7.5-4")
async def test_only_the_officer_of_a_call_can_watch_it(world: World, wang: Person) -> None:
    call_id = (await world.issue(wang))["call"]["call_id"]
    for officer in (staff("4413"), SUPERVISOR):
        with pytest.raises(NotFound):
            await anext(world.service.desk.watch(officer, call_id))
    with pytest.raises(NotFound):
        await anext(world.service.desk.watch(OFFICER_4412, "call_" + "0" * 32))


async def test_watching_a_call_of_an_erased_application_raises_not_found(world: World, wang: Person) -> None:
    call_id = (await world.issue(wang))["call"]["call_id"]
    await world.erase(wang)
    with pytest.raises(NotFound):
        await anext(world.service.desk.watch(OFFICER_4412, call_id))


async def test_erasing_an_application_ends_the_watch_on_its_call(world: World, wang: Person) -> None:
    call_id = (await world.issue(wang))["call"]["call_id"]
    watched = world.service.desk.watch(OFFICER_4412, call_id)
    assert (await anext(watched)) is not None
    await world.erase(wang)
    with pytest.raises(NotFound):
        await _until_it_ends(watched)


@pytest.mark.shows("CVP-4.2-5")
async def test_a_granted_request_lifts_the_rule_for_one_call(world: World, wang: Person) -> None:
    world.clock.advance(12 * 3600)
    request_id = await ask(world, wang, "contact_hours")
    with pytest.raises(PolicyRefused):
        await world.issue(wang)
    await decide(world, request_id, granted=True)
    granted = (await world.service.policy_exceptions.list(OFFICER_4412)).requests[0]
    assert granted.state == "granted"
    await world.issue(wang, exception_id=granted.exception_id)
    used = (await world.service.policy_exceptions.list(OFFICER_4412)).requests[0]
    assert used.state == "used"
    with pytest.raises(PolicyRefused):
        await world.issue(wang, exception_id=granted.exception_id)
    assert not (await world.audit()).findings


@pytest.mark.shows("CVP-4.2-5")
async def test_a_declined_or_expired_request_cannot_be_granted(world: World, wang: Person) -> None:
    declined = await ask(world, wang, "daily_cap")
    await decide(world, declined, granted=False)
    assert (await world.service.policy_exceptions.list(OFFICER_4412)).requests[0].state == "declined"
    with pytest.raises(CallClosed):
        await decide(world, declined, granted=True)
    old = await ask(world, wang, "daily_cap")
    world.clock.advance(3600)
    with pytest.raises(CallClosed):
        await decide(world, old, granted=True)
    assert await world.counts("exceptions") == (0,)


async def test_a_request_of_a_removed_officer_can_only_be_declined(world: World, wang: Person) -> None:
    request_id = await ask(world, wang, "daily_cap")
    await world.register(wang, officers=(COLLEAGUE,))
    with pytest.raises(InvalidField):
        await decide(world, request_id, granted=True)
    await decide(world, request_id, granted=False)


@pytest.mark.shows("CVP-4.2-5")
async def test_an_officer_cannot_decide_their_own_request(world: World, wang: Person) -> None:
    request_id = await ask(world, wang, "daily_cap")
    with pytest.raises(Forbidden):
        await decide(world, request_id, granted=True, supervisor="4412")
    with pytest.raises(NotFound):
        await decide(world, "excr_" + "0" * 32, granted=True)


@pytest.mark.shows("CVP-4.2-5")
async def test_a_request_needs_an_assigned_officer_and_is_visible_to_them_and_supervisors(
    world: World, wang: Person
) -> None:
    with pytest.raises(NotFound):
        await ask(world, wang, "daily_cap", officer="5555")
    await ask(world, wang, "daily_cap")
    assert (await world.service.policy_exceptions.list(staff("4413"))).requests == ()
    assert (await world.service.policy_exceptions.list(SUPERVISOR)).requests[0].customer_name == wang.name


@pytest.mark.shows("CVP-4.2-5")
async def test_concurrent_decisions_grant_one_exception(world: World, wang: Person) -> None:
    request_id = await ask(world, wang, "daily_cap")
    deciding = [decide(world, request_id, True, supervisor) for supervisor in ("9001", "9002", "9003")]
    results = await asyncio.gather(*deciding, return_exceptions=True)
    assert sum(result is None for result in results) == 1
    assert await world.counts("exceptions") == (1,)


async def test_an_erasure_destroys_a_request(world: World, wang: Person) -> None:
    request_id = await ask(world, wang, "daily_cap")
    await world.erase(wang)
    assert (await world.service.policy_exceptions.list(SUPERVISOR)).requests == ()
    with pytest.raises(NotFound):
        await decide(world, request_id, granted=True)
    assert await world.counts("exception_requests") == (0,)


@pytest.mark.shows("CVP-4.2-6")
async def test_a_marketing_refusal_covers_present_and_future_applications(world: World, wang: Person) -> None:
    agreed = {"consents": Consents(marketing_calls=True)}
    await world.register(wang, **agreed)
    me = world.service.me
    assert (await me.preferences(wang.principal)).marketing_calls
    await me.put_preferences(wang.principal, Preferences(marketing_calls=False))
    later = Person(1)
    later.application_id = "LN-1-later"
    await world.register(later, **agreed)
    await world.register(wang, **agreed)
    for each in (wang, later):
        with pytest.raises(PolicyRefused, match="refused marketing"):
            await world.issue(each, purpose="marketing")
        await world.issue(each)
    assert not (await me.preferences(wang.principal)).marketing_calls
    await me.put_preferences(wang.principal, Preferences(marketing_calls=True))
    await world.issue(later, purpose="marketing")


@pytest.mark.shows("CVP-4.2-6")
async def test_a_marketing_refusal_covers_an_application_registered_concurrently(world: World, wang: Person) -> None:
    later = Person(1)
    later.application_id = "LN-1-later"
    refuse = world.service.me.put_preferences(wang.principal, Preferences(marketing_calls=False))
    await asyncio.gather(world.register(later, consents=Consents(marketing_calls=True)), refuse)
    with pytest.raises(PolicyRefused):
        await world.issue(later, purpose="marketing")


@pytest.mark.shows("CVP-7.5-1")
async def test_a_customer_sees_the_stage_of_the_loan_and_the_announced_calls(world: World, wang: Person) -> None:
    announced = AnnouncedCall("documents", from_ms(NOON), from_ms(NOON + 3_600_000))
    await world.register(wang, stage="review", announced_calls=(announced,))
    mine = (await world.service.me.applications(wang.principal)).applications
    assert [(each.application_id, each.stage) for each in mine] == [(wang.application_id, "review")]
    assert mine[0].announced_calls == (announced,)
    assert OFFICER in mine[0].officers
    assert (await world.service.me.applications(Person(666).principal)).applications == ()
