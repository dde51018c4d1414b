"""Defines what an operation of the API is, and handles each request to an operation.

Implements specs/protocol.md section 3.2.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any, Generic, Required, TypeAlias, TypedDict, TypeVar, Unpack

import msgspec
import structlog
from aiohttp import web
from msgspec import Meta, Struct

from verifier.api import headers
from verifier.api.authentication import Authentication
from verifier.api.bodies import convert, decode_body, read_body
from verifier.api.metrics import REQUESTS
from verifier.api.problems import problem_response
from verifier.api.throttle import Throttle
from verifier.core.errors import (
    InternalError,
    InvalidField,
    MalformedRequest,
    VerifierError,
)
from verifier.core.principal import Principal
from verifier.ledger.commands import Reply
from verifier.ledger.idempotency import Idempotency
from verifier.service import Service

log = structlog.get_logger()

_encode = msgspec.json.Encoder().encode


Limit = Annotated[int, Meta(ge=1, le=100)]
"""The maximum number of items on a page."""
Body = TypeVar("Body")
Query = TypeVar("Query")
Content = TypeVar("Content", bound=Struct)


class Asked(Struct, Generic[Body, Query], frozen=True):
    """A decoded and authenticated request.

    `body` is None if the operation takes no body. `query` is None if the operation takes no query. `path` has the
    parameters of the path. `sent` has the headers that the response will have. `identify` authenticates the caller
    again; a long-lived response uses it from time to time.
    """

    request: web.Request
    principal: Principal
    body: Body
    query: Query
    idempotency: Idempotency
    path: dict[str, str]
    sent: dict[str, str]
    identify: Callable[[], Awaitable[Principal]]


# One table holds all operations, so these types are `Any`. The type checker still compares the body, query, handler and
# answer of each operation, because the function `operation` has precise types.
_Asked: TypeAlias = Asked[Any, Any]
_Handler: TypeAlias = Callable[[Service, _Asked], Awaitable[Struct | Reply[Struct] | web.StreamResponse]]


class _Described(TypedDict, total=False):
    """The members of `Operation` whose types are the same for every operation."""

    id: Required[str]
    method: Required[str]
    path: Required[str]
    summary: Required[str]
    who: tuple[str, ...]
    status: int
    idempotent_key: bool
    content_type: str
    path_types: dict[str, type[str]]
    raises: tuple[type[VerifierError], ...]
    tag: str
    busy: bool
    step_up: bool


class Operation(Struct, frozen=True, kw_only=True):
    """One operation of the API. `who` lists the grants that allow it. An operation with an empty `who` is public.

    `raises` lists the errors that are specific to this operation. The router finds a `busy` operation first. For an
    operation with `step_up`, staff must have signed in as strongly as the settings ask (RFC 9470).
    """

    id: str
    method: str
    path: str
    summary: str
    handler: _Handler
    answer: type[Struct] | None = None
    who: tuple[str, ...] = ()
    body: type[object] | None = None
    query: type[object] | None = None
    status: int = 200
    idempotent_key: bool = False
    content_type: str = "application/json"
    path_types: dict[str, type[str]] = {}
    raises: tuple[type[VerifierError], ...] = ()
    tag: str = ""
    busy: bool = False
    step_up: bool = False


def operation(
    *,
    handler: Callable[[Service, Asked[Body, Query]], Awaitable[Content | Reply[Content] | web.StreamResponse]],
    answer: type[Content] | None = None,
    body: type[Body] | None = None,
    query: type[Query] | None = None,
    **described: Unpack[_Described],
) -> Operation:
    """Make an `Operation`. The type checker compares the types of `handler` with `body`, `query` and `answer`."""
    return Operation(handler=handler, answer=answer, body=body, query=query, **described)


# Two placeholders. `_NOBODY` is the caller of a public operation. `_NO_IDEMPOTENCY` is for an operation without an
# idempotency key.
_NOBODY = Principal(kind="customer", id="", issuer="")
_NO_IDEMPOTENCY = Idempotency("", "", b"")


class Endpoint:
    """Serves one operation.

    For each request, it authenticates and authorizes the caller, decodes the request, calls the handler, and encodes
    the result.
    """

    def __init__(
        self, operation: Operation, service: Service, authentication: Authentication, people: Throttle
    ) -> None:
        self._operation = operation
        self._service = service
        self._authentication = authentication
        self._people = people
        self._who = frozenset(operation.who)
        self._decoder = msgspec.json.Decoder(operation.body) if operation.body is not None else None
        self._timers: dict[int, Callable[[float], None]] = {}
        self._path = [(name, msgspec.json.Decoder(kind)) for name, kind in operation.path_types.items()]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        started = time.perf_counter()
        request_id = headers.request_id(request)
        sent = {**headers.ALWAYS, "X-Request-ID": request_id}
        try:
            response = await self._respond(request, sent)
        except VerifierError as error:
            if isinstance(error, InternalError):
                log.error("defect", operation=self._operation.id, request_id=request_id, exc_info=error)
            response = problem_response(error, request_id, sent)
            if response.status in (401, 403):
                log.info("refused", operation=self._operation.id, reason=error.reason, request_id=request_id)
        except web.HTTPException:
            raise
        except Exception as error:
            log.error("defect", operation=self._operation.id, request_id=request_id, exc_info=error)
            response = problem_response(InternalError(), request_id, sent)
        elapsed = time.perf_counter() - started
        self._timer(response.status)(elapsed)
        log.info(
            "request",
            operation=self._operation.id,
            status=response.status,
            ms=round(elapsed * 1000, 2),
            request_id=request_id,
            trace_id=headers.trace_id(request),
        )
        return response

    def _timer(self, status: int) -> Callable[[float], None]:
        """The function that records the duration of a request with this status.

        It is cached for each status, because finding labels is slow.
        """
        if status not in self._timers:
            self._timers[status] = REQUESTS.labels(self._operation.id, str(status)).observe
        return self._timers[status]

    async def _respond(self, request: web.Request, sent: dict[str, str]) -> web.StreamResponse:
        operation = self._operation
        body = await read_body(request)
        principal = _NOBODY
        if self._who:
            principal = await self._identify(request, body)
            if principal.kind != "system":
                sent.update(self._people.headers(self._people.spend(principal.key)))
            if not self._who & principal.grants:
                raise self._authentication.refusal(principal, self._who)
            if operation.step_up:
                self._authentication.strength.check(principal)
            principal = principal.acting(self._who)
        path = dict(request.match_info)
        self._check_path(path)
        query = convert(_query(request), operation.query) if operation.query is not None else None
        decoded = decode_body(body, self._decoder) if self._decoder is not None else None
        idempotency = _idempotency(request, principal, body) if operation.idempotent_key else _NO_IDEMPOTENCY
        identify = partial(self._identify, request, body)
        asked = Asked(request, principal, decoded, query, idempotency, path, sent, identify)
        result = await operation.handler(self._service, asked)
        if isinstance(result, web.StreamResponse):
            for name, value in sent.items():
                if not result.prepared:
                    result.headers.setdefault(name, value)
            return result
        content = result.body if isinstance(result, Reply) else _encode(result)
        return web.Response(body=content, status=operation.status, content_type=operation.content_type, headers=sent)

    async def _identify(self, request: web.Request, body: bytes) -> Principal:
        """Authenticate the caller. Raises Unauthenticated, or Suspended if the caller is suspended."""
        principal = await self._authentication.identify(request, body)
        await self._service.suspensions.admit(principal)
        return principal

    def _check_path(self, path: dict[str, str]) -> None:
        """Check the parameters of the path. Raises InvalidField.

        A decoder is made once for each type. `msgspec.convert` would analyse the type for each request.
        """
        for name, decoder in self._path:
            try:
                decoder.decode(_encode(path[name]))
            except (msgspec.MsgspecError, UnicodeEncodeError) as error:
                raise InvalidField.at(f"/{name}", "not a well-formed id") from error


def _idempotency(request: web.Request, principal: Principal, body: bytes) -> Idempotency:
    fingerprint = hashlib.sha256(f"{request.method} {request.path_qs}\0".encode() + body).digest()
    return Idempotency(principal.key, headers.idempotency_key(request), fingerprint)


def _query(request: web.Request) -> dict[str, str]:
    query = dict(request.query)
    if len(query) < len(request.query):
        raise MalformedRequest("a query parameter is given twice")
    return query
