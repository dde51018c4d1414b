"""Vectors of the log's checkpoints: checkpoints.json (protocol section 8.2; C2SP signed-note and tlog-checkpoint)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import NamedTuple

from tests.vectors.bank import OTHER_LOG, ROTATED, SMALL_LOG, NoteKey, cosigned
from tests.vectors.files import Json, invalid, valid
from tests.vectors.parts import checkpoint_of
from tests.vectors.points import points
from tests.vectors.shards import sharded
from verifier.core.checkpoint import MAX_NOTE, MAX_SIGNATURES, Checkpoint, note_key_id

ORIGIN = SMALL_LOG.name
SIZE = 20_852_163
ROOT = hashlib.sha256(b"root").digest()
TEXT = Checkpoint(ORIGIN, SIZE, ROOT).text()
NOTE = SMALL_LOG.sign(TEXT)
LINE = SMALL_LOG.line(TEXT)
ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493


SPACES = {f"u{code:04x}": chr(code) for code in (0x85, 0x1680, 0x2000, 0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000)}
NO_SPACES = {f"u{code:04x}": chr(code) for code in (0x7F, 0x180E, 0x200B, 0x2060, 0xFEFF, 0x1F600)}


class Spoiled(NamedTuple):
    id: str
    about: str
    note: str


def checkpoints() -> Json:
    """checkpoints.json."""
    return {
        "about": "Signed checkpoints of a log (protocol.md section 8.2)",
        "keys": [SMALL_LOG.vkey],
        "origin": ORIGIN,
        "vectors": [
            *_good(),
            *(invalid(each.id, each.about, "invalid_signature", note=each.note) for each in _forms()),
            *(invalid(each.id, each.about, "invalid_signature", note=each.note) for each in _signatures()),
            *(invalid(each.id, each.about, "invalid_proof", note=each.note) for each in _texts()),
            *_keys(),
            *points(TEXT),
            *sharded(),
        ],
    }


def _good() -> Iterator[Json]:
    more = f"{TEXT}one line\nand — another\n"
    empty = Checkpoint(ORIGIN, 0, hashlib.sha256(b"").digest()).text()
    most = Checkpoint(ORIGIN, 2**53 - 1, ROOT).text()
    witnesses = "".join(f"— w{number}.example {_encode(bytes(4_800))}\n" for number in range(15))
    both = [SMALL_LOG.vkey, ROTATED.vkey]
    given: tuple[tuple[str, str, Json], ...] = (
        ("good", "a checkpoint", {"note": NOTE}),
        ("empty-log", "of a log without leaves", {"note": SMALL_LOG.sign(empty)}),
        ("largest", "of a log of 2^53 - 1 leaves", {"note": SMALL_LOG.sign(most)}),
        ("extended", "with lines that a later version adds", {"note": SMALL_LOG.sign(more)}),
        ("cosigned", "with a witness's signature after ours", {"note": NOTE + cosigned(TEXT)}),
        ("cosigned-before", "with a witness's signature before ours", {"note": f"{TEXT}\n{cosigned(TEXT)}{LINE}"}),
        ("cosigned-by-many", "with fifteen long signatures of others", {"note": NOTE + witnesses}),
        *(
            (
                f"name-{name}",
                "a signer's name with a character that is no white space",
                {"note": f"{NOTE}— a{letter}b AAAAAAAA\n"},
            )
            for name, letter in NO_SPACES.items()
        ),
        ("cosigned-badly", "a signature by an unknown key may be anything", {"note": NOTE + OTHER_LOG.line("other\n")}),
        ("signed-twice", "signed by the key that is known and one that is not", {"note": NOTE + ROTATED.line(TEXT)}),
        ("signed-by-both", "signed by two keys that are known", {"note": NOTE + ROTATED.line(TEXT), "keys": both}),
        ("signed-by-one", "signed by one of two keys that are known", {"note": NOTE, "keys": both[::-1]}),
        ("same-line-twice", "the same signature twice", {"note": NOTE + LINE}),
        ("most-signatures", f"{MAX_SIGNATURES} signatures", {"note": NOTE + LINE * (MAX_SIGNATURES - 1)}),
        ("longest", "as long as a note may be", {"note": _of_length(MAX_NOTE)}),
    )
    for name, about, members in given:
        yield valid(name, about, checkpoint_of(members["note"]), **members)


def _forms() -> Iterator[Spoiled]:
    """Texts that are no signed note."""
    yield Spoiled("empty", "nothing", "")
    yield Spoiled("no-end", "no end of the last line", NOTE[:-1])
    yield Spoiled("blank-after", "an empty line at the end", NOTE + "\n")
    yield Spoiled("line-after", "a line at the end that is no signature", NOTE + "x\n")
    yield Spoiled("rest-after", "something after the end", NOTE + "x")
    yield Spoiled("no-blank", "no empty line before the signatures", NOTE.replace("\n\n", "\n"))
    yield Spoiled("windows", "ends of lines of two characters", NOTE.replace("\n", "\r\n"))
    yield Spoiled("no-text", "signatures alone", f"\n{LINE}")
    yield Spoiled("empty-text", "no text, though it is signed", SMALL_LOG.sign("\n")[1:])
    yield Spoiled("unsigned", "no signatures", f"{TEXT}\n")
    yield Spoiled("byte-order-mark", "a byte order mark before it", f"\ufeff{NOTE}")
    for name, character in (("nul", "\x00"), ("tab", "\t"), ("return", "\r"), ("escape", "\x1b")):
        note = SMALL_LOG.sign(f"{TEXT}a{character}b\n")
        yield Spoiled(f"control-{name}", "a control character, though it is signed", note)
    yield Spoiled("hyphen", "a hyphen for the dash", NOTE.replace("— ", "- "))
    yield Spoiled("no-space", "no space after the dash", NOTE.replace("— ", "—"))
    yield Spoiled("two-spaces", "two spaces after the dash", NOTE.replace("— ", "—  "))
    yield Spoiled("no-name", "a signature without a name", f"{NOTE}—  AAAAAAAA\n")
    yield Spoiled("name-plus", "a signer's name with a plus sign", f"{NOTE}— a+b AAAAAAAA\n")
    yield Spoiled("name-space", "a signer's name with a no-break space", f"{NOTE}— a\u00a0b AAAAAAAA\n")
    for name, space in SPACES.items():
        yield Spoiled(f"name-{name}", "a signer's name with white space", f"{NOTE}— a{space}b AAAAAAAA\n")
    yield Spoiled("no-signature", "a name without a signature", f"{NOTE}— {ORIGIN} \n")
    yield Spoiled("key-id-alone", "a key id without a signature", f"{NOTE}— {ORIGIN} AAAAAA==\n")
    yield Spoiled("signature-not-base64", "a signature that is not base64", f"{NOTE}— {ORIGIN} AAAA!AAA\n")
    yield Spoiled("signature-space", "a space in a signature", f"{NOTE}— {ORIGIN} AAAA AAAA\n")
    yield Spoiled("signature-bits", "spare bits in a signature of somebody else", f"{NOTE}— w.example AAAAAAB=\n")
    yield Spoiled("too-many-signatures", "a signature too many", NOTE + LINE * MAX_SIGNATURES)
    yield Spoiled("too-long", "a byte too long, though it is signed", _of_length(MAX_NOTE + 1))
    wide = SMALL_LOG.sign(f"{TEXT}{'—' * (MAX_NOTE // 3)}\n")
    yield Spoiled("too-long-octets", "too long in bytes alone, though it is signed", wide)


def _signatures() -> Iterator[Spoiled]:
    """Notes that the known key has not signed."""
    signature = base64.b64decode(LINE.split(" ")[2])
    s = int.from_bytes(signature[36:], "little") + ED25519_ORDER
    for name, about, octets in (
        (
            "changed",
            "one bit of the signature is another",
            signature[:20] + bytes([signature[20] ^ 1]) + signature[21:],
        ),
        ("zeros", "a signature of zeros", signature[:4] + bytes(64)),
        ("short", "a signature that is an octet short", signature[:-1]),
        ("long", "a signature that is an octet long", signature + bytes(1)),
        ("other-form", "the signature's second form (s plus the order)", signature[:36] + s.to_bytes(32, "little")),
        ("other-key-id", "a key id that is not the key's", b"\0\0\0\0" + signature[4:]),
    ):
        yield Spoiled(f"signature-{name}", about, f"{TEXT}\n— {ORIGIN} {_encode(octets)}\n")
    respelt = LINE[:-3] + chr(ord(LINE[-3]) + 1) + LINE[-2:]
    assert base64.b64decode(respelt.split(" ")[2]) == signature
    yield Spoiled("signature-spare-bits", "spare bits in the signature's last character", f"{TEXT}\n{respelt}")
    yield Spoiled(
        "signature-of-another-text", "the signature of another text", f"{TEXT}\n{SMALL_LOG.line('other' + TEXT)}"
    )
    yield Spoiled(
        "bad-beside-good", "a bad signature by the known key beside a good one", NOTE + SMALL_LOG.line("other\n")
    )
    yield Spoiled("stranger", "signed by another key of that name", ROTATED.sign(TEXT))
    yield Spoiled("witness-alone", "signed by a witness alone", f"{TEXT}\n{cosigned(TEXT)}")
    renamed = LINE.replace(ORIGIN, "elsewhere.example")
    yield Spoiled("another-name", "the signature under another name", f"{TEXT}\n{renamed}")
    for name, about, text in (
        ("size", "another size", TEXT.replace(str(SIZE), str(SIZE + 1))),
        ("root", "another root", Checkpoint(ORIGIN, SIZE, hashlib.sha256(b"other").digest()).text()),
        ("origin", "another origin", TEXT.replace(ORIGIN, "log.other.example")),
        ("line", "a line more", f"{TEXT}more\n"),
        ("space", "a space more", TEXT.replace(ORIGIN, f"{ORIGIN} ")),
    ):
        yield Spoiled(f"changed-{name}", f"{about} than the one that was signed", f"{text}\n{LINE}")


def _texts() -> Iterator[Spoiled]:
    """Texts signed by the known key that are not checkpoints of this log."""
    root = _encode(ROOT)
    for name, about, text in (
        ("another-log", "the checkpoint of another log, by the same key", TEXT.replace(ORIGIN, "log.other.example")),
        ("origin-space", "a space after the origin", TEXT.replace(ORIGIN, f"{ORIGIN} ")),
        ("origin-alone", "an origin alone", f"{ORIGIN}\n"),
        ("no-root", "no root", f"{ORIGIN}\n11\n"),
        ("no-origin", "no origin", f"11\n{root}\n"),
        ("empty-origin", "an empty origin", f"\n11\n{root}\n"),
        ("empty-size", "an empty size", f"{ORIGIN}\n\n{root}\n"),
        ("empty-root", "an empty root", f"{ORIGIN}\n11\n\n"),
        ("empty-line", "an empty line at the end", f"{TEXT}\n"),
        ("empty-line-within", "an empty line before one that is added", f"{TEXT}\nmore\n"),
        ("root-short", "a root that is an octet short", Checkpoint(ORIGIN, 11, ROOT[:-1]).text()),
        ("root-long", "a root that is an octet long", Checkpoint(ORIGIN, 11, ROOT + bytes(1)).text()),
        ("root-unpadded", "a root without its padding", f"{ORIGIN}\n11\n{root[:-1]}\n"),
        ("root-hex", "a root in hexadecimal", f"{ORIGIN}\n11\n{ROOT.hex()}\n"),
        ("root-bits", "spare bits in the root's last character", f"{ORIGIN}\n11\n{'A' * 42}B=\n"),
        ("root-alphabet", "a root in the other alphabet", f"{ORIGIN}\n11\n{'_' * 42}8=\n"),
        ("root-space", "a space before the root", f"{ORIGIN}\n11\n {root}\n"),
    ):
        yield Spoiled(name, about, SMALL_LOG.sign(text))
    sizes = {
        "leading-zero": "011",
        "zeros": "00",
        "negative": "-1",
        "plus": "+11",
        "space": "11 ",
        "underscore": "1_1",
        "hex": "0xb",
        "exponent": "1e1",
        "fraction": "11.0",
        "full-width": "１１",
        "other-script": "१",
        "too-large": str(2**63),
        "huge": "9" * 400,
        "word": "eleven",
    }
    for name, size in sizes.items():
        about = f"a size that is no decimal of the log: {size[:12]}"
        yield Spoiled(f"size-{name}", about, SMALL_LOG.sign(f"{ORIGIN}\n{size}\n{root}\n"))


def _keys() -> Iterator[Json]:
    """The good checkpoint with other keys than the one that signed it, or without keys."""
    key = SMALL_LOG.vkey
    key_id = note_key_id(ORIGIN, SMALL_LOG.public).hex()
    typed = b"\x04" + SMALL_LOG.public
    typed_id = hashlib.sha256(f"{ORIGIN}\n".encode() + typed).hexdigest()[:8]
    other_type = f"{ORIGIN}+{typed_id}+{_encode(typed)}"
    for name, about, keys in (
        ("none", "no keys", []),
        ("another", "another key of that name", [ROTATED.vkey]),
        ("another-name", "the key under another name", [NoteKey("small log", "log.other.example").vkey]),
        ("another-type", "the key as one of another type", [other_type]),
        ("wrong-id", "a key id that is not the key's", [key.replace(key_id, "00000000")]),
        ("capital-id", "the key id in capitals", [key.replace(key_id, key_id.upper())]),
        ("no-id", "no key id", [key.replace(key_id, "")]),
        ("no-name", "no name", [key.replace(ORIGIN, "")]),
        ("short", "a key that is cut", [key[:-4]]),
        ("line-end", "an end of line after it", [f"{key}\n"]),
        ("empty", "an empty key", [""]),
        ("good-and-broken", "the key, and one that is none", [key, "key"]),
    ):
        yield invalid(f"keys-{name}", about, "invalid_signature", note=NOTE, keys=keys)
    signature = base64.b64decode(LINE.split(" ")[2])[4:]
    for name, about, line_name, octets in (
        ("another-type-signed", "a key of another type that fits a signature", ORIGIN, typed),
        ("name-space", "a key with a space in its name", f"{ORIGIN} x", b"\x01" + SMALL_LOG.public),
        ("name-control", "a key with a control character in its name", f"{ORIGIN}\x01", b"\x01" + SMALL_LOG.public),
    ):
        digest = hashlib.sha256(f"{line_name}\n".encode() + octets).digest()[:4]
        odd = f"{line_name}+{digest.hex()}+{_encode(octets)}"
        line = f"— {ORIGIN} {_encode(digest + signature)}\n"
        note = NOTE + line if line_name == ORIGIN else NOTE
        keys = [odd] if line_name == ORIGIN else [key, odd]
        yield invalid(f"keys-{name}", about, "invalid_signature", note=note, keys=keys)
    yield invalid("origin-asked", "the origin of another log is asked for", "invalid_proof", note=NOTE, origin="other")


def _of_length(length: int) -> str:
    return SMALL_LOG.sign(TEXT + "x" * (length - len(NOTE.encode()) - 1) + "\n")


def _encode(octets: bytes) -> str:
    return base64.b64encode(octets).decode()
