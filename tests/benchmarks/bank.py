"""The bank for the load: settings, applications, logins, and the requests of its people."""

from __future__ import annotations

import asyncio
import itertools
import os
import secrets
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.benchmarks.load import Answer, Failed, Request
from verifier import keys
from verifier.api.signed_requests import sign_request
from verifier.app import now_ms, open_service
from verifier.config import Config, load
from verifier.core.application import AssignedOfficer, Customer, RegisteredNumber, Registration
from verifier.core.messages.calls import IssueCall
from verifier.core.messages.confirmations import Verdict
from verifier.core.messages.dialogues import IvrTurn
from verifier.demo.issuer import DemoIssuer
from verifier.storage import open_storage
from verifier.storage.migrate import migrate

DESK = "+861082345678"
OFFICERS = 20
LOGIN_LIFETIME_S = 12 * 3600
_TOGETHER = 256
ORIGIN = "bank.example/log"


class _Code(msgspec.Struct):
    digits: str


class _Issued(msgspec.Struct):
    """The part of an issue's answer that the customer needs."""

    code: _Code


_decode_issued = msgspec.json.Decoder(_Issued).decode
_decode_verdict = msgspec.json.Decoder(Verdict).decode


class Bank:
    """A bank whose every application has its own customer with a login, and one of a few officers.

    Applications are numbered from `first`, for a database that has others already. Its key ring is then `ring`. Further
    settings replace those of the bank.
    """

    def __init__(
        self,
        folder: Path,
        database: str,
        ports: tuple[int, int, int, int],
        code_lifetime_s: int,
        ring: Path | None = None,
        first: int = 0,
        log_level: str = "warning",
        **settings: str,
    ) -> None:
        self._ring, self._first = ring, first
        self.port, self.admin_port, self._issuer_port, _ = ports
        self.issuer = DemoIssuer(f"http://127.0.0.1:{self._issuer_port}")
        self.environment = {
            "VERIFIER_ENV": "development",
            "VERIFIER_DATABASE": database or f"sqlite:{folder / 'verifier.sqlite3'}",
            "VERIFIER_KEY_RING": str(ring or folder / "ring.json"),
            "VERIFIER_LOG_ORIGIN": ORIGIN,
            "VERIFIER_ISSUER": f"http://127.0.0.1:{self.port}",
            "VERIFIER_LISTEN": f"127.0.0.1:{self.port}",
            "VERIFIER_ADMIN_LISTEN": f"127.0.0.1:{self.admin_port}",
            "VERIFIER_LOG_LEVEL": log_level,
            "VERIFIER_DRAIN_SECONDS": "0",
            "VERIFIER_STAFF_ISSUER": self.issuer.issuer,
            "VERIFIER_STAFF_AUDIENCE": "bank-staff",
            "VERIFIER_CUSTOMER_ISSUER": self.issuer.issuer,
            "VERIFIER_CUSTOMER_AUDIENCE": "bank-app",
            "VERIFIER_LEG_MODE": "off",
            "VERIFIER_CODE_LIFETIME_SECONDS": str(code_lifetime_s),
            "VERIFIER_CONTACT_HOURS": "00:00-24:00",
            "VERIFIER_DAILY_CAP": "50",
            "VERIFIER_PERSON_DAILY_CAP": "50",
            "VERIFIER_REQUESTS_PER_MINUTE": "60000",
            "VERIFIER_SYSTEMS": str(folder / "systems.json"),
            **settings,
        }
        self.config: Config = load(self.environment)
        self._tail = secrets.token_hex(8)
        self._counter = itertools.count()
        self._officers = [
            self.issuer.mint("bank-staff", f"{i}", ["officer"], LOGIN_LIFETIME_S) for i in range(OFFICERS)
        ]
        self._customers: list[str] = []
        self._ivr_key = Ed25519PrivateKey.generate()
        self._folder = folder

    async def prepare(self, applications: int) -> None:
        """Create the keys, schema, applications and logins, through the service that an import uses."""
        if self._ring is None:
            keys.create(Path(self.config.key_ring), now_ms())
        public = b64encode(self._ivr_key.public_key().public_bytes_raw()).decode()
        systems = {"systems": [{"id": "ivr", "public_key": public, "scopes": ["ivr", "legs"]}]}
        (self._folder / "systems.json").write_bytes(msgspec.json.encode(systems))
        storage = await open_storage(self.config.database)
        try:
            await migrate(storage)
        finally:
            await storage.close()
        service = await open_service(self.config)
        await service.start()
        try:
            for first in range(0, applications, _TOGETHER):
                some = range(first, min(first + _TOGETHER, applications))
                await asyncio.gather(*(service.applications.register(*self.application(i)) for i in some))
        finally:
            await service.stop()
            await service.context.storage.close()
        self._customers = [
            self.issuer.mint("bank-app", f"customer-{self._first + i}", (), LOGIN_LIFETIME_S)
            for i in range(applications)
        ]

    def application(self, i: int) -> tuple[str, Registration]:
        """The id of an application, and its registration."""
        return self._name(i), self._registration(i)

    @asynccontextmanager
    async def identity_provider(self) -> AsyncIterator[None]:
        """Serve the issuer's key set from this process."""
        application = web.Application()
        application.add_routes(self.issuer.routes())
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", self._issuer_port).start()
            yield
        finally:
            await runner.cleanup()

    # --- requests -----------------------------------------------------------------------------------------

    def issues(self, applications: Iterable[int]) -> Iterator[Request]:
        """An officer's request to issue a call, for each of the applications."""
        for i in applications:
            body = msgspec.json.encode(IssueCall("documents", self._number(i), DESK))
            yield self._post(i, f"/v1/applications/{self._name(i)}/calls", self._officers[i % OFFICERS], body)

    def confirms(self, codes: Iterable[tuple[int, str]]) -> Iterator[Request]:
        """Each customer's request to confirm their code."""
        for i, digits in codes:
            yield self._post(i, "/v1/confirmations", self._customers[i], b'{"code":"%s"}' % digits.encode())

    def looks(self, customers: Iterable[int]) -> Iterator[Request]:
        """Each customer's request for their call status."""
        for i in customers:
            head = (
                f"GET /v1/me/call-status HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
                f"Authorization: Bearer {self._customers[i]}\r\n\r\n"
            )
            yield Request(i, head.encode())

    def rings(self, customers: Iterable[int]) -> Iterator[Request]:
        """The IVR's request to begin a dialogue with each customer, who calls from the number on file."""
        for i in customers:
            yield self._signed(i, "/v1/ivr/sessions", {"caller_number": self._number(i)})

    def keys(self, begun: Iterable[Answer], codes: Mapping[int, str]) -> Iterator[Request]:
        """The IVR's request with the code that each customer keyed, in the dialogues that these answers began."""
        for about, body in begun:
            session_id = msgspec.json.decode(body, type=IvrTurn).session_id
            yield self._signed(about, f"/v1/ivr/sessions/{session_id}/steps", {"keys": codes[about]})

    def alive(self) -> Iterator[Request]:
        """The telephone exchange's request that says that it is alive."""
        yield self._signed(0, "/v1/legs/alive", {})

    def legs(self, applications: Iterable[int]) -> Iterator[Request]:
        """The telephone exchange's request that says that the leg to each customer rings."""
        for i in applications:
            now = datetime.now(UTC).isoformat()
            yield self._signed(
                i, "/v1/legs", {"event": "ringing", "leg_id": f"leg-{i}", "number": self._number(i), "at": now}
            )

    def at_ring(self, customers: Iterable[int]) -> Iterator[Request]:
        """The request of each customer's handset, which rings."""
        for i in customers:
            body = msgspec.json.encode({"caller_number": DESK, "rang_at": datetime.now(UTC)})
            yield self._post(i, "/v1/me/call-verification", self._customers[i], body)

    def _signed(self, about: int, path: str, asked: Mapping[str, str]) -> Request:
        """A signed request of a system. It is signed when it is sent: a signature is accepted for a short time."""
        body = msgspec.json.encode(asked)
        headers = {"Idempotency-Key": f"{self._tail}{next(self._counter):08x}", "Content-Type": "application/json"}
        url = f"http://127.0.0.1:{self.port}{path}"
        headers |= sign_request(
            "POST", url, headers, body, key_id="ivr", private_key=self._ivr_key, created=time.time()
        )
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nContent-Length: {len(body)}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return Request(about, head.encode() + b"\r\n" + body)

    def _post(self, about: int, path: str, token: str, body: bytes) -> Request:
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nAuthorization: Bearer {token}\r\n"
            f"Idempotency-Key: {self._tail}{next(self._counter):08x}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return Request(about, head.encode() + body)

    # --- answers ------------------------------------------------------------------------------------------

    def codes(self, answers: Iterable[Answer]) -> list[tuple[int, str]]:
        """The codes of the issued calls. Raises Failed for an answer without one."""
        try:
            return [(about, _decode_issued(body).code.digits) for about, body in answers]
        except msgspec.MsgspecError as error:
            raise Failed(f"an issue without a code: {error}") from error

    def check_verdicts(self, answers: Iterable[Answer]) -> None:
        """Raise Failed unless every verdict is `genuine`, with a receipt, for the first time."""
        for _, body in answers:
            verdict = _decode_verdict(body)
            if verdict.verdict != "genuine" or verdict.given_before or not verdict.receipt.proof:
                raise Failed(f"a genuine code was answered {body.decode()}")

    def check_turns(self, answers: Iterable[Answer]) -> None:
        """Raise Failed unless every caller hears `genuine`."""
        for _, body in answers:
            if all(each.name != "genuine" for each in msgspec.json.decode(body, type=IvrTurn).say):
                raise Failed(f"a genuine code was answered {body.decode()}")

    def database_mb(self) -> float:
        """The size of the SQLite file with its journal. 0 for PostgreSQL."""
        path = Path(self.config.database.removeprefix("sqlite:"))
        return sum(os.path.getsize(each) for each in path.parent.glob(path.name + "*")) / 1e6 if path.exists() else 0.0

    def _name(self, i: int) -> str:
        return f"LN-2026-{self._first + i:07d}"

    def _number(self, i: int) -> str:
        return f"+8613{self._first + i:09d}"

    def _registration(self, i: int) -> Registration:
        return Registration(
            customer=Customer(id=f"customer-{self._first + i}", name="王芳"),
            numbers=(RegisteredNumber(self._number(i), datetime(2025, 1, 1, tzinfo=UTC)),),
            officers=(AssignedOfficer(f"{i % OFFICERS}", "李伟", "上海浦东支行"),),
            product="个人消费贷款",
        )
