"""The only module that knows every adapter: puts a running verifier together out of its settings."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import aiohttp
import structlog
from aiohttp import web

from verifier.api.application import admin_application, public_application
from verifier.api.authentication import Authentication
from verifier.api.connections import Bounds
from verifier.api.issuers import TrustedIssuer, role_mapping
from verifier.api.listener import Listener, most_connections
from verifier.api.metrics import DISCREPANCIES, SUSPENSIONS, TAMPERED
from verifier.api.pages import Facts, SignIn
from verifier.api.routes import operations
from verifier.api.systems import SystemsFile
from verifier.api.throttle import SLIPS, Throttle
from verifier.api.tokens import TokenVerifier
from verifier.config import BadSettings, Config, address, listed
from verifier.core.checkpoint import MAX_NOTE
from verifier.core.errors import Unavailable, VerifierError
from verifier.core.limits import Limit
from verifier.core.reconciliation import DiscrepancyKind
from verifier.files import read_bounded
from verifier.identity import FileIdentitySigner
from verifier.keeper import Job, count_uses, follow, follow_systems, forget, keep, sweep
from verifier.keys import FileKeyRing
from verifier.ledger.log import check_seen
from verifier.messaging import HttpMessaging
from verifier.ports import Damaged, Storage
from verifier.service import Context, Service
from verifier.service.clock import CheckedClock
from verifier.storage import TIMEOUT_S, open_storage
from verifier.storage.migrate import check_schema
from verifier.voice import Conversations, Dialect, Transfers, TwiML, VoiceXML

log = structlog.get_logger()

READY_TIMEOUT_S = 2.0
# How often the database is asked who is suspended, and at least how often which keys and systems were withdrawn.
SUSPENDED_S = 0.5
WITHDRAWN_S = 5
# Probes and a scraper; a flood of the public port leaves these alone.
ADMIN_CONNECTIONS = 64
# The writer thread of SQLite and the event loop share the interpreter lock; the default of 5 ms lets
# either wait too long for the other.
SWITCH_INTERVAL_S = 0.0005
# A request leaves hundreds of objects and no cycles; collecting at every 700 costs a twentieth of the time.
GC_THRESHOLD = (10_000, 20, 50)


def now_ms() -> int:
    """The wall clock in epoch milliseconds."""
    return time.time_ns() // 1_000_000


def running_ms() -> int:
    """Milliseconds on a clock that nobody sets: a wall clock put back would lock people out until it has caught up."""
    return time.monotonic_ns() // 1_000_000


async def open_service(config: Config, patience_s: float = TIMEOUT_S) -> Service:
    """The service on its database and key ring, not yet started. Raises a VerifierError in words."""
    ring = FileKeyRing(Path(config.key_ring), config.origin)
    signer = _identity_signer(config)
    storage = await _open_checked(config, patience_s)
    clock = CheckedClock(now_ms, running_ms)
    return Service(
        Context(config.service_settings(), storage, ring, clock, os.urandom, clock.agree, running_ms), signer
    )


def _identity_signer(config: Config) -> FileIdentitySigner | None:
    if not config.identity_key:
        return None
    try:
        return FileIdentitySigner(Path(config.identity_key), config.identity_x5u)
    except ValueError as error:
        raise BadSettings(f"VERIFIER_IDENTITY_KEY or VERIFIER_IDENTITY_X5U: {error}") from error


async def _open_checked(config: Config, patience_s: float) -> Storage:
    scheme, _, path = config.database.partition(":")
    if scheme == "sqlite" and not Path(path).exists():
        raise Unavailable(f"the database {path} is not there; is the path right? `verifier migrate` makes a new one")
    try:
        storage = await open_storage(config.database, patience_s, production=config.env == "production")
    except ValueError as error:
        raise BadSettings(f"VERIFIER_DATABASE: {error}") from error
    try:
        await check_schema(storage)
    except BaseException:
        await storage.close()
        raise
    return storage


async def check_damage(context: Context) -> None:
    """Raise Damaged where the database's file is. That takes a while for a large file."""
    found = await context.storage.damage()
    if found:
        raise Damaged(found[0])


async def check_seen_files(config: Config, context: Context) -> None:
    """Raise RolledBack where the database was restored to a state before the checkpoints in VERIFIER_LOG_SEEN.

    Raises BadSettings for a file that cannot be read.
    """
    for path in listed(config.log_seen):
        try:
            note = read_bounded(Path(path), MAX_NOTE).decode("utf-8")
        except (OSError, ValueError) as error:
            raise BadSettings(f"VERIFIER_LOG_SEEN: {path}: {error}") from error
        await check_seen(context.storage, note, context.ring.log_keys(), config.origin)


