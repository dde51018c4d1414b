"""What to ask, as a value: nothing here sends anything. Implements specs/protocol.md section 3.2."""

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
    """One operation, to be handed to `Client.send` or `AsyncClient.send`, which gives an answer of type `T_co`.

    It may be sent again: the `idempotency_key` stays with it, so that a lost answer is given again.
    """

    method: str
    path: str
    answer: type[T_co]
    body: bytes | None = None
    idempotency_key: str | None = None

    @property
    def accept(self) -> str:
        """The media type of the answer: text for `str`, octets for `bytes`, else JSON of the shape `answer`."""
        return _KINDS.get(self.answer, "application/json")

    def __repr__(self) -> str:
        # The body may hold a code, a name or a number.
        return f"Request({self.method} {self.path})"


_KINDS: dict[type, str] = {str: "text/plain", bytes: "application/octet-stream"}


def get(path: str, answer: type[Answer], query: Mapping[str, object] | None = None) -> Request[Answer]:
    """A request that changes nothing."""
    given = {name: value for name, value in (query or {}).items() if value is not None}
    return Request("GET", f"{path}?{urlencode(given)}" if given else path, answer)


def put(path: str, answer: type[Answer], body: object) -> Request[Answer]:
    """A request that may be repeated as it is."""
    return Request("PUT", path, answer, msgspec.json.encode(body))


def delete(path: str, answer: type[Answer]) -> Request[Answer]:
    """A request that may be repeated as it is."""
    return Request("DELETE", path, answer)


def post(path: str, answer: type[Answer], body: dict[str, object], idempotency_key: str | None) -> Request[Answer]:
    """A request that is carried out once for its key, which is made up unless it is given. Raises ValueError."""
    key = secrets.token_urlsafe(24) if idempotency_key is None else idempotency_key
    if _KEY.fullmatch(key) is None:
        raise ValueError('an idempotency key is 1 to 255 visible ASCII characters without " and \\')
    given = {name: value for name, value in body.items() if value is not None}
    return Request("POST", path, answer, msgspec.json.encode(given), key)


def instant(at: datetime) -> datetime:
    """An instant as it goes over the wire, in UTC. Raises ValueError when it has no time zone."""
    if at.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return at.astimezone(UTC)


def segment(part: str) -> str:
    """An id as one segment of a path. Raises ValueError for what would lead elsewhere."""
    if part in ("", ".", ".."):
        raise ValueError("an id is not empty")
    return quote(part, safe="")
