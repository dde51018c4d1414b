"""Randomly changed Identity headers: one that does not verify raises only the documented error."""

from __future__ import annotations

import contextlib
import json
from random import Random

from hypothesis import strategies as st

from tests.core.test_identity_header import GOOD, KEY, NOW, SHAKEN, X5U, token
from tests.fuzz.budget import fuzz
from verifier.core.errors import EvidenceError
from verifier.core.passport import check_identity

PIECES = [
    " ",
    "\t",
    "\r\n ",
    "\r\n",
    ";",
    ";;",
    "=",
    ",",
    '"',
    '\\"',
    "<",
    ">",
    "info=",
    ";lr",
    ";ppt=rcd",
    "[::1]",
    "\ud800",
]
MEMBERS = [
    '"tn":""',
    '"uri":"sip:a@b"',
    '"tn":["1"]',
    "[]",
    "null",
    "1.0",
    "1e400",
    '"\\ud800"',
    "{",
    "}",
    ",",
    ":",
    "\xff",
]


def changed(random: Random, text: str, pieces: list[str]) -> str:
    for _ in range(random.randint(0, 3)):
        at, cut = random.randint(0, len(text)), random.choice((0, 0, 1, 10, 100))
        text = text[:at] + random.choice((random.choice(pieces), chr(random.randint(0, 0x2FF)))) + text[at + cut :]
    return text


def header(seed: int) -> str:
    """An Identity header, changed before or after its claims were signed."""
    random = Random(seed)
    claims = changed(random, json.dumps(SHAKEN), MEMBERS).encode("latin-1", "replace")
    made = f"{token(claims, 'shaken')};info=<{X5U}>;ppt=shaken"
    return changed(random, random.choice((made, random.choice(GOOD))), PIECES)


def test_a_randomly_changed_identity_header_raises_only_evidence_errors() -> None:
    def check(value: str) -> None:
        with contextlib.suppress(EvidenceError):
            check_identity(value, KEY.public_key(), NOW)

    print(f"{fuzz(st.integers(0, 2**64).map(header) | st.text(max_size=300), check, 200)} headers")
