"""The same receipts, good and spoiled, held before every checker there is: all say the same."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from callback_verification import EvidenceError as SdkEvidenceError
from callback_verification import Trust as SdkTrust
from callback_verification import read_evidence, verify
from click.testing import CliRunner

from tests.api.conftest import RunningBank
from tests.clients.receipts import Case, cases
from tests.node import program, run
from verifier.cli import main
from verifier.core.errors import EvidenceError
from verifier.core.evidence import Evidence, Trust, verify_evidence

IN_JAVASCRIPT = """
import { readFileSync } from "node:fs";
import { verifyEvidence } from "./src/receipts.js";
const told = [];
for (const { evidence, trust } of JSON.parse(readFileSync(0, "utf8"))) {
  told.push(await verifyEvidence(evidence, trust).then(() => "valid", (error) => error.slug ?? String(error)));
}
console.log(JSON.stringify(told));
"""


@pytest.fixture(scope="module")
def held() -> Iterator[list[Case]]:
    with tempfile.TemporaryDirectory(prefix="bank-") as folder, RunningBank(Path(folder)) as bank:
        yield list(cases(bank))


@pytest.fixture(scope="module")
def ours(held: list[Case]) -> dict[str, str]:
    """What the service's own code says of each: `valid`, or the slug of the error."""
    return {case.name: _told(case) for case in held}


def _told(case: Case) -> str:
    try:
        trust = msgspec.convert(case.trust, Trust)
        verify_evidence(msgspec.convert(case.evidence, Evidence), trust)
    except EvidenceError as error:
        return error.slug
    return "valid"


@pytest.mark.shows("CVP-4-8", "CVP-8.1-6")
def test_every_good_one_is_valid_and_every_spoiled_one_is_not(held: list[Case], ours: dict[str, str]) -> None:
    assert {case.name: ours[case.name] == "valid" for case in held} == {case.name: case.valid for case in held}
    assert sum(not case.valid for case in held) >= 50


@pytest.mark.shows("CVP-8.1-2")
def test_a_header_that_is_not_ours_is_a_bad_signature_whatever_else_is_wrong(ours: dict[str, str]) -> None:
    told = {name: slug for name, slug in ours.items() if name.startswith("statement: a header with ")}
    assert len(told) >= 18
    assert set(told.values()) == {"invalid_signature"}


@pytest.mark.shows("CVP-8.1-5")
def test_more_may_be_said_at_any_depth_and_a_time_is_a_whole_number(ours: dict[str, str]) -> None:
    more = {slug for name, slug in ours.items() if name.startswith("statement: ") and name.endswith(", never logged")}
    assert more == {"invalid_proof"}
    times = {slug for name, slug in ours.items() if name.startswith(("statement: an instant ", "statement: a leg "))}
    assert times == {"invalid_claims"}


def test_the_command_line_says_the_same(held: list[Case], tmp_path: Path) -> None:
    receipt, trust = tmp_path / "receipt.json", tmp_path / "trust.json"
    for case in held:
        receipt.write_text(json.dumps(case.evidence))
        trust.write_text(json.dumps(case.trust))
        done = CliRunner().invoke(main, ["receipt", "verify", str(receipt), "--trust", str(trust)])
        assert (done.exit_code == 0) is case.valid, (case.name, done.output)


@pytest.mark.shows("CVP-8.1-2", "CVP-8.1-3", "CVP-8.1-4", "CVP-8.1-5", "CVP-8.1-6", "CVP-8.1-7", "CVP-8.1-8")
def test_the_typescript_sdk_says_the_same(held: list[Case], ours: dict[str, str], npm: str) -> None:
    asked = json.dumps([{"evidence": case.evidence, "trust": case.trust} for case in held])
    done = run(program("node"), "--input-type=module", "-e", IN_JAVASCRIPT, given=asked)
    assert dict(zip((case.name for case in held), json.loads(done.stdout), strict=True)) == ours


@pytest.mark.shows("CVP-8.1-2", "CVP-8.1-3", "CVP-8.1-4", "CVP-8.1-5", "CVP-8.1-6", "CVP-8.1-7", "CVP-8.1-8")
def test_the_python_sdk_says_the_same(held: list[Case], ours: dict[str, str]) -> None:
    def told(case: Case) -> str:
        try:
            verify(read_evidence(json.dumps(case.evidence).encode()), SdkTrust.read(json.dumps(case.trust).encode()))
        except SdkEvidenceError as error:
            return error.slug
        return "valid"

    assert {case.name: told(case) for case in held} == ours
