"""A bank's own page, on an origin of its own: it signs people in, and shows the service's pages and components."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import parse_qs, urlsplit

from verifier.demo.bank import DemoBank

# The policy of a careful bank: no inline style without a nonce, and scripts of its own and of the service.
POLICY = (
    "default-src 'none'; script-src 'nonce-n' {service}; connect-src 'self' {service}; style-src 'nonce-n'; "
    "img-src data:; frame-src 'self' {service}; require-trusted-types-for 'script'; trusted-types 'none'"
)
FRAME = (
    "<style nonce=n>iframe {{ width: 24rem; height: 50rem }}</style><iframe src='{address}' title='来电核实'></iframe>"
)
PAGE = """<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>Another bank's page</title>
<link rel="icon" href="data:,"><meta name="viewport" content="width=device-width, initial-scale=1">
<style nonce="n">
  body {{ margin: 0; background: #fff7ef; font: 16px/1.5 serif; }}
  call-check, call-desk {{ --accent: #8a1538; --on-accent: #ffffff; --round: 0; margin: 1rem 0; }}
  call-check::part(primary), call-desk::part(primary) {{ letter-spacing: 0.25em; }}
</style></head><body><main><h1>My bank</h1><input id="own" aria-label="Search">{body}</main>
<script type="module" nonce="n">
  globalThis.told = [];
  globalThis.asked = [];
  globalThis.signedIn = true;
  const token = async (who, given) => (asked.push(given), signedIn ? (await fetch(`/token?${{who}}`)).text() : null);
  for (const each of document.querySelectorAll("call-check, call-desk")) {{
    for (const name of ["verdict", "error", "signed-out"]) {{
      each.addEventListener(name, (event) => told.push([each.id, name, event.detail]));
    }}
    each.words = {{ "zh-CN": {{ "核实": "开始核实" }} }};
    each.tokenProvider = (given) => token(each.dataset.who, given);
  }}
  addEventListener("message", async (event) => {{
    if (event.origin !== "{service}" || event.data?.type !== "callback-verification:token") return;
    const answer = {{ type: event.data.type, id: event.data.id, token: await token("customer=cust-0001", event.data) }};
    event.source.postMessage(answer, event.origin);
  }});
  document.querySelector("#own").focus();
</script>
{scripts}
</body></html>"""


class HostSite:
    """The bank's site. `body` of a page is in its query. `origin` is where the page is."""

    def __init__(self) -> None:
        self.bank: DemoBank | None = None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.origin = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> HostSite:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, address: str) -> tuple[str, str]:
        assert self.bank is not None
        parts = urlsplit(address)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/token":
            staff = query.get("officer")
            return (self.bank.officer(staff) if staff else self.bank.customer(query["customer"])), "text/plain"
        names = [each for each in ("call-check", "call-desk") if each in query["body"]]
        scripts = "".join(f"<script type=module src='{self.bank.url}/built/{each}.js'></script>" for each in names)
        page = PAGE.format(body=query["body"], service=self.bank.url, scripts=scripts)
        return page, "text/html; charset=utf-8"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                text, kind = site._answer(self.path)
                assert site.bank is not None
                content = text.encode()
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.send_header("Content-Security-Policy", POLICY.format(service=site.bank.url))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                """Write nothing."""

        return Handler
