"""The TypeScript SDK: its own tests against a real bank, its types, its package, and its receipt verifier."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.api.conftest import RunningBank, SystemSession
from tests.node import SDK, program, run
from tests.vectors.files import SUBJECTS, vectors_of
from verifier.core.evidence import Evidence, Trust, verify_evidence
from verifier.demo.bank import DemoBank

SPEC = Path(__file__).parents[2] / "specs" / "openapi.yaml"
ONLY_THE_SERVICES = ("code", "dialogues")
USER = """
import { Client, CannotCheck, bearer } from "callback-verification";
import { verifyEvidence, type Trust } from "callback-verification/receipts";
const client = new Client("https://bank.example", { credential: bearer("token") });
export const told: Promise<string> = client.confirmations.confirm({ code: "482177306" }, {
  genuine: ({ call }) => call.officer.name,
  notGenuine: ({ words }) => words.map((each) => each.text).join(),
  ended: ({ call }) => call.officer.branch,
});
export const since = async (trust: Trust): Promise<number> =>
  (await verifyEvidence({ statement: "", proof: "" }, trust)).checkpoint.size;
export const id = (error: CannotCheck): string | null => error.requestId;
import "callback-verification/call-check";
import type { VerdictDetail } from "callback-verification/call-desk";
const check = document.createElement("call-check");
check.tokenProvider = async ({ acrValues }) => (acrValues === null ? "token" : null);
check.addEventListener("verdict", (event) => { const detail: VerdictDetail = event.detail; void detail.call_id; });
check.addEventListener("click", (event) => void event.clientX);
// @ts-expect-error a token is a text
check.tokenProvider = () => 1;
// @ts-expect-error all handlers are required
void client.confirmations.confirm({ code: "482177306" }, { genuine: () => "" });
// @ts-expect-error that for an ended call too
void client.confirmations.confirm({ code: "482177306" }, { genuine: () => "", notGenuine: () => "" });
// @ts-expect-error a purpose that there is not
void client.calls.issue("LN-1", { purpose: "chat", number: "+1", caller_number: "+1" });
"""


@pytest.fixture(scope="module")
def bank() -> Iterator[DemoBank]:
    with tempfile.TemporaryDirectory(prefix="bank-") as folder, RunningBank(Path(folder)) as bank:
        yield bank


@pytest.mark.shows(
    "CVP-4-8",
    "CVP-7.2-2",
    "CVP-7.2-3",
    "CVP-8.1-2",
    "CVP-8.1-3",
    "CVP-8.1-4",
    "CVP-8.1-5",
    "CVP-8.1-6",
    "CVP-8.1-7",
    "CVP-8.1-8",
    "CVP-8.1-9",
    "CVP-8.1-10",
    "CVP-8.1-12",
    "CVP-8.1-13",
    "CVP-8.1-14",
    "CVP-8.1-15",
    "CVP-8.1-16",
    "CVP-8.1-17",
    "CVP-8-3",
    "CVP-8-4",
)
def test_the_tests_of_the_sdk_pass_against_a_real_bank(npm: str, bank: DemoBank) -> None:
    done = run(
        npm,
        "test",
        VERIFIER_URL=bank.url,
        OFFICER_TOKEN=bank.officer("4412"),
        CLERK_TOKEN=bank.officer("5101", "counter"),
        SUPERVISOR_TOKEN=bank.officer("9001", "supervisor"),
        AUDITOR_TOKEN=bank.officer("9002", "auditor"),
        CUSTOMER_TOKEN=bank.customer("cust-0001"),
        SYSTEM_KEYS=str(bank.folder),
    )
    assert done.returncode == 0, done.stdout
    counts = {name: int(count) for name, count in re.findall(r"^(?:#|ℹ) (\w+) (\d+)$", done.stdout, re.MULTILINE)}
    vectors = sum(len(vectors_of(each)) for each in SUBJECTS if each not in ONLY_THE_SERVICES)
    assert counts["pass"] > 150 + vectors
    assert "VERIFIER_URL is not set" not in done.stdout  # its runner does not count a story that is left out as skipped
    assert counts["fail"] == counts["skipped"] == counts["cancelled"] == counts["todo"] == 0


def test_the_types_check_and_match_the_description(npm: str) -> None:
    done = run(npm, "run", "check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_difference_from_the_description_is_found(npm: str, tmp_path: Path) -> None:
    changed = tmp_path / "openapi.yaml"
    changed.write_text(SPEC.read_text().replace('"marketing_calls"', '"marketing_letters"'))
    command = json.loads((SDK / "package.json").read_text())["scripts"]["check"].split("&&")[1].split()
    generator = str(SDK / "node_modules" / ".bin" / command[0])
    assert run(generator, str(SPEC), *command[2:]).returncode == 0
    assert run(generator, str(changed), *command[2:]).returncode != 0


def test_a_typescript_program_can_use_the_packed_package(npm: str, tmp_path: Path) -> None:
    packed = run(npm, "pack", "--pack-destination", str(tmp_path))
    assert packed.returncode == 0, packed.stderr
    shutil.unpack_archive(next(tmp_path.glob("*.tgz")), tmp_path)
    modules = tmp_path / "node_modules"
    modules.mkdir()
    (tmp_path / "package").rename(modules / "callback-verification")
    shutil.copytree(SDK / "node_modules" / "@noble", modules / "@noble")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "user.ts").write_text(USER)
    compiler = str(SDK / "node_modules" / ".bin" / "tsc")
    options = ("--noEmit", "--strict", "--module", "nodenext", "--target", "es2022", "--lib", "es2023,dom")
    done = run(compiler, *options, "user.ts", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    imports = "await import('callback-verification'); await import('callback-verification/receipts')"
    used = run(program("node"), "--input-type=module", "-e", imports, cwd=tmp_path)
    assert used.returncode == 0, used.stderr


def test_the_command_agrees_with_the_verifier_on_receipts(npm: str, bank: DemoBank, tmp_path: Path) -> None:
    ivr = SystemSession(bank, "ivr")
    report = ivr.send("POST", "/v1/reports", {"at": "2026-10-01T04:00:00Z", "reporter_number": "+8613800138000"}).json()
    trusted = ivr.send("GET", "/.well-known/callback-verification").content
    (tmp_path / "trust.json").write_bytes(trusted)
    receipt = msgspec.convert(report["receipt"], Evidence)
    trust = msgspec.json.decode(trusted, type=Trust)
    assert verify_evidence(receipt, trust).typ == "report-receipt+jwt"
    kept = tmp_path / "receipt.json"
    for content, status, said in (
        (report, 0, "valid report-receipt+jwt"),
        (report["receipt"], 0, "valid report-receipt+jwt"),
        ({**report["receipt"], "statement": receipt.statement[:-8] + "AAAAAAAA"}, 1, "invalid invalid_signature"),
        ({**report["receipt"], "proof": receipt.proof.replace("index ", "index 9")}, 1, "invalid invalid_proof"),
    ):
        kept.write_text(json.dumps(content))
        done = run(program("node"), "src/verify.js", str(kept), str(tmp_path / "trust.json"))
        assert (done.returncode, done.stdout.startswith(said)) == (status, True), done.stdout


def test_the_lock_file_names_no_host() -> None:
    lock = json.loads((SDK / "package-lock.json").read_text())
    assert all("resolved" not in package for package in lock["packages"].values())
    assert all("integrity" in package for name, package in lock["packages"].items() if name)
    assert "://" not in json.dumps({n: {**p, "funding": None} for n, p in lock["packages"].items()})
