"""Vectors of printed receipts: printed.json (protocol section 8.5), the texts that a scanner reads from QR codes."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator

from tests.vectors.bank import Bank
from tests.vectors.files import Json, invalid, valid
from tests.vectors.kept import EVIDENCE, MARK, TRUST, Kept
from tests.vectors.parts import decoded
from verifier.core.ijson import MAX_DEPTH
from verifier.core.octets import to_base45
from verifier.receipt_files import MAX_FILE

HEAD, MIDDLE, TAIL = "<head>", "<middle>", "<tail>"
FIRST, SECOND = f"{HEAD}{MIDDLE}", TAIL
DATA = f"{FIRST}{SECOND}"


def printed(bank: Bank) -> Json:
    """printed.json."""
    good, trust = bank.evidence["report"], {name: bank.trust[name] for name in ("issuer", "jwks", "log")}
    trust["jwks"] = {"keys": trust["jwks"]["keys"][:1]}
    content = json.dumps(good, separators=(",", ":")).encode()
    while len(packed(content)) % 2:
        content += b" "
    data = to_base45(packed(content))
    outcome = {"typ": decoded(good["statement"])[0]["typ"]}
    return {
        "about": "What a scanner reads from the QR codes of a printed receipt (protocol.md section 8.5)",
        "evidence": json.dumps(good)[1:-1],
        "trust_text": json.dumps(trust)[1:-1],
        "head": data[:3],
        "middle": data[3:-6],
        "tail": data[-6:],
        "trust_file": f"{{{TRUST}}}",
        "vectors": [
            *(valid(name, about, outcome, receipt=text) for name, about, text in _good(content)),
            *(invalid(name, about, "invalid_evidence", receipt=text) for name, about, text in _bad(content)),
            *_after(good),
        ],
    }


def packed(content: bytes, strategy: int = zlib.Z_HUFFMAN_ONLY) -> bytes:
    """A zlib stream. Without a search for repetitions, every version of zlib makes the same one.

    Its 2 octets of head are 3 letters, and the 4 octets of its checksum are 6, if its length is even.
    """
    packing = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS, 8, strategy)
    return packing.compress(content) + packing.flush()


def _text(stream: bytes) -> str:
    return f"CVR1:{to_base45(stream)}"


def _good(content: bytes) -> Iterator[Kept]:
    two = f"CVR1/1/2:{FIRST}", f"CVR1/2/2:{SECOND}"
    yield "one", "one symbol", f"CVR1:{DATA}"
    yield "line-feed", "a line feed after it", f"CVR1:{DATA}\n"
    yield "line-end", "a carriage return and a line feed after it", f"CVR1:{DATA}\r\n"
    yield "empty-lines", "empty lines after it", f"CVR1:{DATA}\n\n\r\n\n"
    yield "mark", "a byte-order mark before it", f"{MARK}CVR1:{DATA}"
    yield "again", "the same symbol, scanned twice", f"CVR1:{DATA}\nCVR1:{DATA}\n"
    yield "two", "two symbols", "\n".join(two)
    yield "two-reversed", "two symbols in the other order", "\r\n".join(reversed(two))
    yield "two-again", "two symbols, one of them scanned twice", "\n".join((*two, two[0]))
    yield "stored", "a stream that is not compressed", _text(zlib.compress(content, 0))
    longest = content + b" " * (MAX_FILE - len(content))
    yield "longest", "as long as a receipt file may be", _text(packed(longest, zlib.Z_RLE))
    yield "within", "an answer that holds the evidence", _text(packed(b'{"receipt":' + content + b"}"))


def _bad(content: bytes) -> Iterator[Kept]:
    stream = packed(content)
    yield "nothing", "a symbol without data", "CVR1:"
    yield "mark-alone", "the beginning alone", "CVR1"
    yield "lower-case", "small letters", f"cvr1:{DATA}"
    yield "other-version", "another version", f"CVR2:{DATA}"
    yield "space-before", "a space before it", f" CVR1:{DATA}"
    yield "space-after", "a space after it, which counts as data", f"CVR1:{DATA} "
    yield "tab-after", "a tab after it", f"CVR1:{DATA}\t"
    yield "return-after", "a carriage return without a line feed", f"CVR1:{DATA}\r"
    yield "two-on-a-line", "two symbols on one line", f"CVR1/1/2:{FIRST}CVR1/2/2:{SECOND}"
    yield "json-after", "a receipt file on the next line", f"CVR1:{DATA}\n{{{EVIDENCE}}}"
    yield "one-of-one", "one symbol with numbers", f"CVR1/1/1:{DATA}"
    yield "first-missing", "the second of two alone", f"CVR1/2/2:{SECOND}"
    yield "second-missing", "the first of two alone", f"CVR1/1/2:{FIRST}"
    yield "zero", "a symbol with the number 0", f"CVR1/0/2:{FIRST}\nCVR1/2/2:{SECOND}"
    yield "beyond", "a number beyond that of the symbols", f"CVR1/1/2:{HEAD}\nCVR1/2/2:{MIDDLE}\nCVR1/3/2:{TAIL}"
    yield "ten", "ten symbols", f"CVR1/1/10:{FIRST}\nCVR1/2/10:{SECOND}"
    yield "leading-zero", "numbers with a zero before them", f"CVR1/01/02:{FIRST}\nCVR1/02/02:{SECOND}"
    yield "numbers-differ", "symbols of two and of three", f"CVR1/1/2:{FIRST}\nCVR1/2/3:{SECOND}"
    yield "whole-and-part", "a whole one and a part", f"CVR1:{DATA}\nCVR1/2/2:{SECOND}"
    yield "two-firsts", "two that call themselves the first", f"CVR1/1/2:{FIRST}\nCVR1/1/2:{SECOND}\nCVR1/2/2:{SECOND}"
    yield "swapped", "two with each other's numbers", f"CVR1/1/2:{SECOND}\nCVR1/2/2:{FIRST}"
    yield "letter", "a letter that Base45 does not have", f"CVR1:{DATA}!00"
    yield "small-letter", "a small letter", f"CVR1:{DATA}a00"
    yield "full-width", "digits of another script", f"CVR1:\u00ef\u00bc\u0091{DATA}"
    yield "not-utf-8", "an octet that is no UTF-8", f"CVR1:{DATA}\u00ff"
    yield "group-of-one", "a last group of one letter", f"CVR1:{DATA}0"
    yield "triple-too-large", "three letters for more than 65,535", f"CVR1::::{DATA}"
    yield "pair-too-large", "two letters for more than 255", f"CVR1:{DATA}::"
    yield "text-too-long", "a text longer than a symbol holds", _text(zlib.compress(content + b" " * 3_000, 0))
    yield "too-long", "one symbol, scanned more often than nine symbols are long", f"CVR1:{DATA}\n" * 60
    yield "no-zlib", "data that is no zlib stream", f"CVR1:{to_base45(b'{}')}"
    yield "raw", "deflated data without the frame of zlib", f"CVR1:{MIDDLE}"
    yield "gzip", "gzip", _text(gzip.compress(b"{}", mtime=0))
    yield "cut", "a stream that is cut off", f"CVR1:{HEAD}{to_base45(stream[2:40])}"
    yield "no-checksum", "a stream without its checksum", f"CVR1:{HEAD}{MIDDLE}"
    yield "checksum", "a wrong checksum", f"CVR1:{HEAD}{MIDDLE}{to_base45(stream[-4:-1] + bytes([stream[-1] ^ 1]))}"
    yield "after", "something after the stream", f"CVR1:{DATA}{to_base45(bytes(2))}"
    yield "two-streams", "two streams", f"{_text(packed(b'{}' if len(packed(b'{}')) % 2 == 0 else b'{} '))}{DATA}"
    yield "dictionary", "a stream that needs a dictionary", f"{_text(bytes([0x78, 0xBB, 0, 0, 0, 1]))}{MIDDLE}{TAIL}"
    yield (
        "inflates-too-far",
        "more than a receipt file holds",
        _text(packed(content + b" " * (MAX_FILE + 1 - len(content)), zlib.Z_RLE)),
    )
    yield "not-json", "content that is not JSON", _text(packed(b"CVR1:"))
    yield "no-evidence", "content without evidence", _text(packed(b'{"verdict":"genuine","receipt":null}'))


def _after(good: Json) -> Iterator[Json]:
    """What is found after the content was read."""
    deep = f'{{"x":{"[" * MAX_DEPTH}{"]" * MAX_DEPTH}}}'.encode()
    yield invalid("too-deep", f"{MAX_DEPTH + 1} levels", "invalid_claims", receipt=_text(packed(deep)))
    changed = json.dumps({**good, "statement": f"{good['statement'][:-8]}AAAAAAAA"}).encode()
    yield invalid("changed", "a changed signature", "invalid_signature", receipt=_text(packed(changed)))
