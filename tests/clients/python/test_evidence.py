"""The SDK and the service verify evidence alike: evidence from a real bank, and random changes of it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from callback_verification import Evidence, Trust, read_evidence, verify
from callback_verification.errors import EvidenceError
from callback_verification.evidence import MAX_FILE
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.clients.python.conftest import Clients
from tests.clients.receipts import collect
from verifier.core import evidence as theirs
from verifier.core.errors import EvidenceError as TheirError

Kept = tuple[dict[str, dict[str, str]], dict[str, Any]]
ODD = "\n\n\r\t \x00+—\u2028\ufeff\ud800é=A0-index extra"


@pytest.fixture(scope="module")
def kept(clients: Clients) -> Kept:
    """Evidence of every kind, keyed by name, and the trust file."""
    return collect(clients.bank)


def ours(statement: str, proof: str, trust: dict[str, Any]) -> str:
    try:
        verify(Evidence(statement, proof), msgspec.convert(trust, Trust))
    except EvidenceError as error:
        return error.slug
    return "valid"


def the_service(statement: str, proof: str, trust: dict[str, Any]) -> str:
    try:
        theirs.verify_evidence(theirs.Evidence(statement, proof), msgspec.convert(trust, theirs.Trust))
    except TheirError as error:
        return error.slug
    return "valid"


@st.composite
def changes(draw: st.DrawFn) -> Callable[[str], str]:
    """A function that changes a text once: inserts, removes, replaces, doubles or moves characters or lines."""
    start, length = draw(st.floats(0, 1)), draw(st.sampled_from((0, 1, 1, 2, 7, 44, 400)))
    what = draw(st.sampled_from(("drop", "double", "put", "flip", "line", "swap")))
    put = draw(st.text(st.sampled_from(ODD), max_size=4) | st.sampled_from(("extra \n", "extra QUE=\n", "index 0\n")))

    def change(text: str) -> str:
        at = round(start * len(text))
        if what == "drop":
            return text[:at] + text[at + length :]
        if what == "double":
            return text[: at + length] + text[at:]
        if what == "put":
            return text[:at] + put + text[at:]
        if what == "flip":
            return text[:at] + text[at : at + 1].swapcase() + text[at + 1 :]
        lines = text.split("\n")
        line = min(round(start * len(lines)), len(lines) - 1)
        if what == "line":
            return "\n".join([*lines[:line], put.rstrip("\n"), *lines[line:]])
        return "\n".join([*lines[:line], *lines[line : line + 2][::-1], *lines[line + 2 :]])

    return change


@settings(max_examples=1500)
@given(kind=st.sampled_from(("genuine", "not genuine", "ticket", "report", "exception")), data=st.data())
@pytest.mark.slow
def test_changed_evidence_gets_the_slug_that_the_service_gives(kept: Kept, kind: str, data: st.DataObject) -> None:
    good, trust = kept
    statement, proof = good[kind]["statement"], good[kind]["proof"]
    for _ in range(data.draw(st.integers(1, 2))):
        change = data.draw(changes())
        if data.draw(st.booleans()):
            statement = change(statement)
        else:
            proof = change(proof)
    told = ours(statement, proof, trust)
    assert told == the_service(statement, proof, trust)
    # Unauthenticated parts may differ: the extra line and the signatures of others. The statement may not.
    assert told != "valid" or statement == good[kind]["statement"]


@pytest.mark.shows("CVP-8.1-1")
@given(octets=st.binary(max_size=300))
@example(octets=b"[" * 100_000)
@example(octets=b"\xff\xfe")
@example(octets=b" " * (MAX_FILE + 1))
@example(octets=b'{"statement":"a"}')
@example(octets=b'{"receipt":{"statement":"a"}}')
@example(octets=b'"\\ud800"')
def test_bytes_that_are_no_evidence_are_invalid_evidence(octets: bytes) -> None:
    with pytest.raises(EvidenceError, match="invalid_evidence"):
        read_evidence(octets)


def test_any_text_is_refused_with_a_slug(kept: Kept) -> None:
    _, trust = kept
    for odd in ("", ".", "..", "é.é.é", "\ud800", "\ud800.a.b", "a" * 1_000_000, "\n\n\n", "null", "." * 16_000):
        for statement, proof in ((odd, odd), (kept[0]["genuine"]["statement"], odd)):
            assert ours(statement, proof, trust) in ("invalid_signature", "invalid_proof")


@pytest.mark.shows("CVP-8-1")
@pytest.mark.parametrize("kind", ["genuine", "not genuine", "ticket", "report", "exception"])
def test_evidence_is_read_from_a_whole_answer(kept: Kept, kind: str) -> None:
    good, trust = kept
    for name in ("receipt", "ticket", "evidence"):
        held = read_evidence(json.dumps({"verdict": "genuine", name: good[kind]}).encode())
        assert ours(held.statement, held.proof, trust) == "valid"


@pytest.mark.shows("CVP-8-1")
def test_the_verdict_comes_from_the_receipt_not_from_the_answer_around_it(kept: Kept) -> None:
    good, trust = kept
    held = read_evidence(json.dumps({"verdict": "genuine", "receipt": good["not genuine"]}).encode())
    assert getattr(verify(held, msgspec.convert(trust, Trust)).claims, "verdict", None) == "not_genuine"


@pytest.mark.shows("CVP-8.1-1")
def test_the_command_stops_reading_at_the_size_limit(tmp_path: Path, kept: Kept) -> None:
    trust = tmp_path / "trust.json"
    trust.write_text(json.dumps(kept[1]))
    command = [sys.executable, "-m", "callback_verification", "/dev/zero", str(trust)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout.split()[:2]) == (1, ["invalid", "invalid_evidence:"])
