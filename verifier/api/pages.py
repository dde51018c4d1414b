"""Serves the officer's console, the counter's page, the customer's page and the page that checks receipts.

They come from clients/, with a strict content policy.

Implements specs/protocol.md section 12.1. The files of the pages are read once, when the node starts. No other files
are served.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from importlib.resources import files
from pathlib import Path

import msgspec
from aiohttp import web
from msgspec import Struct

from verifier.api.documents import document
from verifier.api.headers import ALWAYS
from verifier.core.evidence import Trust
from verifier.core.purposes import ASKS, ITEMS, NEVER_ASKS, PURPOSES

# Folders that all pages use: `web` has the shared files, and `typescript/src` has the modules of the TypeScript SDK.
SHARED = ("web", "typescript/src")
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src {connect}; "
    "form-action 'none'; frame-ancestors 'none'; base-uri 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)


class SignIn(Struct, frozen=True):
    """The data with which a page signs people in: an OpenID provider, the client id of the page, and the scopes.

    `resource` is the API that the access token is for (RFC 8707). Without `resource`, the provider chooses the API.
    """

    issuer: str
    client_id: str
    scope: str = "openid profile"
    resource: str = ""


class Facts(Struct, frozen=True):
    """The facts about this deployment that a page needs."""

    bank_name: str
    sign_in: SignIn | None
    published_numbers: tuple[str, ...]
    caller_numbers: tuple[str, ...] = ()

    def encoded(self) -> bytes:
        """The facts as JSON.

        The JSON also has the texts for call purposes and for items (specs/protocol.md section 4.3).
        """
        words = {"purposes": PURPOSES, "asks": ASKS, "items": ITEMS, "never_asks": NEVER_ASKS}
        return msgspec.json.encode({**msgspec.to_builtins(self), **words})


def add_pages(router: web.UrlDispatcher, staff: Facts, app: Facts, trust: Callable[[], Trust]) -> None:
    """Add routes for all pages, for the files that they share, and for the facts of each page.

    `trust` returns the keys with which the page at /receipts/ checks receipts.
    """
    root = _root()
    for name, facts in (("officer", staff), ("desk", staff), ("app", app)):
        headers = _headers(_connect(facts))
        _add_folder(router, name, root / name, headers)
        router.add_get(f"/{name}/facts.json", _file(facts.encoded(), "application/json", headers))
        router.add_get(f"/{name}", _move(f"/{name}/"))
    for name in SHARED:
        _add_folder(router, name, root / name, _headers(_connect(app)))
    # The browser itself enforces that a receipt is sent nowhere.
    headers = _headers("'none'")
    _add_folder(router, "receipts", root / "receipts", headers)
    router.add_get("/receipts/bank.js", _bank(msgspec.structs.replace(app, sign_in=None), trust, headers))
    router.add_get("/receipts", _move("/receipts/"))


def _bank(facts: Facts, trust: Callable[[], Trust], headers: dict[str, str]) -> Callable[..., Awaitable[web.Response]]:
    """Serve the facts and the keys as a script, since the page at /receipts/ may fetch nothing.

    The keys may change while the node runs.
    """
    known = facts.encoded()

    async def serve(request: web.Request) -> web.Response:
        both = b'{"facts":%b,"trust":%b}' % (known, msgspec.json.encode(trust()))
        script = b"export default JSON.parse(%b);\n" % msgspec.json.encode(both.decode())
        return await _file(script, TYPES[".js"], headers)(request)

    return serve


def _root() -> Path:
    """The folder `clients`. An installed package contains this folder.

    In a clone, the folder is next to the package.
    """
    installed = Path(str(files("verifier"))) / "clients"
    return installed if installed.is_dir() else Path(str(files("verifier"))).parent / "clients"


def _add_folder(router: web.UrlDispatcher, name: str, folder: Path, headers: dict[str, str]) -> None:
    for path in sorted(folder.rglob("*")):
        if path.suffix in TYPES and not path.name.endswith(".d.ts"):
            handler = _file(path.read_bytes(), TYPES[path.suffix], headers)
            router.add_get(f"/{name}/{path.relative_to(folder).as_posix()}", handler)
            if path.name == "index.html":
                router.add_get(f"/{name}/", handler)


def _connect(facts: Facts) -> str:
    """Where a page may connect to: the service and the OpenID provider."""
    issuer = "" if facts.sign_in is None else facts.sign_in.issuer
    return f"'self' {'/'.join(issuer.split('/')[:3])}"


def _headers(connect: str) -> dict[str, str]:
    return {
        "Content-Security-Policy": _POLICY.format(connect=connect),
        "Cache-Control": "no-cache",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }


def _file(content: bytes, content_type: str, headers: dict[str, str]) -> Callable[..., Awaitable[web.Response]]:
    etag = hashlib.sha256(content).hexdigest()[:32]
    sent = {**headers, "ETag": f'"{etag}"'}

    async def serve(request: web.Request) -> web.Response:
        if any(each.value == etag for each in request.if_none_match or ()):
            return web.Response(status=304, headers=sent)
        return document(request, content, content_type, sent, charset="utf-8")

    return serve


def _move(to: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def move(request: web.Request) -> web.StreamResponse:
        return web.Response(status=301, headers={**ALWAYS, "Location": to})

    return move
