"""PostgreSQL without its synchronous standby: nothing is acknowledged, shown or lost, and backends do not pile up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.postgres import Postgres
from tests.world import Json, Person, World, as_json
from verifier.core.checkpoint import open_checkpoint
from verifier.core.errors import Unavailable
from verifier.core.messages.customers import ReportCall
from verifier.core.times import from_ms
from verifier.ledger.log import Log
from verifier.storage import open_storage
from verifier.storage.migrate import migrate

TIMEOUT_S = 1.0
WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
BACKENDS = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database()"


class Alone:
    """A node on a leader whose standby can be removed."""

    def __init__(self, world: World, admin: Any) -> None:
        self.world = world
        self.admin = admin
        self.person = Person(1)

    async def standby(self, names: str) -> None:
        await self.admin.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
        await self.admin.execute("SELECT pg_reload_conf()")
        # Wait until all processes of the server have reloaded the setting.
        await asyncio.sleep(0.5)

    async def report(self, key: str) -> Json:
        asked = ReportCall(from_ms(self.world.clock()), said="x")
        principal = self.person.principal
        return as_json(await self.world.service.reports.take(principal, asked, self.world.key(principal, asked, key)))

    async def shown(self) -> int:
        """The size of the log that the service shows."""
        note = await self.world.context.writer.checkpoint(0)
        return open_checkpoint(note, self.world.ring.log_keys(), self.world.settings.origin).size

    async def stored(self) -> int:
        note = await Log(self.world.storage).checkpoint()
        return open_checkpoint(note, self.world.ring.log_keys(), self.world.settings.origin).size


@pytest.fixture
async def alone(own_postgres: Postgres, tmp_path: Path) -> AsyncIterator[Alone]:
    async with (
        _opened(own_postgres.new_database()) as (storage, admin),
        World(storage, tmp_path / "ring.json") as world,
    ):
        made = Alone(world, admin)
        await world.register(made.person)
        await made.report("before")
        yield made
        await made.standby("")


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[tuple[Any, Any]]:
    storage, admin = await open_storage(url, TIMEOUT_S), await asyncpg.connect(url)
    try:
        await migrate(storage)
        yield storage, admin
    finally:
        await storage.close()
        await admin.close()


@pytest.mark.shows("CVP-10-6", "CVP-10-12")
async def test_nothing_is_acknowledged_or_shown_until_the_standby_is_back(alone: Alone) -> None:
    assert await alone.shown() == 1
    await alone.standby("nobody")
    with pytest.raises(Unavailable):
        await alone.report("meanwhile")
    for _ in range(3):
        for ask in (alone.shown, lambda: alone.report("meanwhile"), alone.world.context.writer.probe):
            with pytest.raises(Unavailable):
                await ask()
    await alone.standby("")
    async with asyncio.timeout(10):
        while await alone.admin.fetch(WAITING):
            await asyncio.sleep(0.05)
    told = await alone.report("meanwhile")
    assert await alone.report("meanwhile") == told
    assert await alone.shown() == await alone.stored() == 2
    assert not (await alone.world.audit()).findings


@pytest.mark.shows("CVP-10-12")
async def test_a_committed_but_unreplicated_checkpoint_is_not_shown(alone: Alone) -> None:
    """If the wait is cancelled or the leader restarts, readers see a commit that can still be lost."""
    await alone.standby("nobody")
    asked = asyncio.create_task(alone.report("meanwhile"))
    async with asyncio.timeout(5):
        while not await alone.admin.fetch(WAITING.replace("pid", "pg_cancel_backend(pid)")):
            await asyncio.sleep(0.01)
    with pytest.raises(Unavailable):
        await asked
    assert await alone.stored() == 2
    with pytest.raises(Unavailable):
        await alone.shown()


async def test_requests_without_a_standby_do_not_pile_up_backends(alone: Alone) -> None:
    before = (await alone.admin.fetch(BACKENDS))[0][0]
    await alone.standby("nobody")
    for _ in range(8):
        ended = await asyncio.gather(
            alone.report("meanwhile"), alone.world.context.writer.probe(), return_exceptions=True
        )
        assert {type(each) for each in ended} == {Unavailable}
    await asyncio.sleep(TIMEOUT_S)
    after = (await alone.admin.fetch(BACKENDS))[0][0]
    assert after <= before + 3, "backends that nobody waits for any more"
