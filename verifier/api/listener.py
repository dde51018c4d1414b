"""Serves an application on an address, with limits on its connections. Implements specs/protocol.md section 12.2."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import cast

from aiohttp import web
from aiohttp.typedefs import Handler

from verifier.api.connections import Bounds, Connection, Connections
from verifier.api.headers import without_banner
from verifier.api.refusals import MAX_HEADER, MAX_TARGET, Protocol, check_headers, problem
from verifier.core.errors import VerifierError

if sys.platform != "win32":
    import resource

BACKLOG = 1024
SHUTDOWN_S = 20
# aiohttp's timeout for idle connections. It is so long that our own timeout always comes first.
NEVER_S = 86_400


@web.middleware
async def _tracked(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Tell the connection when the headers of a request are complete, and when its handler is done.

    This middleware also checks the headers. If it or the handler raises a VerifierError, the answer is a problem.
    """
    connection = request.transport.get_protocol() if request.transport is not None else None
    if not isinstance(connection, Connection):
        return await handler(request)
    connection.asked(request)
    try:
        check_headers(request)
        return await handler(request)
    except VerifierError as error:
        return problem(error, request)
    finally:
        connection.answered()


class Listener:
    """Serves one application on one address, with limits on the connections."""

    def __init__(self, name: str, application: web.Application, bounds: Bounds) -> None:
        application.middlewares.insert(0, _tracked)
        application.on_response_prepare.append(without_banner)
        self._runner = web.AppRunner(application, shutdown_timeout=SHUTDOWN_S)
        self._connections = Connections(name, bounds)
        self._server: asyncio.Server | None = None
        self._watch: asyncio.Task[None] | None = None

    async def open(self, host: str, port: int) -> None:
        """Start to listen. Raises OSError if the address cannot be used, for example because it is in use."""
        await self._runner.setup()
        http = cast(web.Server, self._runner.server)
        loop = asyncio.get_running_loop()

        def connected() -> Connection:
            # aiohttp need not decompress bodies, because `read_body` refuses a body with a Content-Encoding.
            protocol = Protocol(
                http,
                loop=loop,
                access_log=cast(logging.Logger, None),
                keepalive_timeout=NEVER_S,
                max_line_size=MAX_TARGET,
                max_field_size=MAX_HEADER,
                auto_decompress=False,
            )
            return Connection(self._connections, protocol)

        self._server = await loop.create_server(connected, host, port, backlog=BACKLOG)
        self._watch = asyncio.create_task(self._connections.watch(), name="connections")

    async def close(self) -> None:
        """Stop accepting connections. Then wait for the open requests, for at most `SHUTDOWN_S` seconds."""
        if self._server is not None:
            self._server.close()
        await self._runner.cleanup()
        if self._watch is not None:
            self._watch.cancel()


def most_connections(wanted: int) -> int:
    """Raise the process's limit on file descriptors, and return how many connections the process may accept.

    The result is `wanted`, or half of the new limit if half of the limit is less. The other half is for the database,
    for files, and for connections that are being accepted or closed.
    """
    if sys.platform == "win32":
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):
        hard = soft  # some systems report a hard limit that cannot be set
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard // 2)
