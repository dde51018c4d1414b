"""Verifies that a log contains an entry (C2SP tlog-proof, signed-note, tlog-checkpoint; RFC 6962 hashing).

Implements specs/protocol.md sections 8.1 and 8.4.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct

from callback_verification.ed25519 import ORDER, is_point
from callback_verification.errors import EvidenceError
from callback_verification.octets import from_base64

# MAX_PROOF and MAX_NOTE are lengths in bytes of UTF-8.
MAX_PROOF, MAX_NOTE, MAX_HASHES, MAX_SIGNATURES = 163_840, 131_072, 64, 100
_MAGIC = "c2sp.org/tlog-proof@v1"
_ED25519 = b"\x01"
_NUMBER = re.compile(r"0|[1-9][0-9]{0,15}")
# The characters that a note must not contain.
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\ud800-\udfff]")
# A name has no control characters, no white space (as listed in section 8) and no plus sign.
_NAME = re.compile("[^\x00-\x20+\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ud800-\udfff]+")
# The suffixes that shards add to the name of the log. The suffix of the first shard is empty.
_SHARDS = frozenset(["", *(f"/{shard}" for shard in range(1, 256))])


class Checkpoint(Struct, frozen=True):
    """A checkpoint of the log: its origin, number of leaves, and root hash."""

    origin: str
    size: int
    root: bytes


def verify_proof(text: str, entry: bytes, verifier_keys: Sequence[str], origin: str) -> Checkpoint:
    """Verify that the log `origin`, or a shard of it, contains the entry. Returns the checkpoint.

    Raises EvidenceError. The slug of the error is `invalid_signature` if the checkpoint's signatures do not verify. It
    is `invalid_proof` for all other faults.
    """
    index, hashes, note = _parse_proof(text)
    checkpoint = open_checkpoint(note, verifier_keys, origin)
    leaf = hashlib.sha256(b"\x00" + entry).digest()
    if _root(leaf, index, checkpoint.size, hashes) != checkpoint.root:
        raise _proof("the inclusion proof does not lead to the checkpoint's root")
    return checkpoint


def _parse_proof(text: str) -> tuple[int, list[bytes], str]:
    head, _, note = text.partition("\n\n")
    magic, *lines = head.split("\n")
    if _octets(text) > MAX_PROOF or magic != _MAGIC or not note:
        raise _proof("the text is not a tlog-proof")
    if lines and lines[0].startswith("extra "):
        extra = _decoded(lines.pop(0).removeprefix("extra "))
        if not extra:
            raise _proof("the extra data of the proof are empty")
    if not lines or not lines[0].startswith("index ") or len(lines) > MAX_HASHES + 1:
        raise _proof("the proof is malformed")
    return _number(lines[0].removeprefix("index ")), [_decoded(line, 32) for line in lines[1:]], note


def open_checkpoint(note: str, verifier_keys: Iterable[str], origin: str) -> Checkpoint:
    """Open a checkpoint of the log `origin`, or of a shard of it. `log.checkpoint` fetches such a checkpoint.

    One of the keys must have signed the checkpoint. A shard has its own origin and signs under its own name. Raises
    EvidenceError. The slug of the error is `invalid_signature` if the signed note does not verify. It is
    `invalid_proof` if the note is not a checkpoint of that log.
    """
    found = note.partition("\n")[0]
    shard = found.removeprefix(origin)
    ours = found == origin + shard and shard in _SHARDS
    lines = _open_note(note, verifier_keys, shard if ours else "").split("\n")
    if len(lines) < 3 or "" in lines:
        raise _proof("the signed note is not a checkpoint")
    if not ours:
        raise _proof("the checkpoint is of another log")
    return Checkpoint(found, _number(lines[1]), _decoded(lines[2], 32))


def _open_note(note: str, verifier_keys: Iterable[str], shard: str) -> str:
    """Return the text of a signed note, without its last newline.

    Signatures by unknown keys are ignored. One bad signature by a known key makes the note invalid. A key is known only
    under its name in this shard.
    """
    text, blank, block = note.rpartition("\n\n")
    *lines, end = block.split("\n")
    if not blank or end or _octets(note) > MAX_NOTE or len(lines) > MAX_SIGNATURES or _CONTROL.search(note):
        raise _signature("the checkpoint is not a signed note")
    known = dict(_parse_key(each, shard) for each in verifier_keys)
    signed = False
    for line in lines:
        name, key_id, signature = _parse_signature(line)
        key = known.get((name, key_id))
        if key is not None:
            _verify(key, signature, f"{text}\n".encode())
            signed = True
    if not signed:
        raise _signature("no known key has signed the checkpoint")
    return text


def _parse_signature(line: str) -> tuple[str, bytes, bytes]:
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    try:
        octets = from_base64(encoded)
    except ValueError as error:
        raise _signature("a signature line is malformed") from error
    if dash != "—" or _NAME.fullmatch(name) is None or len(octets) <= 4:
        raise _signature("a signature line is malformed")
    return name, octets[:4], octets[4:]


def _verify(key: bytes, signature: bytes, text: bytes) -> None:
    try:
        if len(signature) != 64 or not is_point(signature[:32]) or int.from_bytes(signature[32:], "little") >= ORDER:
            raise ValueError("the signature is malformed")
        Ed25519PublicKey.from_public_bytes(key).verify(signature, text)
    except (InvalidSignature, ValueError) as error:
        raise _signature("the checkpoint's signature does not verify") from error


def _parse_key(text: str, shard: str) -> tuple[tuple[str, bytes], bytes]:
    """Parse a verifier key. Return the name and the id that the key has in a shard, and the key itself."""
    name, _, rest = text.partition("+")
    key_id, _, encoded = rest.partition("+")
    try:
        octets = from_base64(encoded, 33)
    except ValueError as error:
        raise _signature("the trust file has an invalid log key") from error
    well_made = _NAME.fullmatch(name) is not None and octets[:1] == _ED25519 and is_point(octets[1:])
    if not well_made or _key_id(name, octets).hex() != key_id:
        raise _signature("the trust file has an invalid log key")
    return (name + shard, _key_id(name + shard, octets)), octets[1:]


def _key_id(name: str, octets: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + octets).digest()[:4]


def _root(leaf: bytes, index: int, size: int, hashes: Sequence[bytes]) -> bytes:
    """Compute the root from a leaf and its audit path (RFC 9162 section 2.1.3.2, the same tree as RFC 6962)."""
    if index >= size:
        raise _proof("the index is beyond the tree")
    place, last, computed = index, size - 1, leaf
    for each in hashes:
        if last == 0:
            raise _proof("there are too many hashes")
        if place & 1 or place == last:
            computed = hashlib.sha256(b"\x01" + each + computed).digest()
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            computed = hashlib.sha256(b"\x01" + computed + each).digest()
        place, last = place >> 1, last >> 1
    if last != 0:
        raise _proof("there are too few hashes")
    return computed


def _number(text: str) -> int:
    if _NUMBER.fullmatch(text) is None or int(text) >= 1 << 53:
        raise _proof("a number is not a canonical decimal")
    return int(text)


def _octets(text: str) -> int:
    return len(text.encode(errors="surrogatepass"))


def _decoded(text: str, length: int | None = None) -> bytes:
    try:
        return from_base64(text, length)
    except ValueError as error:
        raise _proof("a line is not canonical base64") from error


def _proof(detail: str) -> EvidenceError:
    return EvidenceError("invalid_proof", detail)


def _signature(detail: str) -> EvidenceError:
    return EvidenceError("invalid_signature", detail)