def discovered(kind: DiscrepancyKind, discrepancy_id: str) -> None:
    """Tell the operator of a discrepancy. That a code was not used happens every day; the others should not."""
    DISCREPANCIES.labels(kind).inc()
    level = logging.INFO if kind == "code_never_used" else logging.WARNING
    log.log(level, "discrepancy", kind=kind, id=discrepancy_id)


def cut_off(new: Sequence[str], ended: Sequence[str]) -> None:
    """Tell the operator that suspensions are in force at this node, and that others are not any more."""
    for event, suspension_ids in (("suspended", new), ("lifted", ended)):
        for each in suspension_ids:
            SUSPENSIONS.labels(event).inc()
            log.warning("suspension", change=event, id=each)


def tampered(table: str) -> None:
    """Tell the operator of a row that does not verify. `verifier log verify` finds which it is."""
    TAMPERED.labels(table).inc()
    log.error("tampered", table=table)


class Verifier:
    """One running node: the public and admin servers, and what it does again and again."""

    def __init__(self, config: Config, service: Service) -> None:
        self._config = config
        self._service = service
        self._session: aiohttp.ClientSession | None = None
        self._tokens: TokenVerifier | None = None
        self._listeners: list[Listener] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._draining = False
        service.context.discovered = discovered
        service.context.tampered = tampered
        service.context.cut_off = cut_off

    async def start(self) -> None:
        """Listen. Raises BadSettings when an address is taken, Damaged when the database's file is."""
        if self._config.database.startswith("sqlite:"):
            log.info("checking the database file")
        await check_damage(self._service.context)
        await self._service.start()
        config = self._config
        await check_seen_files(config, self._service.context)
        self._session = aiohttp.ClientSession()
        people = Throttle("people", Limit(config.requests_per_minute, 60_000), running_ms)
        table = operations(self._service.context.storage, Throttle("slips", SLIPS, running_ms))
        self._tokens = token_verifier(config, self._session)
        systems = SystemsFile(Path(config.systems) if config.systems else None)
        authentication = self._authentication(self._tokens, systems)
        public = public_application(self._service, table, authentication, people, _pages(config))
        for each in _conversations(config, self._service):
            each.add_to(public.router)
        public.on_response_prepare.append(self._close_when_draining)
        most = most_connections(config.max_connections)
        if most < config.max_connections:
            log.warning("fewer connections than set: the limit of open files is too low", connections=most)
        await self._listen("public", public, config.listen, most)
        admin = admin_application(self._service, self.ready)
        await self._listen("admin", admin, config.admin_listen, ADMIN_CONNECTIONS)
        self._keep(self._jobs(self._session), config.sweep_seconds)
        # Who may not come in any more is not a matter of how often a deployment sweeps.
        withdrawn: dict[str, Job] = {
            "key sets": self._tokens.refresh_if_due,
            "systems": lambda: follow_systems(systems, authentication),
        }
        self._keep(withdrawn, min(config.sweep_seconds, WITHDRAWN_S))
        suspensions = self._service.suspensions
        suspended: dict[str, Job] = {"suspensions": suspensions.refresh, "their calls": suspensions.revoke_calls}
        self._keep(suspended, SUSPENDED_S)

    def _keep(self, jobs: Mapping[str, Job], pause_s: float) -> None:
        for name, job in jobs.items():
            self._tasks.append(asyncio.create_task(keep(name, job, pause_s), name=name))

    def _jobs(self, session: aiohttp.ClientSession) -> dict[str, Job]:
        """What is done again and again, by name; none waits for another, and what one fails of, no other does."""
        service, config = self._service, self._config
        found: dict[str, Job] = {
            "sweep": lambda: sweep(service),
            "retention": lambda: forget(service),
            "key ring": lambda: follow(service.context.ring),
            "key uses": lambda: count_uses(service),
        }
        if config.receipt_messages_url:
            messaging = HttpMessaging(config.receipt_messages_url, config.receipt_messages_token, session)
            found["messages"] = lambda: service.outbox.deliver(messaging.hand)
        return found

    def _authentication(self, tokens: TokenVerifier, systems: SystemsFile) -> Authentication:
        config = self._config
        return Authentication(
            tokens,
            systems.systems,
            time.time,
            client_cert_header=config.client_cert_header,
            public_url=config.issuer,
        )

    async def _listen(self, name: str, application: web.Application, listen: str, most: int) -> None:
        config = self._config
        seconds = config.request_seconds
        bounds = Bounds(most, seconds, seconds, config.untaken_seconds, config.idle_seconds)
        listener = Listener(name, application, bounds)
        self._listeners.append(listener)
        try:
            await listener.open(*address(listen))
        except OSError as error:
            if isinstance(error, socket.gaierror):
                raise BadSettings(f"cannot listen on {listen} ({name}): the host is not known") from error
            # asyncio puts the address into its own words, which are long; the operating system's are enough.
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise BadSettings(f"cannot listen on {listen} ({name}): {reason}") from error

    async def _close_when_draining(self, request: web.BaseRequest, response: web.StreamResponse) -> None:
        """The next request of a connection that is kept alive belongs to another node."""
        if self._draining:
            response.force_close()
            response.headers["Connection"] = "close"

    async def ready(self) -> bool:
        """Whether new requests should come here: something can be made durable now, and the node is not stopping."""
        if self._draining:
            return False
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                await self._service.context.writer.probe()
        except VerifierError as error:
            log.warning("not ready", reason=error.detail)
            return False
        except TimeoutError:
            log.warning("not ready", reason="the database did not answer in time")
            return False
        return True

    async def drain(self, at_once: asyncio.Event) -> None:
        """Not be ready, and answer as before until a load balancer has noticed or `at_once` is set."""
        self._draining = True
        with suppress(TimeoutError):
            async with asyncio.timeout(self._config.drain_seconds):
                await at_once.wait()

    async def stop(self) -> None:
        """Stop listening, answer what is under way, make it durable, close."""
        for task in self._tasks:
            task.cancel()
        self._service.context.events.close()
        for listener in self._listeners:
            await listener.close()
        await self._service.stop()
        if self._tokens is not None:
            self._tokens.close()
        if self._session is not None:
            await self._session.close()
        await self._service.context.storage.close()


