"""No answer names the server's software, on any port and for any kind of answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.api.malformed import FORM, answered, head
from tests.faults.server import Server
from tests.voice.platforms import settings
from verifier.api.refusals import MAX_HEADERS
from verifier.demo.bank import DemoBank

PUBLIC = (
    "/openapi.json",
    "/docs",
    "/docs.css",
    "/officer",
    "/officer/",
    "/app/",
    "/built/app.js",
    "/web/icon.svg",
    "/app/facts.json",
    "/log/checkpoint",
    "/log/tile/0/000",
    "/.well-known/jwks.json",
    "/.well-known/callback-verification",
    "/v1/me/call-status",
    "/v1/log/consistency?old=x",
    "/voice/voicexml",
    "/voice/twiml",
    "/nowhere",
)
ISSUER = ("/.well-known/openid-configuration", "/jwks.json", "/authorize", "/nowhere", "/demo.css")
# The server answers these before a handler runs.
UNREAD = (
    b"nonsense\r\n\r\n",
    head("GET / HTTP/9.9"),
    head("GET /" + "a" * 9000 + " HTTP/1.1"),
    head("GET / HTTP/1.1", "X: " + "a" * 10_000),
    head("GET / HTTP/1.1", "Expect: the unexpected"),
    head("POST /v1/reports HTTP/1.1", "Transfer-Encoding: chunked") + b"ZZ\r\n",
    head("DELETE /docs HTTP/1.1"),
    head("POST /voice/twiml HTTP/1.1", f"Content-Type: {FORM}", "Content-Length: 0"),
)


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Server]:
    async with (
        aiohttp.ClientSession() as session,
        Server(tmp_path, session, request_seconds=5, **settings()) as server,
    ):
        yield server


async def _assert_no_banner(url: str, sent: bytes) -> None:
    raw = await answered(int(url.rpartition(":")[2]), sent)
    assert raw.startswith(b"HTTP/1."), (url, sent[:60], raw[:100])
    before = raw.partition(b"\r\n\r\n")[0].lower()
    assert b"\r\nserver:" not in before, (url, sent[:60], before)
    for name in (b"aiohttp", b"python", b"x-powered-by"):
        assert name not in before, (url, sent[:60], before)


@pytest.mark.shows("CVP-3.2-14")
async def test_no_answer_on_any_port_names_the_software(node: Server) -> None:
    asked = {
        node.bank.url: PUBLIC,
        node.bank.admin_url: ("/livez", "/readyz", "/metrics", "/nowhere"),
        node.bank.issuer.issuer: ISSUER,
    }
    for url, paths in asked.items():
        for path in paths:
            for method in ("GET", "HEAD"):
                await _assert_no_banner(url, head(f"{method} {path} HTTP/1.1"))
        for sent in UNREAD:
            await _assert_no_banner(url, sent)


@pytest.mark.shows("CVP-3.2-14")
async def test_an_event_stream_and_the_demo_telephone_do_not_name_the_software(running_bank: DemoBank) -> None:
    login = f"Authorization: Bearer {running_bank.customer('cust-0007')}"
    reader, writer = await asyncio.open_connection("127.0.0.1", int(running_bank.url.rpartition(":")[2]))
    writer.write(f"GET /v1/me/events HTTP/1.1\r\nHost: bank\r\n{login}\r\n\r\n".encode())
    before = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    assert before.startswith(b"HTTP/1.1 200")
    assert b"\r\nserver:" not in before.lower()
    telephone = f"http://127.0.0.1:{running_bank._telephone_port}"
    for sent in (head("GET / HTTP/1.1"), head("GET /nowhere HTTP/1.1"), b"nonsense\r\n\r\n"):
        await _assert_no_banner(telephone, sent)


@pytest.mark.shows("CVP-3.2-9")
async def test_the_total_size_of_headers_is_bounded(node: Server) -> None:
    port = int(node.bank.url.rpartition(":")[2])
    for octets, status in ((MAX_HEADERS * 9 // 10, b"200"), (MAX_HEADERS, b"431")):
        long = [f"X-{n}: {'a' * (octets // 50)}" for n in range(50)]
        raw = await answered(port, head("GET /docs HTTP/1.1", *long))
        assert raw.split(b" ")[1] == status, raw[:200]
    assert b"together" in raw
