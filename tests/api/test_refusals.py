"""Requests that aiohttp refuses before a handler runs get a normal problem, and the log repeats nothing of them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from email import message_from_bytes
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.api.malformed import FORM, JSON, MARK, MARKS, PHONE, REFUSED, answered, body, head
from tests.faults.server import Server
from tests.voice.platforms import settings

pytestmark = pytest.mark.slow

NEWLINE = b"\r\n\r\n"


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Server]:
    """A node that runs `verifier serve` in another process."""
    async with (
        aiohttp.ClientSession() as session,
        Server(tmp_path, session, log_level="debug", request_seconds=5, **settings()) as server,
    ):
        yield server


def _port(url: str) -> int:
    return int(url.rpartition(":")[2])


def _answer(raw: bytes) -> tuple[int, Any, bytes]:
    """Parse the first response in `raw` into status, headers and body."""
    before, _, content = raw.partition(NEWLINE)
    line, _, lines = before.partition(b"\r\n")
    headers = message_from_bytes(lines)
    return int(line.split()[1]), headers, content[: int(headers["Content-Length"])]


def _is_problem(raw: bytes, status: int, slug: str) -> None:
    got, headers, content = _answer(raw)
    assert got == status, raw[:300]
    problem = json.loads(content)
    assert (problem["status"], problem["slug"]) == (status, slug)
    assert headers["Content-Type"] == "application/problem+json"
    assert headers["X-Request-ID"] == problem["request_id"]
    assert "Server" not in headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"


def _lines(node: Server) -> list[dict[str, Any]]:
    """The log lines of a node, parsed. Fails if a line is not JSON or contains a marker."""
    text = node.log.read_bytes()
    assert [mark for mark in MARKS if mark.encode() in text] == []
    return [json.loads(line) for line in text.decode().splitlines()]


def _warnings(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for each in lines if each["level"] not in ("debug", "info")]


@pytest.mark.shows("CVP-3.2-8", "CVP-3.2-9", "CVP-12-2", "CVP-12-6")
async def test_a_request_refused_before_any_operation_gets_a_problem_and_is_not_logged(node: Server) -> None:
    port = _port(node.bank.url)
    for name, (sent, status, slug) in REFUSED.items():
        try:
            raw = await answered(port, sent)
        except TimeoutError as error:
            raise AssertionError(f"{name}: no answer") from error
        try:
            _is_problem(raw, status, slug)
        except (AssertionError, ValueError, IndexError) as error:
            raise AssertionError(f"{name}: {raw[:300]!r}") from error
    async with aiohttp.ClientSession() as session, session.get(f"{node.bank.url}/.well-known/jwks.json") as alive:
        assert alive.status == 200
    assert await node.stop() == 0
    lines = _lines(node)
    assert sum(each["event"] == "refused" for each in lines) > 20
    assert _warnings(lines) == []


@pytest.mark.shows("CVP-3.2-9")
async def test_a_malformed_later_chunk_is_refused_at_once(node: Server) -> None:
    for path, kind in (("/v1/reports", JSON), ("/voice/twiml", f"Content-Type: {FORM}")):
        started = head(f"POST {path} HTTP/1.1", kind, "Transfer-Encoding: chunked", "X-Twilio-Signature: x")
        raw = await answered(_port(node.bank.url), started, f"ZZ\r\n{MARK}\r\n".encode(), wait_s=3)
        _is_problem(raw, 400, "malformed_request")
    assert _warnings(_lines(node)) == []


@pytest.mark.shows("CVP-12-2", "CVP-12-6")
async def test_a_client_that_disconnects_mid_request_causes_no_warning(node: Server) -> None:
    for path, kind in (("/v1/reports", JSON), ("/voice/twiml", f"Content-Type: {FORM}\r\nX-Twilio-Signature: x")):
        with pytest.raises(TimeoutError):
            await answered(_port(node.bank.url), head(f"POST {path} HTTP/1.1", kind, "Content-Length: 9"), wait_s=0.3)
    assert await node.stop() == 0
    assert _warnings(_lines(node)) == []


@pytest.mark.shows("CVP-12-1", "CVP-3.2-9")
async def test_the_admin_port_and_every_page_send_the_standard_headers(node: Server) -> None:
    for sent, status, slug in (
        (head(f"GET /{MARK}?phone={PHONE} HTTP/1.1"), 404, "not_found"),
        (body("/livez", MARK.encode()), 405, "method_not_allowed"),
        (f"{MARK}\r\n\r\n".encode(), 400, "malformed_request"),
    ):
        _is_problem(await answered(_port(node.bank.admin_url), sent), status, slug)
    for base, path in (
        *((node.bank.admin_url, each) for each in ("/livez", "/readyz", "/metrics")),
        *((node.bank.url, each) for each in ("/docs", "/docs.css", "/openapi.json", "/officer/", "/officer")),
        (node.bank.url, "/voice/voicexml"),
    ):
        status, headers, _ = _answer(await answered(_port(base), head(f"GET {path} HTTP/1.1")))
        assert status in (200, 301), path
        assert "Server" not in headers, path
        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert headers["Cache-Control"] in ("no-store", "no-cache"), path
    _lines(node)


@pytest.mark.shows("CVP-3.2-1")
async def test_a_compression_bomb_is_refused_before_it_is_inflated(node: Server) -> None:
    """99 bombs of 20 MB each: the memory of the node grows by less than one of them."""

    def peak() -> int:
        text = Path(f"/proc/{node.pid}/status").read_text()
        return int(next(line for line in text.splitlines() if line.startswith("VmHWM")).split()[1])

    before = peak()
    for name in ("a bomb", "a form with a bomb", "a form with a bomb and a signature") * 33:
        await answered(_port(node.bank.url), REFUSED[name][0])
    assert peak() - before < 20_000_000 // 1024


@pytest.mark.shows("CVP-3.2-9")
async def test_a_token_of_maximum_length_fits_in_a_header(node: Server) -> None:
    sent = head("GET /v1/me/calls HTTP/1.1").replace(b"Bearer ", b"Bearer " + b"x" * 8_170)
    _is_problem(await answered(_port(node.bank.url), sent), 401, "unauthenticated")
