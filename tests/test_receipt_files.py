"""The command `verifier receipt verify` on every statement of specs/vectors, and on whole answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.vectors.files import vectors_of, whole
from verifier.cli import main


def verified(folder: Path, kept: object, trust: object) -> Result:
    receipt, trusted = folder / "receipt.json", folder / "trust.json"
    receipt.write_text(json.dumps(kept))
    trusted.write_text(json.dumps(trust))
    return CliRunner().invoke(main, ["receipt", "verify", str(receipt), "--trust", str(trusted)])


@pytest.mark.parametrize("subject", ["tickets", "receipts", "histories", "contacts"])
def test_the_command_gives_the_result_of_every_vector(subject: str, tmp_path: Path) -> None:
    for each in vectors_of(subject):
        evidence = {name: whole(each[name]) for name in ("statement", "proof")}
        done = verified(tmp_path, evidence, each["trust"])
        # The command accepts any kind of statement, so an unexpected kind is valid.
        valid = each["valid"] or "typ" in each
        assert (done.exit_code, done.output.startswith("VALID ")) == (0 if valid else 1, valid), (
            each["id"],
            done.output,
        )


@pytest.mark.parametrize("name", ["receipt", "ticket", "evidence"])
def test_a_whole_answer_is_accepted_as_a_file(name: str, tmp_path: Path) -> None:
    good = vectors_of("receipts")[0]
    evidence = {"statement": good["statement"], "proof": good["proof"]}
    assert verified(tmp_path, {"more": 1, name: evidence}, good["trust"]).exit_code == 0
