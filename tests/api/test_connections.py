"""Each stage of a connection has its own time limit, on both event loops."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
import pytest
import uvloop
from aiohttp import web
from prometheus_client import REGISTRY

from verifier.api.connections import Bounds, Connections
from verifier.api.documents import document
from verifier.api.listener import Listener, most_connections

pytestmark = pytest.mark.slow

Loop = Callable[[], asyncio.AbstractEventLoop]
FAR = Bounds(most=100, headers=60, body=60, slow_client=60, idle=60)
BOUND_S, LATE_S = 0.2, 3.0

WHOLE = b"GET / HTTP/1.1\r\nHost: bank\r\n\r\n"
BODY = b"POST / HTTP/1.1\r\nHost: bank\r\nContent-Length: 999\r\n\r\n1"
BIG = b"GET /big HTTP/1.1\r\nHost: bank\r\n\r\n"
BIG_SIZE = 10_000_000
SOME = b"GET /some HTTP/1.1\r\nHost: bank\r\n\r\n"
SOME_SIZE = 50_000
SLOW = b"POST /slow HTTP/1.1\r\nHost: bank\r\nContent-Length: 2\r\n\r\n"
_names = itertools.count()


@pytest.fixture(params=[uvloop.new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"])
def loop(request: pytest.FixtureRequest) -> Loop:
    made: Loop = request.param
    return made


class Site:
    """A small web site with connection limits, and a view of its metrics."""

    def __init__(self, name: str, port: int) -> None:
        self._name = name
        self.port = port
        self.made = 0

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port, limit=1024)

    def counted(self, what: str, **labels: str) -> float:
        return REGISTRY.get_sample_value(what, {"listener": self._name, **labels}) or 0

    def cut(self, reason: str) -> float:
        return self.counted("verifier_connections_cut_total", reason=reason)

    def at(self, stage: str) -> float:
        return self.counted("verifier_connections", stage=stage)

    def open(self) -> float:
        return sum(self.at(stage) for stage in ("headers", "body", "answer", "slow_client", "idle"))


@asynccontextmanager
async def _site(bounds: Bounds) -> AsyncIterator[Site]:
    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(text="ok")

    async def big(request: web.Request) -> web.Response:
        return web.Response(body=bytes(BIG_SIZE))

    async def shared(request: web.Request) -> web.Response:
        return document(request, bytes(BIG_SIZE), "text/plain", {})

    async def some(request: web.Request) -> web.Response:
        site.made += 1
        return web.Response(body=bytes(SOME_SIZE))

    async def slow(request: web.Request) -> web.Response:
        await request.read()
        await asyncio.sleep(4 * BOUND_S)
        return web.Response(text="ok")

    application = web.Application()
    application.router.add_route("*", "/", answer)
    application.router.add_get("/big", big)
    application.router.add_get("/shared", shared)
    application.router.add_get("/some", some)
    application.router.add_post("/slow", slow)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    name = f"test-{next(_names)}"
    site = Site(name, port)
    listener = Listener(name, application, bounds)
    await listener.open("127.0.0.1", port)
    try:
        yield site
    finally:
        await listener.close()


@pytest.mark.shows("CVP-12.2-1")
@pytest.mark.parametrize(
    ("bound", "first", "then"),
    [
        pytest.param("headers", b"", b"", id="silent"),
        pytest.param("headers", b"GET / HTTP/1.1\r\n", b"X: 1\r\n", id="headers a line at a time"),
        pytest.param("headers", WHOLE + b"GET / HTTP/1.1\r\n", b"X: 1\r\n", id="headers of a later request"),
        pytest.param("body", BODY, b"1", id="a body an octet at a time"),
        pytest.param("slow_client", BIG, b"", id="an answer that is not read"),
        pytest.param("idle", WHOLE, b"", id="idle after an answer"),
    ],
)
def test_a_client_that_exceeds_the_limit_of_a_stage_is_cut(loop: Loop, bound: str, first: bytes, then: bytes) -> None:
    async def scenario() -> None:
        async with _site(msgspec.structs.replace(FAR, **{bound: BOUND_S})) as site, asyncio.timeout(LATE_S):
            reader, writer = await site.connect()
            for part in first.partition(WHOLE):
                writer.write(part)
                await asyncio.sleep(0.05)
            while not site.cut(bound):
                assert site.at(bound) == 1 or bound == "headers"
                writer.write(then)
                await asyncio.sleep(0.05)
            assert site.open() == 0
            assert await _left(reader) < BIG_SIZE
            writer.close()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(scenario())


async def _left(reader: asyncio.StreamReader) -> int:
    """Read to the end of a connection that the server has cut, and return the number of bytes."""
    left = 0
    try:
        while got := await reader.read(1 << 20):
            left += len(got)
    except ConnectionError:
        pass
    return left


def test_a_slow_client_that_reads_the_whole_answer_is_not_cut(loop: Loop) -> None:
    async def scenario() -> None:
        async with _site(msgspec.structs.replace(FAR, slow_client=3 * BOUND_S)) as site, asyncio.timeout(2 * LATE_S):
            reader, writer = await site.connect()
            writer.write(BIG)
            await asyncio.sleep(BOUND_S)
            assert site.at("slow_client") == 1
            await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(BIG_SIZE)
            await asyncio.sleep(5 * BOUND_S)
            assert site.at("idle") == 1
            writer.close()
            while site.open():
                await asyncio.sleep(0.05)

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(scenario())


def test_a_connection_that_waits_for_a_slow_handler_is_not_cut(loop: Loop) -> None:
    async def scenario() -> None:
        bounds = Bounds(most=1, headers=BOUND_S, body=BOUND_S, slow_client=BOUND_S, idle=BOUND_S)
        async with _site(bounds) as site, asyncio.timeout(LATE_S):
            reader, writer = await site.connect()
            for part in (SLOW, b"1", b"2"):
                writer.write(part)
                await asyncio.sleep(0.05)
            await asyncio.sleep(BOUND_S)
            assert site.at("answer") == 1
            other, _ = await site.connect()
            assert await other.read() == b""
            assert site.cut("full") == 1
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
            writer.close()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(scenario())


@pytest.mark.shows("CVP-12.2-2")
def test_at_the_limit_the_connection_that_has_owed_a_request_longest_is_cut(loop: Loop) -> None:
    async def scenario() -> None:
        async with _site(msgspec.structs.replace(FAR, most=3)) as site, asyncio.timeout(LATE_S):
            idle, idle_writer = await site.connect()
            silent, _ = await site.connect()
            await asyncio.sleep(0.05)
            idle_writer.write(WHOLE)
            await idle.readuntil(b"ok")
            slow_client, slow_client_writer = await site.connect()
            slow_client_writer.write(BIG)
            await asyncio.sleep(0.05)
            last = [await site.connect()]
            assert await silent.read() == b""
            last.append(await site.connect())
            assert await idle.read() == b""
            for _ in range(3):
                last.append(await site.connect())
            # The silent connections made room for one another. The slow client can still read its answer.
            assert (await slow_client.readline()).startswith(b"HTTP/1.1 200")
            assert site.cut("full") == 5
            for _, writer in (*last, (slow_client, slow_client_writer)):
                writer.close()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(scenario())


async def test_at_the_limit_a_slow_client_is_cut_if_no_connection_owes_a_request() -> None:
    async with _site(msgspec.structs.replace(FAR, most=1)) as site, asyncio.timeout(LATE_S):
        _, slow_client = await site.connect()
        slow_client.write(BIG)
        await asyncio.sleep(0.1)
        assert site.at("slow_client") == 1
        reader, writer = await site.connect()
        writer.write(WHOLE)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        for each in (slow_client, writer):
            each.close()


def test_pipelined_requests_of_a_client_that_reads_nothing_are_not_all_answered(loop: Loop) -> None:
    async def scenario() -> None:
        async with _site(FAR) as site, asyncio.timeout(LATE_S):
            with socket.socket() as deaf:
                deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                deaf.setblocking(False)
                await asyncio.get_running_loop().sock_connect(deaf, ("127.0.0.1", site.port))
                await asyncio.get_running_loop().sock_sendall(deaf, SOME * 100)
                while not site.at("slow_client"):
                    await asyncio.sleep(0.05)
                assert 1 <= site.made <= 8

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(scenario())


def test_connections_get_at_most_half_of_the_file_descriptors() -> None:
    assert most_connections(1) == 1
    assert most_connections(10**9) < 10**9


async def test_metrics_show_every_stage_and_reason_from_the_start() -> None:
    Connections("shown", FAR)
    assert REGISTRY.get_sample_value("verifier_connections", {"listener": "shown", "stage": "idle"}) == 0
    assert REGISTRY.get_sample_value("verifier_connections_cut_total", {"listener": "shown", "reason": "full"}) == 0
