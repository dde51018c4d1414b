"""Makes `Request` objects, which a client can send. Implements specs/protocol.md section 3.2."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Generic, TypeVar
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Struct

T_co = TypeVar("T_co", covariant=True)
Answer = TypeVar("Answer")

_KEY = re.compile(r"[!#-\[\]-~]{1,255}")


class Request(Struct, Generic[T_co], frozen=True):
    """One operation of the service. `Client.send` and `AsyncClient.send` send it, and return an answer of type `T_co`.

    You may send a `Request` object again. It keeps its idempotency key, so the retry gets the answer of the first try.
    """

    method: str
    path: str
    answer: type[T_co]
    body: bytes | None = None
    idempotency_key: str | None = None

    @property
    def accept(self) -> str:
        """The media type of the answer: text for `str`, octets for `bytes`, JSON for all other types."""
        return _KINDS.get(self.answer, "application/json")

    def __repr__(self) -> str:
        # Leave out the body: it may hold a code, a name or a number.
        return f"Request({self.method} {self.path})"


_KINDS: dict[type, str] = {str: "text/plain", bytes: "application/octet-stream"}


def get(path: str, answer: type[Answer], query: Mapping[str, object] | None = None) -> Request[Answer]:
    """Make a GET request, which changes nothing. Query members that are None are left out."""
    given = {name: value for name, value in (query or {}).items() if value is not None}
    return Request("GET", f"{path}?{urlencode(given)}" if given else path, answer)


def put(path: str, answer: type[Answer], body: object) -> Request[Answer]:
    """Make a PUT request, which is idempotent without a key."""
    return Request("PUT", path, answer, msgspec.json.encode(body))


def delete(path: str, answer: type[Answer]) -> Request[Answer]:
    """Make a DELETE request, which is idempotent without a key."""
    return Request("DELETE", path, answer)


def post(path: str, answer: type[Answer], body: dict[str, object], idempotency_key: str | None) -> Request[Answer]:
    """Make a POST request. The default idempotency key is random. Raises ValueError for a malformed key."""
    key = secrets.token_urlsafe(24) if idempotency_key is None else idempotency_key
    if _KEY.fullmatch(key) is None:
        raise ValueError('an idempotency key must have 1 to 255 visible ASCII characters other than " and \\')
    given = {name: value for name, value in body.items() if value is not None}
    return Request("POST", path, answer, msgspec.json.encode(given), key)


def instant(at: datetime) -> datetime:
    """Convert a time to UTC, for a request. Raises ValueError if the time has no time zone."""
    if at.tzinfo is None:
        raise ValueError("a time needs a time zone")
    return at.astimezone(UTC)


def segment(part: str) -> str:
    """Encode an id as one segment of a path. Raises ValueError for `""`, `.` and `..`, which would change the path."""
    if part in ("", ".", ".."):
        raise ValueError("an id must not be empty, . or ..")
    return quote(part, safe="")
