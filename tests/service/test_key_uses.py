"""The uses of a key-encryption key are counted across nodes, and a worn-out key seals nothing (section 11)."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.world import NOON, Person, World
from verifier import keys
from verifier.core.errors import Unavailable
from verifier.core.key_uses import LEASE, REFUSED_FROM, ROTATED_BEFORE, TOLD_FROM
from verifier.ports import Storage
from verifier.scheduler import reserve_key_uses

SET = "UPDATE key_uses SET uses = $1"


async def _set(storage: Storage, uses: int) -> None:
    async with storage.transaction() as transaction:
        await transaction.execute_many(SET, [(uses,)])


async def _total(world: World) -> int:
    return sum((await world.service.key_uses.totals()).values())


@pytest.mark.shows("CVP-11-5")
async def test_a_node_leases_uses_at_the_start_and_again_after_half_of_them(storage: Storage, tmp_path: Path) -> None:
    async with World(storage, tmp_path / "ring.json") as world:
        assert await _total(world) == LEASE
        for _ in range(LEASE // 2):
            world.ring.seal("a", b"")
        assert await world.service.key_uses.reserve() == set()
        world.ring.wrap("LN-1", bytes(32))
        assert len(await world.service.key_uses.reserve()) == 1
        assert await _total(world) == LEASE + LEASE // 2 + 1


@pytest.mark.shows("CVP-11-5")
async def test_uses_leased_by_crashed_nodes_stay_counted(storage: Storage, tmp_path: Path) -> None:
    for nodes in (1, 2, 3):  # none is stopped, as after kill -9
        world = World(storage, tmp_path / "ring.json")
        await world.service.key_uses.reserve()
        world.ring.seal("a", b"")
        assert await _total(world) == nodes * LEASE


@pytest.mark.shows("CVP-11-5")
async def test_uses_beyond_a_lease_are_counted_with_the_next_one(storage: Storage, tmp_path: Path) -> None:
    world = World(storage, tmp_path / "ring.json")
    for _ in range(100):
        world.ring.seal("a", b"")
    await world.service.key_uses.reserve()
    assert await _total(world) == LEASE + 100


@pytest.mark.shows("CVP-11-6")
@pytest.mark.parametrize(
    ("uses", "level"), [(TOLD_FROM, "warning"), (ROTATED_BEFORE, "error"), (TOLD_FROM - 2 * LEASE, None)]
)
async def test_each_lease_of_a_key_near_its_limit_is_logged(
    storage: Storage, tmp_path: Path, uses: int, level: str | None
) -> None:
    async with World(storage, tmp_path / "ring.json") as world:
        await _set(storage, uses)
        for _ in range(LEASE // 2 + 1):
            world.ring.seal("a", b"")
        with capture_logs() as logs:
            await reserve_key_uses(world.service)
            await reserve_key_uses(world.service)
    assert [each["log_level"] for each in logs] == ([level] if level else [])
    assert all(each["uses"] > uses for each in logs)


@pytest.mark.shows("CVP-11-7")
async def test_a_worn_out_key_seals_nothing_until_it_is_rotated(storage: Storage, tmp_path: Path) -> None:
    async with World(storage, tmp_path / "ring.json") as world:
        sealed = world.ring.seal("a", b"before")
    await _set(storage, REFUSED_FROM - LEASE)
    async with World(storage, tmp_path / "ring.json") as world:
        with pytest.raises(Unavailable, match="rotate"):
            await world.register(Person(1))
        assert world.ring.unseal("a", sealed) == b"before"
        keys.rotate(tmp_path / "ring.json", "encryption", NOON, force=True)
        world.ring.refresh()
        await world.register(Person(1))


@pytest.mark.shows("CVP-11-7")
async def test_a_count_reset_in_the_database_does_not_revive_a_worn_out_key(storage: Storage, tmp_path: Path) -> None:
    async with World(storage, tmp_path / "ring.json"):
        pass
    await _set(storage, REFUSED_FROM)
    async with World(storage, tmp_path / "ring.json") as world:
        await _set(storage, 0)
        world.ring.uses.reserved({}, await world.service.key_uses.totals())
        with pytest.raises(Unavailable):
            world.ring.seal("a", b"")
