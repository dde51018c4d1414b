"""An audit that continues an earlier one reads only the new leaves, and finds what a full audit finds."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_cli import Shell, use
from tests.world import Person, World
from verifier import keys
from verifier.ledger import audit, records
from verifier.ledger.audit import audit_log
from verifier.ports import Storage
from verifier.storage import open_storage
from verifier.storage.migrate import migrate

pytestmark = pytest.mark.slow

# Finding and damage. Leaves 0 to 2 were audited before. New are ticket 3, genuine receipt 4, negative receipt 5.
DAMAGE = {
    "leaf 4 does not match its statement": "UPDATE leaves SET entry = zeroblob(32) WHERE leaf_index = 4",
    "leaves are missing": "DELETE FROM leaves WHERE leaf_index = 4",
    "leaf 5 has lost its statement": "UPDATE leaves SET sealed = NULL WHERE leaf_index = 5",
    "be decrypted": "UPDATE leaves SET sealed = (SELECT sealed FROM leaves WHERE leaf_index = 0) WHERE leaf_index = 4",
    "of size 5 does not verify": "UPDATE checkpoints SET note = replace(note, 'bank', 'tank') WHERE size = 5",
    "the latest checkpoint": "DELETE FROM checkpoints WHERE size = 6",
    "has no ticket in the log": "UPDATE calls SET leaf_index = 0 WHERE leaf_index = 3",
    "without a receipt": "UPDATE calls SET receipt_leaf = NULL WHERE receipt_leaf = 4",
    "does not name its genuine receipt": "UPDATE calls SET confirmed_at = NULL, receipt_leaf = NULL",
    "stored tree nodes": "INSERT INTO nodes (level, node_index, hash) VALUES (1, 0, zeroblob(32))",
    "was rolled back: it had 3 leaves once, and has 2; at least 1": "DELETE FROM leaves WHERE leaf_index >= 2",
    "was rewritten": "UPDATE leaves SET entry = zeroblob(32) WHERE leaf_index = 0",
}


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    made = Shell(tmp_path)
    assert made.run("keys", "new").returncode == 0
    return made


@pytest.mark.shows("CVP-8.3-3")
def test_an_audit_from_a_saved_checkpoint_finds_any_damage(shell: Shell) -> None:
    asyncio.run(use(shell))
    first = shell.run("log", "verify", "--keep", "kept")
    assert (first.returncode, "checked before" in first.stdout) == (0, False), first.stderr
    kept = (shell.folder / "kept").read_text()
    assert kept.splitlines()[1] == "3"
    asyncio.run(use(shell, 2))
    with sqlite3.connect(shell.folder / "db.sqlite3") as database:
        for number, (finding, statement) in enumerate(DAMAGE.items()):
            path = shell.folder / f"damaged-{number}.sqlite3"
            with sqlite3.connect(path) as copy:
                database.backup(copy)
                copy.execute(statement)
            damaged = shell.run("log", "verify", "--keep", "kept", VERIFIER_DATABASE=f"sqlite:{path}")
            assert (damaged.returncode, finding in damaged.stderr) == (1, True), (finding, damaged.stderr)
            assert (shell.folder / "kept").read_text() == kept, "only a clean audit is gone on from"
    read_only = shell.run("log", "verify", "--from", "kept")
    assert read_only.stdout.startswith("6 leaves, 4 checkpoints, 3 statements verified"), read_only.stdout
    assert "3 of the leaves were checked before, by the audit that wrote kept" in read_only.stdout
    assert (shell.folder / "kept").read_text() == kept
    assert shell.run("log", "verify", "--keep", "kept").returncode == 0
    assert (shell.folder / "kept").read_text().splitlines()[1] == "6"
    assert not list(shell.folder.glob(".kept*"))


@pytest.mark.shows("CVP-8.3-3")
def test_an_audit_refuses_to_start_from_anything_but_a_checkpoint_of_its_log(shell: Shell) -> None:
    asyncio.run(use(shell))
    for text in ("", "x" * 200_000, "other.example/log\n0\nAAAA\n\n"):
        (shell.folder / "kept").write_text(text)
        refused = shell.run("log", "verify", "--keep", "kept")
        assert (refused.returncode, "is not from this log" in refused.stderr) == (1, True)
        assert (shell.folder / "kept").read_text() == text


@pytest.mark.shows("CVP-8.3-1", "CVP-8.3-3")
async def test_an_audit_can_start_at_any_leaf_of_a_log_of_many_tiles(tmp_path: Path) -> None:
    keys.create(tmp_path / "ring.json", time.time_ns() // 1_000_000)
    async with _opened(tmp_path / "db.sqlite3") as storage, World(storage, tmp_path / "ring.json") as world:
        await world.register(Person(1))
        kept = [(await world.audit()).latest[0]]
        for count in (100, 156, 1, 400, 55):
            await asyncio.gather(*(world.report(Person(1 + n % 50), "x") for n in range(count)))
            kept.append((await world.audit()).latest[0])
        trust = world.context.trust()
        whole = await world.audit()
        assert (whole.findings, whole.leaves) == ([], int(kept[-1].splitlines()[1]))
        for note in kept:
            part = await audit_log(storage, world.ring, trust, kept, [note])
            assert (part.findings, part.leaves, part.latest) == ([], whole.leaves, whole.latest)
            assert part.statements == whole.leaves - part.before == whole.leaves - int(note.splitlines()[1])
        assert await _found(tmp_path, world, kept[0], "UPDATE nodes SET hash = zeroblob(32) WHERE node_index = 1")
        assert await _found(tmp_path, world, kept[1], "DELETE FROM nodes WHERE node_index = 1")


@pytest.mark.shows("CVP-8.3-1")
@pytest.mark.parametrize("every", [1, 2, 3])
async def test_an_audit_of_a_growing_log_reports_no_findings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every: int
) -> None:
    """Leaves are added before every read, every second or every third, at any position in a chunk."""
    monkeypatch.setattr(audit, "_CHUNK", 7)
    async with _opened(tmp_path / "db.sqlite3") as storage, World(storage, tmp_path / "ring.json") as world:
        await world.register(Person(1))
        await asyncio.gather(*(world.report(Person(1), "before") for _ in range(20)))
        fetch, reads, added = storage.fetch, 0, 0

        async def meanwhile(sql: str, *args: Any) -> Any:
            nonlocal reads, added
            reads += sql == records.LEAVES_FROM
            if sql == records.LEAVES_FROM and reads % every == 0 and added < 60:
                added += 5
                await asyncio.gather(*(world.report(Person(1), "meanwhile") for _ in range(5)))
            return await fetch(sql, *args)

        monkeypatch.setattr(storage, "fetch", meanwhile)
        assert (await world.audit()).findings == []
        assert added >= 5


@asynccontextmanager
async def _opened(path: Path) -> AsyncIterator[Storage]:
    storage = await open_storage(f"sqlite:{path}")
    try:
        await migrate(storage)
        yield storage
    finally:
        await storage.close()


async def _found(folder: Path, world: World, note: str, damage: str) -> bool:
    """Whether the full audit and the one from `note` both report damaged tree nodes."""
    path = folder / "damaged.sqlite3"
    path.unlink(missing_ok=True)
    with sqlite3.connect(folder / "db.sqlite3") as database, sqlite3.connect(path) as copy:
        database.backup(copy)
        copy.execute(damage)
    async with _opened(path) as storage:
        found = [await audit_log(storage, world.ring, world.context.trust(), (), each) for each in ([], [note])]
    return all("stored tree nodes" in "".join(each.findings) for each in found)
