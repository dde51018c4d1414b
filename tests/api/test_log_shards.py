"""An operator splits the log while a bank serves it. These tests check what verifiers and auditors see."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import requests

from tests.api.conftest import RunningBank
from verifier.api.public import CERTAIN_S
from verifier.core.checkpoint import Checkpoint, open_note
from verifier.core.evidence import Evidence, Trust, verify_evidence
from verifier.core.merkle import verify_consistency
from verifier.demo.bank import DemoBank
from verifier.demo.client import now_iso
from verifier.keys import FileKeyRing

pytestmark = pytest.mark.slow

SHARDS = 3


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoBank]:
    with RunningBank(tmp_path_factory.mktemp("shards")) as running:
        yield running


@pytest.fixture(scope="module")
def trust(bank: DemoBank) -> bytes:
    """The trust file as it was before the split."""
    return _get(bank, "/.well-known/callback-verification").content


@pytest.fixture(scope="module")
def reports(bank: DemoBank, trust: bytes) -> list[Any]:
    """Sixty customers each send a report, some before and some after the split."""
    taken = [_report(bank, n) for n in range(10)]
    told = _command(bank, "log", "split", str(SHARDS))
    assert (told.returncode, told.stdout) == (0, f"the log has {SHARDS} shards\n")
    taken += [_report(bank, n) for n in range(10, 60)]
    time.sleep(CERTAIN_S)
    return taken


def _get(bank: DemoBank, path: str) -> requests.Response:
    return requests.get(bank.url + path, timeout=10)


def _report(bank: DemoBank, n: int) -> Any:
    login = {"Authorization": f"Bearer {bank.customer(f'cust-{n + 1:04d}')}", "Idempotency-Key": f"report-{n}"}
    answer = requests.post(f"{bank.url}/v1/reports", json={"at": now_iso()}, headers=login, timeout=10)
    assert answer.status_code == 201, answer.text
    return answer.json()


def _command(bank: DemoBank, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command as an operator would on another machine, while the bank serves."""
    config = bank.config
    environment = {
        "VERIFIER_ENV": config.env,
        "VERIFIER_ISSUER": config.issuer,
        "VERIFIER_DATABASE": config.database,
        "VERIFIER_KEY_RING": config.key_ring,
    }
    command = [sys.executable, "-m", "verifier", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.shows("CVP-8.4-1", "CVP-8.2-2")
def test_each_shard_is_a_log_that_anyone_can_verify(bank: DemoBank, reports: list[Any]) -> None:
    named = _get(bank, "/.well-known/callback-verification").json()
    assert [each["origin"] for each in named["log_shards"]] == [
        named["log"]["origin"] + end for end in ("", "/1", "/2")
    ]
    found = set()
    for shard, described in enumerate(named["log_shards"]):
        log = f"/log/{shard}" if shard else "/log"
        note = _get(bank, f"{log}/checkpoint").text
        origin, size, root, *_ = open_note(note, described["keys"]).split("\n")
        assert origin == described["origin"]
        width = int(size)
        assert 2 <= width < 256
        bundle = _get(bank, f"{log}/tile/entries/000.p/{width}").content
        entries = [bundle[at + 2 : at + 34] for at in range(0, len(bundle), 34)]
        leaves = [hashlib.sha256(b"\0" + entry).digest() for entry in entries]
        assert _get(bank, f"{log}/tile/0/000.p/{width}").content == b"".join(leaves)
        assert _root(leaves) == b64decode(root)
        found.update(entries)
        asked = f"/v1/log/consistency?old=1&new={width}&shard={shard}"
        proof = [b64decode(each) for each in _get(bank, asked).json()["hashes"]]
        verify_consistency(old_size=1, old_root=leaves[0], new_size=width, new_root=b64decode(root), proof=proof)
        assert _get(bank, asked.replace(f"new={width}", f"new={width + 1}")).status_code == 404
    assert len(found) == len(reports)
    assert found == {hashlib.sha256(each["receipt"]["statement"].encode()).digest() for each in reports}


@pytest.mark.parametrize(
    "path", ["/log/3/checkpoint", "/log/0/checkpoint", "/log/01/checkpoint", "/log/256/checkpoint"]
)
def test_a_path_of_an_unknown_shard_is_not_found(bank: DemoBank, reports: list[Any], path: str) -> None:
    for each in (path, path.replace("checkpoint", "tile/0/000.p/1")):
        answer = _get(bank, each)
        assert (answer.status_code, answer.json()["slug"]) == (404, "not_found")


def test_an_out_of_range_shard_number_is_an_invalid_field(bank: DemoBank) -> None:
    for shard in ("-1", "256", "x"):
        answer = _get(bank, f"/v1/log/consistency?old=1&new=2&shard={shard}")
        assert (answer.status_code, answer.json()["slug"]) == (422, "invalid_field")


@pytest.mark.shows("CVP-8.4-1", "CVP-8.1-12")
def test_receipts_from_after_the_split_verify_with_the_earlier_trust_file(
    bank: DemoBank, trust: bytes, reports: list[Any]
) -> None:
    trusted = msgspec.json.decode(trust, type=Trust)
    origins = {
        verify_evidence(Evidence(**each["receipt"]), trusted).checkpoint.origin.removeprefix(trusted.log.origin)
        for each in reports
    }
    assert origins == {"", "/1", "/2"}


@pytest.mark.shows("CVP-8.4-3", "CVP-8.3-2", "CVP-8.3-3")
def test_the_audit_covers_every_shard_and_compares_a_seen_checkpoint_of_each(
    bank: DemoBank, reports: list[Any], tmp_path: Path
) -> None:
    seen = []
    for shard in range(SHARDS):
        path = tmp_path / f"seen-{shard}"
        path.write_text(_get(bank, f"/log/{shard}/checkpoint" if shard else "/log/checkpoint").text, encoding="utf-8")
        seen += ["--seen", str(path)]
    ring, origin = FileKeyRing(Path(bank.config.key_ring), bank.config.origin), f"{bank.config.origin}/2"
    later = tmp_path / "later"
    later.write_text(ring.sign_checkpoint(Checkpoint(origin, 1000, bytes(32)).text()), encoding="utf-8")
    lost = _command(bank, "log", "verify", *seen, "--seen", str(later))
    assert lost.returncode == 1
    assert "FINDING: shard 2: the log was rolled back: it had 1000 leaves once" in lost.stderr
    keep = tmp_path / "kept"
    whole = _command(bank, "log", "verify", *seen, "--keep", str(keep))
    assert (whole.returncode, whole.stderr) == (0, "")
    assert whole.stdout.startswith(f"{len(reports)} leaves, ")
    assert sorted(each.name for each in tmp_path.glob("kept*")) == ["kept", "kept.1", "kept.2"]
    again = _command(bank, "log", "verify", "--keep", str(keep))
    assert f"{len(reports)} of the leaves were checked before" in again.stdout
    note = keep.with_name("kept.1").read_text(encoding="utf-8")
    keep.with_name("kept.1").write_text(note.replace("/log/1", "/log/2"), encoding="utf-8")
    spoiled = _command(bank, "log", "verify", "--from", str(keep))
    assert (spoiled.returncode, "not from this log" in spoiled.stderr) == (1, True)


@pytest.mark.shows("CVP-8.4-3")
@pytest.mark.parametrize("shards", ["1", "257", "0", "many"])
def test_a_split_into_fewer_shards_or_an_invalid_number_is_refused(
    bank: DemoBank, reports: list[Any], shards: str
) -> None:
    refused = _command(bank, "log", "split", shards)
    assert refused.returncode != 0
    assert "Traceback" not in refused.stderr
    assert _get(bank, "/.well-known/callback-verification").json()["log_shards"][SHARDS:] == []


def _root(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + _root(leaves[:split]) + _root(leaves[split:])).digest()
