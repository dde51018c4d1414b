"""Reading a request body: bounded, UTF-8, no repeated member, no control character.

Carries out specs/protocol.md section 3.2.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec
from aiohttp import web
from aiohttp.web_exceptions import HTTPRequestEntityTooLarge

from verifier.core import strict_json
from verifier.core.errors import BodyTooLarge, UnsupportedMediaType

MAX_BODY = 65_536
Body = TypeVar("Body")


async def read_body(request: web.Request) -> bytes:
    """The raw body. Raises BodyTooLarge beyond 64 KiB, and UnsupportedMediaType for what is not JSON."""
    if not request.body_exists:
        return b""
    try:
        body = await request.read()
    except HTTPRequestEntityTooLarge as error:
        raise BodyTooLarge(f"a body has at most {MAX_BODY} bytes") from error
    if body and request.content_type != "application/json":
        raise UnsupportedMediaType
    return body


def decode_body(body: bytes, decoder: msgspec.json.Decoder[Body]) -> Body:
    """The request a body holds. Raises MalformedRequest, or InvalidField naming the member."""
    return strict_json.decode(body, decoder, "the body")


def convert(values: dict[str, str], shape: type[Body]) -> Body:
    """Query parameters as a struct. Raises InvalidField naming the parameter."""
    try:
        return msgspec.convert(values, shape, strict=False)
    except msgspec.ValidationError as error:
        raise strict_json.invalid(error) from error
