"""What to ask, as a value: nothing here sends anything. Carries out specs/protocol.md section 3.2."""

from __future__ import annotations

import re
import secrets
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Struct

T_co = TypeVar("T_co", covariant=True)

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


class Request(Struct, Generic[T_co], frozen=True):
    """One operation, to be handed to `Client.send` or `AsyncClient.send`, which gives an answer of type `T_co`.

    It may be sent again: the `idempotency_key` stays with it, so that a lost answer is given again.
    """

    method: str
    path: str
    answer: Any
    body: bytes | None = None
    idempotency_key: str | None = None
    accept: str = "application/json"


def get(
    path: str, answer: Any, query: dict[str, object] | None = None, accept: str = "application/json"
) -> Request[Any]:
    """A request that changes nothing."""
    given = {name: value for name, value in (query or {}).items() if value is not None}
    return Request("GET", f"{path}?{urlencode(given)}" if given else path, answer, accept=accept)


def put(path: str, answer: Any, body: object) -> Request[Any]:
    """A request that may be repeated as it is."""
    return Request("PUT", path, answer, msgspec.json.encode(body))


def delete(path: str, answer: Any) -> Request[Any]:
    return Request("DELETE", path, answer)


def post(path: str, answer: Any, body: dict[str, object], idempotency_key: str | None) -> Request[Any]:
    """A request that is carried out once for its key, which is made up unless it is given. Raises ValueError."""
    key = secrets.token_urlsafe(24) if idempotency_key is None else idempotency_key
    if _KEY.fullmatch(key) is None:
        raise ValueError("an idempotency key is 1 to 255 visible ASCII characters")
    given = {name: value for name, value in body.items() if value is not None}
    return Request("POST", path, answer, msgspec.json.encode(given), key)


def segment(part: str) -> str:
    """An id as one segment of a path. Raises ValueError for what would lead elsewhere."""
    if part in ("", ".", ".."):
        raise ValueError("an id is not empty")
    return quote(part, safe="")
