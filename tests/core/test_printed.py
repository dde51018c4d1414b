"""Printed receipts: their sizes and bounds, and what a real scanner reads (specs/protocol.md section 8.5)."""

from __future__ import annotations

import random
import re
import zlib
from pathlib import Path

import msgspec
import pytest
from callback_verification import EvidenceError as SdkEvidenceError
from callback_verification import read_evidence as read_by_sdk
from hypothesis import given
from hypothesis import strategies as st

from tests.scanner import rasterise, scan
from tests.vectors.files import vectors_of, whole
from verifier.api.symbols import MARGIN, draw
from verifier.core.checkpoint import encode_proof
from verifier.core.errors import EvidenceError
from verifier.core.evidence import Evidence
from verifier.core.octets import base64, from_base45, to_base45
from verifier.core.printed import MAX_TEXT, MAX_TEXTS, content_of, texts
from verifier.receipt_files import MAX_FILE, evidence_in


def evidence_of(statement: str, hashes: int = 22, seed: int = 1) -> bytes:
    """A statement with a proof from a log of 2²² leaves, as the content of a receipt file."""
    rng = random.Random(seed)
    root, signature = base64(rng.randbytes(32)), base64(rng.randbytes(68))
    note = f"verify.bank.example/log\n4194303\n{root}\n\n— verify.bank.example/log {signature}\n"
    proof = encode_proof(2_345_678, [rng.randbytes(32) for _ in range(hashes)], note)
    return msgspec.json.encode(Evidence(statement, proof))


def statement_of(length: int, seed: int = 2) -> str:
    """A statement of random letters: compression has less to find in it than in a real one."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    rng = random.Random(seed)
    return "".join(rng.choices(letters, k=length))


@pytest.mark.parametrize(("plain", "text"), [(b"AB", "BB8"), (b"Hello!!", "%69 VD92EX0"), (b"base-45", "UJCLQE7W581")])
def test_base45_is_that_of_rfc_9285(plain: bytes, text: str) -> None:
    assert to_base45(plain) == text
    assert from_base45(text) == plain


@given(st.binary(max_size=300))
def test_base45_is_read_as_it_was_written(octets: bytes) -> None:
    assert from_base45(to_base45(octets)) == octets


@pytest.mark.shows("CVP-8.5-2")
@given(st.binary(max_size=30_000), st.randoms())
def test_what_was_printed_is_read_whatever_the_order_of_the_symbols(content: bytes, rng: random.Random) -> None:
    found = texts(content)
    assert all(len(each) <= MAX_TEXT for each in found)
    scanned = [*found, rng.choice(found)]
    rng.shuffle(scanned)
    assert content_of("\r\n".join(scanned).encode(), MAX_FILE) == content


@pytest.mark.shows("CVP-8.5-2")
def test_real_receipts_with_a_log_of_four_million_leaves_fit_into_one_symbol() -> None:
    """The sizes are those of decision 0050."""
    receipts = [whole(each["statement"]) for each in vectors_of("receipts") if each["valid"]]
    histories = [whole(each["statement"]) for each in vectors_of("histories") if each["valid"]]
    for statement in (*receipts, *histories, statement_of(2_400)):
        assert len(texts(evidence_of(statement))) == 1
    assert [len(texts(evidence_of(statement_of(each)))) for each in (2_500, 6_000, 16_384)] == [2, 2, 5]


@pytest.mark.shows("CVP-8.5-2")
def test_what_needs_more_than_nine_symbols_is_not_printed() -> None:
    rng = random.Random(9)
    assert len(texts(rng.randbytes(25_000))) == MAX_TEXTS
    with pytest.raises(ValueError, match="more than 9 symbols"):
        texts(rng.randbytes(26_000))


@pytest.mark.shows("CVP-8.5-3")
def test_a_printed_receipt_is_not_inflated_further_than_a_receipt_file_may_be_long() -> None:
    # Two symbols that hold five million octets.
    data = to_base45(zlib.compress(bytes(5_000_000), 9))
    assert len(data) < 2 * 4_000
    halves = f"CVR1/1/2:{data[:4_000]}\nCVR1/2/2:{data[4_000:]}".encode()
    for read in (lambda: content_of(halves, MAX_FILE), lambda: evidence_in(halves), lambda: read_by_sdk(halves)):
        with pytest.raises((EvidenceError, SdkEvidenceError), match=f"more than {MAX_FILE} bytes"):
            read()


@pytest.mark.parametrize(
    ("scanned", "why"),
    [
        ("CVR1/1/3:A\nCVR1/3/3:B", "of 3 symbols, these are missing: 2"),
        ("CVR1/1/3:A\nCVR1/2/2:B", "the symbols are of different receipts"),
        ("CVR1/1/2:A\nCVR1/1/2:B", "two different symbols have the number 1"),
        ("CVR1:A\nhello", "a line is not the text of a symbol"),
    ],
)
def test_an_error_says_what_to_scan_again(scanned: str, why: str) -> None:
    for read in (evidence_in, read_by_sdk):
        with pytest.raises((EvidenceError, SdkEvidenceError), match=why):
            read(scanned.encode())


def test_a_symbol_has_the_margin_that_scanners_need() -> None:
    symbol = draw("CVR1:0")
    rows = [tuple(map(int, found)) for found in re.findall(r"M(\d+) (\d+)h(\d+)", symbol.path)]
    assert min(x for x, _, _ in rows) == min(y for _, y, _ in rows) == 4
    assert max(x + width for x, _, width in rows) == max(y + 1 for _, y, _ in rows) == symbol.size - 4


@pytest.mark.shows("CVP-8.5-1", "CVP-8.5-2")
@pytest.mark.needs("zbar-tools")
@pytest.mark.parametrize("length", [600, 1_500, 2_400, 6_000, 16_384])
def test_a_scanner_reads_from_each_drawn_symbol_the_text_that_was_drawn(length: int, tmp_path: Path) -> None:
    content = evidence_of(statement_of(length))
    scanned = []
    for place, text in enumerate(texts(content)):
        symbol = draw(text)
        assert symbol.size <= 177 + 2 * MARGIN
        rasterise(symbol, tmp_path / f"{place}.pgm")
        found = scan(tmp_path / f"{place}.pgm")
        assert found == [text]
        scanned += found
    assert evidence_in("\n".join(scanned).encode()) == msgspec.json.decode(content, type=Evidence)
