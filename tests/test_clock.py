"""A node answers no request while its clock differs too much from the database's (law L6)."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.world import Clock, Person, World
from verifier.clock import CheckedClock
from verifier.core.errors import Unavailable
from verifier.ports import Storage
from verifier.service import Context, Service


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.mark.shows("CVP-10-8")
@pytest.mark.parametrize("ahead_s", [-600, -7, 12, 600])
async def test_a_node_with_a_wrong_clock_answers_nothing_until_it_is_right(
    storage: Storage, tmp_path: Path, ahead_s: int
) -> None:
    world = World(storage, tmp_path / "ring.json")
    wall, running = Clock(now_ms()), Clock(1_000)
    clock = CheckedClock(wall, running)
    world.context = Context(world.settings, storage, world.ring, clock, os.urandom, clock.check_skew)
    world.service, world.clock = Service(world.context), wall
    wang = Person(1)
    async with world:
        await world.register(wang)
        wall.now_ms = now_ms() + 1000 * ahead_s
        for asking in (
            world.register(Person(2)),
            world.context.writer.probe(),
            world.service.me.call_status(wang.principal),
        ):
            with pytest.raises(Unavailable, match=r"clock is -?[0-9]+ ms ahead"):
                await asking
        wall.now_ms = now_ms() + 2_000
        assert not (await world.service.me.call_status(wang.principal)).on_call
        await world.register(Person(2))


@pytest.mark.parametrize("ahead_s", [-600, 600])
async def test_a_node_does_not_start_with_a_wrong_clock(storage: Storage, tmp_path: Path, ahead_s: int) -> None:
    world = World(storage, tmp_path / "ring.json")
    clock = CheckedClock(Clock(now_ms() + 1000 * ahead_s), Clock())
    world.context = Context(world.settings, storage, world.ring, clock, os.urandom, clock.check_skew)
    with pytest.raises(Unavailable, match="ahead of the database"):
        await Service(world.context).start()


def test_a_jumped_clock_is_accepted_once_it_agrees_with_the_database() -> None:
    wall, running = Clock(now_ms() - 600_000), Clock(0)
    clock = CheckedClock(wall, running)
    wall.advance(600)
    with pytest.raises(Unavailable):
        clock()
    clock.check_skew(time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime()))
    assert clock() == wall()
    wall.advance(60)
    running.advance(60)
    assert clock() == wall()


@pytest.mark.parametrize("told", ["2026-11-24 02:00:00", "2026-11-24 02:00:00.25+00", "2026-11-24 10:00:00.123456+08"])
def test_the_time_formats_of_both_databases_are_read(told: str) -> None:
    wall = Clock(1_795_485_600_000)
    CheckedClock(wall, Clock(0)).check_skew(told)
