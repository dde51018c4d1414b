"""Serves static documents. All clients, even slow ones, share one copy of a document in memory.

Implements specs/protocol.md section 12.2. specs/decisions/0033 explains the decision.
"""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload

from verifier.api.connections import Connection

# The maximum number of bytes that the process buffers for one slow client.
PIECE = 16_384


def document(
    request: web.Request, content: bytes, content_type: str, headers: Mapping[str, str], *, charset: str | None = None
) -> web.Response:
    """Make a response with `content` as its body."""
    kind = content_type if charset is None else f"{content_type}; charset={charset}"
    return web.Response(body=_Shared(content, _connection(request)), headers={**headers, "Content-Type": kind})


def _connection(request: web.Request) -> Connection | None:
    protocol = request.transport.get_protocol() if request.transport is not None else None
    return protocol if isinstance(protocol, Connection) else None


class _Shared(Payload):
    """A response body that is sent in pieces. Each piece is sent only after the client has read the piece before it."""

    def __init__(self, content: bytes, connection: Connection | None) -> None:
        super().__init__(content)
        self._size = len(content)
        self._connection = connection

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return bytes(self._value).decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        shared = memoryview(self._value)
        if self._connection is not None:
            self._connection.hand_over()
        try:
            for at in range(0, len(shared), PIECE):
                await writer.write(shared[at : at + PIECE])
                await writer.drain()
        finally:
            if self._connection is not None:
                self._connection.handed_over()
