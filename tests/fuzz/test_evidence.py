"""Randomly changed receipt and trust files: three verifiers agree on each, and none raises an unexpected error."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from random import Random

import pytest
from hypothesis import strategies as st

from tests.clients.three import Files, core, python, typescript
from tests.fuzz.budget import fuzz
from tests.vectors.bank import LOG, STATEMENT
from tests.vectors.files import file_of
from tests.vectors.parts import decoded
from verifier.core.checkpoint import Checkpoint, encode_proof
from verifier.core.errors import VerifierError
from verifier.core.evidence import verify_statement
from verifier.core.merkle import leaf_hash
from verifier.core.statements import digest
from verifier.receipt_files import trust_in

FILE, VECTORS = file_of("receipts")
TRUST = json.dumps({**FILE["trust"], "more": [1, None]}).encode()
GOOD = [decoded(each["statement"]) for each in VECTORS[:6]]
BATCH = 2_000

# Input that readers of JSON, text and base64 may treat differently.
PIECES = [
    *(
        b"",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b'"',
        b"\\",
        b"=",
        b"+",
        b" ",
        b"\n",
        b"\n\n",
        b"\r\n",
        b"\t",
        b"\f",
        b"\0",
    ),
    *(b"\xef\xbb\xbf", b"\xc2\xa0", b"\xc2\x85", b"\xe2\x80\xa8", b"\xed\xa0\x80", b"\xff", b"\xc0\xaf"),
    *(b"\\ud800", b"\\udc00", b"\\ud83d\\ude00", b"\\u0061", b"\\x41", b"\\/", b"/**/", b"'x'", b"\xf0\x9f\x98\x80"),
    *(b"0", b"-", b"-0", b"1.0", b"1e3", b"1E+2", b"1e400", b"01", b".5", b"9007199254740992", b"9" * 400, b"0x1"),
    *(b"null", b"true", b"NaN", b"-Infinity", b"{}", b"[]", b'""', b'"x"', b"[" * 120 + b"]" * 120, b"{" * 130),
    *(b',"iat":1', b'"iat":1,', b',"x":{"a":1,"a":1}', b',"__proto__":{}', b'"statement":"",', b'"receipt":{},'),
    *(b"/1", b"extra QQ==\n", b"index 0\n", b"A" * 43 + b"=\n", b"\xe2\x80\x94 w.example AAAAAAAA\n"),
]


LAYERS = ("header", "claims", "statement", "checkpoint", "proof", "file", "trust")


class RandomChanges:
    """Random changes to the layers of a file, from one seed. Single draws of Hypothesis would be slow."""

    def __init__(self, seed: int, changes: int) -> None:
        self.random = Random(seed)
        self.layers = Counter(self.random.choices(LAYERS, k=changes))

    def changed(self, layer: str, octets: bytes) -> bytes:
        for _ in range(self.layers[layer]):
            at = self.random.randint(0, len(octets))
            put = self.random.choice((self.random.choice(PIECES), self.random.randbytes(self.random.randint(0, 3))))
            cut, again = (self.random.choice((0, 0, 0, 1, 2, 10, 100)) for _ in range(2))
            octets = octets[:at] + put + octets[at : at + again] + octets[at + cut :]
        return octets

    def statement(self) -> str:
        """A statement, possibly changed before or after it was signed."""
        header, claims = (json.dumps(each, ensure_ascii=False).encode() for each in self.random.choice(GOOD))
        signed = STATEMENT.sign(self.changed("header", header), self.changed("claims", claims))
        return self.changed("statement", signed.encode()).decode("latin-1")

    def files(self) -> Files:
        """A receipt file and a trust file. A part that was changed before signing still has a valid signature."""
        statement = self.statement()
        entry = digest(statement) if statement.isascii() else bytes(32)
        text = self.changed("checkpoint", Checkpoint(LOG.name, 1, leaf_hash(entry)).text().encode())
        note = LOG.sign(text.decode(errors="replace").removesuffix("\n") + "\n")
        proof = self.changed("proof", encode_proof(0, [], note).encode()).decode(errors="replace")
        kept = json.dumps({"statement": statement, "proof": proof}, ensure_ascii=self.random.random() < 0.5).encode()
        return self.changed("file", kept), self.changed("trust", TRUST)


all_drawn = st.builds(RandomChanges, st.integers(0, 2**64), st.integers(0, 4))


@pytest.mark.shows("CVP-8.1-13", "CVP-8.1-14", "CVP-8.1-15")
def test_three_verifiers_agree_on_randomly_changed_files(npm: str) -> None:
    batch: list[Files] = []
    said: list[str] = []
    words: Counter[str] = Counter()

    def compare() -> None:
        for given, told, theirs in zip(batch, said, typescript(batch), strict=True):
            assert theirs == told, given
        batch.clear()
        said.clear()

    def check(drawn: RandomChanges) -> None:
        given = drawn.files()
        told = core(*given)
        assert python(*given) == told
        words[told.partition(" ")[0]] += 1
        batch.append(given)
        said.append(told)
        if len(batch) == BATCH:
            compare()

    ran = fuzz(all_drawn, check)
    compare()
    print(f"{ran} pairs of files: {dict(words)}")


def test_a_randomly_changed_statement_raises_only_verifier_errors() -> None:
    trust = trust_in(TRUST)

    def check(statement: str) -> None:
        with contextlib.suppress(VerifierError):
            verify_statement(statement, trust)

    statements = all_drawn.map(RandomChanges.statement) | st.text(max_size=400)
    print(f"{fuzz(statements, check)} statements")
