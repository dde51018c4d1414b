"""Vectors of the checkpoints of a log's shards, in checkpoints.json (protocol sections 8.1, step 3, and 8.4)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator

from tests.vectors.bank import ROTATED, SMALL_LOG, NoteKey, cosigned
from tests.vectors.files import Json, invalid, valid
from tests.vectors.parts import checkpoint_of
from verifier.core.checkpoint import Checkpoint, note_key_id

ORIGIN = SMALL_LOG.name
OTHER = "log.other.example"


def _added(more: str, key: NoteKey = SMALL_LOG) -> NoteKey:
    """The key with a suffix added to its name, as for shards."""
    return key.renamed(key.name + more)


FIRST, SECOND, HUNDREDTH, LAST = map(_added, ("/1", "/2", "/100", "/255"))
ROTATED_FIRST = _added("/1", ROTATED)


def sharded() -> Iterator[Json]:
    """Good checkpoints, those whose origin is no shard, and those not signed in the shard's name."""
    yield from _good()
    for name, about, origin, names in _origins():
        note = _signed(origin, *(SMALL_LOG.renamed(each) for each in names))
        yield invalid(f"shard-{name}", f"{about}, signed in every name it could mean", "invalid_proof", note=note)
    size = FIRST.sign(_text(FIRST.name).replace("\n2", "\n02"))
    yield invalid("shard-size-leading-zero", "of a shard, with a leading zero in its size", "invalid_proof", note=size)
    for name, about, note in _names():
        yield invalid(f"shard-{name}", about, "invalid_signature", note=note)
    yield from _keys()


def _text(origin: str) -> str:
    return Checkpoint(origin, 20_852_163, hashlib.sha256(origin.encode()).digest()).text()


def _signed(origin: str, *keys: NoteKey) -> str:
    text = _text(origin)
    return f"{text}\n{''.join(key.line(text) for key in keys)}"


def _good() -> Iterator[Json]:
    good = _signed(FIRST.name, FIRST)
    both = [SMALL_LOG.vkey, ROTATED.vkey]
    other_name = SMALL_LOG.renamed("signer.example")
    numbered: Json = {"keys": [FIRST.vkey], "origin": FIRST.name}
    within = _added("/2", FIRST)
    given: tuple[tuple[str, str, Json], ...] = (
        ("first", "of shard 1", {"note": good}),
        ("hundredth", "of shard 100", {"note": _signed(HUNDREDTH.name, HUNDREDTH)}),
        ("last", "of shard 255", {"note": _signed(LAST.name, LAST)}),
        ("retired", "of a shard, signed by a key that is not the first",
         {"note": _signed(FIRST.name, ROTATED_FIRST), "keys": both}),
        ("rotated", "of a shard, signed by two keys that are known",
         {"note": _signed(FIRST.name, FIRST, ROTATED_FIRST), "keys": both}),
        ("cosigned", "of a shard, with a witness's signature", {"note": good + cosigned(_text(FIRST.name))}),
        ("base-line", "of a shard, where a signature in the log's own name may be anything",
         {"note": good + SMALL_LOG.line("other\n")}),
        ("line-of-one", "of the log itself, where a signature in a shard's name may be anything",
         {"note": _signed(ORIGIN, SMALL_LOG) + FIRST.line("other\n")}),
        ("signer", "of a shard, by a key whose name is not the log's origin",
         {"note": _signed(FIRST.name, _added("/1", other_name)), "keys": [other_name.vkey]}),
        ("numbered", "of a log whose own origin ends in a number", {"note": good, **numbered}),
        ("numbered-second", "of a shard of a log whose own origin ends in a number",
         {"note": _signed(within.name, within), **numbered}),
    )  # fmt: skip
    for name, about, members in given:
        yield valid(f"shard-{name}", about, checkpoint_of(members["note"]), **members)


