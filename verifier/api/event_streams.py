"""Sends server-sent events. Implements specs/protocol.md section 7.5 (live events)."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

import msgspec
from aiohttp import web
from aiohttp_sse import EventSourceResponse
from msgspec import Struct

from verifier.api.connections import notice_vanishing
from verifier.api.operations import Asked
from verifier.core.errors import VerifierError

_encode = msgspec.json.Encoder().encode
PING_S = 15
# A client that acknowledges no data for this many seconds counts as gone.
VANISHED_S = 6
# The status, as nginx writes it into its log, of a request whose client has gone before there was an answer.
CLIENT_GONE = 499


async def stream(
    asked: Asked[None, None], watched: AsyncGenerator[Struct | None, None], event: str
) -> web.StreamResponse:
    """Send the current value of `watched` as an event, and send another event whenever the value changes.

    If the first read fails, the answer is a problem. The stream ends when a later read fails, when the token is no
    longer accepted, or when the client is gone. If the error remains, a client that connects again gets a problem as
    its answer. A client that goes during the first read, as a browser does that leaves a page, is no error either.
    """
    # Close the generator, because leaving the loop does not close it. Until it is closed, it counts as an open stream
    # of the client.
    async with aclosing(watched):
        first = await anext(watched)
        response = EventSourceResponse(ping_interval=PING_S, send_timeout=VANISHED_S)
        response.headers.update(asked.sent)
        # aiohttp_sse has an assertion on the connection.
        if _gone(asked.request):
            return web.Response(status=CLIENT_GONE)
        try:
            await response.prepare(asked.request)
        except ConnectionError:
            return web.Response(status=CLIENT_GONE)
        notice_vanishing(asked.request.transport, VANISHED_S)
        async with response:
            with suppress(OSError, VerifierError):
                await response.send(_encode(first).decode(), event=event)
                async for seen in watched:
                    if not response.is_connected() or _gone(asked.request):
                        break
                    await asked.identify()
                    if seen is not None:
                        await response.send(_encode(seen).decode(), event=event)
            response.stop_streaming()
        return response


def _gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()
