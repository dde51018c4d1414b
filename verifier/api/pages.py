"""Serves the officer's console, the counter's page, the customer's page and the page that checks receipts.

They come from clients/, with a strict content policy.

Implements specs/protocol.md section 12.1. The files of the pages are read once, when the node starts. No other files
are served. Each page has one script and one style, which clients/typescript/bundle.js has put together.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from html import escape
from importlib.resources import files
from pathlib import Path

import msgspec
from aiohttp import web
from msgspec import Struct

from verifier.api.headers import ALWAYS
from verifier.api.page_files import PageFile
from verifier.api.theme import Theme, load_theme
from verifier.core.evidence import Trust
from verifier.core.purposes import ASKS, ITEMS, NEVER_ASKS, PURPOSES

TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
# A shared file, as the pages name it.
_SHARED = re.compile(r'"\.\./((?:built|web)/[a-z-]+\.(?:js|css|svg))"')

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src {connect}; "
    "form-action 'none'; frame-ancestors {ancestors}; base-uri 'none'; "
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
    """The facts about this deployment that a page needs.

    `frame_ancestors` are the origins whose pages may show this page in a frame, and give it its token. `words` has, for
    each language, other texts for texts of the page. `logo` is an address.
    """

    bank_name: str
    sign_in: SignIn | None
    published_numbers: tuple[str, ...]
    caller_numbers: tuple[str, ...] = ()
    frame_ancestors: tuple[str, ...] = ()
    words: dict[str, dict[str, str]] = {}
    logo: str = ""

    def encoded(self) -> bytes:
        """The facts as JSON.

        The JSON also has the texts for call purposes and for items (specs/protocol.md section 4.3).
        """
        words = {"purposes": PURPOSES, "asks": ASKS, "items": ITEMS, "never_asks": NEVER_ASKS}
        return msgspec.json.encode({**msgspec.to_builtins(self), **words})


def add_pages(
    router: web.UrlDispatcher, staff: Facts, app: Facts, trust: Callable[[], Trust], theme: Theme | None = None
) -> None:
    """Add routes for all pages, for the files that they share, and for the facts of each page.

    `trust` returns the keys with which the page at /receipts/ checks receipts.
    """
    root, look = _root(), theme or Theme()
    versions = {}
    for address, (content, kind) in _shared(root, look).items():
        file = PageFile(content, kind, _headers(app))
        versions[address] = file.version
        router.add_get(f"/{address}", file.serve)
    logo = "".join(f"../{each}?v={version}" for each, version in versions.items() if each.startswith("theme/"))
    for name, given in (("officer", staff), ("desk", staff), ("app", app)):
        facts = msgspec.structs.replace(given, words=look.words, logo=logo)
        headers = _headers(facts)
        _add_index(router, root, name, versions, {**headers, **_preconnect(facts)}, facts.published_numbers)
        router.add_get(f"/{name}/facts.json", PageFile(facts.encoded(), "application/json", headers).serve)
    # The browser itself enforces that a receipt is sent nowhere.
    headers = _headers(app, connect="'none'")
    _add_index(router, root, "receipts", versions, headers)
    known = msgspec.structs.replace(app, sign_in=None, words=look.words, logo=logo)
    router.add_get("/receipts/bank.js", _bank(known, trust, headers))


def _add_index(
    router: web.UrlDispatcher,
    root: Path,
    name: str,
    versions: Mapping[str, str],
    headers: Mapping[str, str],
    numbers: tuple[str, ...] = (),
) -> None:
    text = (root / name / "index.html").read_text(encoding="utf-8")
    text = text.replace("<!--hotline-->", _hotline(numbers))
    page = _SHARED.sub(lambda found: f'"../{found[1]}?v={versions[found[1]]}"', text)
    index = PageFile(page.encode(), "text/html", headers).serve
    router.add_get(f"/{name}/", index)
    router.add_get(f"/{name}/index.html", index)
    router.add_get(f"/{name}", _move(f"/{name}/"))


def _hotline(numbers: tuple[str, ...]) -> str:
    """The link to the bank's hotline. It works also if the script of the page does not."""
    if not numbers:
        return ""
    number = escape(numbers[0])
    return f'<a id="hotline" class="button call wide" href="tel:{number}">拨打客服电话 · Call the bank {number}</a>'


def _bank(
    facts: Facts, trust: Callable[[], Trust], headers: Mapping[str, str]
) -> Callable[..., Awaitable[web.Response]]:
    """Serve the facts and the keys as a script, since the page at /receipts/ may fetch nothing.

    The keys may change while the node runs.
    """
    known = facts.encoded()

    async def serve(request: web.Request) -> web.Response:
        both = b'{"facts":%b,"trust":%b}' % (known, msgspec.json.encode(trust()))
        script = b"export default JSON.parse(%b);\n" % msgspec.json.encode(both.decode())
        return await PageFile(script, TYPES[".js"], headers).serve(request)

    return serve


def _shared(root: Path, theme: Theme) -> dict[str, tuple[bytes, str]]:
    """The content and the type of each file that no page has alone, by its address."""
    paths = {f"built/{path.name}": path for path in sorted((root / "built").iterdir())}
    paths["web/icon.svg"] = root / "web/icon.svg"
    shared = {address: (path.read_bytes(), TYPES[path.suffix]) for address, path in paths.items()}
    for address, (content, kind) in shared.items():
        if kind == "text/css":
            shared[address] = (content + theme.style.encode(), kind)
    if theme.logo is not None:
        shared["theme/logo"] = theme.logo
    return shared


def read_theme(path: Path) -> Theme:
    """Read a theme for these pages. Raises BadTheme."""
    built = _root() / "built"
    scripts = "".join(each.read_text(encoding="utf-8") for each in built.glob("*.js"))
    return load_theme(path, (built / "app.css").read_text(encoding="utf-8"), scripts)


def _root() -> Path:
    """The folder `clients`. An installed package contains this folder.

    In a clone, the folder is next to the package.
    """
    installed = Path(str(files("verifier"))) / "clients"
    return installed if installed.is_dir() else Path(str(files("verifier"))).parent / "clients"


def _issuer(facts: Facts) -> str:
    """The origin of the identity provider. Empty if there is none."""
    return "" if facts.sign_in is None else "/".join(facts.sign_in.issuer.split("/")[:3])


def _preconnect(facts: Facts) -> dict[str, str]:
    """Let the browser connect to the identity provider while it loads the page."""
    issuer = _issuer(facts)
    return {"Link": f"<{issuer}>; rel=preconnect; crossorigin"} if issuer else {}


def _headers(facts: Facts, connect: str = "") -> dict[str, str]:
    """The headers of a page. Without `connect`, it may connect to the service and to the identity provider."""
    return {
        "Content-Security-Policy": _POLICY.format(
            connect=connect or f"'self' {_issuer(facts)}", ancestors=" ".join(facts.frame_ancestors) or "'none'"
        ),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }


def _move(to: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def move(request: web.Request) -> web.StreamResponse:
        return web.Response(status=301, headers={**ALWAYS, "Location": to})

    return move
