"""The command line: messages, exit codes, and audits that find damage to the database."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.world import Person, World, another_code
from verifier.cli import main
from verifier.config import load
from verifier.storage import open_storage
from verifier.storage.migrate import migrate

pytestmark = pytest.mark.slow

SAMPLE = Path(__file__).parents[2] / "specs" / "examples" / "applications.csv"


class Shell:
    """Runs commands in a folder with the settings of a deployment."""

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


def test_migrate_and_keys_report_their_result_and_errors_in_words(shell: Shell) -> None:
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


def test_a_command_that_needs_one_setting_also_reads_it_from_a_file(shell: Shell) -> None:
    """Containers get their settings as mounted secrets."""

    def from_file(name: str, value: object) -> dict[str, str]:
        (shell.folder / name).write_text(f"{value}\n")
        return {f"VERIFIER_{name}_FILE": str(shell.folder / name)}

    del shell.environment["VERIFIER_KEY_RING"]
    ring = from_file("KEY_RING", shell.folder / "other.json")
    made = shell.run("keys", "new", **ring)
    assert (made.returncode, (shell.folder / "other.json").is_file()) == (0, True), made.stderr
    assert shell.run("keys", "list", **ring).stdout.count("active") == 4
    assert "retired" in shell.run("keys", "rotate", "log", "--force", **ring).stdout
    assert not (shell.folder / "keys").exists(), "the default path was used"
    systems = from_file("SYSTEMS", shell.folder / "bank.json")
    assert shell.run("systems", "add", "pbx", "--scopes", "legs", **systems).returncode == 0
    assert shell.run("systems", "list", **systems).stdout.split() == ["pbx", "legs"]
    assert shell.run("systems", "remove", "pbx", **systems).returncode == 0
    refused = shell.run("demo", "--script", **from_file("ENV", "production"))
    assert (refused.returncode, "does not run in production" in refused.stderr) == (1, True)


def test_a_missing_or_wrong_setting_of_a_command_is_named(shell: Shell) -> None:
    missing = shell.run("systems", "list")
    assert (missing.returncode, "Missing option '--file'" in missing.stderr) == (2, True)
    for command, changes, told in (
        (("keys", "list"), {"VERIFIER_KEY_RING_FILE": "nowhere"}, "VERIFIER_KEY_RING_FILE: No such file"),
        (("systems", "list"), {"VERIFIER_SYSTEMS_FILE": "nowhere"}, "VERIFIER_SYSTEMS_FILE: No such file"),
        (("demo",), {"VERIFIER_ENV": "prod"}, "VERIFIER_ENV: must be development or production"),
    ):
        wrong = shell.run(*command, **changes)
        assert (wrong.returncode, told in wrong.stderr, "Traceback" in wrong.stderr) == (1, True, False), wrong.stderr


def test_serve_without_tables_is_refused_and_says_what_to_do(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.run("keys", "new")
    refused = shell.run("serve")
    assert (refused.returncode, "`verifier migrate` makes a new one" in refused.stderr) == (1, True)
    (tmp_path / "db.sqlite3").touch()
    refused = shell.run("serve")
    assert (refused.returncode, "run `verifier migrate`" in refused.stderr) == (1, True)


def test_an_import_reports_bad_lines_keeps_good_ones_and_can_be_repeated(shell: Shell) -> None:
    export, refused = shell.folder / "export.csv", shell.folder / "refused.csv"
    lines = SAMPLE.read_text(encoding="utf-8")
    again = lines.splitlines()[1].replace("open", "closed")
    export.write_text(f"{lines}LN-X,bad\n\n{again}\n", encoding="utf-8")
    sums = "1 refused, 1 superseded, 1 blank, 1 header"
    for option, counted in (
        ("--dry-run", f"300 to be registered, 0 unchanged, {sums} (nothing was written: --dry-run)"),
        ("", f"300 registered, 0 unchanged, {sums}"),
        ("", f"0 registered, 300 unchanged, {sums}"),
    ):
        done = shell.run("import", str(export), "--reject", "refused.csv", *filter(None, [option]))
        assert done.returncode == 3, done.stderr
        assert done.stdout == f"export.csv, 304 lines: {counted}\n"
        told = [line for line in done.stderr.splitlines() if line.startswith("export.csv:")]
        assert told == [
            "export.csv:2: application_id: superseded by line 304",
            "export.csv:302: 2 columns instead of 13",
        ]
        assert "correct them there" in done.stderr
        assert refused.read_text(encoding="utf-8").splitlines()[1] == 'LN-X,bad,"line 302: 2 columns instead of 13"'
    assert shell.run("import", str(SAMPLE)).stdout.startswith(
        "applications.csv, 301 lines: 1 registered, 299 unchanged"
    )


def test_an_import_that_cannot_start_says_why_and_imports_nothing(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shell.folder)
    chinese, wrong = shell.folder / "chinese.csv", shell.folder / "wrong.csv"
    text = SAMPLE.read_text(encoding="utf-8")
    chinese.write_bytes(text.replace("customer_id", "客户号", 1).encode("gb18030"))
    wrong.write_text("a,b\n")
    for args, said in (
        (["wrong.csv"], "Not known: a, b"),
        (["chinese.csv"], "not UTF-8 (line 1); its bytes can be read as GB18030, so try --encoding gb18030"),
        (["chinese.csv", "--encoding", "gb18030"], "Missing: customer_id. Not known: 客户号"),
        (["chinese.csv", "--encoding", "rot13"], "must be one of utf-8, gb18030"),
        (["chinese.csv", "--region", "XX"], "not an ISO 3166 country"),
        (["chinese.csv", "--map", "客户号=customer_id"], "must be COLUMN=HEADER"),
        (["chinese.csv", "--map", "product="], "must be COLUMN=HEADER"),
        (["chinese.csv", "--map", "product=reason"], "must be COLUMN=HEADER"),
        (["chinese.csv", "--map", "product=a", "--map", "status=a"], "must be COLUMN=HEADER"),
        (["wrong.csv", "--reject", "wrong.csv"], "Nothing was imported"),
        (
            ["chinese.csv", "--encoding", "gb18030", "--map", "customer_id=客户号", "--reject", "no/r.csv"],
            "No such file",
        ),
    ):
        refused = CliRunner().invoke(main, ["import", *args], env=shell.environment)
        assert isinstance(refused.exception, SystemExit), args
        assert refused.exit_code in (1, 2)
        assert said in refused.stderr, (args, refused.stderr)
        assert refused.stdout == ""
    mapped = shell.run("import", "chinese.csv", "--encoding", "GB18030", "--map", "customer_id=客户号")
    assert (mapped.returncode, "300 registered" in mapped.stdout) == (0, True), mapped.stderr
    gone = shell.run("import", str(SAMPLE), VERIFIER_DATABASE="sqlite:/nowhere/db")
    assert (gone.returncode, "Nothing was imported" in gone.stderr) == (1, True)


async def use(shell: Shell, n: int = 1) -> dict[str, str]:
    """Issue and confirm calls, and enter wrong codes, on the shell's database. Return a genuine receipt."""
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


