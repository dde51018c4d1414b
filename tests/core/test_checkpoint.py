"""Notes, checkpoints, proof files and tile paths as C2SP specifies them, and malformed ones."""

from __future__ import annotations

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from verifier.core.checkpoint import (
    MAX_HASHES,
    Checkpoint,
    TlogProof,
    encode_proof,
    note_key_id,
    open_checkpoint,
    open_note,
    parse_proof,
    parse_tile_path,
    parse_vkey,
    sign_note,
    tile_path,
    verify_proof,
    vkey,
)
from verifier.core.errors import EvidenceError, InvalidProof, InvalidSignature
from verifier.core.merkle import Tree, leaf_hash

# The example of Go's golang.org/x/mod/sumdb/note, which many implementations repeat.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PETER_NOTE = (
    PETER_TEXT
    + "\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)

ORIGIN = "log.bank.example"
OURS = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHERS = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))


def public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def signed(text: str, name: str = ORIGIN, key: Ed25519PrivateKey = OURS) -> str:
    return sign_note(text, name, public(key), key.sign)


def signature_line(note: str) -> str:
    return note.rpartition("\n\n")[2]


KEY = vkey(ORIGIN, public(OURS))
OTHER_KEY = vkey(ORIGIN, public(OTHERS))
ENTRIES = [b"entry %d" % index for index in range(11)]
TREE = Tree.resume(0, {}).extend([leaf_hash(entry) for entry in ENTRIES])[0]
CHECKPOINT = Checkpoint(ORIGIN, TREE.size, TREE.root())
NOTE = signed(CHECKPOINT.text())
ROOT_LINE = base64.b64encode(TREE.root()).decode()


# Keys


@pytest.mark.shows("CVP-8-3")
def test_the_key_of_the_go_example_is_read_and_written_as_published() -> None:
    name, public_key = parse_vkey(PETER)
    assert name == "PeterNeumann"
    assert note_key_id(name, public_key).hex() == "c74f20a3"
    assert vkey(name, public_key) == PETER


@pytest.mark.shows("CVP-8-3")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "PeterNeumann",
        PETER.replace("c74f20a3", "c74f20a4"),
        PETER.replace("c74f20a3", "C74F20A3"),
        PETER.replace("c74f20a3", ""),
        PETER.replace("PeterNeumann", "PeterNeumanm"),
        PETER.replace("PeterNeumann", ""),
        PETER.replace("PeterNeumann", "Peter Neumann"),
        PETER.replace("+ARpc", "+AR\npc"),
        PETER[:-1],
        PETER[:-1] + "X",
        PETER + "\n",
        PETER + "=",
        PETER + "é",
        "x+00000000+AQ==",
    ],
)
def test_a_malformed_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(InvalidSignature):
        parse_vkey(text)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u00a0b", "a\u2028", "a\nb", "a\x01"])
def test_an_invalid_signer_name_is_refused_before_signing(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be signed by the name"):
        signed("text\n", name)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_public_key_has_thirty_two_bytes(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        vkey(ORIGIN, bytes(length))


@pytest.mark.shows("CVP-8-3")
def test_a_key_of_another_type_is_refused_even_with_the_right_id() -> None:
    """Keys of type 4 belong to witnesses (C2SP tlog-cosignature), who sign another text."""
    key = b"\x04" + public(OURS)
    key_id = hashlib.sha256(b"witness.example\n" + key).hexdigest()[:8]
    with pytest.raises(InvalidSignature):
        parse_vkey(f"witness.example+{key_id}+{base64.b64encode(key).decode()}")


# Notes


def test_the_note_of_the_go_example_opens() -> None:
    assert open_note(PETER_NOTE, [PETER]) == PETER_TEXT


@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="".join(map(chr, range(32)))) | st.just("\n"))
)
def test_a_signed_note_opens_to_the_same_text(text: str) -> None:
    assert open_note(signed(text + "\n"), [KEY]) == text + "\n"


def test_a_text_without_its_last_newline_is_not_signed() -> None:
    with pytest.raises(ValueError, match="newline"):
        signed("text")


def test_a_note_with_any_bit_flipped_is_refused() -> None:
    octets = NOTE.encode()
    for place in range(len(octets)):
        for bit in range(8):
            changed = octets[:place] + bytes([octets[place] ^ 1 << bit]) + octets[place + 1 :]
            with pytest.raises(InvalidSignature):
                open_note(changed.decode("utf-8", "surrogateescape"), [KEY])


def test_a_note_with_half_a_surrogate_pair_is_refused() -> None:
    """JSON does not carry half a pair reliably, so this case is here and not in specs/vectors."""
    with pytest.raises(InvalidSignature):
        open_note("\ud800" + NOTE, [KEY])


# Checkpoints


def test_a_checkpoint_has_the_text_of_the_specification() -> None:
    root = base64.b64decode("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=")
    assert Checkpoint("example.com/behind-the-sofa", 20_852_163, root).text() == (
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    )


@pytest.mark.parametrize("size", [0, 1, 10, 2**63 - 1])
def test_a_checkpoint_can_have_any_size_up_to_63_bits(size: int) -> None:
    checkpoint = Checkpoint(ORIGIN, size, bytes(32))
    assert open_checkpoint(signed(checkpoint.text()), [KEY], ORIGIN) == checkpoint


