"""Reads and writes the text formats of the log: signed notes, checkpoints, proofs and tile paths.

The formats are C2SP signed-note, tlog-checkpoint, tlog-proof and tlog-tiles. Implements specs/protocol.md section 8.
"""

from __future__ import annotations

import hashlib
import re
from binascii import b2a_base64
from collections.abc import Callable, Sequence

from msgspec import Struct

from verifier.core.errors import InvalidProof, InvalidSignature
from verifier.core.merkle import HASH_BYTES, TILE, leaf_hash, verify_inclusion
from verifier.core.octets import base64, from_base64
from verifier.core.shards import origin_shard, shard_origin
from verifier.core.signatures import is_point, verify_ed25519

# MAX_NOTE and MAX_PROOF are in bytes of UTF-8. MAX_SIGNATURES and MAX_HASHES count the lines of a note and of a proof.
MAX_NOTE = 131_072
MAX_SIGNATURES = 100
MAX_PROOF = MAX_NOTE + 32_768
MAX_HASHES = 64
# JavaScript's largest safe integer. All verifiers read integers up to it in the same way.
MAX_COUNT = 2**53 - 1

_ED25519 = b"\x01"
_KEY_BYTES = 32
_KEY_ID_BYTES = 4
_MAGIC = "c2sp.org/tlog-proof@v1"
_SIZE_LIMIT = 1 << 63
_MAX_TILE_LEVEL = 63
# The characters that a note must not contain. Line feeds are allowed, because they separate lines.
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\ud800-\udfff]")
# A name has no control characters, no plus sign, and none of the white space that section 8 lists.
_NAME = re.compile("[^\x00-\x20+\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ud800-\udfff]+")
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
_TILE_PATH = re.compile(r"tile/(entries|[0-9]{1,2})/((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([0-9]{1,3}))?")


def note_key_id(name: str, public_key: bytes) -> bytes:
    """The key id: 4 bytes that identify an Ed25519 key in a signature line.

    Raises ValueError for an invalid name or key.
    """
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"a note cannot be signed by the name {name!r}")
    if len(public_key) != _KEY_BYTES:
        raise ValueError(f"an Ed25519 public key has {_KEY_BYTES} bytes, not {len(public_key)}")
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + public_key).digest()[:_KEY_ID_BYTES]


def vkey(name: str, public_key: bytes) -> str:
    """The verifier key as text, in the format of C2SP signed-note: name, key id and key."""
    return f"{name}+{note_key_id(name, public_key).hex()}+{base64(_ED25519 + public_key)}"


def parse_vkey(text: str) -> tuple[str, bytes]:
    """Parse a verifier key. Returns its name and its Ed25519 public key.

    Raises InvalidSignature if the text is not a verifier key.
    """
    name, _, rest = text.partition("+")
    try:
        public_key = from_base64(rest.partition("+")[2])[len(_ED25519) :]
        if vkey(name, public_key) != text or not is_point(public_key):
            raise ValueError("its key id, its type or its point is wrong")
    except ValueError as error:
        raise InvalidSignature(f"{text!r} is not an Ed25519 verifier key: {error}") from error
    return name, public_key


def shard_vkey(text: str, shard: int) -> str:
    """The verifier key of a shard, made from `text`, the verifier key of the log. Both have the same public key.

    Raises InvalidSignature if `text` is not a verifier key.
    """
    if shard == 0:
        return text
    name, public_key = parse_vkey(text)
    return vkey(shard_origin(name, shard), public_key)


def sign_note(text: str, name: str, public_key: bytes, sign: Callable[[bytes], bytes]) -> str:
    """Sign a text. Returns the signed note. `sign` signs with the Ed25519 private key that belongs to `public_key`."""
    if not text.endswith("\n"):
        raise ValueError("the text of a note ends in a newline")
    return f"{text}\n— {name} {base64(note_key_id(name, public_key) + sign(text.encode()))}\n"


def open_note(note: str, vkeys: Sequence[str]) -> str:
    """Verify a signed note. Returns its text.

    Raises InvalidSignature unless at least one of the keys in `vkeys` signed it.

    Signatures by other keys are ignored, so keys can be rotated, and witnesses can add signatures. If a signature by a
    key in `vkeys` does not verify, the whole note is invalid.
    """
    if _octets(note) > MAX_NOTE:
        raise InvalidSignature("the note is too long")
    body, blank, block = note.rpartition("\n\n")
    *lines, end = block.split("\n")
    if not blank or end or len(lines) > MAX_SIGNATURES or _CONTROL.search(note):
        raise InvalidSignature("the note is malformed")
    text = body + "\n"
    known = {(name, note_key_id(name, public_key)): public_key for name, public_key in map(parse_vkey, vkeys)}
    signed = False
    for line in lines:
        name, key_id, signature = _parse_signature(line)
        public_key = known.get((name, key_id))
        if public_key is not None:
            verify_ed25519(public_key, signature, text.encode())
            signed = True
    if not signed:
        raise InvalidSignature("the note is not signed by a known key")
    return text


def _parse_signature(line: str) -> tuple[str, bytes, bytes]:
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    try:
        decoded = from_base64(encoded)
    except ValueError as error:
        raise InvalidSignature("the note has a malformed signature line") from error
    if dash != "—" or _NAME.fullmatch(name) is None or len(decoded) <= _KEY_ID_BYTES:
        raise InvalidSignature("the note has a malformed signature line")
    return name, decoded[:_KEY_ID_BYTES], decoded[_KEY_ID_BYTES:]


class Checkpoint(Struct, frozen=True):
    """A checkpoint of the log: its origin, number of leaves, and root."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The text of the checkpoint, as it is signed."""
        return f"{self.origin}\n{self.size}\n{base64(self.root)}\n"


