"""The file of the bank's systems. An error in it is explained, and a running node reads changes."""

from __future__ import annotations

import base64
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from verifier.api.systems import (
    MAX_FILE,
    System,
    SystemsError,
    SystemsFile,
    add_system,
    load_systems,
    new_key,
    remove_system,
)

PBX = Ed25519PrivateKey.generate()
FINGERPRINT = "5a" * 32


def raw(key: Ed25519PrivateKey) -> str:
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def pem(key: Any) -> str:
    return str(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


def listed(**changes: Any) -> dict[str, Any]:
    return {"id": "pbx-1", "public_key": raw(PBX), "scopes": ["legs"], **changes}


def test_systems_are_read_from_their_file(tmp_path: Path) -> None:
    path = tmp_path / "systems.json"
    colons = ":".join(FINGERPRINT[i : i + 2] for i in range(0, 64, 2))
    path.write_text(json.dumps({"systems": [listed(certificate_sha256=colons)]}))
    (system,) = load_systems(path)
    assert (system.id, system.scopes, system.certificate_sha256) == ("pbx-1", ("legs",), colons)


@pytest.mark.parametrize(
    ("content", "because"),
    [
        ([listed(), listed()], "id pbx-1 more than once"),
        ([listed(certificate_sha256="a" * 64), listed(id="b", certificate_sha256="A" * 64)], "certificate a+ more"),
        ([listed(scopes=["everything"])], "scope 'everything' of pbx-1 is not one of applications"),
        ([listed(public_key="AAAA")], "public_key of pbx-1 cannot be read"),
        ([listed(public_key="é")], "public_key of pbx-1 cannot be read"),
        ([listed(public_key=pem(generate_private_key(SECP256R1())))], "is not an Ed25519 key"),
        ([listed(certificate_sha256="abc")], "fingerprint"),
        ([listed(id="")], "the id ''"),
        ([listed(id='a"b')], "the id"),
        ([listed(scope="legs")], "unknown field"),
        ([{"id": "pbx-1"}], "/systems/0/public_key: .*public_key"),
        ("none", "array"),
    ],
)
def test_a_wrong_systems_file_is_explained(tmp_path: Path, content: Any, because: str) -> None:
    path = tmp_path / "systems.json"
    path.write_text(json.dumps({"systems": content}))
    with pytest.raises(SystemsError, match=because):
        load_systems(path)


def test_a_missing_or_broken_systems_file_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "systems.json"
    with pytest.raises(SystemsError, match="cannot be read: No such file"):
        load_systems(path)
    path.write_text("{")
    with pytest.raises(SystemsError, match="not valid"):
        load_systems(path)


def test_a_systems_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "systems.json"
    path.write_text(" " * MAX_FILE + json.dumps({"systems": []}))
    with pytest.raises(SystemsError, match="longer than"):
        load_systems(path)


def test_a_system_is_added_once_and_removed(tmp_path: Path) -> None:
    path = tmp_path / "systems.json"
    public, private = new_key()
    add_system(path, System("pbx", public, ("legs",)))
    add_system(path, System("loans", raw(PBX), ("applications", "calls")))
    assert [system.id for system in load_systems(path)] == ["pbx", "loans"]
    assert path.stat().st_mode & 0o777 == 0o644
    key = load_pem_private_key(private, None)
    assert isinstance(key, Ed25519PrivateKey)
    assert raw(key) == public
    with pytest.raises(SystemsError, match="pbx more than once"):
        add_system(path, System("pbx", public, ("ivr",)))
    remove_system(path, "pbx")
    with pytest.raises(SystemsError, match="no system with that id"):
        remove_system(path, "pbx")
    assert [system.id for system in load_systems(path)] == ["loans"]


def test_a_changed_file_is_read_again_and_a_broken_one_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "systems.json"
    add_system(path, System("pbx", raw(PBX), ("legs",)))
    file = SystemsFile(path)
    assert not file.refresh()
    add_system(path, System("ivr", new_key()[0], ("ivr",)))
    assert file.refresh()
    assert [system.id for system in file.systems] == ["pbx", "ivr"]
    path.write_text("{")
    with pytest.raises(SystemsError):
        file.refresh()
    assert [system.id for system in file.systems] == ["pbx", "ivr"]
    assert not file.refresh()
    os.unlink(path)
    with pytest.raises(SystemsError):
        file.refresh()
    add_system(path, System("ivr", new_key()[0], ("ivr",)))
    assert file.refresh()
    assert [system.id for system in file.systems] == ["ivr"]


def test_without_a_file_there_are_no_systems() -> None:
    file = SystemsFile(None)
    assert (file.systems, file.refresh()) == ((), False)


def test_the_sample_in_the_documentation_is_a_valid_systems_file() -> None:
    sample = Path(__file__).parents[2] / "specs" / "examples" / "systems.json"
    assert [system.id for system in load_systems(sample)] == ["loan-origination", "pbx", "ivr"]


def test_a_missing_systems_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemsError, match="No such file"):
        SystemsFile(tmp_path / "systems.json")


def test_a_file_is_read_once_its_permissions_are_corrected(tmp_path: Path) -> None:
    path = tmp_path / "systems.json"
    add_system(path, System("pbx", raw(PBX), ("legs",)))
    file = SystemsFile(path)
    path.chmod(0o600)
    assert file.refresh()


def test_a_change_through_a_symlink_is_written_to_its_target(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    real, link = tmp_path / "real" / "systems.json", tmp_path / "systems.json"
    link.symlink_to(real)
    add_system(link, System("pbx", raw(PBX), ("legs",)))
    add_system(link, System("ivr", new_key()[0], ("ivr",)))
    remove_system(link, "pbx")
    assert link.is_symlink()
    assert [system.id for system in load_systems(real)] == ["ivr"]


def test_systems_added_concurrently_are_all_kept(tmp_path: Path) -> None:
    path = tmp_path / "systems.json"
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: add_system(path, System(f"s{n}", new_key()[0], ("legs",))), range(16)))
    assert {system.id for system in load_systems(path)} == {f"s{n}" for n in range(16)}


@pytest.mark.parametrize("point", [bytes(32), b"\x01" + bytes(31), b"\xec" + b"\xff" * 30 + b"\x7f"])
def test_a_public_key_of_small_order_is_refused(point: bytes) -> None:
    with pytest.raises(ValueError, match="small order"):
        System("pbx", base64.b64encode(point).decode(), ("legs",))