# Proof files


def test_a_proof_has_the_text_of_the_specification() -> None:
    hashes = [bytes([number]) * 32 for number in (1, 2)]
    lines = [base64.b64encode(item).decode() for item in hashes]
    assert encode_proof(7, hashes, NOTE, b"age") == (
        f"c2sp.org/tlog-proof@v1\nextra YWdl\nindex 7\n{lines[0]}\n{lines[1]}\n\n{NOTE}"
    )
    assert encode_proof(0, [], NOTE) == f"c2sp.org/tlog-proof@v1\nindex 0\n\n{NOTE}"


@given(
    st.integers(0, 2**63 - 1),
    st.lists(st.binary(min_size=32, max_size=32), max_size=MAX_HASHES),
    st.binary(max_size=80),
)
def test_a_proof_reads_back_as_it_was_written(index: int, hashes: list[bytes], extra: bytes) -> None:
    assert parse_proof(encode_proof(index, hashes, NOTE, extra)) == TlogProof(index, tuple(hashes), NOTE, extra)


def test_the_proof_file_of_each_leaf_verifies() -> None:
    for index, entry in enumerate(ENTRIES):
        text = encode_proof(index, TREE.inclusion_proof(index), NOTE, b"whatever")
        assert verify_proof(text, entry=entry, vkeys=[OTHER_KEY, KEY], origin=ORIGIN) == CHECKPOINT


PROOF = encode_proof(5, TREE.inclusion_proof(5), NOTE)
FIRST_HASH = PROOF.split("\n")[2]


def test_a_proof_with_any_bit_flipped_is_refused() -> None:
    octets = PROOF.encode()
    for place in range(len(octets)):
        for bit in range(8):
            changed = octets[:place] + bytes([octets[place] ^ 1 << bit]) + octets[place + 1 :]
            with pytest.raises(EvidenceError):
                verify_proof(changed.decode("utf-8", "surrogateescape"), entry=ENTRIES[5], vkeys=[KEY], origin=ORIGIN)


def test_a_proof_verifies_only_for_its_entry_log_and_keys() -> None:
    with pytest.raises(InvalidProof):
        verify_proof(PROOF, entry=ENTRIES[4], vkeys=[KEY], origin=ORIGIN)
    with pytest.raises(InvalidProof):
        verify_proof(PROOF, entry=ENTRIES[5], vkeys=[KEY], origin="log.other.example")
    with pytest.raises(InvalidSignature):
        verify_proof(PROOF, entry=ENTRIES[5], vkeys=[OTHER_KEY], origin=ORIGIN)


@pytest.mark.shows("CVP-8.1-10")
@given(st.text(st.sampled_from("\n\n extraindex059A=+/—")))
def test_a_proof_has_only_one_encoding(noise: str) -> None:
    text = "c2sp.org/tlog-proof@v1\n" + noise
    try:
        proof = parse_proof(text)
    except InvalidProof:
        return
    assert encode_proof(proof.index, proof.hashes, proof.checkpoint, proof.extra) == text


# Tile paths


@pytest.mark.shows("CVP-8.2-2")
@pytest.mark.parametrize(
    ("path", "tile"),
    [
        ("tile/0/x001/x234/067", (0, 1_234_067, 256)),
        ("tile/0/x001/x234/067.p/17", (0, 1_234_067, 17)),
        ("tile/1/000.p/1", (1, 0, 1)),
        ("tile/63/999", (63, 999, 256)),
        ("tile/2/x001/000.p/255", (2, 1000, 255)),
        ("tile/entries/000", (None, 0, 256)),
        ("tile/entries/x273/000.p/112", (None, 273_000, 112)),
    ],
)
def test_tile_paths_are_those_of_the_specification(path: str, tile: tuple[int | None, int, int]) -> None:
    assert tile_path(*tile) == path
    assert parse_tile_path(path) == tile


@given(st.none() | st.integers(0, 63), st.integers(0, 2**63), st.integers(1, 256))
def test_the_path_of_each_tile_parses_back_to_the_tile(level: int | None, index: int, width: int) -> None:
    assert parse_tile_path(tile_path(level, index, width)) == (level, index, width)


@pytest.mark.parametrize("tile", [(-1, 0, 256), (64, 0, 256), (0, -1, 256), (0, 0, 0), (0, 0, 257), (None, 0, -1)])
def test_an_impossible_tile_has_no_path(tile: tuple[int | None, int, int]) -> None:
    with pytest.raises(ValueError, match="there is no tile"):
        tile_path(*tile)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/0/x000/001",
        "tile/0/x001",
        "tile/0/001/002",
        "tile/0/x001/x002",
        "tile/0/x1/002",
        "tile/00/001",
        "tile/64/001",
        "tile/-1/001",
        "tile/data/001",
        "tile/0/001.p/0",
        "tile/0/001.p/01",
        "tile/0/001.p/256",
        "tile/0/001.p/999",
        "tile/0/001.p/",
        "tile/0/001.p",
        "tile/0/001/",
        "tile/0/001\n",
        "tile/0/٠٠١",
        "/tile/0/001",
        "tile//001",
        "tile/0/../001",
        "tile/0/" + "x001/" * 5000 + "001",
    ],
)
def test_any_other_spelling_of_a_tile_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="tile"):
        parse_tile_path(path)
