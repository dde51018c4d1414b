"""Public documents are served whole, and all slow clients share one copy in memory."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.api.test_connections import FAR, LATE_S, Loop, Site, _site, loop
from tests.faults.server import Server
from verifier.api import connections, documents
from verifier.demo.bank import DemoBank

__all__ = ["loop"]
SOCKETS = 300
# The memory of one connection with a pending answer, including its current piece of the document.
MOST_KB = 40
DOCUMENTS = ("/openapi.json", "/docs")


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Server]:
    async with aiohttp.ClientSession() as session, Server(tmp_path, session, log_level="error") as server:
        yield server


def _resident_kb(pid: int) -> int:
    (line,) = (each for each in Path(f"/proc/{pid}/status").read_text().splitlines() if each.startswith("VmRSS"))
    return int(line.split()[1])


async def _open_without_reading(url: str, path: str, many: int) -> list[socket.socket]:
    """Open that many sockets which request a document and read nothing."""
    found = []
    for _ in range(many):
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", int(url.rpartition(":")[2])))
        deaf.sendall(f"GET {path} HTTP/1.1\r\nHost: bank\r\n\r\n".encode())
        found.append(deaf)
    await asyncio.sleep(2)
    return found


@pytest.mark.shows("CVP-12.2-3")
@pytest.mark.parametrize("path", DOCUMENTS)
@pytest.mark.slow
async def test_clients_that_read_nothing_share_one_copy_of_a_document(node: Server, path: str) -> None:
    opened = await _open_without_reading(node.bank.url, path, 20)
    before = _resident_kb(node.pid)
    opened += await _open_without_reading(node.bank.url, path, SOCKETS)
    grown = (_resident_kb(node.pid) - before) / SOCKETS
    for each in opened:
        each.close()
    assert grown < MOST_KB


async def test_get_returns_the_whole_document_and_head_only_its_headers(running_bank: DemoBank) -> None:
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        for path in (*DOCUMENTS, "/docs.css", "/app/", "/built/app.js", "/web/icon.svg"):
            async with session.get(running_bank.url + path) as got, session.head(running_bank.url + path) as headed:
                content = await got.read()
                assert got.status == headed.status == 200
                assert int(got.headers["Content-Length"]) == len(content) > 0
                assert headed.headers["Content-Length"] == got.headers["Content-Length"]
                assert headed.headers["Content-Type"] == got.headers["Content-Type"]
                assert await headed.read() == b""
            etag = got.headers.get("ETag")
            if etag is not None:
                async with session.get(running_bank.url + path, headers={"If-None-Match": etag}) as same:
                    assert (same.status, await same.read()) == (304, b"")


@pytest.mark.shows("CVP-12.2-3")
def test_the_unsent_bytes_of_all_clients_are_bounded_and_the_slowest_clients_are_cut(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MOST_UNSENT", 25_000_000)

    async def scenario() -> None:
        async with _site(FAR) as site, asyncio.timeout(4 * LATE_S):
            asked = [await _asked(site, b"/big") for _ in range(4)]
            while site.cut("slow_client") < 2:
                await asyncio.sleep(0.05)
            # Each answer holds ten megabytes, less what the kernel buffered. The server cuts the first two clients.
            assert site.at("slow_client") == 2
            for reader, writer in asked[2:]:
                assert (await reader.readline()).startswith(b"HTTP/1.1 200")
                writer.close()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(scenario())


async def _asked(site: Site, path: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await site.connect()
    writer.write(b"GET " + path + b" HTTP/1.1\r\nHost: bank\r\n\r\n")
    await asyncio.sleep(0.1)
    return reader, writer


@pytest.mark.shows("CVP-12.2-1")
def test_a_client_that_reads_a_document_too_slowly_is_cut(loop: Loop) -> None:
    async def scenario() -> None:
        bounds = connections.Bounds(most=100, headers=60, body=60, slow_client=1.0, idle=60)
        async with _site(bounds) as site, asyncio.timeout(4 * LATE_S):
            reader, _ = await _asked(site, b"/shared")
            began = asyncio.get_running_loop().time()
            taken = 0
            # The client reads a piece at a time. Each piece alone is well within the limit.
            while not site.cut("slow_client"):
                taken += len(await reader.read(4 * documents.PIECE))
                await asyncio.sleep(0.1)
            assert asyncio.get_running_loop().time() - began < 3
            assert taken > 2 * documents.PIECE

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(scenario())
