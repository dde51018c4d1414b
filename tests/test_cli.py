"""The command line, as a person runs it: words, exit codes, and audits that find planted damage."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.world import Person, World, another_code
from verifier.config import load
from verifier.storage import open_storage
from verifier.storage.migrate import migrate

SAMPLE = Path(__file__).parent.parent / "specs" / "examples" / "applications.csv"


class Shell:
    """A folder with a deployment's settings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            "PATH": os.environ["PATH"],
            "VERIFIER_ISSUER": "https://verify.bank.example",
            "VERIFIER_DATABASE": f"sqlite:{folder / 'db.sqlite3'}",
            "VERIFIER_KEY_RING": str(folder / "ring.json"),
        }

    def run(self, *args: str, **changes: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "verifier", *args]
        environment = {**self.environment, **changes}
        return subprocess.run(command, env=environment, cwd=self.folder, capture_output=True, text=True, timeout=120)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    made = Shell(tmp_path)
    assert made.run("keys", "new").returncode == 0
    assert "applied 0001_initial.sql" in made.run("migrate").stdout
    return made


def test_keys_and_migrations_speak_in_words(shell: Shell) -> None:
    assert shell.run("migrate").stdout == "the schema is up to date\n"
    again = shell.run("keys", "new")
    assert (again.returncode, "exists already" in again.stderr) == (1, True)
    assert shell.run("keys", "list").stdout.count("active") == 4
    early = shell.run("keys", "rotate", "statement")
    assert (early.returncode, "less than a day" in early.stderr) == (1, True)
    assert "retired" in shell.run("keys", "rotate", "statement", "--force").stdout
    unknown = shell.run("serve", VERIFIER_TYPO="1")
    assert (unknown.returncode, "VERIFIER_TYPO" in unknown.stderr) == (1, True)
    assert "Traceback" not in unknown.stderr