def _origins() -> Iterator[tuple[str, str, str, list[str]]]:
    """Origins that are no shard, and the key names that a reader who misreads them might use."""
    for name, more, names in (
        ("zero", "/0", ["/0"]),
        ("leading-zero", "/01", ["/01", "/1"]),
        ("256", "/256", ["/256"]),
        ("257", "/257", ["/257", "/1"]),
        ("huge", f"/{2**64 + 1}", [f"/{2**64 + 1}", "/1"]),
        ("of-a-shard", "/1/2", ["/1/2", "/1", "/2"]),
        ("negative", "/-1", ["/-1", "/1"]),
        ("plus", "/+1", ["/1"]),
        ("space", "/1 ", ["/1"]),
        ("other-script", "/\u0661", ["/\u0661", "/1"]),
        ("exponent", "/1e1", ["/1e1", "/10"]),
        ("hex", "/0x1", ["/0x1", "/1"]),
        ("empty", "/", ["/"]),
        ("two-slashes", "//1", ["//1", "/1"]),
        ("no-slash", "1", ["1", "/1"]),
        ("word", "/one", ["/one"]),
    ):
        yield name, f"an origin with {more!r} added", ORIGIN + more, [ORIGIN, *(ORIGIN + each for each in names)]
    yield "of-another", "shard 1 of another log", f"{OTHER}/1", [ORIGIN, FIRST.name, f"{OTHER}/1"]
    hyphen = FIRST.name.replace(".", "-", 1)
    yield "hyphen", "shard 1 of a log with a hyphen for a dot", hyphen, [ORIGIN, FIRST.name, hyphen]
    yield "number-alone", "a number without an origin", "/1", [ORIGIN, FIRST.name, "/1"]


def _names() -> Iterator[tuple[str, str, str]]:
    """Notes without a signature by a known key in the name that their origin requires."""
    yield "base-name", "of a shard, signed in the log's own name", _signed(FIRST.name, SMALL_LOG)
    yield "name-of-one", "of the log itself, signed in a shard's name", _signed(ORIGIN, FIRST)
    yield "other-name", "of shard 1, signed in the name of shard 2", _signed(FIRST.name, SECOND)
    yield "zero-alone", "an origin with /0 added, signed in that name", _signed(f"{ORIGIN}/0", _added("/0"))
    yield "leading-zero-alone", "an origin with /01 added, signed as shard 1", _signed(f"{ORIGIN}/01", FIRST)
    yield "256-alone", "an origin with /256 added, signed in that name", _signed(f"{ORIGIN}/256", _added("/256"))
    yield "stranger", "of a shard, signed by another key in its name", _signed(FIRST.name, ROTATED_FIRST)
    yield (
        "bad-beside-good",
        "of a shard, with a bad signature by the known key beside a good one",
        _signed(FIRST.name, FIRST) + FIRST.line("other\n"),
    )
    text = _text(FIRST.name)
    yield "renumbered", "of shard 2, with the signature of shard 1's", f"{_text(SECOND.name)}\n{SECOND.line(text)}"
    for name, about, signed_as, key in (
        ("base-id", "the shard's name with the ID of the log's own", FIRST.name, SMALL_LOG),
        ("base-name-id", "the log's own name with the ID of the shard's", ORIGIN, FIRST),
    ):
        yield name, f"of a shard, signed by {about}", f"{text}\n{key.line(text).replace(key.name, signed_as)}"


def _keys() -> Iterator[Json]:
    """The good checkpoint of a shard, with keys or an origin that do not cover it."""
    note, typed = _signed(FIRST.name, FIRST), base64.b64encode(b"\x01" + SMALL_LOG.public).decode()
    of_shard = f"{ORIGIN}+{note_key_id(FIRST.name, FIRST.public).hex()}+{typed}"
    for name, about, keys in (
        ("none", "of a shard, and no keys", []),
        ("of-shard", "of a shard, and the key in the shard's name already", [FIRST.vkey]),
        ("id-of-shard", "of a shard, and the key with the ID that it has in the shard's name", [of_shard]),
        ("good-and-broken", "of a shard, and beside the key one that is none", [SMALL_LOG.vkey, "key"]),
    ):
        yield invalid(f"shard-keys-{name}", about, "invalid_signature", note=note, keys=keys)
    about = "of a shard, and another log is asked for, in whose shards' names it is not signed"
    yield invalid("shard-origin-asked", about, "invalid_signature", note=note, origin=OTHER)
