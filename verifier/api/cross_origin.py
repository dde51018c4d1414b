"""Lets pages of other origins use the API from a browser (the CORS protocol of the Fetch standard).

Implements specs/protocol.md section 12.3. Tokens are in a header, and there are no cookies. So no answer allows
credentials.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from aiohttp import web
from multidict import CIMultiDict

_ASKED = "authorization, content-type, idempotency-key, traceparent, x-request-id"
_TOLD = "Date, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, X-Request-ID"
# How long a browser may remember the answer, in seconds. Chromium caps it at two hours.
_REMEMBERED = "600"


class CrossOrigin:
    """The origins whose pages may use the API. With none, nothing is added to any answer."""

    def __init__(self, origins: Iterable[str] = ()) -> None:
        self._origins = frozenset(origins)

    def add_to(self, app: web.Application, methods: dict[str, list[str]]) -> None:
        """Answer preflight requests to these paths, and mark every answer for an allowed origin."""
        if not self._origins:
            return
        app.on_response_prepare.append(self._mark)
        for path, allowed in methods.items():
            app.router.add_route("OPTIONS", path, _preflight(", ".join(sorted(allowed))))

    async def _mark(self, request: web.BaseRequest, response: web.StreamResponse) -> None:
        _vary(response.headers)
        if request.headers.get("Origin") in self._origins:
            response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
            response.headers["Access-Control-Expose-Headers"] = _TOLD


def _vary(headers: CIMultiDict[str]) -> None:
    headers["Vary"] = f"{headers['Vary']}, Origin" if "Vary" in headers else "Origin"


def _preflight(methods: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Answer which methods and headers a request may have. A browser heeds it only with the mark of its origin."""
    sent = {
        "Access-Control-Allow-Methods": methods,
        "Access-Control-Allow-Headers": _ASKED,
        "Access-Control-Max-Age": _REMEMBERED,
        "Cache-Control": "no-store",
    }

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=204, headers=sent)

    return answer
