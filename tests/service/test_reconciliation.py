"""Discrepancies between codes and legs: listed, counted once, and deleted in time."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import pytest
from msgspec.structs import astuple

from tests.world import DESK, NOON, Person, World
from verifier.core.call import Call, CallRules
from verifier.core.errors import InvalidField
from verifier.core.reconciliation import KINDS, discrepancy_of
from verifier.core.times import DAY_MS, from_ms
from verifier.ledger import records
from verifier.ledger.tables import CALLS
from verifier.ports import Storage
from verifier.service.legs.leg_events import KEPT_MS

STRANGER = "+8613700137000"


@pytest.fixture
def counted(world: World) -> list[tuple[str, str]]:
    """The discrepancies that the operator is notified of."""
    told: list[tuple[str, str]] = []
    world.context.discovered = lambda kind, discrepancy_id: told.append((kind, discrepancy_id))
    return told


async def _sweep(world: World) -> None:
    while await world.service.housekeeping.sweep():
        pass


async def test_a_call_that_was_confirmed_or_never_connected_is_no_discrepancy(
    world: World, wang: Person, mallory: Person, counted: list[tuple[str, str]]
) -> None:
    call_id, code = await world.live_call(wang)
    await world.confirm(wang, code)
    await world.leg(call_id, "ended", wang.number)
    await world.issue(mallory)
    world.clock.advance(3600)
    await _sweep(world)
    assert await world.discrepancies() == counted == []


@pytest.mark.shows("CVP-6.5-1")
async def test_an_unused_code_is_listed_after_its_call_has_closed(
    world: World, wang: Person, counted: list[tuple[str, str]]
) -> None:
    call_id, _ = await world.live_call(wang)
    assert await world.discrepancies() == []
    world.clock.advance(600)
    await _sweep(world)
    await _sweep(world)
    assert await world.discrepancies() == counted == [("code_never_used", call_id)]
    page = await world.service.reconciliation.list(None, from_ms(NOON), from_ms(NOON + 1), None, 9)
    found = page.discrepancies[0]
    assert (found.call_id, found.application_id, found.officer_id) == (call_id, wang.application_id, "4412")
    assert (found.at, found.connected_at, found.revealed_at) == (from_ms(NOON),) * 3
    assert (found.leg_id, found.leg_ended_at) == (None, None)


@pytest.mark.shows("CVP-6.5-1")
async def test_a_leg_to_a_customer_without_an_issued_call_is_listed(
    world: World, wang: Person, counted: list[tuple[str, str]]
) -> None:
    for _ in range(2):
        await world.leg_by_number("connected", wang.number, leg_id="pbx-7", officer_id="4412", at=NOON)
    world.clock.advance(5)
    await world.leg_by_number("ended", None, leg_id="pbx-7")
    assert [kind for kind, _ in await world.discrepancies()] == ["leg_without_code"]
    assert counted == await world.discrepancies()
    found = (await world.service.reconciliation.list(None, None, None, None, 9)).discrepancies[0]
    assert (found.call_id, found.application_id, found.officer_id) == (None, wang.application_id, "4412")
    assert (found.leg_id, found.connected_at, found.leg_ended_at) == ("pbx-7", from_ms(NOON), from_ms(NOON + 5000))


@pytest.mark.shows("CVP-6.5-1")
async def test_an_unanswered_leg_is_no_discrepancy(world: World, wang: Person) -> None:
    await world.leg_by_number("ended", wang.number)
    await world.leg_by_number("ended", STRANGER, leg_id="leg-2")
    assert await world.discrepancies() == []


@pytest.mark.shows("CVP-6.5-1")
async def test_legs_to_unknown_numbers_and_ambiguous_legs_are_listed_separately(
    world: World, wang: Person, counted: list[tuple[str, str]]
) -> None:
    other = Person(1)
    other.application_id = "LN-1-B"
    await world.register(other)
    await asyncio.gather(world.issue(wang), world.issue(other))
    for leg_id, number in (("a", STRANGER), ("b", wang.number)):
        world.clock.advance(1)
        await world.leg_by_number("connected", number, leg_id=leg_id)
    assert [kind for kind, _ in await world.discrepancies()] == ["leg_ambiguous", "leg_not_on_file"]
    assert sorted(counted) == sorted(await world.discrepancies())
    for kind in ("leg_ambiguous", "leg_not_on_file"):
        found = (await world.service.reconciliation.list(kind, None, None, None, 9)).discrepancies  # type: ignore[arg-type]
        assert [(each.kind, each.application_id) for each in found] == [(kind, None)]


@pytest.mark.shows("CVP-6.5-1")
@pytest.mark.parametrize(("number", "caller_number"), [(STRANGER, DESK), (None, STRANGER)], ids=["to", "from"])
async def test_a_leg_with_other_numbers_than_the_ticket_is_listed_once(
    world: World, wang: Person, counted: list[tuple[str, str]], number: str | None, caller_number: str
) -> None:
    call_id = (await world.issue(wang))["call"]["call_id"]
    for event in ("connected", "connected", "ended"):
        await world.leg(call_id, event, number or wang.number, leg_id="odd", caller_number=caller_number)
    found = (await world.service.reconciliation.list(None, None, from_ms(world.clock() + 1), None, 9)).discrepancies
    assert [(each.kind, each.call_id, each.leg_id) for each in found] == [("leg_not_of_ticket", call_id, "odd")]
    assert (found[0].officer_id, found[0].application_id) == ("4412", wang.application_id)
    assert found[0].leg_ended_at == from_ms(NOON)
    assert len(counted) == 1


@pytest.mark.shows("CVP-6.5-1")
async def test_a_code_shown_without_a_leg_is_listed(storage: Storage, tmp_path: Path) -> None:
    """In observed mode, a code is shown without a leg. The list must show that no leg was reported."""
    async with World(storage, tmp_path / "ring.json", CallRules(leg_mode="observed")) as world:
        person = Person(1)
        await world.register(person)
        issued = await world.issue(person)
        await world.confirm(person, issued["code"]["digits"])
        world.clock.advance(3600)
        await _sweep(world)
        assert await world.discrepancies() == [("code_without_leg", issued["call"]["call_id"])]


async def test_discrepancies_are_listed_in_pages_newest_first_and_once_each(world: World, wang: Person) -> None:
    for n in range(7):
        world.clock.advance(1)
        if n % 2:
            await world.leg_by_number("connected", STRANGER, leg_id=f"stray-{n}")
        else:
            await world.live_call(wang)
            await world.revoke((await world.storage.fetch("SELECT MAX(call_id) FROM calls"))[0][0])
        if n >= 4:
            world.clock.advance(86_400)
    for limit in (1, 2, 3, 100):
        found = await world.discrepancies(limit=limit)
        hexes = [each.partition("_")[2] for _, each in found]
        assert hexes == sorted(hexes, reverse=True)
        assert len(set(found)) == len(found) == 7
    assert len(await world.discrepancies("leg_not_on_file", limit=1)) == 3


async def test_a_time_window_selects_discrepancies_by_their_start(world: World) -> None:
    for n in range(3):
        await world.leg_by_number("connected", STRANGER, leg_id=f"leg-{n}")
        world.clock.advance(1)
    assert len(await world.discrepancies(since=from_ms(NOON + 1), until=from_ms(NOON + 2000))) == 1
    assert len(await world.discrepancies(since=from_ms(NOON), until=from_ms(NOON + 2001))) == 3


@pytest.mark.parametrize("days", [-1, 32])
async def test_a_time_window_that_is_negative_or_too_long_is_refused(world: World, days: int) -> None:
    with pytest.raises(InvalidField):
        await world.service.reconciliation.list(None, from_ms(NOON - days * DAY_MS), from_ms(NOON), None, 9)


@pytest.mark.shows("CVP-6.3-2")
async def test_stray_legs_are_deleted_after_31_days_and_unanswered_ones_after_one(world: World, wang: Person) -> None:
    await world.live_call(wang)
    await world.leg_by_number("connected", STRANGER, leg_id="a")
    await world.leg_by_number("ended", None, leg_id="b")
    for ms, kept in ((DAY_MS, (1, 2)), (1, (1, 1)), (KEPT_MS - DAY_MS - 1, (1, 1)), (1, (0, 0))):
        world.clock.advance(ms / 1000)
        await _sweep(world)
        assert await world.counts("legs", "stray_legs") == kept


@pytest.mark.shows("CVP-6.5-4")
async def test_an_erasure_deletes_the_stray_legs_to_the_application(world: World, wang: Person) -> None:
    await world.leg_by_number("connected", wang.number, leg_id="a")
    await world.leg_by_number("connected", STRANGER, leg_id="b")
    await asyncio.gather(world.leg_by_number("connected", wang.number, leg_id="c"), world.erase(wang))
    kept = await world.storage.fetch("SELECT application_id FROM stray_legs")
    assert {row[0] for row in kept} == {None}
    assert len(kept) in (1, 2)


async def test_the_database_and_the_core_agree_on_discrepancies(world: World, wang: Person) -> None:
    """Inserts a closed call for every combination of the deciding facts."""
    facts = itertools.product(("required", "observed", "off"), (None, NOON), (None, NOON), (None, NOON))
    expected = []
    for n, (leg_mode, connected_at, revealed_at, confirmed_at) in enumerate(facts):
        call = Call(
            call_id=f"call_{NOON:012x}{n:020x}",
            application_id=wang.application_id,
            officer_id="4412",
            leaf_index=0,
            call_counter=n,
            leg_mode=leg_mode,
            issued_at=NOON,
            expires_at=NOON,
            state="ended",
            connected_at=connected_at,
            revealed_at=revealed_at,
            confirmed_at=confirmed_at,
        )
        mac = world.context.authenticator.mac(CALLS, call)
        async with world.storage.transaction() as transaction:
            await transaction.execute_many(CALLS.insert, [(*astuple(call), mac)])
        kind = discrepancy_of(call)
        expected += [(kind, call.call_id)] if kind else []
    assert sorted(await world.discrepancies()) == sorted(expected)
    assert {kind for kind, _ in expected} == {"code_without_leg", "code_never_used"} < set(KINDS)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_each_kind_of_discrepancy_is_read_by_its_own_index(world: World) -> None:
    for sql, index in (
        (records.CODES_WITHOUT_LEG, "calls_code_without_leg"),
        (records.CODES_NEVER_USED, "calls_code_never_used"),
        (records.STRAYS_OF_KIND, "stray_legs_kind"),
        (records.LEG_OWNERS.replace("($*)", "($1)"), "COVERING INDEX legs_leg"),
    ):
        count = sql.count("$")
        plan = await world.storage.fetch(f"EXPLAIN QUERY PLAN {sql}", *("x", "y", 1, "z")[:count])
        told = " ".join(str(row[-1]) for row in plan)
        assert f"USING INDEX {index} (" in told or f"USING {index} (" in told, told
        assert "TEMP B-TREE" not in told