def test_serving_without_tables_is_refused_in_words(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.run("keys", "new")
    refused = shell.run("serve")
    assert (refused.returncode, "run `verifier migrate`" in refused.stderr) == (1, True)


def test_an_import_reports_bad_rows_keeps_good_ones_and_may_be_repeated(shell: Shell) -> None:
    export = shell.folder / "export.csv"
    export.write_text(SAMPLE.read_text() + "LN-X,bad\n")
    for _ in range(2):
        done = shell.run("import", str(export))
        assert done.returncode == 2
        assert done.stdout == "300 applications registered, 1 rows refused\n"
        assert "export.csv:302: 2 columns instead of 11" in done.stderr
    assert shell.run("import", str(SAMPLE)).returncode == 0
    wrong = shell.folder / "wrong.csv"
    wrong.write_text("a,b\n")
    refused = shell.run("import", str(wrong))
    assert (refused.returncode, "first line must be" in refused.stderr) == (1, True)


async def use(shell: Shell, n: int = 1) -> dict[str, str]:
    """Issue, confirm and err against the shell's own database; returns a genuine receipt."""
    config = load(shell.environment)
    storage = await open_storage(config.database)
    await migrate(storage)
    async with World(storage, Path(config.key_ring)) as world:
        person = Person(n)
        await world.register(person)
        _, code = await world.live_call(person)
        verdict = await world.confirm(person, code)
        await world.confirm(person, another_code(code))
        trust = world.context.trust()
    await storage.close()
    described = {"issuer": trust.issuer, "jwks": trust.jwks}
    described["log"] = {"origin": trust.log.origin, "keys": list(trust.log.keys)}
    (shell.folder / "trust.json").write_text(json.dumps(described))
    receipt: dict[str, str] = verdict["receipt"]
    return receipt


def test_a_receipt_is_checked_offline_and_a_spoiled_one_refused(shell: Shell) -> None:
    receipt = asyncio.run(use(shell))
    good, spoiled = shell.folder / "good.json", shell.folder / "spoiled.json"
    good.write_text(json.dumps(receipt))
    spoiled.write_text(json.dumps({**receipt, "proof": receipt["proof"].replace("index 1", "index 0")}))
    offline = {"VERIFIER_DATABASE": "sqlite:/nonexistent/db", "VERIFIER_KEY_RING": "/nonexistent"}
    checked = shell.run("receipt", "verify", str(good), "--trust", "trust.json", **offline)
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.startswith("VALID call-receipt+jwt")
    assert '"verdict": "genuine"' in checked.stdout
    refused = shell.run("receipt", "verify", str(spoiled), "--trust", "trust.json", **offline)
    assert (refused.returncode, "NOT VALID" in refused.stderr) == (1, True)
    (shell.folder / "empty.json").write_text("{}")
    nothing = shell.run("receipt", "verify", "empty.json", "--trust", "trust.json")
    assert (nothing.returncode, "no statement and proof" in nothing.stderr) == (1, True)


DAMAGE = {
    "is not that of its statement": "UPDATE leaves SET entry = zeroblob(32) WHERE leaf_index = 1",
    "leaves are missing": "DELETE FROM leaves WHERE leaf_index = 1",
    "has lost its statement": "UPDATE leaves SET sealed = NULL WHERE leaf_index = 1",
    "do not open": "UPDATE leaves SET sealed = (SELECT sealed FROM leaves WHERE leaf_index = 0) WHERE leaf_index = 1",
    "does not verify": "UPDATE checkpoints SET note = replace(note, 'bank', 'tank') WHERE size = 2",
    "the latest checkpoint": "DELETE FROM checkpoints WHERE size = 3",
    "has no ticket in the log": "UPDATE calls SET leaf_index = 2",
    "without a receipt": "UPDATE calls SET receipt_leaf = NULL",
    "does not know its genuine receipt": "UPDATE calls SET state = 'live', confirmed_at = NULL, receipt_leaf = NULL",
    "stored tree nodes": "INSERT INTO nodes (level, node_index, hash) VALUES (1, 0, zeroblob(32))",
}


@pytest.mark.shows("CVP-8.3-2")
def test_a_restored_backup_is_noticed_by_a_checkpoint_kept_elsewhere(shell: Shell) -> None:
    """The drill: back up, go on, keep the checkpoint, restore what was backed up."""
    asyncio.run(use(shell))
    database, backup, seen = (shell.folder / name for name in ("db.sqlite3", "backup.sqlite3", "checkpoint"))
    with sqlite3.connect(database) as source, sqlite3.connect(backup) as copy:
        source.backup(copy)
    asyncio.run(use(shell, 2))
    with sqlite3.connect(database) as source:
        notes = dict(source.execute("SELECT size, note FROM checkpoints").fetchall())
    seen.write_text(notes[max(notes)], encoding="utf-8")
    assert shell.run("log", "verify", "--seen", str(seen)).returncode == 0
    restored = shell.run("log", "verify", "--seen", str(seen), VERIFIER_DATABASE=f"sqlite:{backup}")
    assert (restored.returncode, "the log was rolled back" in restored.stderr) == (1, True), restored.stderr
    assert shell.run("log", "verify", VERIFIER_DATABASE=f"sqlite:{backup}").returncode == 0, "nothing else can tell"
    seen.write_text(notes[max(notes)].replace("\n", "x\n", 1), encoding="utf-8")
    forged = shell.run("log", "verify", "--seen", str(seen))
    assert (forged.returncode, "is not this log's" in forged.stderr) == (1, True)


@pytest.mark.shows("CVP-8.3-2")
def test_a_past_that_was_written_anew_is_noticed_by_a_checkpoint_kept_elsewhere(shell: Shell) -> None:
    """After a restored backup the log goes on, past the size it had before."""
    asyncio.run(use(shell))
    database, backup, seen = (shell.folder / name for name in ("db.sqlite3", "backup.sqlite3", "checkpoint"))
    with sqlite3.connect(database) as source, sqlite3.connect(backup) as copy:
        source.backup(copy)
    asyncio.run(use(shell, 2))
    with sqlite3.connect(database) as source:
        notes = dict(source.execute("SELECT size, note FROM checkpoints").fetchall())
    seen.write_text(notes[max(notes)], encoding="utf-8")
    with sqlite3.connect(backup) as source, sqlite3.connect(database) as copy:
        source.backup(copy)
    for n in (3, 4):
        asyncio.run(use(shell, n))
    anew = shell.run("log", "verify", "--seen", str(seen))
    assert (anew.returncode, "the log was written anew" in anew.stderr) == (1, True), anew.stderr


@pytest.mark.shows("CVP-8.3-1")
def test_the_audit_finds_whatever_was_done_to_the_database(shell: Shell) -> None:
    asyncio.run(use(shell))
    clean = shell.run("log", "verify")
    assert clean.returncode == 0, clean.stderr
    assert clean.stdout.endswith("the log is whole\n")
    assert clean.stdout.startswith("3 leaves, 4 checkpoints, 3 statements verified, 0 erased")
    with sqlite3.connect(shell.folder / "db.sqlite3") as database:
        for number, (finding, statement) in enumerate(DAMAGE.items()):
            path = shell.folder / f"damaged-{number}.sqlite3"
            with sqlite3.connect(path) as copy:
                database.backup(copy)
                copy.execute(statement)
            damaged = shell.run("log", "verify", VERIFIER_DATABASE=f"sqlite:{path}")
            assert (damaged.returncode, finding in damaged.stderr) == (1, True), (finding, damaged.stderr)
