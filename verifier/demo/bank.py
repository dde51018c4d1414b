"""A small bank on loopback: database, key ring, systems with keys, an identity provider, and a running node."""

from __future__ import annotations

import asyncio
import socket
from base64 import b64encode
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from verifier import keys
from verifier.api.connections import Bounds
from verifier.api.listener import Listener
from verifier.app import now_ms, open_service
from verifier.config import Config
from verifier.demo import company
from verifier.demo.client import Caller
from verifier.demo.issuer import Client, DemoIssuer, Person
from verifier.demo.telephone import Telephone
from verifier.node import Node
from verifier.service import Service
from verifier.storage import open_storage
from verifier.storage.migrate import migrate

STAFF, CUSTOMERS = "bank-staff", "bank-app"
SYSTEMS = {
    "loan-origination": ("applications", "calls"),
    "pbx": ("legs",),
    "ivr": ("ivr",),
    "dialler": ("calls", "legs"),
}
LOGIN_LIFETIME_S = 8 * 3600
# The limits on connections to the identity provider and to the telephone page.
_BOUNDS = Bounds(most=256, headers=10, body=10, slow_client=30, idle=75)
STAFF_PEOPLE = (
    Person("4412", "李伟", ("officer",)),
    Person("4413", "陈静", ("officer",)),
    Person("4850", "Grace Wong", ("officer",)),
    Person("9001", "周敏", ("supervisor",)),
    Person("5101", "何佳", ("counter",)),
)
CUSTOMER_PEOPLE = (
    Person("cust-0001", "王芳"),
    Person("cust-0002", "Carla Rossi"),
    Person("cust-0003", "孙强"),
    Person(company.FINANCE, company.NAMES[company.FINANCE]),
    Person(company.LEGAL, company.NAMES[company.LEGAL]),
    Person(company.FORMER, company.NAMES[company.FORMER]),
)


class DemoBank:
    """The demo bank and its node. `settings` replace settings that the demo would choose.

    `ports` are the public port, the admin port, and the ports of the identity provider and the telephone. `start` makes
    all files that are missing, and serves the bank. `stop` stops it.
    """

    def __init__(self, folder: Path, ports: tuple[int, int, int, int], database: str = "", **settings: object) -> None:
        self.folder = folder
        public, admin, issuer, telephone = ports
        self.url = f"http://127.0.0.1:{public}"
        self.admin_url = f"http://127.0.0.1:{admin}"
        self.telephone_url = f"http://127.0.0.1:{telephone}/telephone"
        clients = (
            Client(STAFF, (f"{self.url}/officer/", f"{self.url}/desk/"), STAFF_PEOPLE),
            Client(CUSTOMERS, (f"{self.url}/app/",), CUSTOMER_PEOPLE),
        )
        self.issuer = DemoIssuer(f"http://127.0.0.1:{issuer}", clients=clients)
        self.system_keys = {name: Ed25519PrivateKey.generate() for name in SYSTEMS}
        defaults: dict[str, Any] = {
            "env": "development",
            "database": database or f"sqlite:{folder / 'verifier.sqlite3'}",
            "key_ring": str(folder / "ring.json"),
            "issuer": self.url,
            "listen": f"127.0.0.1:{public}",
            "admin_listen": f"127.0.0.1:{admin}",
            "log_level": "warning",
            "staff_issuer": self.issuer.issuer,
            "staff_audience": STAFF,
            "customer_issuer": self.issuer.issuer,
            "customer_audience": CUSTOMERS,
            "systems": str(folder / "systems.json"),
            "contact_hours": "00:00-24:00",
            "published_numbers": "+861095588",
            "caller_numbers": "+861082345678",
            "bank_name": "示范银行 Demo Bank",
            "requests_per_minute": 6000,
            "verdicts_per_day": 100_000,
            "reports_per_day": 100_000,
            "counter_requests_per_day": 100_000,
            "drain_seconds": 0,
        }
        self.config = Config(**{**defaults, **settings})
        self._issuer_port = issuer
        self._telephone_port = telephone
        self._session: aiohttp.ClientSession | None = None
        self._listeners: list[Listener] = []
        self._node: Node | None = None
        self._alive: asyncio.Task[None] | None = None
        # While it is set, the telephone exchange does not say that it is alive.
        self.exchange_silent = False

    async def start(self) -> Service:
        """Prepare the bank and serve it in this process. Returns the service, which can import applications."""
        await self.prepare()
        service = await open_service(self.config)
        self._node = Node(self.config, service)
        await self._node.start()
        self._session = aiohttp.ClientSession()
        pbx = Caller(self._session, self.url, key_id="pbx", private_key=self.system_keys["pbx"])
        await self._serve(Telephone(service, pbx).routes(), self._telephone_port)
        await pbx.ask("POST", "/v1/legs/alive")
        self._alive = asyncio.create_task(self._stay_alive(pbx))
        return service

    async def _stay_alive(self, pbx: Caller) -> None:
        while True:
            await asyncio.sleep(self.config.leg_silence_seconds / 4)
            if not self.exchange_silent:
                with suppress(aiohttp.ClientError):
                    await pbx.ask("POST", "/v1/legs/alive")

    async def prepare(self) -> None:
        """Make the key ring, the systems file and the schema, and serve the identity provider.

        An existing key ring and database are kept.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        if not Path(self.config.key_ring).exists():
            keys.create(Path(self.config.key_ring), now_ms())
        self._write_systems()
        storage = await open_storage(self.config.database)
        try:
            await migrate(storage)
        finally:
            await storage.close()
        await self._serve(self.issuer.routes(), self._issuer_port)

    async def _serve(self, routes: list[web.RouteDef], port: int) -> None:
        app = web.Application()
        app.add_routes([*routes, web.get("/demo.css", _style)])
        listener = Listener(f"demo {port}", app, _BOUNDS)
        self._listeners.append(listener)
        await listener.open("127.0.0.1", port)

    def _write_systems(self) -> None:
        systems = []
        for name, scopes in SYSTEMS.items():
            key = self.system_keys[name]
            public = key.public_key().public_bytes_raw()
            systems.append({"id": name, "public_key": b64encode(public).decode(), "scopes": scopes})
            pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            path = self.folder / f"{name}.pem"
            path.touch(mode=0o600)
            path.write_bytes(pem)
        Path(self.config.systems).write_bytes(msgspec.json.encode({"systems": systems}))

    def officer(self, staff_number: str, *roles: str) -> str:
        """Make an access token for a member of staff. Without `roles`, their only role is `officer`."""
        return self.issuer.mint(STAFF, staff_number, roles or ("officer",), LOGIN_LIFETIME_S)

    def customer(self, customer_id: str) -> str:
        """Make an access token for a customer in the bank's app."""
        return self.issuer.mint(CUSTOMERS, customer_id, (), LOGIN_LIFETIME_S)

    async def stop(self) -> None:
        if self._alive is not None:
            self._alive.cancel()
        if self._node is not None:
            await self._node.stop()
        for listener in self._listeners:
            await listener.close()
        if self._session is not None:
            await self._session.close()


def free_ports() -> tuple[int, int, int, int]:
    """Four loopback ports that were free a moment ago."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(4)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports[0], ports[1], ports[2], ports[3]


async def _style(request: web.Request) -> web.Response:
    style = files("verifier.demo").joinpath("templates/demo.css").read_text(encoding="utf-8")
    return web.Response(text=style, content_type="text/css")
