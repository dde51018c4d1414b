"""Reading a request body: bounded, UTF-8, no repeated member, no control character.

Carries out specs/protocol.md section 3.2.
"""

from __future__ import annotations

import json
import re
from typing import Any, TypeVar

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_exceptions import HTTPRequestEntityTooLarge

from verifier.core.errors import BodyTooLarge, FieldError, InvalidField, MalformedRequest, UnsupportedMediaType
from verifier.core.text import unsafe

MAX_BODY = 65_536
Body = TypeVar("Body")

_AT = re.compile(r"^(?P<what>.*?)(?: - at `\$(?P<path>.*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"unknown field `(?P<name>.*?)`")
_MISSING = re.compile(r"missing required field `(?P<name>.*?)`")


async def read_body(request: web.Request) -> bytes:
    """The raw body. Raises BodyTooLarge beyond 64 KiB, UnsupportedMediaType for what is not JSON or is coded, and
    MalformedRequest when it breaks off."""
    if "Content-Encoding" in request.headers:
        raise UnsupportedMediaType("a request has no Content-Encoding here, not even identity")
    if not request.body_exists:
        return b""
    try:
        body = await request.read()
    except HTTPRequestEntityTooLarge as error:
        raise BodyTooLarge(f"a body has at most {MAX_BODY} bytes") from error
    except (HttpProcessingError, web.RequestPayloadError, ConnectionError) as error:
        raise MalformedRequest("the body breaks off, or its chunks cannot be read") from error
    # aiohttp's own reading of this header raises for bytes that are not UTF-8.
    if body and request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedMediaType("a body is application/json")
    return body


def decode_body(body: bytes, decoder: msgspec.json.Decoder[Body]) -> Body:
    """The request a body holds. Raises MalformedRequest, or InvalidField naming the member."""
    try:
        # The wire decoder keeps the last of repeated members; a signature or a proxy may have meant the first.
        json.loads(body.decode("utf-8"), object_pairs_hook=_members, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise MalformedRequest("the body is not UTF-8") from error
    except RecursionError as error:
        raise MalformedRequest("the body is nested too deep") from error
    except ValueError as error:
        raise MalformedRequest(f"the body is not JSON: {error}") from error
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise MalformedRequest(f"the body is not JSON: {error}") from error


def convert(values: dict[str, str], shape: type[Body]) -> Body:
    """Query parameters as a struct. Raises InvalidField naming the parameter."""
    try:
        return msgspec.convert(values, shape, strict=False)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from error


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise MalformedRequest(
            "a member is given twice", errors=(FieldError(_pointer(repeated[:80]), "given more than once"),)
        )
    for name, value in pairs:
        texts = value if isinstance(value, list) else (value,)
        if any(isinstance(each, str) and unsafe(each) for each in texts):
            raise InvalidField.at(_pointer(name[:80]), "holds a control character or one that is no character")
    return members


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _pointer(name: str) -> str:
    return "/" + name.encode("utf-8", "replace").decode().replace("~", "~0").replace("/", "~1")


def _invalid(message: str) -> InvalidField:
    matched = _AT.match(message)
    what, path = (matched["what"], matched["path"] or "") if matched else (message, "")
    named = _UNKNOWN.search(what) or _MISSING.search(what)
    pointer = re.sub(r"\[(\d+)\]", r"/\1", path.replace(".", "/"))
    if named:
        pointer += _pointer(named["name"][:80])
    return InvalidField.at(pointer[:200], what[:300])