def _conversations(config: Config, service: Service) -> list[Conversations]:
    """The dialects that are switched on by their secret."""
    dialects: list[Dialect] = []
    if config.voicexml_password:
        dialects.append(VoiceXML(config.voicexml_password))
    if config.twiml_token:
        dialects.append(TwiML(config.twiml_token))
    transfers = Transfers(config.officer_uri, config.fraud_desk_uri)
    return [Conversations(service, each, transfers, config.issuer) for each in dialects]


def _pages(config: Config) -> tuple[Facts, Facts] | None:
    """What the officer's console and the customer's page must know. A client id is the first audience unless set."""
    if not config.pages:
        return None

    def facts(sign_in: SignIn, caller_numbers: tuple[str, ...] = ()) -> Facts:
        offered = sign_in if sign_in.issuer else None
        return Facts(config.bank_name, offered, listed(config.published_numbers), caller_numbers)

    staff = config.staff_client_id or "".join(listed(config.staff_audience)[:1])
    customers = config.customer_client_id or "".join(listed(config.customer_audience)[:1])
    officer = SignIn(config.staff_issuer, staff, config.staff_scope, config.staff_resource)
    app = SignIn(config.customer_issuer, customers, config.customer_scope, config.customer_resource)
    return facts(officer, listed(config.caller_numbers)), facts(app)


def token_verifier(config: Config, session: aiohttp.ClientSession) -> TokenVerifier:
    """What verifies bearer tokens by these settings. Raises BadSettings."""
    try:
        return TokenVerifier(_issuers(config), lambda: session, time.time, config.token_recheck_seconds)
    except ValueError as error:
        raise BadSettings(f"VERIFIER_STAFF_… or VERIFIER_CUSTOMER_…: {error}") from error


def _issuers(config: Config) -> tuple[TrustedIssuer, ...]:
    issuers = []
    if config.staff_issuer:
        issuers.append(
            TrustedIssuer(
                kind="staff",
                issuer=config.staff_issuer,
                audiences=listed(config.staff_audience),
                jwks_url=config.staff_jwks_url,
                algorithms=listed(config.staff_algorithms),
                id_claim=config.staff_id_claim,
                roles_claim=config.staff_roles_claim,
                roles=role_mapping(listed(config.staff_roles)),
                require_at_jwt=config.staff_require_at_jwt,
                required_claim=config.staff_required_claim,
            )
        )
    if config.customer_issuer:
        issuers.append(
            TrustedIssuer(
                kind="customer",
                issuer=config.customer_issuer,
                audiences=listed(config.customer_audience),
                jwks_url=config.customer_jwks_url,
                algorithms=listed(config.customer_algorithms),
                id_claim=config.customer_id_claim,
                require_at_jwt=config.customer_require_at_jwt,
                required_claim=config.customer_required_claim,
            )
        )
    return tuple(issuers)


async def serve(config: Config) -> None:
    """Run one node until SIGTERM or SIGINT, then drain."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.set_threshold(*GC_THRESHOLD)
    verifier = Verifier(config, await open_service(config))
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stopping.set)
    try:
        await verifier.start()
        # What is here now stays; the collector need not look at it again and again.
        gc.collect()
        gc.freeze()
        log.info("listening", address=config.listen, admin=config.admin_listen, issuer=config.issuer)
        await stopping.wait()
        log.info("draining", seconds=config.drain_seconds)
        # A second signal is somebody's who does not want to wait.
        stopping.clear()
        await verifier.drain(stopping)
    finally:
        await verifier.stop()
        log.info("stopped")
