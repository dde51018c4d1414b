"""The headers every answer carries, and what a request is followed by. Carries out specs/protocol.md section 12."""

from __future__ import annotations

import os
import re

from aiohttp import web

ALWAYS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Server": "verifier"}

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


def request_id(request: web.Request) -> str:
    """The caller's own X-Request-ID where it is harmless to log, or a new one."""
    given = request.headers.get("X-Request-ID", "")
    return given if _REQUEST_ID.fullmatch(given) else os.urandom(8).hex()


def trace_id(request: web.Request) -> str | None:
    """The trace of a W3C `traceparent`, if there is one."""
    matched = _TRACEPARENT.fullmatch(request.headers.get("traceparent", ""))
    return matched[1] if matched else None
