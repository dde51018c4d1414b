"""A command can read only the rows it declares. Reading any other raises an error (CVP-10-16)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from msgspec import Struct

from tests.world import OFFICER, Person, World, another_code
from verifier.core.errors import InternalError
from verifier.ledger.commands import Answer
from verifier.ledger.read_set import ReadSet
from verifier.ledger.tables import limit_key
from verifier.ledger.unit_of_work import UnitOfWork


class Nothing(Struct):
    """An empty answer."""


async def read(world: World, reads: ReadSet, look: Callable[[UnitOfWork], object]) -> object:
    """Submits a command with this read set, and returns what `look` reads in it."""
    seen: list[object] = []

    def decide(work: UnitOfWork) -> Answer[Nothing]:
        seen.append(look(work))
        return Nothing

    await world.context.writer.submit(reads, decide)
    return seen[0]


LOOKS: dict[str, Callable[[UnitOfWork, Person, World, str], object]] = {
    "application": lambda work, person, world, call_id: work.applications.get(person.application_id),
    "row": lambda work, person, world, call_id: work.applications.row(person.application_id),
    "customer": lambda work, person, world, call_id: work.applications.of_customer(
        world.context.customer_index(person.customer_id), person.customer_id
    ),
    "others of the contact": lambda work, person, world, call_id: work.applications.others_of_contact(
        person.application_id,
        world.context.customer_index(person.customer_id),
        person.customer_id,
    ),
    "number": lambda work, person, world, call_id: work.applications.of_number(
        world.context.number_index(person.number), person.number
    ),
    "call": lambda work, person, world, call_id: work.calls.get(call_id),
    "stored call": lambda work, person, world, call_id: work.calls.stored(call_id),
    "legs": lambda work, person, world, call_id: work.legs.of_call(call_id),
    "leg": lambda work, person, world, call_id: work.legs.owner(world.context.leg_index("leg-1")),
    "stray": lambda work, person, world, call_id: work.legs.stray(world.context.leg_index("leg-1")),
    "limit": lambda work, person, world, call_id: work.limits.get(limit_key(person.application_id, "app")),
    "exception": lambda work, person, world, call_id: work.exceptions.get("exc_" + "0" * 32),
    "request": lambda work, person, world, call_id: work.exceptions.request("excr_" + "0" * 32),
    "refusal": lambda work, person, world, call_id: work.refusals.refused(
        world.context.customer_index(person.customer_id)
    ),
    "suspension": lambda work, person, world, call_id: work.suspensions.of(OFFICER.id),
    "looks of a reader": lambda work, person, world, call_id: work.looks.examine("staff:4412", 1),
    "dialogue": lambda work, person, world, call_id: work.dialogues.get("ivr_" + "0" * 32),
    "helpers": lambda work, person, world, call_id: work.helpers.of_customer(bytes(16)),
    "helpers of people": lambda work, person, world, call_id: work.helpers.of_person(bytes(16)),
    "people helped": lambda work, person, world, call_id: work.helpers.of_helper(bytes(16)),
    "invitation": lambda work, person, world, call_id: work.helpers.invited(bytes(16)),
}


@pytest.mark.shows("CVP-10-16")
@pytest.mark.parametrize("look", LOOKS)
async def test_a_command_cannot_read_undeclared_rows(world: World, wang: Person, mallory: Person, look: str) -> None:
    """Neither rows that are not loaded, nor rows that another command of the batch has loaded."""
    call_id, code = await world.live_call(wang)
    reads = ReadSet(application_id=mallory.application_id)
    with pytest.raises(InternalError, match=r"failed|does not declare"):
        await read(world, reads, lambda work: LOOKS[look](work, wang, world, call_id))
    beside = world.confirm(wang, another_code(code)), world.leg(call_id, "connected", wang.number, key="again")
    one, _, _ = await asyncio.gather(
        read(world, reads, lambda work: LOOKS[look](work, wang, world, call_id)), *beside, return_exceptions=True
    )
    assert isinstance(one, InternalError)


@pytest.mark.shows("CVP-10-16")
async def test_a_confirmation_with_undeclared_limits_gives_no_verdict(
    world: World, wang: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, code = await world.live_call(wang)
    submit = world.context.writer.submit_kept

    async def forgetful(kind: Any, reads: ReadSet, *args: Any, **more: Any) -> object:
        forgotten = ReadSet(customer_index=reads.customer_index, cap=reads.cap)
        return await submit(kind, forgotten, *args, **more)

    monkeypatch.setattr(world.context.writer, "submit_kept", forgetful)
    for given in (code, another_code(code)):
        with pytest.raises(InternalError):
            await world.confirm(wang, given)
    monkeypatch.undo()
    assert (await world.confirm(wang, code))["verdict"] == "genuine"
