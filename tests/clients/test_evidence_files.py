"""The three commands that verify a saved or printed receipt agree on every file of specs/vectors."""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
from callback_verification.__main__ import main as python_command
from click.testing import CliRunner

from tests.clients.three import core, python, typescript
from tests.node import SDK, program, run
from tests.vectors.files import Json, expected, vectors_of, whole
from tests.vectors.kept import octets
from verifier.cli import main

PRINTED = vectors_of("printed")
VECTORS = vectors_of("files")


def files_of(vector: Json) -> tuple[bytes, bytes]:
    return octets(whole(vector["receipt"]), vector), octets(whole(vector["trust_file"]), vector)


@pytest.mark.shows("CVP-8-1", "CVP-8-2", "CVP-8.1-1", "CVP-8.1-13", "CVP-8.1-14", "CVP-8.5-1")
@pytest.mark.parametrize("vector", [*VECTORS, *PRINTED], ids=lambda each: each["id"])
def test_both_python_commands_give_the_result_of_the_vector(vector: Json, tmp_path: Path) -> None:
    receipt, trust = tmp_path / "receipt.json", tmp_path / "trust.json"
    receipt.write_bytes(files_of(vector)[0])
    trust.write_bytes(files_of(vector)[1])
    slug = "valid" if vector["valid"] else vector["error"].replace("no_trust", "invalid_evidence")
    told = CliRunner().invoke(main, ["receipt", "verify", str(receipt), "--trust", str(trust)])
    said = "VALID " if vector["valid"] else f"Error: NOT VALID: {slug}: "
    assert (told.output.startswith(said), told.exit_code) == (True, 0 if vector["valid"] else 1), told.output
    with contextlib.redirect_stdout(io.StringIO()) as out:
        status = python_command([str(receipt), str(trust)])
    word = re.match(r"valid|invalid (\w+)", out.getvalue())
    assert word is not None
    assert (word[1] or "valid", status) == (slug, 0 if vector["valid"] else 1), out.getvalue()


@pytest.mark.shows("CVP-8-1", "CVP-8-2", "CVP-8.1-1", "CVP-8.1-13", "CVP-8.1-14", "CVP-8.5-1", "CVP-8.5-2")
def test_all_three_verifiers_agree_on_every_file(npm: str) -> None:
    vectors = [*VECTORS, *PRINTED]
    files = [files_of(each) for each in vectors]
    told = typescript(files)
    assert told == [core(*each) for each in files] == [python(*each) for each in files]
    for vector, said in zip(vectors, told, strict=True):
        assert said.partition(" ")[0] == ("valid" if vector["valid"] else expected(vector)), vector["id"]


@pytest.mark.shows("CVP-8.5-2")
def test_every_command_reads_what_a_scanner_types_into_the_standard_input(npm: str, tmp_path: Path) -> None:
    good = next(each for each in PRINTED if each["id"] == "two-reversed")
    receipt, trust = files_of(good)
    (tmp_path / "trust.json").write_bytes(trust)
    commands = (
        [sys.executable, "-m", "verifier", "receipt", "verify", "-", "--trust", str(tmp_path / "trust.json")],
        [sys.executable, "-m", "callback_verification", "-", str(tmp_path / "trust.json")],
        [program("node"), str(SDK / "src/verify.js"), "-", str(tmp_path / "trust.json")],
    )
    for command in commands:
        for given, status in ((receipt, 0), (receipt[:-40], 1)):
            done = subprocess.run(command, input=given, capture_output=True, timeout=60)
            assert done.returncode == status, (command, done)


@pytest.mark.shows("CVP-8.1-1")
def test_the_typescript_command_agrees_with_its_functions(npm: str, tmp_path: Path) -> None:
    receipt, trust = tmp_path / "receipt.json", tmp_path / "trust.json"
    for vector in [
        each for each in VECTORS if each["id"] in ("mark", "two-marks", "too-deep", "trust-twice", "too-long")
    ]:
        receipt.write_bytes(files_of(vector)[0])
        trust.write_bytes(files_of(vector)[1])
        slug = "" if vector["valid"] else f"invalid {vector['error'].replace('no_trust', 'invalid_evidence')}: "
        done = run(program("node"), "src/verify.js", str(receipt), str(trust))
        assert done.stdout.startswith(slug or "valid "), done.stdout
    done = run(program("node"), "src/verify.js", "/dev/zero", str(trust))
    assert done.stdout.startswith("invalid invalid_evidence: "), done.stdout
