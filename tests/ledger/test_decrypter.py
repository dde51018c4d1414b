"""The cache of decrypted applications: it is never older than the database, and forgets what was erased."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests.world import Person, World
from verifier import keys
from verifier.core.application import AssignedOfficer
from verifier.core.errors import Erased, NotFound, Unavailable
from verifier.ledger import decrypter
from verifier.scheduler import age_decrypted, reload_key_ring

OTHER = AssignedOfficer("9999", "李娜", "上海浦东支行")


def remembered(world: World) -> set[str]:
    return set().union(*world.context.decrypter._generations)


async def test_an_application_is_decrypted_once_for_many_batches(
    world: World, wang: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    decrypted: list[object] = []
    original = decrypter.decrypt_application
    monkeypatch.setattr(decrypter, "decrypt_application", lambda *args: decrypted.append(args[1]) or original(*args))
    _, code = await world.live_call(wang)
    assert (await world.confirm(wang, code))["verdict"] == "genuine"
    assert len(decrypted) == 1


@pytest.mark.shows("CVP-4.1-5")
async def test_an_erased_application_is_forgotten_at_once(world: World, wang: Person) -> None:
    await world.issue(wang)
    assert remembered(world) == {wang.application_id}
    await world.erase(wang)
    assert remembered(world) == set()


@pytest.mark.shows("CVP-4.1-5")
async def test_an_erasure_whose_outcome_is_unknown_forgets_the_application_too(
    world: World, wang: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.issue(wang)
    commit = world.storage.commit

    async def lost(run: Any) -> object:
        await commit(run)
        raise Unavailable("the answer was lost")

    with monkeypatch.context() as patched:
        patched.setattr(world.storage, "commit", lost)
        with pytest.raises(Unavailable):
            await world.erase(wang)
    await world.erase(wang)
    assert remembered(world) == set()


async def test_a_registration_replaces_the_remembered_facts(world: World, wang: Person) -> None:
    await world.live_call(wang)
    await world.register(wang, officers=(OTHER,))
    with pytest.raises(NotFound):
        await world.issue(wang)


Change = Callable[[World, Person], Coroutine[Any, Any, object]]


@pytest.mark.parametrize("meets", [World.issue, World.register, World.erase])
async def test_an_erasure_by_another_node_is_noticed_by_the_next_command(
    world: World, wang: Person, tmp_path: Path, meets: Change
) -> None:
    await world.live_call(wang)
    async with World(world.storage, tmp_path / "ring.json", clock=world.clock) as other:
        await other.erase(wang)
    assert remembered(world) == {wang.application_id}
    with contextlib.suppress(Erased, NotFound):
        await meets(world, wang)
    assert remembered(world) == set()


async def test_a_registration_by_another_node_counts_in_the_next_batch(
    world: World, wang: Person, tmp_path: Path
) -> None:
    await world.live_call(wang)
    async with World(world.storage, tmp_path / "ring.json", clock=world.clock) as other:
        await other.register(wang, officers=(OTHER,))
    with pytest.raises(NotFound):
        await world.issue(wang)


async def test_calls_that_end_do_not_empty_the_cache(world: World, wang: Person) -> None:
    await world.issue(wang)
    world.clock.advance(3_600)
    await world.service.housekeeping.sweep()
    assert remembered(world) == {wang.application_id}


async def test_an_application_that_no_batch_reads_is_forgotten(world: World, wang: Person) -> None:
    await world.issue(wang)
    await age_decrypted(world.service)
    assert remembered(world) == {wang.application_id}
    await age_decrypted(world.service)
    assert remembered(world) == set()


async def test_the_cache_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decrypter, "MAX_APPLICATIONS", 2)
    for n in range(7):
        await world.register(Person(n))
        await world.issue(Person(n))
        assert len(remembered(world)) <= 4
    assert Person(6).application_id in remembered(world)


async def test_a_changed_key_ring_clears_the_cache(world: World, wang: Person, tmp_path: Path) -> None:
    await world.issue(wang)
    keys.rotate(tmp_path / "ring.json", "encryption", world.clock(), force=True)
    await reload_key_ring(world.service)
    assert remembered(world) == set()
