"""One file of a page: kept in memory, compressed once, and revalidated by its hash.

Implements specs/protocol.md section 12.1.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping

from aiohttp import web

from verifier.api.documents import document

REVALIDATE = "no-cache"
FOREVER = "public, max-age=31536000, immutable"


class PageFile:
    """A file with its headers. `version` names its content: an address with `?v=` and it never changes."""

    def __init__(self, content: bytes, content_type: str, headers: Mapping[str, str]) -> None:
        self.version = hashlib.sha256(content).hexdigest()[:32]
        self._content = content
        self._gzip = gzip.compress(content, mtime=0)
        self._type = content_type
        self._headers = headers

    async def serve(self, request: web.Request) -> web.Response:
        packed = _takes_gzip(request)
        # The two representations need two validators (RFC 9110 section 8.8.3.3).
        etag = f"{self.version}-gzip" if packed else self.version
        named = request.query.get("v") == self.version
        sent = {
            **self._headers,
            "Cache-Control": FOREVER if named else REVALIDATE,
            "ETag": f'"{etag}"',
            "Vary": "Accept-Encoding",
        }
        if any(each.value == etag for each in request.if_none_match or ()):
            return web.Response(status=304, headers=sent)
        if packed:
            sent["Content-Encoding"] = "gzip"
        return document(request, self._gzip if packed else self._content, self._type, sent, charset="utf-8")


def _takes_gzip(request: web.Request) -> bool:
    """Whether the client accepts gzip (RFC 9110 section 12.5.3)."""
    for each in request.headers.get("Accept-Encoding", "").lower().split(","):
        coding, _, weight = each.partition(";")
        if coding.strip() == "gzip":
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
