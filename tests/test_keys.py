"""The key ring: created once, readable only by its owner, rotated with overlap."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.world import NOON, ORIGIN
from verifier import keys
from verifier.core.errors import InternalError
from verifier.keys import OVERLAP_MS, FileKeyRing, KeyRingError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "keys" / "ring.json"
    keys.create(made, NOON)
    return made


def _states(path: Path) -> Counter[tuple[str, str]]:
    return Counter((key.use, key.state) for key in keys.read(path))


@pytest.mark.shows("CVP-11-1", "CVP-11-4")
def test_a_new_ring_has_all_keys_and_is_never_overwritten(path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o600
    assert _states(path) == {
        **{(use, "active"): 1 for use in keys.USES},
        **{(use, "next"): 1 for use in keys.ROTATING},
    }
    before = path.read_bytes()
    with pytest.raises(KeyRingError, match="exists"):
        keys.create(path, NOON)
    assert path.read_bytes() == before


@pytest.mark.shows("CVP-11-4")
def test_a_ring_that_others_can_read_is_refused(path: Path) -> None:
    path.chmod(0o640)
    with pytest.raises(KeyRingError, match="chmod 600"):
        FileKeyRing(path, ORIGIN)


@pytest.mark.shows("CVP-11-4")
@pytest.mark.parametrize(
    ("mode", "owner", "user", "private"),
    [
        (0o600, 10001, 10001, True),
        (0o400, 0, 0, True),
        (0o440, 0, 10001, True),  # a Kubernetes Secret, with the service's own group as fsGroup
        (0o440, 10001, 10001, False),
        (0o440, 10002, 10001, False),
        (0o440, 0, 0, False),
        (0o460, 0, 10001, False),
        (0o444, 0, 10001, False),
    ],
)
def test_a_group_may_read_only_a_ring_that_root_provides_for_the_service(
    path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, owner: int, user: int, private: bool
) -> None:
    found = path.stat()
    values = [stat.S_IFREG | mode, *found[1:4], owner, *found[5:]]
    monkeypatch.setattr(Path, "stat", lambda _: os.stat_result(values))
    monkeypatch.setattr(os, "geteuid", lambda: user)
    if private:
        assert keys.read(path)
    else:
        with pytest.raises(KeyRingError, match="chmod 600"):
            keys.read(path)


@pytest.mark.shows("CVP-11-2")
def test_a_ring_mounted_from_a_secret_is_reloaded_when_the_secret_is_replaced(path: Path, tmp_path: Path) -> None:
    """Kubernetes replaces the link `..data`: the file is a link into it, and it links to the current folder."""
    mounted = tmp_path / "secrets"
    for name in ("..1", "..2"):
        (mounted / name).mkdir(parents=True)
        shutil.copy2(path, mounted / name)
    (mounted / "..data").symlink_to("..1")
    (mounted / "ring.json").symlink_to("..data/ring.json")
    ring = FileKeyRing(mounted / "ring.json", ORIGIN)
    before = ring.sign("x", b"{}").split(".")[0]
    assert not ring.refresh()
    keys.rotate(mounted / "..2/ring.json", "statement", NOON + OVERLAP_MS)
    assert not ring.refresh()
    (mounted / "..data_tmp").symlink_to("..2")
    (mounted / "..data_tmp").replace(mounted / "..data")
    assert ring.refresh()
    assert not ring.refresh()
    assert ring.sign("x", b"{}").split(".")[0] != before


@pytest.mark.shows("CVP-11-4")
@pytest.mark.parametrize("content", [b"", b"{}", b'{"keys":[]}', b"\xff"])
def test_an_invalid_ring_is_refused_and_a_running_node_keeps_the_old_one(path: Path, content: bytes) -> None:
    ring = FileKeyRing(path, ORIGIN)
    before = ring.jwks()
    path.write_bytes(content)
    os.utime(path, ns=(1, 1))
    with pytest.raises(KeyRingError):
        ring.refresh()
    assert ring.jwks() == before
    path.unlink()
    with pytest.raises(KeyRingError):
        ring.refresh()


def _changed(path: Path, use: str, **members: object) -> bytes:
    """The ring, with changed members in the private key of one use."""
    ring = json.loads(path.read_bytes())
    key = next(key for key in ring["keys"] if key["use"] == use)
    key["jwk"].update(members)
    return json.dumps(ring).encode()


BROKEN: dict[str, Callable[[Path], bytes]] = {
    "a member is given twice": lambda path: path.read_bytes().replace(b'"kid"', b'"kid": "x", "kid"', 1),
    "nested too deep": lambda _: b"[" * 100_000,
    "longer than": lambda path: path.read_bytes() + b" " * 1_048_576,
    "it is not UTF-8": lambda path: path.read_bytes().decode().encode("utf-16"),
    "/keys/0/kid": lambda path: path.read_bytes().replace(b'"kid": "', b'"kid": "\\"', 1),
    "/keys/0/created_at": lambda path: re.sub(
        rb'"created_at": [0-9]+', b'"created_at": 9e18', path.read_bytes(), count=1
    ),
    "two keys with the same kid": lambda path: re.sub(rb'"kid": "[^"]*"', b'"kid": "x"', path.read_bytes()),
    "/keys/0/jwk is not a key": lambda path: _changed(path, "statement", crv="P-384"),
    "/keys/0/jwk is not a": lambda path: _changed(path, "statement", d=None),
    "/keys/1/jwk is not a key": lambda path: _changed(path, "log", d="AAAA"),
    "/keys/1/jwk is not": lambda path: _changed(path, "log", x=None),
    "/keys/1/jwk is": lambda path: _changed(path, "log", x="A" * 43),
    "/keys/2/jwk is not a key": lambda path: _changed(path, "encryption", k="AAAA"),
    "/keys/2/jwk is not": lambda path: _changed(path, "encryption", k=1),
}


@pytest.mark.shows("CVP-11-4")
@pytest.mark.parametrize("said", BROKEN)
def test_a_broken_ring_is_refused_with_the_reason_and_no_part_of_it_is_used(path: Path, said: str) -> None:
    ring = FileKeyRing(path, ORIGIN)
    before = dict(vars(ring))
    broken = BROKEN[said](path)
    assert broken != path.read_bytes()
    path.write_bytes(broken)
    os.utime(path, ns=(1, 1))
    with pytest.raises(KeyRingError, match=said) as refused:
        ring.refresh()
    assert {**vars(ring), "_version": 0} == {**before, "_version": 0}
    assert "AAAA" not in refused.value.detail


def test_a_byte_order_mark_before_a_ring_is_ignored(path: Path) -> None:
    before = keys.read(path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert keys.read(path) == before


def test_a_ring_without_a_next_key_is_not_rotated(path: Path) -> None:
    ring = json.loads(path.read_bytes())
    ring["keys"] = [key for key in ring["keys"] if key["state"] != "next"]
    path.write_text(json.dumps(ring))
    with pytest.raises(KeyRingError, match="no next log key"):
        keys.rotate(path, "log", NOON)


@pytest.mark.shows("CVP-11-2", "CVP-11-3")
def test_the_next_key_is_published_before_its_use_and_the_old_one_after(path: Path) -> None:
    ring = FileKeyRing(path, ORIGIN)
    published = [key["kid"] for key in ring.jwks()["keys"]]
    used = ring.sign("x", b"{}")
    keys.rotate(path, "statement", NOON + OVERLAP_MS)
    assert ring.refresh()
    assert not ring.refresh()
    assert [key["kid"] for key in ring.jwks()["keys"]][:2] == published
    assert len(ring.jwks()["keys"]) == 3
    assert ring.sign("x", b"{}").split(".")[0] != used.split(".")[0]
    assert _states(path)["statement", "retired"] == 1


@pytest.mark.shows("CVP-11-2")
def test_a_key_is_not_used_before_verifiers_can_know_it(path: Path) -> None:
    with pytest.raises(KeyRingError, match="less than a day"):
        keys.rotate(path, "log", NOON + OVERLAP_MS - 1)
    keys.rotate(path, "log", NOON, force=True)
    assert len(FileKeyRing(path, ORIGIN).log_keys()) == 3


@pytest.mark.shows("CVP-11-1")
def test_the_index_key_cannot_be_rotated(path: Path) -> None:
    with pytest.raises(KeyRingError, match="stored data depends"):
        keys.rotate(path, "index", NOON + OVERLAP_MS, force=True)


@pytest.mark.shows("CVP-4.1-1", "CVP-4.1-2", "CVP-11-3")
def test_wrapped_data_opens_after_a_rotation_unless_it_was_changed(path: Path) -> None:
    ring = FileKeyRing(path, ORIGIN)
    kek_id, wrapped = ring.wrap("LN-1", b"k" * 32)
    sealed = ring.seal("rcpt_1", b"text")
    keys.rotate(path, "encryption", NOON, force=True)
    ring.refresh()
    assert ring.unwrap("LN-1", kek_id, wrapped) == b"k" * 32
    assert ring.unseal("rcpt_1", sealed) == b"text"
    assert ring.wrap("LN-1", b"k" * 32)[0] != kek_id
    for spoiled in (
        lambda: ring.unwrap("LN-2", kek_id, wrapped),
        lambda: ring.unwrap("LN-1", "unknown", wrapped),
        lambda: ring.unwrap("LN-1", kek_id, wrapped[:-1] + b"x"),
        lambda: ring.unseal("rcpt_2", sealed),
        lambda: ring.unseal("rcpt_1", b"unknown." + sealed),
    ):
        with pytest.raises(InternalError):
            spoiled()


@pytest.mark.shows("CVP-4.1-4")
def test_indexes_are_stable_and_differ_by_kind(path: Path) -> None:
    ring, again = FileKeyRing(path, ORIGIN), FileKeyRing(path, ORIGIN)
    assert ring.derive("number", "+1") == again.derive("number", "+1")
    assert ring.derive("number", "+1") != ring.derive("customer", "+1")
