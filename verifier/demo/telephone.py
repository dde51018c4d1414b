"""The demo's telephone exchange, shown as a page.

When a person uses the page to ring, answer or hang up a call, the exchange sends a signed leg event to the service.
"""

from __future__ import annotations

import secrets
from collections import Counter

import jinja2
from aiohttp import web

from verifier.core.errors import VerifierError
from verifier.core.messages.calls import CallView
from verifier.core.principal import Principal
from verifier.demo.client import Caller, now_iso
from verifier.service import Service

_OPEN = (
    "SELECT call_id FROM calls WHERE state IN ('issued', 'ringing', 'live', 'confirmed') ORDER BY call_id DESC LIMIT 20"
)
_READER = Principal(kind="system", id="demo", issuer="demo", roles=frozenset({"calls"}))
_POLICY = "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
_templates = jinja2.Environment(loader=jinja2.PackageLoader("verifier.demo", "templates"), autoescape=True)


class Telephone:
    """The page with all calls that can be dialled, that ring, or that are connected.

    `pbx` signs the leg events and sends them to the service.
    """

    def __init__(self, service: Service, pbx: Caller) -> None:
        self._service = service
        self._pbx = pbx
        self._missed: Counter[str] = Counter()
        # The form must contain this token, so that a page from another origin cannot answer calls.
        self._token = secrets.token_urlsafe(16)

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/telephone", self._show), web.post("/telephone", self._press)]

    async def _show(self, request: web.Request) -> web.Response:
        calls = [await self._view(row[0]) for row in await self._service.context.storage.fetch(_OPEN)]
        ringing = [call for call in calls if call is not None and call.leg_ended_at is None]
        page = _templates.get_template("telephone.html").render(calls=ringing, token=self._token)
        headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"}
        return web.Response(text=page, content_type="text/html", headers=headers)

    async def _press(self, request: web.Request) -> web.StreamResponse:
        pressed = await request.post()
        if not secrets.compare_digest(str(pressed.get("token", "")), self._token):
            raise web.HTTPForbidden(text="this form is not from the telephone's own page")
        call = await self._view(str(pressed.get("call_id", "")))
        if call is not None:
            event = str(pressed.get("event", ""))
            leg_id = f"demo-{self._missed[call.call_id]}"
            heard = {"event": event, "leg_id": leg_id, "number": call.number, "at": now_iso()}
            await self._pbx.post(f"/v1/calls/{call.call_id}/legs", heard)
            if event == "ended" and call.connected_at is None:
                self._missed[call.call_id] += 1
        raise web.HTTPSeeOther("/telephone")

    async def _view(self, call_id: str) -> CallView | None:
        try:
            return await self._service.calls.read(_READER, call_id)
        except VerifierError:
            return None
