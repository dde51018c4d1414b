"""The cache of decrypted applications: it is never older than the database, and forgets what was erased."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.world import Person, World
from verifier import keys
from verifier.core.application import AssignedOfficer
from verifier.core.errors import Erased, NotFound
from verifier.ledger import decrypter
from verifier.scheduler import reload_key_ring

OTHER = AssignedOfficer("9999", "李娜", "上海浦东支行")


def remembered(world: World) -> set[str]:
    return set(world.context.decrypter._known)


async def test_an_application_that_a_batch_has_read_is_remembered(world: World, wang: Person) -> None:
    await world.issue(wang)
    assert remembered(world) == {wang.application_id}


@pytest.mark.shows("CVP-4.1-5")
async def test_an_erased_application_is_forgotten_at_once(world: World, wang: Person) -> None:
    await world.issue(wang)
    await world.service.applications.erase(wang.application_id)
    assert remembered(world) == set()


async def test_an_application_that_was_registered_again_has_its_new_facts(world: World, wang: Person) -> None:
    await world.live_call(wang)
    await world.register(wang, officers=(OTHER,))
    assert remembered(world) == set()
    with pytest.raises(NotFound):
        await world.issue(wang)


@pytest.mark.parametrize("change", ["erase", "register"])
async def test_a_change_by_another_node_is_seen_by_the_next_batch(
    world: World, wang: Person, tmp_path: Path, change: str
) -> None:
    await world.live_call(wang)
    async with World(world.storage, tmp_path / "ring.json", clock=world.clock) as other:
        if change == "erase":
            await other.service.applications.erase(wang.application_id)
        else:
            await other.register(wang, officers=(OTHER,))
    assert remembered(world) == {wang.application_id}
    with pytest.raises(NotFound if change == "register" else (Erased, NotFound)):
        await world.issue(wang)
    if change == "erase":
        assert remembered(world) == set()


async def test_the_oldest_of_too_many_applications_is_forgotten(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decrypter, "MAX_APPLICATIONS", 2)
    people = [Person(n) for n in (1, 2, 3)]
    for person in people:
        await world.register(person)
        await world.issue(person)
    assert remembered(world) == {person.application_id for person in people[1:]}


async def test_a_changed_key_ring_clears_the_cache(world: World, wang: Person, tmp_path: Path) -> None:
    await world.issue(wang)
    keys.rotate(tmp_path / "ring.json", "encryption", world.clock(), force=True)
    await reload_key_ring(world.service)
    assert remembered(world) == set()
