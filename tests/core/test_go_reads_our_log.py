"""Go's checksum database code (golang.org/x/mod/sumdb) opens our checkpoints and checks our proofs."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from verifier.core.checkpoint import Checkpoint, encode_proof, parse_proof, shard_vkey, sign_note, vkey
from verifier.core.merkle import Tree, consistency_ranges, leaf_hash, prove, tiles_for

pytestmark = pytest.mark.needs("golang-go", "golang-golang-x-mod-dev")

PROGRAM = Path(__file__).parent / "go_sumdb" / "main.go"
GOPATH = Path("/usr/share/gocode")
SUMDB = GOPATH / "src" / "golang.org" / "x" / "mod" / "sumdb"

ORIGIN = "log.bank.example"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
OLD, NEW = 300, 601
ENTRIES = [b"entry %d" % index for index in range(NEW)]

Case = dict[str, Any]
Go = Callable[[Mapping[str, Any]], "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def go(tmp_path_factory: pytest.TempPathFactory) -> Go:
    """The Go program, built offline from Debian's golang-go and golang-golang-x-mod-dev."""
    compiler = shutil.which("go")
    built = tmp_path_factory.mktemp("go")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(built),
        "GO111MODULE": "off",
        "GOPATH": str(GOPATH),
        "GOFLAGS": "",
        "GOCACHE": str(built / "cache"),
    }
    program = built / "sumdb"
    subprocess.run([compiler or "go", "build", "-o", program, PROGRAM], check=True, env=environment, timeout=300)

    def run(case: Mapping[str, Any]) -> subprocess.CompletedProcess[str]:
        return subprocess.run([program], input=json.dumps(case), capture_output=True, text=True, timeout=30)

    return run


def encoded(hashes: Sequence[bytes]) -> list[str]:
    return [base64.b64encode(item).decode() for item in hashes]


def note(tree: Tree) -> str:
    return sign_note(Checkpoint(ORIGIN, tree.size, tree.root()).text(), ORIGIN, PUBLIC, KEY.sign)


def consistency_proof() -> list[bytes]:
    """The consistency proof as an auditor computes it, from the tiles."""
    ranges = consistency_ranges(OLD, NEW)
    leaves = [leaf_hash(entry) for entry in ENTRIES]
    _, nodes = Tree.resume(0, {}).extend(leaves)
    stored = {0: leaves, 1: [item for _, _, item in nodes]}
    tiles = {
        tile: stored[tile.level][256 * tile.index : 256 * tile.index + tile.width] for tile in tiles_for(ranges, NEW)
    }
    return prove(ranges, tiles)


def case(index: int) -> Case:
    """An honest case: a leaf appended after the old checkpoint, read back from its proof file."""
    leaves = [leaf_hash(entry) for entry in ENTRIES]
    old, _ = Tree.resume(0, {}).extend(leaves[:OLD])
    new, _ = old.extend(leaves[OLD:])
    proof = parse_proof(encode_proof(index, new.inclusion_proof(index), note(new)))
    return {
        "vkey": vkey(ORIGIN, PUBLIC),
        "oldNote": note(old),
        "newNote": proof.checkpoint,
        "index": proof.index,
        "entry": base64.b64encode(ENTRIES[index]).decode(),
        "inclusion": encoded(proof.hashes),
        "consistency": encoded(consistency_proof()),
    }


@pytest.mark.shows("CVP-8.2-3")
@pytest.mark.parametrize("index", [OLD, 511, 512, NEW - 1])
def test_go_accepts_our_checkpoints_and_proofs(go: Go, index: int) -> None:
    done = go(case(index))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.shows("CVP-8.4-1")
def test_go_accepts_the_checkpoints_of_a_shard_only_with_the_key_of_the_shard(go: Go) -> None:
    key, text, name = vkey(ORIGIN, PUBLIC), f"{ORIGIN}\n", f"{ORIGIN}/7"
    notes = {
        each: sign_note(HONEST[each].partition("\n\n")[0].replace(text, f"{name}\n") + "\n", name, PUBLIC, KEY.sign)
        for each in ("oldNote", "newNote")
    }
    done = go({**HONEST, **notes, "vkey": shard_vkey(key, 7)})
    assert (done.returncode, done.stderr) == (0, "")
    for other in (key, shard_vkey(key, 8)):
        assert "no verifiable signatures" in go({**HONEST, **notes, "vkey": other}).stderr


HONEST = case(512)
WRONG_HASH = base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    ("spoiled", "reason"),
    [
        ({"index": 513}, "inclusion"),
        ({"entry": base64.b64encode(b"another").decode()}, "inclusion"),
        ({"inclusion": [WRONG_HASH, *HONEST["inclusion"][1:]]}, "inclusion"),
        ({"inclusion": HONEST["inclusion"][:-1]}, "inclusion"),
        ({"consistency": [*HONEST["consistency"][:-1], WRONG_HASH]}, "consistency"),
        ({"consistency": HONEST["consistency"][1:]}, "consistency"),
        ({"oldNote": HONEST["newNote"]}, "consistency"),
        ({"oldNote": HONEST["oldNote"].replace("\n300\n", "\n301\n")}, "old note: invalid signature"),
        ({"newNote": HONEST["newNote"].replace("\n601\n", "\n600\n")}, "new note: invalid signature"),
        ({"vkey": vkey(ORIGIN, bytes(32))}, "old note: note has no verifiable signatures"),
    ],
)
def test_go_refuses_changed_checkpoints_and_proofs(go: Go, spoiled: Case, reason: str) -> None:
    done = go({**HONEST, **spoiled})
    assert done.returncode == 1
    assert done.stderr.startswith(reason)