def open_checkpoint(note: str, vkeys: Sequence[str], origin: str) -> Checkpoint:
    """Open a signed note that contains a checkpoint of the log with this origin, or of one of its shards.

    Each shard has its own origin, and signs under its own name (section 8.4). Extension lines are ignored. Raises
    InvalidSignature if the note does not verify, and InvalidProof if it is not a checkpoint of this log.
    """
    found = note.partition("\n")[0]
    shard = origin_shard(found, origin)
    lines = open_note(note, [shard_vkey(each, shard or 0) for each in vkeys]).removesuffix("\n").split("\n")
    if len(lines) < 3 or "" in lines:
        raise InvalidProof("the signed text is not a checkpoint")
    if shard is None:
        raise InvalidProof(f"the checkpoint is of the log {found!r}, not {origin!r}")
    try:
        return Checkpoint(found, _parse_decimal(lines[1]), _decode_hash(lines[2]))
    except ValueError as error:
        raise InvalidProof(f"the signed text is not a checkpoint: {error}") from error


class TlogProof(Struct, frozen=True):
    """The inclusion proof of an entry. `checkpoint` is a signed note. `extra` is not authenticated."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: str
    extra: bytes = b""


def encode_proof(index: int, hashes: Sequence[bytes], checkpoint: str, extra: bytes = b"") -> str:
    """The text of a C2SP tlog-proof."""
    extra_line = f"extra {base64(extra)}\n" if extra else ""
    # b2a_base64 adds the newline that the format requires after each hash.
    hash_lines = b"".join(map(b2a_base64, hashes)).decode()
    return f"{_MAGIC}\n{extra_line}index {index}\n{hash_lines}\n{checkpoint}"


def parse_proof(text: str) -> TlogProof:
    """Parse a C2SP tlog-proof, without verifying it. Raises InvalidProof.

    A proof has exactly one valid text: the text that `encode_proof` writes.
    """
    if _octets(text) > MAX_PROOF:
        raise InvalidProof("the proof is too long")
    head, _, checkpoint = text.partition("\n\n")
    magic, *lines = head.split("\n")
    if magic != _MAGIC or not checkpoint:
        raise InvalidProof("the text is not a tlog-proof")
    extra = lines.pop(0) if lines and lines[0].startswith("extra ") else None
    if not lines or not lines[0].startswith("index ") or extra == "extra ":
        raise InvalidProof("the proof is malformed")
    if len(lines) - 1 > MAX_HASHES:
        raise InvalidProof("the proof has too many hashes")
    try:
        return TlogProof(
            _parse_decimal(lines[0].removeprefix("index ")),
            tuple(_decode_hash(line) for line in lines[1:]),
            checkpoint,
            from_base64(extra.removeprefix("extra ")) if extra else b"",
        )
    except ValueError as error:
        raise InvalidProof(f"the proof is malformed: {error}") from error


def verify_proof(text: str, *, entry: bytes, vkeys: Sequence[str], origin: str) -> Checkpoint:
    """Verify that the log has this entry. Returns the checkpoint.

    Raises InvalidSignature if the checkpoint's note does not verify, and InvalidProof for every other fault.
    """
    proof = parse_proof(text)
    if proof.index > MAX_COUNT:
        raise InvalidProof("the index is larger than every verifier can count")
    checkpoint = open_checkpoint(proof.checkpoint, vkeys, origin)
    if checkpoint.size > MAX_COUNT:
        raise InvalidProof("the log is larger than every verifier can count")
    verify_inclusion(
        leaf=leaf_hash(entry), index=proof.index, size=checkpoint.size, proof=proof.hashes, root=checkpoint.root
    )
    return checkpoint


def tile_path(level: int | None, index: int, width: int) -> str:
    """The path of a tile, below the log's address. The level None stands for entries.

    Raises ValueError for a wrong number.
    """
    if not (level is None or 0 <= level <= _MAX_TILE_LEVEL) or index < 0 or not 1 <= width <= TILE:
        raise ValueError(f"there is no tile of level {level}, index {index}, width {width}")
    *above, last = (digits.zfill(3) for digits in f"{index:,}".split(","))
    place = "".join(f"x{digits}/" for digits in above) + last
    partial = "" if width == TILE else f".p/{width}"
    return f"tile/{'entries' if level is None else level}/{place}{partial}"


def parse_tile_path(path: str) -> tuple[int | None, int, int]:
    """Parse the path of a tile. Returns the level (None for entries), the index and the width.

    Raises ValueError if `path` is not the path of a tile.
    """
    found = _TILE_PATH.fullmatch(path)
    if found is None:
        raise ValueError(f"not a tile path: {path!r}")
    level = None if found[1] == "entries" else int(found[1])
    index = int(found[2].replace("x", "").replace("/", ""))
    width = int(found[3] or TILE)
    if tile_path(level, index, width) != path:
        raise ValueError(f"not the one path of its tile: {path!r}")
    return level, index, width


def _octets(text: str) -> int:
    return len(text.encode(errors="surrogatepass"))


def _decode_hash(text: str) -> bytes:
    content = from_base64(text)
    if len(content) != HASH_BYTES:
        raise ValueError(f"a hash has {HASH_BYTES} bytes, not {len(content)}")
    return content


def _parse_decimal(text: str) -> int:
    """Parse an ASCII decimal without leading zeros, below 2^63. Raises ValueError."""
    if _DECIMAL.fullmatch(text) is None or int(text) >= _SIZE_LIMIT:
        raise ValueError("a number is not a canonical decimal")
    return int(text)
