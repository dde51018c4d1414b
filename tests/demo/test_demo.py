"""`verifier demo --script` plays the whole story, and the demo does not run in production."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from verifier.core.evidence import Trust, verify_evidence
from verifier.receipt_files import read_receipt

COMMAND = [sys.executable, "-m", "verifier", "demo", "--script"]


@pytest.mark.slow
def test_the_story_plays_to_the_end_and_leaves_receipts_that_verify(tmp_path: Path) -> None:
    played = subprocess.run([*COMMAND, "--out", str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert played.returncode == 0, played.stdout + played.stderr
    assert "✗" not in played.stdout
    assert "113 steps, 0 failed" in played.stdout
    trust = msgspec.json.decode((tmp_path / "trust.json").read_bytes(), type=Trust)
    receipts = sorted(tmp_path.glob("*.receipt.json"))
    assert len(receipts) == 9
    for each in (*receipts, tmp_path / "slip.txt"):
        verify_evidence(read_receipt(each), trust)


@pytest.mark.slow
def test_the_demo_is_refused_in_production() -> None:
    environment = {**os.environ, "VERIFIER_ENV": "production"}
    refused = subprocess.run(COMMAND, env=environment, capture_output=True, text=True, timeout=60)
    assert refused.returncode == 1
    assert "does not run in production" in refused.stderr
