"""Reads request bodies. Refuses a body that is too long, is not UTF-8, repeats a member, or has a control character.

Implements specs/protocol.md section 3.2.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_exceptions import HTTPRequestEntityTooLarge

from verifier.core import strict_json
from verifier.core.errors import BodyTooLarge, MalformedRequest, UnsupportedMediaType

MAX_BODY = 65_536
Body = TypeVar("Body")


async def read_body(request: web.Request) -> bytes:
    """Read the raw body. Raises BodyTooLarge above 64 KiB, and MalformedRequest for an incomplete body.

    Raises UnsupportedMediaType if the body is not JSON, or if the request has a Content-Encoding.
    """
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
    # Parse Content-Type here, because aiohttp's own parser fails if the header is not UTF-8.
    if body and request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedMediaType("a body is application/json")
    return body


def decode_body(body: bytes, decoder: msgspec.json.Decoder[Body]) -> Body:
    """Decode a body to a struct. Raises MalformedRequest, or InvalidField with the name of the wrong member."""
    return strict_json.decode(body, decoder, "the body")


def convert(values: dict[str, str], shape: type[Body]) -> Body:
    """Convert query parameters to a struct. Raises InvalidField with the name of the wrong parameter."""
    try:
        return msgspec.convert(values, shape, strict=False)
    except msgspec.ValidationError as error:
        raise strict_json.invalid(error) from error
