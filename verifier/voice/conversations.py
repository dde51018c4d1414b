"""Dialogues with callers on a voice platform, in any dialect. Implements specs/protocol.md section 7.8.

After any failure, the caller hears that the service cannot check now, instead of silence or a verdict (law L6).
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Annotated
from urllib.parse import quote

import msgspec
import structlog
from aiohttp import web
from msgspec import Struct

from verifier.core.dialogue import FRAUD_DESK
from verifier.core.errors import Forbidden, InternalError, VerifierError
from verifier.core.messages.dialogues import BeginSession, HeardKeys, IvrTurn
from verifier.core.principal import Principal
from verifier.core.text import exact
from verifier.ledger.idempotency import Idempotency
from verifier.service import Service
from verifier.voice.dialects import Dialect, Form, apology, e164
from verifier.voice.forms import read_form

log = structlog.get_logger()

MAX_KEYS = 100
PLATFORM = Principal(kind="system", id="voice", issuer="")
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
CallName = Annotated[str, exact("[!-~]{1,255}")]


class Transfers(Struct, frozen=True):
    """The targets of transfers, as SIP or tel addresses. `officer` has `{officer}` in place of the staff number."""

    officer: str
    fraud_desk: str

    def to(self, target: str | None) -> str:
        if target is None or target == FRAUD_DESK:
            return self.fraud_desk
        return self.officer.replace("{officer}", quote(target, safe=""))


class Conversations:
    """Serves the documents of one dialect. `public_url` is the address that the platform uses for this service."""

    def __init__(self, service: Service, dialect: Dialect, transfers: Transfers, public_url: str) -> None:
        self._service = service
        self._dialect = dialect
        self._transfers = transfers
        self._public_url = public_url.rstrip("/")

    def add_to(self, router: web.UrlDispatcher) -> None:
        path = self._dialect.path
        router.add_get(path, self._entry)
        router.add_post(path, self._begin)
        router.add_post(f"{path}/{{session_id:ivr_[0-9a-f]{{32}}}}/{{step:[0-9]{{1,3}}}}", self._step)

    async def _entry(self, request: web.Request) -> web.StreamResponse:
        return self._answer(self._dialect.entry(self._public_url + self._dialect.path))

    async def _begin(self, request: web.Request) -> web.StreamResponse:
        form = await self._form(request)

        async def begin() -> IvrTurn:
            dialled, caller = e164(form.get("dialled", form.get("To", ""))), self._dialect.caller(form)
            asked = msgspec.convert({"dialled_number": dialled, "caller_number": caller}, BeginSession)
            # If the platform sends an id of its call, a retry gets the same dialogue.
            await self._service.suspensions.admit(PLATFORM)
            named = form.get("CallSid") or request.headers.get("Idempotency-Key")
            key = msgspec.convert(named, CallName) if named else None
            idempotency = self._idempotency(f"begin\0{key}", form) if key else None
            return (await self._service.ivr.begin(asked, idempotency)).value

        return await self._turn(begin, step=1)

    async def _step(self, request: web.Request) -> web.StreamResponse:
        form = await self._form(request)
        session_id, step = request.match_info["session_id"], int(request.match_info["step"])

        async def advance() -> IvrTurn:
            keys = self._dialect.keys(form)
            heard = msgspec.convert({"keys": None if keys is None else keys[:MAX_KEYS]}, HeardKeys)
            # If the platform sends a step again, the retry gets the same answer.
            idempotency = self._idempotency(f"{session_id}\0{step}", {"keys": keys or ""})
            await self._service.suspensions.admit(PLATFORM)
            return (await self._service.ivr.step(session_id, heard, idempotency)).value

        return await self._turn(advance, step=step + 1)

    async def _form(self, request: web.Request) -> Form:
        """Read the form of a request from the bank's own platform.

        Raises Forbidden for a request from anyone else. Raises the errors of `read_form`.
        """
        if self._dialect.shows(request):
            form = await read_form(request)
            if self._dialect.vouches(request, form, self._public_url + request.path_qs):
                return form
        raise Forbidden("this is not the bank's voice platform")

    async def _turn(self, asked: Callable[[], Awaitable[IvrTurn]], step: int) -> web.StreamResponse:
        try:
            turn = await asked()
        except msgspec.ValidationError:
            log.warning("a voice platform sent invalid values", dialect=self._dialect.path)
            turn = apology()
        except Exception as error:
            if not isinstance(error, VerifierError) or isinstance(error, InternalError):
                log.error("defect in a dialogue", exc_info=error)
            turn = apology()
        following = f"{self._public_url}{self._dialect.path}/{turn.session_id}/{step}"
        return self._answer(self._dialect.document(turn, following, self._transfers.to(turn.to)))

    def _answer(self, document: bytes) -> web.Response:
        return web.Response(body=document, content_type=self._dialect.content_type, charset="utf-8", headers=_HEADERS)

    def _idempotency(self, key: str, form: Form) -> Idempotency:
        fingerprint = hashlib.sha256(msgspec.json.encode(sorted(form.items()))).digest()
        return Idempotency(f"voice\0{self._dialect.path}", key, fingerprint)
