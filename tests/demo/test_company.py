"""The founding example in the demo: a company, its head of finance, its legal representative, and who has left."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import msgspec
import pytest

from tests.demo.test_demo import COMMAND
from verifier.core.evidence import Trust, verify_evidence
from verifier.core.statements import Receipt
from verifier.receipt_files import read_receipt

STEPS = (
    "borrows; its former head of finance has left",
    "a call to the former one → the number dialled is not on file for this application",
    "the head of finance is called; only they read so → connected, none",
    "the head of finance enters the code in the app → genuine",
    "the legal representative enters the same code → genuine, and whom the bank called",
    "… and keys it on their own telephone → unavailable",
    "the former head of finance enters it → not_genuine",
    "… and a stranger: the same answer, in the same words → not_genuine",
    "the legal representative's list of calls names whom each went to: 林洁",
)


@pytest.mark.slow
@pytest.mark.shows("CVP-3.3-3", "CVP-7-7")
def test_each_person_around_a_company_loan_learns_what_they_may(tmp_path: Path) -> None:
    played = subprocess.run([*COMMAND, "--out", str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert played.returncode == 0, played.stdout + played.stderr
    chapter = re.search(r"A company's loan.*?\n\n", played.stdout, re.DOTALL)
    assert chapter is not None
    done = [line.removeprefix("  ✓ ") for line in chapter[0].splitlines() if line.startswith("  ✓ ")]
    assert len(done) == len(STEPS)
    assert [step for step, line in zip(STEPS, done, strict=True) if step not in line] == []
    assert "This is our call to the head of finance, 林洁, not to you." in chapter[0]
    trust = msgspec.json.decode((tmp_path / "trust.json").read_bytes(), type=Trust)
    receipt = verify_evidence(read_receipt(tmp_path / "genuine-other-contact.receipt.json"), trust).claims
    assert isinstance(receipt, Receipt)
    assert receipt.verdict == "genuine"
