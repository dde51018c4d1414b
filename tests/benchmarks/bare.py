"""The baseline for the service: aiohttp alone, on the same event loop and core.

It decodes the same JSON into the same struct, and encodes an answer as large as the service's. It authenticates,
decides, signs and stores nothing.

    python -m tests.benchmarks.bare PORT ANSWER
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import msgspec
import uvloop
from aiohttp import web

from verifier.core.messages.calls import IssueCall, IssuedCall

_decode = msgspec.json.Decoder(IssueCall).decode
_encode = msgspec.json.Encoder().encode


async def serve(port: int, answer: IssuedCall) -> None:
    """Serve the path of an issue until the process ends."""

    async def handle(request: web.Request) -> web.Response:
        _decode(await request.read())
        return web.Response(body=_encode(answer), status=201, content_type="application/json")

    application = web.Application()
    application.router.add_post("/v1/applications/{application_id}/calls", handle)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    kept = msgspec.json.decode(Path(sys.argv[2]).read_bytes(), type=IssuedCall)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(sys.argv[1]), kept))
