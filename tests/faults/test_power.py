"""Power cuts under load, on a disk that loses unsynced writes: nothing acknowledged is lost (law L3)."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
from pathlib import Path

import aiohttp
import pytest

from tests.faults import power
from tests.faults.history import History, cut_off
from tests.faults.server import Server
from tests.faults.test_kill import check_log

ROUNDS = int(os.environ.get("POWER_ROUNDS", "4"))
SEED = int(os.environ.get("KILL_SEED", random.SystemRandom().getrandbits(32)))
CUSTOMERS = 24
OLD_ANSWERS = 50


class Machine:
    """A server on a simulated disk, whose power a test can cut."""

    def __init__(self, folder: Path, session: aiohttp.ClientSession, seed: int) -> None:
        self.disk, self._before, self._journal = folder / "disk", folder / "before", folder / "journal"
        self.disk.mkdir()
        self.server = Server(folder, session, f"sqlite:{self.disk / 'verifier.sqlite3'}")
        self._shim = power.shim(folder)
        self._session = session
        self._seed = seed
        self.rng = random.Random(seed)
        self.turn = 0

    async def run_until_cut(self, history: History, *, kept: float, lies: bool = False) -> int:
        """Serve under load for a while, then cut the power. Return how many writes lost something."""
        shutil.rmtree(self._before, ignore_errors=True)
        shutil.copytree(self.disk, self._before, ignore=shutil.ignore_patterns("*-shm"))
        self._journal.unlink(missing_ok=True)
        watched = {"POWER_FOLDER": str(self.disk), "POWER_JOURNAL": str(self._journal), "LD_PRELOAD": str(self._shim)}
        await self.server.start(**watched)
        customers = [(f"P-{self.turn}-{n}", f"+86137{self.turn:04d}{n:04d}") for n in range(CUSTOMERS)]
        load = [asyncio.create_task(history.work(*each)) for each in customers]
        load.append(asyncio.create_task(history.watch(self._session, *self.server.urls)))
        await asyncio.sleep(self.rng.uniform(0.1, 1.2))
        history.answered.clear()
        await history.answered.wait()
        await asyncio.sleep(self.rng.uniform(0, 0.02))
        self.server.kill()
        await cut_off(load)
        self.turn += 1
        return power.cut(self._before, self._journal, self.disk, self.rng, kept=kept, lies=lies)


@pytest.mark.shows("CVP-10-1", "CVP-10-4", "CVP-10-12")
@pytest.mark.needs("gcc")
async def test_a_power_cut_under_load_loses_nothing_acknowledged(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    print(f"\nKILL_SEED={SEED} POWER_ROUNDS={ROUNDS}")
    machine = Machine(tmp_path, session, SEED)
    acknowledged, lost = 0, []
    async with machine.server as server:
        history = History(server, await server.trust(), SEED)
        assert await server.stop() == 0
        # Quick syncs leave few unsynced writes. If no cut lost any, run a few more.
        while machine.turn < ROUNDS or (not any(lost) and machine.turn < 4 * ROUNDS):
            before = len(history.posts)
            lost.append(await machine.run_until_cut(history, kept=(0.0, 0.5, 0.9)[machine.turn % 3]))
            recent = history.posts[before:]
            acknowledged += sum(post.reply is not None for post in recent)
            await server.start()
            await check_log(server, history)
            old = machine.rng.sample(history.posts[:before], min(before, OLD_ANSWERS))
            answered = [post for post in (*recent, *old) if post.reply is not None]
            await asyncio.gather(*(history.check(post) for post in answered))
            assert {call: ids for call, ids in history.receipts.items() if len(ids) != 1} == {}
            server.kill()
        await server.start()
        await server.audit()
    under_way = sum(each > 0 for each in lost)
    print(f"{machine.turn} cuts, {under_way} with writes under way: {acknowledged} acknowledged, 0 lost")
    print(f"of {sum(lost)} writes that were not synced something was lost")
    assert acknowledged > ROUNDS * CUSTOMERS
    assert under_way


@pytest.mark.needs("gcc")
async def test_a_disk_that_lies_about_syncing_loses_acknowledged_answers(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    machine = Machine(tmp_path, session, SEED)
    async with machine.server as server:
        history = History(server, await server.trust(), SEED)
        assert await server.stop() == 0
        await machine.run_until_cut(history, kept=0.0, lies=True)
        await server.start()
        answered = [post for post in history.posts if post.reply is not None]
        told = await asyncio.gather(*(history.check(post) for post in answered), return_exceptions=True)
    assert any(isinstance(each, AssertionError) for each in told)
