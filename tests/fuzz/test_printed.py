"""Randomly changed printed receipts: three verifiers agree on each, and none raises an unexpected error."""

from __future__ import annotations

import json
import zlib
from collections import Counter
from random import Random

import pytest
from hypothesis import strategies as st

from tests.clients.three import Files, core, python, typescript
from tests.fuzz.budget import fuzz
from tests.vectors.files import file_of
from tests.vectors.kept import octets
from verifier.core.octets import to_base45

FILE, _ = file_of("printed")
TRUST = octets(FILE["trust_file"], FILE)
CONTENT = json.dumps(json.loads(f"{{{FILE['evidence']}}}")).encode()
BATCH = 2_000
PIECES = [
    *(b"", b"\n", b"\r\n", b"\r", b"\t", b" ", b"\0", b"\xff", b"\xef\xbb\xbf", b"CVR1:", b"CVR1/1/2:", b"CVR1/2/2:"),
    *(b":", b":::", b"0", b"000", b"a", b"/", b"%", b"$", b"BB8", b"\x0b", b"\x0c", b"\xc2\x85", b"\xe2\x80\xa8"),
]


class RandomChanges:
    """Random changes to a printed receipt, from one seed: to its content, its stream, or its texts."""

    def __init__(self, seed: int, changes: int) -> None:
        self.random = Random(seed)
        self.layers = Counter(self.random.choices(("content", "stream", "texts"), k=changes))

    def changed(self, layer: str, given: bytes) -> bytes:
        for _ in range(self.layers[layer]):
            at = self.random.randint(0, len(given))
            put = self.random.choice((self.random.choice(PIECES), self.random.randbytes(self.random.randint(0, 3))))
            cut, again = (self.random.choice((0, 0, 1, 2, 3, 10, 100)) for _ in range(2))
            given = given[:at] + put + given[at : at + again] + given[at + cut :]
        return given

    def receipt(self) -> bytes:
        """The texts of one to three symbols, in any order."""
        stream = zlib.compress(self.changed("content", CONTENT), self.random.choice((0, 1, 9)))
        data = to_base45(self.changed("stream", stream))
        number = self.random.randint(1, 3)
        each = -(-len(data) // number)
        parts = [f"CVR1/{at + 1}/{number}:{data[at * each : (at + 1) * each]}" for at in range(number)]
        texts = [f"CVR1:{data}"] if number == 1 else parts
        self.random.shuffle(texts)
        return self.changed("texts", self.random.choice(("\n", "\r\n")).join(texts).encode())


all_drawn = st.builds(RandomChanges, st.integers(0, 2**64), st.integers(0, 3))


@pytest.mark.shows("CVP-8.5-2", "CVP-8.5-3")
def test_three_verifiers_agree_on_randomly_changed_printed_receipts(npm: str) -> None:
    batch: list[Files] = []
    said: list[str] = []
    words: Counter[str] = Counter()

    def compare() -> None:
        for given, told, theirs in zip(batch, said, typescript(batch), strict=True):
            assert theirs == told, given
        batch.clear()
        said.clear()

    def check(drawn: RandomChanges) -> None:
        given = drawn.receipt(), TRUST
        told = core(*given)
        assert python(*given) == told
        words[told.partition(" ")[0]] += 1
        batch.append(given)
        said.append(told)
        if len(batch) == BATCH:
            compare()

    ran = fuzz(all_drawn, check)
    compare()
    print(f"{ran} printed receipts: {dict(words)}")
