"""Reads the form that a voice platform sends. A form must be small, be in UTF-8, and repeat no field.

Implements CVP-7.8-6.
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from verifier.core.errors import BodyTooLarge, Forbidden, MalformedRequest, UnsupportedMediaType
from verifier.voice.dialects import Form

MAX_FIELDS = 200
UTF_8 = ("charset=utf-8", 'charset="utf-8"')
TYPE = "application/x-www-form-urlencoded"


async def read_form(request: web.Request) -> Form:
    """Read the fields of a form. Raises UnsupportedMediaType, BodyTooLarge or MalformedRequest.

    Raises Forbidden for a repeated field, because the signature does not say which value counts.
    """
    if "Content-Encoding" in request.headers:
        raise UnsupportedMediaType("a request has no Content-Encoding here, not even identity")
    if not request.body_exists:
        return {}
    kind, *parameters = (each.strip().lower() for each in request.headers.get("Content-Type", "").split(";"))
    charsets = [each for each in parameters if each.startswith("charset")]
    if kind != TYPE or any(each not in UTF_8 for each in charsets):
        raise UnsupportedMediaType(f"a form is {TYPE} in UTF-8")
    try:
        body = (await request.read()).decode("utf-8").rstrip()
        pairs = parse_qsl(body, keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=MAX_FIELDS)
    except web.HTTPRequestEntityTooLarge as error:
        raise BodyTooLarge from error
    except (HttpProcessingError, web.RequestPayloadError, ConnectionError) as error:
        raise MalformedRequest("the form breaks off, or its chunks cannot be read") from error
    except ValueError as error:
        raise MalformedRequest(f"a form has at most {MAX_FIELDS} fields, percent-encoded in UTF-8") from error
    form = dict(pairs)
    if len(form) < len(pairs):
        raise Forbidden("a field is given twice")
    return form
