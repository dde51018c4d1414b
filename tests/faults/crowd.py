"""Clients that hold connections open: silent ones, slow ones, and ones that never read."""

from __future__ import annotations

import asyncio
import itertools
import resource
import socket
from collections.abc import Iterator

ADDRESSES = 20
AT_ONCE = 200
# Open files that the test process needs for other things.
SPARE_FILES = 500

SLOW_HEADERS = b"GET /v1/me/call-status HTTP/1.1\r\nHost: bank\r\n"
SLOW_BODY = (
    b"POST /v1/reports HTTP/1.1\r\nHost: bank\r\nContent-Type: application/json\r\nContent-Length: 9000\r\n\r\n{"
)
# Requests whose answers together exceed the socket buffers of both kernels.
NEVER_READS = b"GET /openapi.json HTTP/1.1\r\nHost: bank\r\n\r\n" * 100


def raise_file_limit() -> int:
    """Raise the limit of open files to its maximum. Return how many connections this process may then open."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard - SPARE_FILES


class Crowd:
    """Connections to one port from many addresses of this machine, for a `with`."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._sources = self._addresses()
        self._open: list[socket.socket] = []
        self._slow: list[tuple[socket.socket, bytes]] = []

    def __enter__(self) -> Crowd:
        return self

    def __exit__(self, *exception: object) -> None:
        for each in self._open:
            each.close()

    async def comes(self, count: int, says: bytes = b"", then: bytes = b"") -> None:
        """Open `count` more connections and send `says` on each. `trickle` then repeats `then` on them."""
        while count:
            coming = [await self._socket() for _ in range(min(count, AT_ONCE))]
            await asyncio.gather(*(self._connect(each, says) for each in coming))
            self._open += coming
            if then:
                self._slow += [(each, then) for each in coming]
            count -= len(coming)

    async def trickle(self, every_s: float) -> None:
        """Keep sending a little on each slow connection until the server has cut all of them."""
        while self._slow:
            await asyncio.sleep(every_s)
            self._slow = [(each, then) for each, then in self._slow if _says(each, then)]

    @staticmethod
    def _addresses() -> Iterator[str]:
        return itertools.cycle(f"127.0.0.{n}" for n in range(2, 2 + ADDRESSES))

    async def _socket(self) -> socket.socket:
        made = socket.socket()
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        made.bind((next(self._sources), 0))
        return made

    async def _connect(self, each: socket.socket, says: bytes) -> None:
        loop = asyncio.get_running_loop()
        await loop.sock_connect(each, ("127.0.0.1", self._port))
        if says:
            await loop.sock_sendall(each, says)


def _says(each: socket.socket, words: bytes) -> bool:
    """Send on the connection. False if the server has closed it."""
    try:
        if each.recv(1) == b"":
            return False
    except BlockingIOError:
        pass
    except OSError:
        return False
    try:
        each.send(words)
    except OSError:
        return False
    return True
