"""What a node does again and again: a turn that fails is not the last, and no job waits for another."""

from __future__ import annotations

import asyncio

import pytest

from verifier.core.errors import Unavailable
from verifier.keeper import keep


@pytest.mark.parametrize("failure", [Unavailable("the database cannot answer"), ZeroDivisionError()])
async def test_a_job_that_fails_each_time_is_tried_again_and_keeps_no_other_from_its_turns(failure: Exception) -> None:
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
    tasks = [asyncio.create_task(keep(name, job, 0.001)) for name, job in jobs.items()]
    async with asyncio.timeout(5):
        while turns["sound"] < 3 or turns["failing"] < 3:
            await asyncio.sleep(0.001)
    assert turns["stuck"] == 1
    assert not any(task.done() for task in tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
