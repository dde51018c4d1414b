"""A log must extend every checkpoint that was seen before."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import database, shards
from tests.world import ORIGIN, Person, World, another_code
from verifier.ledger.log import Log, RolledBack, check_seen
from verifier.storage import open_storage
from verifier.storage.migrate import migrate

# These tests read only the log of shard 0.
__all__ = ["database", "shards"]


@pytest.mark.shows("CVP-10-9")
async def test_a_log_extends_its_own_checkpoints_and_no_others(world: World, tmp_path: Path) -> None:
    keys, wang = world.ring.log_keys(), Person(1)
    log = Log(world.storage)
    await world.register(wang)
    empty = await log.checkpoint()
    seen = []
    for _ in range(3):
        await world.confirm(wang, another_code("000000000"))
        seen.append(await log.checkpoint())
        for note in (empty, *seen):
            await check_seen(world.storage, note, keys, ORIGIN)
    other = await open_storage(f"sqlite:{tmp_path / 'other'}")
    await migrate(other)
    async with World(other, world.ring_file, ring=world.ring) as again:
        await again.register(wang)
        await check_seen(other, empty, keys, ORIGIN)
        with pytest.raises(RolledBack, match="rolled back: it had 2 leaves once, and has 0"):
            await check_seen(other, seen[1], keys, ORIGIN)
        for _ in range(4):
            await again.confirm(wang, another_code("000000000"))
        with pytest.raises(RolledBack, match="rewritten: its first 2 leaves"):
            await check_seen(other, seen[1], keys, ORIGIN)
    with pytest.raises(RolledBack, match="not from this log"):
        await check_seen(world.storage, seen[1], keys, "elsewhere.example/log")
    await other.close()
