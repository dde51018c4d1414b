"""Builds the aiohttp applications of the two ports. The public port serves the API. The admin port serves metrics."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import jinja2
import msgspec
from aiohttp import web
from prometheus_client import generate_latest

from verifier.api import headers
from verifier.api.authentication import Authentication
from verifier.api.bodies import MAX_BODY
from verifier.api.cross_origin import CrossOrigin
from verifier.api.documents import document
from verifier.api.metrics import BATCHES, COMMANDS, EXCHANGE_SILENT, READY, SUSPENDED, SUSPENDED_AGE
from verifier.api.openapi import document as description
from verifier.api.operations import Endpoint, Operation
from verifier.api.pages import Facts, add_pages
from verifier.api.refusals import problem
from verifier.api.theme import Theme
from verifier.api.throttle import Throttle
from verifier.core.errors import MethodNotAllowed, NotFound, VerifierError
from verifier.service import Service

_DOCS_POLICY = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'"
_templates = jinja2.Environment(loader=jinja2.PackageLoader("verifier.api", "templates"), autoescape=True)


def public_app(
    service: Service,
    operations: tuple[Operation, ...],
    authentication: Authentication,
    people: Throttle,
    pages: tuple[Facts, Facts] | None = None,
    theme: Theme | None = None,
    elsewhere: tuple[str, ...] = (),
) -> web.Application:
    """Build the application for the public port: the API, its documentation, and the pages.

    `pages` is a pair: the facts for the officer's console and the facts for the customer's page. If `pages` is None,
    no page is served. `theme` is the bank's own look. `elsewhere` are the origins whose pages may use the API.
    """
    app = web.Application(client_max_size=MAX_BODY)
    methods: dict[str, list[str]] = {}
    # aiohttp tries the routes with the same beginning in this order, so the busy ones come first.
    for operation in sorted(operations, key=lambda each: not each.busy):
        endpoint = Endpoint(operation, service, authentication, people)
        path = operation.path.replace("{path}", "{path:.+}")
        for method in _methods(operation):
            app.router.add_route(method, path, endpoint.handle)
            methods.setdefault(path, []).append(method)
    described = description(operations)
    encoded = msgspec.json.encode(described)
    page = _templates.get_template("docs.html").render(api=described, problems=_problems()).encode()
    style = _templates.get_template("docs.css").render().encode()

    async def openapi(request: web.Request) -> web.Response:
        return document(request, encoded, "application/json", headers.ALWAYS)

    async def docs(request: web.Request) -> web.Response:
        sent = {**headers.ALWAYS, "Content-Security-Policy": _DOCS_POLICY}
        return document(request, page, "text/html", sent, charset="utf-8")

    async def docs_style(request: web.Request) -> web.Response:
        return document(request, style, "text/css", headers.ALWAYS, charset="utf-8")

    app.router.add_get("/openapi.json", openapi)
    app.router.add_get("/docs", docs)
    app.router.add_get("/docs.css", docs_style)
    if pages is not None:
        add_pages(app.router, *pages, service.context.trust, theme)
    CrossOrigin(elsewhere).add_to(app, methods)
    # Routes refuse unknown addresses and methods. A middleware could do the same, but would cost time on every request.
    for path, allowed in methods.items():
        app.router.add_route("*", path, _refuse(MethodNotAllowed(), {"Allow": ", ".join(sorted(allowed))}))
    app.router.add_route("*", "/{path:.*}", _refuse(NotFound(), {}))
    return app


def _methods(operation: Operation) -> tuple[str, ...]:
    """The HTTP methods that an operation answers.

    An operation with GET also answers HEAD, unless it is an event stream.
    """
    readable = operation.method == "GET" and operation.content_type != "text/event-stream"
    return ("GET", "HEAD") if readable else (operation.method,)


def admin_app(service: Service, ready: Callable[[], Awaitable[bool]]) -> web.Application:
    """Build the application for the admin port: liveness, readiness and metrics.

    Only the operator may reach this port.
    """

    async def livez(request: web.Request) -> web.Response:
        return web.Response(text="ok\n", headers=headers.ALWAYS)

    async def readyz(request: web.Request) -> web.Response:
        if await ready():
            READY.set(1)
            told = "ready; a telephone exchange is silent\n" if service.exchanges.silent_here else "ready\n"
            return web.Response(text=told, headers=headers.ALWAYS)
        READY.set(0)
        words = "not ready: nothing can be made durable now\n"
        return web.Response(text=words, status=503, headers=headers.ALWAYS)

    async def metrics(request: web.Request) -> web.Response:
        BATCHES.set(service.context.events.batches)
        COMMANDS.set(service.context.events.commands)
        EXCHANGE_SILENT.set(int(service.exchanges.silent_here))
        SUSPENDED.set(len(service.context.cutoff))
        SUSPENDED_AGE.set((service.context.cutoff.age_ms or 0) / 1000)
        return web.Response(body=generate_latest(), content_type="text/plain", headers=headers.ALWAYS)

    app = web.Application()
    app.router.add_get("/livez", livez)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
    return app


def _refuse(error: VerifierError, extra: dict[str, str]) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Make a handler that answers every request with the problem for `error`. `extra` has additional headers."""

    async def refuse(request: web.Request) -> web.StreamResponse:
        response = problem(error, request)
        response.headers.update(extra)
        return response

    return refuse


def _problems() -> list[dict[str, object]]:
    """The slug, title and explanation of each kind of problem, for the documentation page."""
    kinds: dict[str, dict[str, object]] = {}
    waiting: list[type[VerifierError]] = [VerifierError]
    while waiting:
        kind = waiting.pop(0)
        waiting.extend(kind.__subclasses__())
        kinds.setdefault(kind.slug, {"slug": kind.slug, "title": kind.title, "doc": (kind.__doc__ or "").strip()})
    return sorted(kinds.values(), key=lambda each: str(each["slug"]))
