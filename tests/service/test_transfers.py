"""Events of transferred calls, from the telephone exchange through the adapter to the service (laws L5, L13)."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from callback_verification.pbx import DialPlan, Exchange, Reading, from_ami, from_ari, from_dialog_info, from_esl

from tests.world import NOON, Person, World
from verifier.core.errors import LegNotConnected
from verifier.core.times import to_ms

SAMPLES = Path(__file__).parents[1] / "clients" / "pbx"
PLAN = DialPlan("86", "0", "00", trunks=("PJSIP/carrier-", "sofia/external/"), officers={"4412": "4412"}, server="pbx1")


def events(name: str, number: str) -> list[Any]:
    """The events of a sample file, with the given number as the customer's."""
    told = (SAMPLES / name).read_text().replace("13800138000", number.removeprefix("+86"))
    if name.endswith(".json"):
        return list(json.loads(told))
    blocks = [each.splitlines() for each in told.strip().split("\n\n")]
    return [dict(tuple(line.split(": ", 1)) for line in each) for each in blocks]


async def send(world: World, reading: Reading) -> None:
    for leg in reading.legs:
        when = max(to_ms(leg.at), world.clock())
        world.clock.advance((when - world.clock()) / 1000)
        await world.leg_by_number(
            leg.event,
            leg.number,
            leg_id=leg.leg_id,
            at=to_ms(leg.at),
            caller_number=leg.caller_number,
            officer_id=leg.officer_id,
        )


async def on_call(world: World, person: Person) -> bool:
    return (await world.call_status(person)).on_call


@pytest.mark.shows("CVP-P1-6", "CVP-P1-2")
@pytest.mark.parametrize(
    ("read", "name"),
    [
        (from_ami, "asterisk-ami-blind-transfer.txt"),
        (from_ami, "asterisk-ami-click-then-attended-transfer.txt"),
        (from_ami, "asterisk-ami-through-local.txt"),
        (from_ami, "asterisk-ami-async-goto.txt"),
        (from_ami, "asterisk-ami-parked.txt"),
        (from_ami, "asterisk-ami-surrogate.txt"),
        (from_ari, "asterisk-ari-blind-transfer.json"),
        (from_esl, "freeswitch-esl-blind-transfer.json"),
        (from_esl, "freeswitch-esl-uuid-bridge.json"),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
async def test_after_a_transfer_the_call_status_is_not_on_call(
    world: World, wang: Person, read: Callable[..., Reading], name: str
) -> None:
    issued = await world.issue(wang)
    exchange: Exchange[Any] = Exchange(read, PLAN)
    transferred_at, statuses = NOON + 30_120, {}
    for event in events(name, wang.number):
        reading = exchange.read(event, datetime(2026, 11, 23, 4, tzinfo=UTC))
        await send(world, reading)
        statuses[world.clock()] = await on_call(world, wang)
    assert any(statuses.values())
    assert not any(status for when, status in statuses.items() if when >= transferred_at - 100)
    # The customer's channel stayed connected to somebody else until then.
    assert max(statuses) >= NOON + 95_000
    with pytest.raises(LegNotConnected):
        await world.reveal(issued["call"]["call_id"])


@pytest.mark.shows("CVP-P5-4")
async def test_a_second_call_with_the_same_dialog_id_is_a_new_call(world: World, wang: Person) -> None:
    """A telephone exchange may give every dialog of an extension the same id."""
    document = (SAMPLES / "dialog-info-confirmed.xml").read_text().replace("13800138000", wang.number[3:])
    document = document.replace('id="a84b4c76e66710"', 'id="4412"', 1)
    exchange: Exchange[Any] = Exchange(from_dialog_info, PLAN)
    for call_id in ("first@192.0.2.41", "second@192.0.2.41"):
        await world.issue(wang)
        world.clock.advance(10)
        told = document.replace("a84b4c76e66710@192.0.2.41", call_id)
        for state, status in (("confirmed", True), ("terminated", False)):
            at = datetime.fromtimestamp(world.clock() / 1000, UTC)
            await send(world, exchange.read(told.replace("confirmed", state), at))
            assert await on_call(world, wang) is status
            world.clock.advance(10)
