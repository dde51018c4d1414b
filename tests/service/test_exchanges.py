"""When telephone exchanges were last heard, across nodes and tampering (section 6.6)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.world import Person, World, system
from verifier.core.errors import Tampered
from verifier.core.principal import Principal
from verifier.ports import Storage


@pytest.mark.shows("CVP-6.6-1", "CVP-6.6-2")
async def test_another_node_knows_that_the_exchange_is_alive_and_when_it_falls_silent(
    storage: Storage, tmp_path: Path
) -> None:
    async with World(storage, tmp_path / "ring.json") as world:
        await world.register(person := Person(1))
        other = World(storage, tmp_path / "ring.json", clock=world.clock)
        assert (await other.service.me.call_status(person.principal)).state == "unknown"
        await world.alive()
        third = World(storage, tmp_path / "ring.json", clock=world.clock)
        assert (await third.service.me.call_status(person.principal)).state == "none"
        world.clock.advance(61)
        assert (await third.service.me.call_status(person.principal)).state == "unknown"


@pytest.mark.shows("CVP-6.6-1", "CVP-6.6-2")
async def test_a_node_that_hears_one_exchange_learns_of_another_that_is_silent(world: World, tmp_path: Path) -> None:
    branch = Principal("system", "branch", "systems", frozenset({"legs"}))
    both = ["pbx", "branch"]
    world.service.exchanges.adopt(both)
    await world.service.exchanges.hear(branch)
    world.clock.advance(120)
    started = World(world.storage, tmp_path / "ring.json", clock=world.clock)
    started.service.exchanges.adopt(both)
    async with started:
        await started.alive()
        assert (await started.service.me.call_status(Person(1).principal)).state == "unknown"
        await started.service.exchanges.hear(branch)
        assert (await started.service.me.call_status(Person(1).principal)).state == "none"
        later = Principal("system", "later", "systems", frozenset({"legs"}))
        started.service.exchanges.adopt([*both, "later"])
        await world.service.exchanges.hear(later)
        for _ in range(5):
            world.clock.advance(14)
            await started.alive()
            await started.service.exchanges.hear(branch)
            state = (await started.service.me.call_status(Person(1).principal)).state
        assert state == "unknown"


@pytest.mark.shows("CVP-6.6-1")
async def test_a_leg_event_is_a_sign_of_life_and_is_written_once_in_a_quarter(world: World) -> None:
    pbx = system("legs")
    kept = []
    for _ in range(40):
        await world.service.exchanges.hear(pbx)
        kept.append((await world.storage.fetch("SELECT heard_at FROM exchanges"))[0][0])
        world.clock.advance(1)
    assert sorted({at - kept[0] for at in kept}) == [0, 15_000, 30_000]


@pytest.mark.shows("CVP-6.6-1", "CVP-6.6-2")
async def test_each_exchange_that_was_heard_must_be_alive_until_its_system_is_removed(world: World) -> None:
    exchanges = world.service.exchanges
    exchanges.adopt(["pbx", "branch"])
    await world.alive()
    assert not await exchanges.silent()
    await exchanges.hear(Principal("system", "branch", "systems", frozenset({"legs"})))
    world.clock.advance(59)
    await world.alive()
    world.clock.advance(2)
    assert await exchanges.silent()
    assert [(each.system_id, each.alive) for each in (await exchanges.list()).exchanges] == [
        ("branch", False),
        ("pbx", True),
    ]
    exchanges.adopt(["pbx"])
    assert not await exchanges.silent()


@pytest.mark.shows("CVP-6.6-1", "CVP-10.2-2")
async def test_a_forged_sign_of_life_is_never_believed(world: World, tmp_path: Path) -> None:
    await world.alive()
    world.clock.advance(61)
    async with world.storage.transaction() as transaction:
        await transaction.execute_many("UPDATE exchanges SET heard_at = $1", [(world.clock(),)])
    node = World(world.storage, tmp_path / "ring.json", clock=world.clock)
    with pytest.raises(Tampered):
        await node.service.me.call_status(Person(1).principal)
