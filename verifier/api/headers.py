"""Reads and writes headers: the common response headers, request and trace ids, and the idempotency key.

Implements specs/protocol.md sections 3.2 and 12.
"""

from __future__ import annotations

import os
import re

from aiohttp import web

from verifier.core.errors import IdempotencyKeyMissing

# An idempotency key has visible ASCII characters, with or without quotation marks around it (RFC 8941). A key never
# needs escapes, because it must not contain " or \.
IDEMPOTENCY_KEY = r'^([!#-\[\]-~]{1,255}|"[!#-\[\]-~]{1,255}")$'
ALWAYS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_IDEMPOTENCY_KEY = re.compile(IDEMPOTENCY_KEY)
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


class Answer(web.Response):
    """A response without a `Server` header.

    It can also answer requests that aiohttp refuses before the application runs.
    """

    async def _prepare_headers(self) -> None:
        await super()._prepare_headers()
        await without_banner(None, self)


async def without_banner(request: web.BaseRequest | None, response: web.StreamResponse) -> None:
    """Remove the `Server` header that aiohttp adds. This function is a handler for the signal `on_response_prepare`."""
    response.headers.popall("Server", None)


def request_id(request: web.BaseRequest) -> str:
    """The caller's X-Request-ID if it is safe to log. Otherwise, a new id."""
    given = request.headers.get("X-Request-ID", "")
    return given if _REQUEST_ID.fullmatch(given) else os.urandom(8).hex()


def trace_id(request: web.Request) -> str | None:
    """The trace id in the header `traceparent` (W3C Trace Context). None if the header is missing or malformed."""
    matched = _TRACEPARENT.fullmatch(request.headers.get("traceparent", ""))
    return matched[1] if matched else None


def idempotency_key(request: web.Request) -> str:
    """The client's idempotency key (draft-ietf-httpapi-idempotency-key-header), without quotation marks.

    Raises IdempotencyKeyMissing if the header is missing, malformed or repeated.
    """
    given = request.headers.getall("Idempotency-Key", [])
    if len(given) != 1 or _IDEMPOTENCY_KEY.fullmatch(given[0]) is None:
        raise IdempotencyKeyMissing(
            'it needs one Idempotency-Key of 1 to 255 visible ASCII characters without " and \\, bare or in quotes'
        )
    return given[0].strip('"')
