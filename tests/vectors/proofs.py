"""Vectors of inclusion proofs: proofs.json (protocol section 8.1, steps 3 and 4; C2SP tlog-proof; RFC 6962)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator

from tests.vectors.bank import ROTATED, SMALL_LOG, cosigned
from tests.vectors.files import Json, invalid, valid
from tests.vectors.parts import root_of
from verifier.core.checkpoint import MAX_HASHES, MAX_PROOF, Checkpoint, encode_proof
from verifier.core.merkle import EMPTY_ROOT, Tree, leaf_hash, node_hash

ORIGIN = SMALL_LOG.name
ENTRIES = [hashlib.sha256(b"entry %d" % index).digest() for index in range(17)]
SHARD = SMALL_LOG.renamed(f"{ORIGIN}/1")
INDEX, SIZE = 5, 11


def proofs() -> Json:
    """proofs.json."""
    return {
        "about": "Proofs that a log has an entry (protocol.md section 8.1)",
        "keys": [SMALL_LOG.vkey],
        "origin": ORIGIN,
        "entry": ENTRIES[INDEX].hex(),
        "vectors": [
            *_everywhere(),
            *_good(),
            *(invalid(name, about, "invalid_proof", proof=text) for name, about, text in _forms()),
            *_misplaced(),
            *(invalid(name, about, error, proof=text) for name, about, error, text in _notes()),
            *_hashing(),
            *_asked(),
        ],
    }


def proof_of(index: int, size: int, note: str = "") -> str:
    """The proof of an entry in the log of the first `size` entries."""
    tree = _tree(size)
    note = note or SMALL_LOG.sign(Checkpoint(ORIGIN, size, tree.root()).text())
    return encode_proof(index, tree.inclusion_proof(index), note)


def _tree(size: int) -> Tree:
    return Tree.resume(0, {}).extend([leaf_hash(each) for each in ENTRIES[:size]])[0]


GOOD = proof_of(INDEX, SIZE)
TEXT = Checkpoint(ORIGIN, SIZE, _tree(SIZE).root()).text()
SHARD_TEXT = Checkpoint(SHARD.name, SIZE, _tree(SIZE).root()).text()
HEAD, _, NOTE = GOOD.partition("\n\n")
HASHES = HEAD.split("\n")[2:]


def _everywhere() -> Iterator[Json]:
    places = [
        (0, 1),
        (0, 2),
        (1, 2),
        (0, 3),
        (2, 3),
        (3, 4),
        (4, 5),
        (6, 7),
        (0, 8),
        (7, 8),
        (8, 9),
        (15, 16),
        (16, 17),
    ]
    for index, size in [*places, *((each, SIZE) for each in range(SIZE))]:
        text = proof_of(index, size)
        about = f"leaf {index} of {size}"
        yield valid(f"leaf-{index}-of-{size}", about, root_of(text), entry=ENTRIES[index].hex(), proof=text)


def _good() -> Iterator[Json]:
    for name, about, text in (
        ("extra", "a line of extra data, which nothing authenticates", _edited("index", "extra YWdl\nindex")),
        ("cosigned", "a witness's signature besides", GOOD + cosigned(TEXT)),
        ("rotated", "the signature of a later key besides", GOOD + ROTATED.line(TEXT)),
        ("extended", "a checkpoint with lines that a later version adds",
         proof_of(INDEX, SIZE, SMALL_LOG.sign(f"{TEXT}more\n"))),
        ("shard", "the checkpoint of a shard", proof_of(INDEX, SIZE, SHARD.sign(SHARD_TEXT))),
    ):  # fmt: skip
        yield valid(name, about, root_of(text), proof=text)


def _edited(old: str, new: str) -> str:
    assert old in HEAD
    return f"{HEAD.replace(old, new, 1)}\n\n{NOTE}"


def _forms() -> Iterator[tuple[str, str, str]]:
    """Texts that are no proof, or not in the canonical form."""
    yield "empty", "nothing", ""
    yield "version", "another version in the first line", _edited("@v1", "@v2")
    yield "first-line", "another first line", _edited("tlog-proof", "tlog-poof")
    yield "line-before", "an empty line before it", f"\n{GOOD}"
    yield "byte-order-mark", "a byte order mark before it", f"\ufeff{GOOD}"
    yield "windows", "ends of lines of two characters", GOOD.replace("\n", "\r\n")
    yield "no-blank", "no empty line before the checkpoint", GOOD.replace("\n\n", "\n")
    yield "no-checkpoint", "no checkpoint", f"{HEAD}\n\n"
    yield "head-alone", "nothing after the hashes", HEAD
    yield "no-index", "no index", _edited(f"index {INDEX}\n", "")
    for name, index in {
        "leading-zero": "05",
        "zeros": "00",
        "negative": "-5",
        "plus": "+5",
        "space-after": "5 ",
        "two-spaces": " 5",
        "hex": "0x5",
        "full-width": "５",
        "word": "five",
        "empty": "",
        "uncountable": str(2**53),
        "too-large": str(2**63),
        "huge": "9" * 400,
    }.items():
        about = f"an index that is no decimal of the log: {index[:12]}"
        yield f"index-{name}", about, _edited(f"index {INDEX}", f"index {index}")
    yield "index-capital", "Index for index", _edited("index", "Index")
    yield "index-twice", "two lines of the index", _edited("index 5", "index 5\nindex 5")
    yield "extra-empty", "an empty line of extra data", _edited("index", "extra \nindex")
    yield "extra-nothing", "extra without anything", _edited("index", "extra\nindex")
    yield "extra-not-base64", "extra data that are not base64", _edited("index", "extra ?\nindex")
    yield "extra-unpadded", "extra data without padding", _edited("index", "extra YWI\nindex")
    yield "extra-bits", "spare bits in the extra data", _edited("index", "extra QUF=\nindex")
    yield "extra-twice", "two lines of extra data", _edited("index", "extra YWdl\nextra YWdl\nindex")
    yield "extra-after", "extra data after the index", _edited("index 5", "index 5\nextra YWdl")
    yield "unknown-line", "a line that nobody knows", _edited("index 5", "index 5\nnote YWdl")
    first = HASHES[0]
    yield "hash-space", "a space after a hash", _edited(first, f"{first} ")
    yield "hash-unpadded", "a hash without its padding", _edited(first, first[:-1])
    yield "hash-bits", "spare bits in a hash's last character", _edited(first, f"{'A' * 42}B=")
    yield "hash-alphabet", "a hash in the other alphabet", _edited(first, f"{'_' * 42}8=")
    yield "hash-short", "a hash that is an octet short", _edited(first, _encode(bytes(31)))
    yield "hash-long", "a hash that is an octet long", _edited(first, _encode(bytes(33)))
    yield "hash-hex", "a hash in hexadecimal", _edited(first, base64.b64decode(first).hex())
    yield (
        "hashes-too-many",
        "more hashes than a tree can be high",
        _edited(first, "\n".join([first] * (MAX_HASHES + 1))),
    )
    yield "too-long", "longer than a proof may be", GOOD + "x" * MAX_PROOF
    yield "too-long-octets", "longer than a proof may be, in bytes alone", GOOD + "—" * (MAX_PROOF // 3)


def _misplaced() -> Iterator[Json]:
    """Well-formed proofs of something else."""
    entry = ENTRIES[INDEX]
    one, *rest = HASHES
    other_tree = SMALL_LOG.sign(Checkpoint(ORIGIN, SIZE - 1, _tree(SIZE - 1).root()).text())
    same_size = SMALL_LOG.sign(Checkpoint(ORIGIN, SIZE, hashlib.sha256(b"other").digest()).text())
    uncountable = SMALL_LOG.sign(Checkpoint(ORIGIN, 2**53, EMPTY_ROOT).text())
    nothing = SMALL_LOG.sign(Checkpoint(ORIGIN, 0, EMPTY_ROOT).text())
    alone = SMALL_LOG.sign(Checkpoint(ORIGIN, 0, leaf_hash(entry)).text())
    cases: tuple[tuple[str, str, bytes, str], ...] = (
        ("other-entry", "another entry", ENTRIES[4], GOOD),
        ("entry-of-zeros", "an entry of zeros", bytes(32), GOOD),
        *(
            (f"other-index-{each}", "another index", entry, _edited("index 5", f"index {each}"))
            for each in (0, 4, 7, 10)
        ),
        ("index-at-size", "the index after the last", entry, _edited("index 5", "index 11")),
        ("index-beyond", "an index far beyond the tree", entry, _edited("index 5", "index 99999999")),
        ("index-largest", "the largest index that can be written", entry, _edited("index 5", f"index {2**63 - 1}")),
        ("index-wraps", "an index that is the same in 32 bits", entry, _edited("index 5", f"index {2**32 + 5}")),
        ("hash-missing", "a hash less at the start", entry, _edited(f"{one}\n", "")),
        ("hash-missing-last", "a hash less at the end", entry, _edited(f"\n{rest[-1]}", "")),
        ("hash-more", "a hash more at the start", entry, _edited(one, f"{one}\n{one}")),
        ("hash-more-last", "a hash more at the end", entry, _edited(rest[-1], f"{rest[-1]}\n{one}")),
        ("hash-changed", "a hash of zeros", entry, _edited(one, _encode(bytes(32)))),
        ("hashes-swapped", "two hashes change places", entry, _edited(f"{one}\n{rest[0]}", f"{rest[0]}\n{one}")),
        ("hashes-none", "no hashes", entry, f"c2sp.org/tlog-proof@v1\nindex 5\n\n{NOTE}"),
        ("other-tree", "the checkpoint of an older tree", entry, f"{HEAD}\n\n{other_tree}"),
        ("other-root", "the checkpoint of another tree of that size", entry, f"{HEAD}\n\n{same_size}"),
        ("size-uncountable", "a log of 2^53 leaves", entry, f"{HEAD}\n\n{uncountable}"),
        ("size-zero", "the checkpoint of an empty log", entry, f"c2sp.org/tlog-proof@v1\nindex 0\n\n{nothing}"),
        (
            "size-zero-root",
            "an empty log with the leaf for its root",
            entry,
            f"c2sp.org/tlog-proof@v1\nindex 0\n\n{alone}",
        ),
    )
    for name, about, given, text in cases:
        other = {} if given == entry else {"entry": given.hex()}
        yield invalid(name, about, "invalid_proof", **other, proof=text)


def _notes() -> Iterator[tuple[str, str, str, str]]:
    """Good hashes with an invalid checkpoint. checkpoints.json has more of these."""
    other_origin = SMALL_LOG.sign(Checkpoint("log.other.example", SIZE, _tree(SIZE).root()).text())
    no_shard = SMALL_LOG.sign(Checkpoint(f"{ORIGIN}/0", SIZE, _tree(SIZE).root()).text())
    odd_size = SMALL_LOG.sign(TEXT.replace(f"\n{SIZE}\n", f"\n0{SIZE}\n"))
    yield "signed-by-another", "another key has signed", "invalid_signature", f"{HEAD}\n\n{ROTATED.sign(TEXT)}"
    yield "unsigned", "nobody has signed", "invalid_signature", f"{HEAD}\n\n{TEXT}\n"
    yield "signed-otherwise", "another text was signed", "invalid_signature", GOOD.replace(f"\n{SIZE}\n", "\n12\n")
    yield "no-end", "no end of the last line", "invalid_signature", GOOD[:-1]
    yield "cut", "cut in the middle", "invalid_signature", GOOD[: -len(NOTE) // 2]
    yield "twice", "the proof twice", "invalid_signature", GOOD + GOOD
    yield "wrong-origin", "the checkpoint of another log, by the same key", "invalid_proof", f"{HEAD}\n\n{other_origin}"
    yield "shard-none", "the checkpoint of a shard that there is not", "invalid_proof", f"{HEAD}\n\n{no_shard}"
    yield (
        "shard-base-name",
        "the checkpoint of a shard, signed in the log's own name",
        "invalid_signature",
        f"{HEAD}\n\n{SMALL_LOG.sign(SHARD_TEXT)}",
    )
    yield "size-leading-zero", "a size with a leading zero", "invalid_proof", f"{HEAD}\n\n{odd_size}"


def _hashing() -> Iterator[Json]:
    """Trees hashed differently from RFC 6962, which would allow one value to pass for another."""
    left, right = (leaf_hash(each) for each in ENTRIES[:2])
    pair = [hashlib.sha256(b"\x00" + left + right).digest(), node_hash(leaf_hash(left), leaf_hash(right))]
    bare = [hashlib.sha256(each).digest() for each in ENTRIES[:2]]
    for name, about, index, hashes, root in (
        ("node-as-leaf", "inner nodes hashed like leaves", 0, [right], pair[0]),
        ("leaf-twice", "leaves hashed twice", 0, [right], pair[1]),
        ("leaf-bare", "leaves hashed without their octet", 0, [bare[1]], node_hash(*bare)),
        ("node-bare", "inner nodes hashed without their octet", 0, [right], hashlib.sha256(left + right).digest()),
        ("halves-swapped", "the halves change places", 0, [right], node_hash(right, left)),
    ):
        note = SMALL_LOG.sign(Checkpoint(ORIGIN, 2, root).text())
        text = encode_proof(index, hashes, note)
        yield invalid(f"hashing-{name}", about, "invalid_proof", entry=ENTRIES[0].hex(), proof=text)
    leaf, other = leaf_hash(ENTRIES[0]), bytes(32)
    for name, about, size, hashes, root in (
        ("few", "fewer hashes than the tree is high, though they lead to the root", 2, [], leaf),
        ("many", "more hashes than the tree is high, though they lead to the root", 1, [other], node_hash(leaf, other)),
        ("many-left", "the same with the hash on the left", 1, [other], node_hash(other, leaf)),
        ("aside", "a hash from the other side, though it leads to the root", 2, [other], node_hash(other, leaf)),
    ):
        text = encode_proof(0, hashes, SMALL_LOG.sign(Checkpoint(ORIGIN, size, root).text()))
        yield invalid(f"height-{name}", about, "invalid_proof", entry=ENTRIES[0].hex(), proof=text)
    tree = _tree(SIZE)
    shorter = encode_proof(0, tree.inclusion_proof(0)[1:], NOTE)
    for name, octets in (
        ("plain", left + right),
        ("prefixed", b"\x01" + left + right),
        ("digest", node_hash(left, right)),
    ):
        about = "an inner node given for an entry"
        yield invalid(f"node-{name}", about, "invalid_proof", entry=octets.hex(), proof=shorter)


def _asked() -> Iterator[Json]:
    """The good proof, checked with other keys or for another log."""
    yield invalid("asked-keys", "other keys are trusted", "invalid_signature", proof=GOOD, keys=[ROTATED.vkey])
    yield invalid("asked-no-keys", "no keys are trusted", "invalid_signature", proof=GOOD, keys=[])
    yield invalid("asked-origin", "another log is asked for", "invalid_proof", proof=GOOD, origin="log.other.example")


def _encode(octets: bytes) -> str:
    return base64.b64encode(octets).decode()