def test_a_receipt_is_checked_offline_and_a_changed_one_is_invalid(shell: Shell) -> None:
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
    "does not match its statement": "UPDATE leaves SET entry = zeroblob(32) WHERE leaf_index = 1",
    "leaves are missing": "DELETE FROM leaves WHERE leaf_index = 1",
    "has lost its statement": "UPDATE leaves SET sealed = NULL WHERE leaf_index = 1",
    "be decrypted": "UPDATE leaves SET sealed = (SELECT sealed FROM leaves WHERE leaf_index = 0) WHERE leaf_index = 1",
    "does not verify": "UPDATE checkpoints SET note = replace(note, 'bank', 'tank') WHERE size = 2",
    "the latest checkpoint": "DELETE FROM checkpoints WHERE size = 3",
    "has no ticket in the log": "UPDATE calls SET leaf_index = 2",
    "without a receipt": "UPDATE calls SET receipt_leaf = NULL",
    "does not name its genuine receipt": "UPDATE calls SET state = 'live', confirmed_at = NULL, receipt_leaf = NULL",
    "stored tree nodes": "INSERT INTO nodes (level, node_index, hash) VALUES (1, 0, zeroblob(32))",
}


@pytest.mark.shows("CVP-8.3-2")
def test_a_checkpoint_kept_elsewhere_reveals_a_restored_backup(shell: Shell) -> None:
    """Back up, continue, keep the checkpoint, then restore the backup."""
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
    assert shell.run("log", "verify", VERIFIER_DATABASE=f"sqlite:{backup}").returncode == 0, (
        "without the checkpoint the audit finds nothing"
    )
    seen.write_text(notes[max(notes)].replace("\n", "x\n", 1), encoding="utf-8")
    forged = shell.run("log", "verify", "--seen", str(seen))
    assert (forged.returncode, "is not from this log" in forged.stderr) == (1, True)


@pytest.mark.shows("CVP-8.3-2")
def test_a_checkpoint_kept_elsewhere_reveals_a_rewritten_log(shell: Shell) -> None:
    """The log grows after a restore, past the size of the kept checkpoint."""
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
    again = shell.run("log", "verify", "--seen", str(seen))
    assert (again.returncode, "the log was rewritten" in again.stderr) == (1, True), again.stderr


@pytest.mark.shows("CVP-8.3-1")
def test_the_audit_finds_each_kind_of_damage_to_the_database(shell: Shell) -> None:
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
