"""Raw bytes sent to a real listener: each answer is a success or a problem, and the server keeps answering."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import strategies as st

from tests.api.conftest import RunningBank
from tests.api.malformed import REFUSED
from tests.fuzz.budget import fuzz
from tests.voice.platforms import settings
from verifier.demo.bank import DemoBank

GOOD = b"GET /.well-known/jwks.json HTTP/1.1\r\nHost: bank\r\nConnection: close\r\n\r\n"
WORDS = b"""GET |POST |HEAD |/v1/reports|/voice/twiml|/officer/|*|%00|%ff|?a=1&a=2| HTTP/1.1| HTTP/1.0|~|Host: bank~|: |
Content-Length: 5~|Content-Length: 99999999999999999999~|Transfer-Encoding: chunked~|Transfer-Encoding: gzip~|
Content-Encoding: gzip~|Connection: Upgrade~|Upgrade: websocket~|Expect: 100-continue~|Expect: x~|5~hello~|0~~|ZZ~|~~|
Content-Type: application/json~|Range: bytes=0-~|If-None-Match: "~"""
BYTES = [b"\n", b"\r", b"\0", b"\xff" * 9, b"a" * 9000, b"X-1: 1\r\n" * 150, b"Cookie: \xc3\x28\r\n"]
PIECES = st.sampled_from([*WORDS.replace(b"\n", b"").replace(b"~", b"\r\n").split(b"|"), *BYTES])


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """A request made of pieces, or a known one with a part replaced."""
    if draw(st.booleans()):
        return b"".join(draw(st.lists(PIECES | st.binary(max_size=12), max_size=14)))
    whole = draw(st.sampled_from([GOOD, *(sent for sent, _, _ in REFUSED.values() if len(sent) < 4000)]))
    at = draw(st.integers(0, len(whole)))
    to = draw(st.integers(at, min(len(whole), at + 30)))
    return whole[:at] + draw(PIECES | st.binary(max_size=12)) + whole[to:]


@pytest.fixture(scope="module")
def bank() -> Iterator[DemoBank]:
    with tempfile.TemporaryDirectory(prefix="bank-") as folder, RunningBank(Path(folder), **settings()) as running:
        yield running


def _exchange(port: int, sent: bytes, wait_s: float) -> bytes:
    """Send the bytes. Return everything received until the connection closes or stays silent for a while."""
    came = b""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection, contextlib.suppress(OSError):
        connection.sendall(sent)
        connection.settimeout(wait_s)
        while part := connection.recv(65_536):
            came += part
    return came


def _first(came: bytes) -> tuple[int, bytes, bytes]:
    while came.startswith(b"HTTP/1.1 100 "):
        came = came.partition(b"\r\n\r\n")[2]
    before, _, content = came.partition(b"\r\n\r\n")
    return int(before.split()[1]), before, content


@pytest.mark.slow
def test_any_bytes_get_a_well_formed_answer_and_the_next_request_is_answered(bank: DemoBank) -> None:
    port = int(bank.url.rpartition(":")[2])

    def check(sent: object) -> None:
        assert isinstance(sent, bytes)
        came = _exchange(port, sent, 0.02)
        if came.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n"):
            status, before, content = _first(came)
            assert b"\r\nserver:" not in before.lower(), before
            assert status < 500, came
            length = re.search(rb"Content-Length: (\d+)", before)
            if status >= 400 and content and length:
                problem = json.loads(content[: int(length[1])])
                assert problem["status"] == status
        status, _, content = _first(_exchange(port, GOOD, 10))
        assert status == 200
        assert b'"keys"' in content

    print("examples:", fuzz(requests(), check, 80))
