"""Refuses bad requests before they reach an operation. Each answer is a problem.

The log repeats no part of a bad request. Implements specs/protocol.md section 3.2. specs/decisions/0030 explains the
decision.
"""

from __future__ import annotations

import structlog
from aiohttp import web
from aiohttp.http import RawRequestMessage
from aiohttp.http_exceptions import LineTooLong

from verifier.api import headers
from verifier.api.problems import problem_response
from verifier.core.errors import (
    BodyTooLarge,
    Forbidden,
    HeaderTooLarge,
    InternalError,
    MalformedRequest,
    MethodNotAllowed,
    NotFound,
    UnsupportedMediaType,
    UriTooLong,
    VerifierError,
)

log = structlog.get_logger()

# Limits in bytes. MAX_TARGET is for the request target. MAX_HEADER is for one header with its name, and allows tokens
# of 8,192 characters. MAX_HEADERS is for all headers together.
MAX_TARGET = 8_192
MAX_HEADER = 9_216
MAX_HEADERS = 32_768

_RAISED: dict[int, type[VerifierError]] = {
    403: Forbidden,
    404: NotFound,
    405: MethodNotAllowed,
    413: BodyTooLarge,
    415: UnsupportedMediaType,
}


class Protocol(web.RequestHandler):
    """aiohttp's protocol for one connection. If aiohttp itself refuses a request, the answer is a problem."""

    __slots__ = ()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # aiohttp reports a bad chunk only after the handler is done. But the handler waits for that chunk. So report it
        # to the handler here.
        if not self._messages or isinstance(self._messages[-1][0], RawRequestMessage) or self._current_request is None:
            return
        content = self._current_request.content
        if not content.is_eof():
            content.set_exception(web.RequestPayloadError())
            content.feed_eof()
            self.close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if isinstance(exc, ConnectionError):
            raise exc
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun, and another cannot follow it")
        # If aiohttp refuses an unknown Expect header, it repeats the header in its answer. If the header is not UTF-8,
        # aiohttp raises UnicodeEncodeError.
        expected = isinstance(exc, UnicodeEncodeError) and "Expect" in request.headers
        response = problem(_unread(exc) if status < 500 or expected else InternalError(), request, exc)
        response.force_close()
        return response

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        if isinstance(resp, web.HTTPException) and resp.status >= 400:
            resp = raised(resp, request)
        return await super().finish_response(request, resp, start_time)


def check_headers(request: web.BaseRequest) -> None:
    """Raise HeaderTooLarge if all headers together are too long.

    The limit bounds the work for a caller who is not authenticated yet.
    """
    raw = request.raw_headers
    # Each header has at most `MAX_HEADER` bytes. So if the request has few headers, their sum need not be computed.
    if len(raw) * MAX_HEADER > MAX_HEADERS and sum(len(name) + len(value) for name, value in raw) > MAX_HEADERS:
        raise HeaderTooLarge(f"the headers of a request have at most {MAX_HEADERS} bytes together")


def problem(error: VerifierError, request: web.BaseRequest, cause: BaseException | None = None) -> web.Response:
    """Log the refusal of a request that no operation serves, and return the response.

    `cause` is the original exception, if there is one.
    """
    request_id = headers.request_id(request)
    if isinstance(error, InternalError):
        log.error("defect", request_id=request_id, exc_info=cause or error)
    else:
        log.info("refused", slug=error.slug, cause=type(cause or error).__name__, request_id=request_id)
    return problem_response(error, request_id, {**headers.ALWAYS, "X-Request-ID": request_id})


def raised(error: web.HTTPException, request: web.BaseRequest) -> web.Response:
    """Convert an HTTP error that aiohttp raised to a problem."""
    kind = InternalError if error.status >= 500 else _RAISED.get(error.status, MalformedRequest)
    response = problem(kind(), request, error)
    if "Allow" in error.headers:
        response.headers["Allow"] = error.headers["Allow"]
    return response


def _unread(cause: BaseException | None) -> VerifierError:
    if isinstance(cause, LineTooLong) and cause.args[1] == MAX_TARGET:
        return UriTooLong(f"the target of a request has at most {MAX_TARGET} bytes")
    if isinstance(cause, LineTooLong):
        return HeaderTooLarge(f"a header with its name has at most {MAX_HEADER} bytes")
    return MalformedRequest("the request is not HTTP/1.1 as this service reads it")
