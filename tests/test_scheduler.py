"""The scheduler of periodic jobs: a job goes on after a failed run, and no job waits for another."""

from __future__ import annotations

import asyncio

import pytest

from verifier.core.errors import Unavailable
from verifier.scheduler import Scheduler


@pytest.mark.parametrize("failure", [Unavailable("the database cannot answer"), ZeroDivisionError()])
async def test_a_job_that_always_fails_is_run_again_and_delays_no_other_job(failure: Exception) -> None:
    turns = {"failing": 0, "stuck": 0, "sound": 0}

    async def failing() -> None:
        turns["failing"] += 1
        raise failure

    async def stuck() -> None:
        turns["stuck"] += 1
        await asyncio.Event().wait()

    async def sound() -> None:
        turns["sound"] += 1

    jobs = {"failing": failing, "stuck": stuck, "sound": sound}
    scheduler = Scheduler()
    scheduler.start(jobs, 0.001)
    async with asyncio.timeout(5):
        while turns["sound"] < 3 or turns["failing"] < 3:
            await asyncio.sleep(0.001)
    assert turns["stuck"] == 1
    scheduler.stop()
    stopped = dict(turns)
    await asyncio.sleep(0.02)
    assert turns == stopped
