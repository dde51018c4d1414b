"""A running node: its public and admin ports and its periodic jobs, from start to stop."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import aiohttp
import structlog
from aiohttp import web

from verifier.api.authentication import Authentication, Strength
from verifier.api.connections import Bounds
from verifier.api.http_server import admin_app
from verifier.api.listener import Listener, most_connections
from verifier.api.metrics import DISCREPANCIES, SUSPENSIONS, TAMPERED
from verifier.api.systems import SystemsFile
from verifier.api.tokens import TokenVerifier
from verifier.app import check_damage, check_seen_files, compose_public_app, open_service, token_verifier
from verifier.config import BadSettings, Config, address, listed
from verifier.core.errors import VerifierError
from verifier.core.reconciliation import DiscrepancyKind
from verifier.messaging import HttpMessaging
from verifier.scheduler import (
    Job,
    Scheduler,
    age_decrypted,
    examine,
    find_bulk_reading,
    forget,
    reload_key_ring,
    reload_systems,
    reserve_key_uses,
    sweep,
)
from verifier.service import Service

log = structlog.get_logger()

READY_TIMEOUT_S = 2.0
# The pause between two reads of the suspensions, in seconds.
SUSPENDED_S = 0.5
# The longest pause between two checks for withdrawn keys and systems, in seconds.
WITHDRAWN_S = 5
# A node forgets a decrypted application after at most twice this time without use.
DECRYPTED_S = 600
# The maximum number of connections to the admin port. It is enough for health probes and a metrics scraper. A flood of
# the public port cannot use these connections, because each port has its own limit.
ADMIN_CONNECTIONS = 64
# SQLite's writer thread and the event loop share the interpreter lock. With the default switch interval of 5 ms, each
# waits too long for the other.
SWITCH_INTERVAL_S = 0.0005
# A request makes hundreds of objects and no reference cycles. With the default threshold of 700, the garbage collector
# takes 5 % of the processor time.
GC_THRESHOLD = (10_000, 20, 50)


class Node:
    """One running node: the public and admin ports, and the periodic jobs."""

    def __init__(self, config: Config, service: Service) -> None:
        self._config = config
        self._service = service
        self._scheduler = Scheduler()
        self._session: aiohttp.ClientSession | None = None
        self._tokens: TokenVerifier | None = None
        self._listeners: list[Listener] = []
        self._draining = False
        service.context.discovered = report_discrepancy
        service.context.tampered = report_tampering
        service.context.suspensions_changed = report_suspensions

    async def start(self) -> None:
        """Check the database, open the ports and start the jobs.

        Raises BadSettings if an address is in use, and Damaged if the database file is damaged.
        """
        config, service = self._config, self._service
        if config.database.startswith("sqlite:"):
            log.info("checking the database file")
        await check_damage(service.context)
        await service.start()
        await check_seen_files(config, service.context)
        self._session = aiohttp.ClientSession()
        self._tokens = token_verifier(config, self._session)
        systems = SystemsFile(Path(config.systems) if config.systems else None)
        authentication = Authentication(
            self._tokens,
            systems.systems,
            time.time,
            client_cert_header=config.client_cert_header,
            public_url=config.issuer,
            strength=Strength(listed(config.staff_acr), listed(config.staff_amr)),
        )
        service.exchanges.adopt(systems.exchanges)
        await self._open_public_port(authentication)
        await self._open_port("admin", admin_app(service, self.ready), config.admin_listen, ADMIN_CONNECTIONS)
        self._schedule(self._session, self._tokens, systems, authentication)

    async def _open_public_port(self, authentication: Authentication) -> None:
        config = self._config
        public = compose_public_app(config, self._service, authentication)
        public.on_response_prepare.append(self._close_when_draining)
        most = most_connections(config.max_connections)
        if most < config.max_connections:
            log.warning("fewer connections than set: the limit of open files is too low", connections=most)
        await self._open_port("public", public, config.listen, most)

    async def _open_port(self, name: str, app: web.Application, listen: str, most: int) -> None:
        config = self._config
        seconds = config.request_seconds
        listener = Listener(name, app, Bounds(most, seconds, seconds, config.slow_client_seconds, config.idle_seconds))
        self._listeners.append(listener)
        try:
            await listener.open(*address(listen))
        except OSError as error:
            if isinstance(error, socket.gaierror):
                raise BadSettings(f"cannot listen on {listen} ({name}): the host is not known") from error
            # asyncio's own message repeats the address at length. The operating system's reason is enough.
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise BadSettings(f"cannot listen on {listen} ({name}): {reason}") from error

    def _schedule(
        self,
        session: aiohttp.ClientSession,
        tokens: TokenVerifier,
        systems: SystemsFile,
        authentication: Authentication,
    ) -> None:
        service, config = self._service, self._config
        jobs: dict[str, Job] = {
            "sweep": lambda: sweep(service),
            "signals": lambda: examine(service),
            "looks": lambda: find_bulk_reading(service),
            "retention": lambda: forget(service),
            "key ring": lambda: reload_key_ring(service),
            "key uses": lambda: reserve_key_uses(service),
            "exchanges": service.exchanges.silent,
        }
        if config.receipt_messages_url:
            messaging = HttpMessaging(config.receipt_messages_url, config.receipt_messages_token, session)
            jobs["messages"] = lambda: service.outbox.deliver(messaging.hand)
        self._scheduler.start(jobs, config.sweep_seconds)
        self._scheduler.start({"decrypted applications": lambda: age_decrypted(service)}, DECRYPTED_S)
        # A node with a long `sweep_seconds` must still notice withdrawn keys and systems soon.
        withdrawn: dict[str, Job] = {
            "key sets": tokens.refresh_if_due,
            "systems": lambda: reload_systems(service, systems, authentication),
        }
        self._scheduler.start(withdrawn, min(config.sweep_seconds, WITHDRAWN_S))
        suspensions = service.suspensions
        suspended: dict[str, Job] = {"suspensions": suspensions.refresh, "their calls": suspensions.revoke_calls}
        self._scheduler.start(suspended, SUSPENDED_S)

    async def _close_when_draining(self, request: web.BaseRequest, response: web.StreamResponse) -> None:
        """While the node drains, close the connection after its answer.

        So the next request of the client goes to another node.
        """
        if self._draining:
            response.force_close()
            response.headers["Connection"] = "close"

    async def ready(self) -> bool:
        """Whether this node can take new requests: the database accepts writes, and the node is not stopping."""
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
        """Report "not ready", and keep answering for `drain_seconds`, so that the load balancer can notice.

        Returns early when `at_once` is set.
        """
        self._draining = True
        with suppress(TimeoutError):
            async with asyncio.timeout(self._config.drain_seconds):
                await at_once.wait()

    async def stop(self) -> None:
        """Stop the jobs, close the ports, finish the open requests, and close everything else."""
        self._scheduler.stop()
        self._service.context.events.close()
        for listener in self._listeners:
            await listener.close()
        await self._service.stop()
        if self._tokens is not None:
            self._tokens.close()
        if self._session is not None:
            await self._session.close()
        await self._service.context.storage.close()


def report_discrepancy(kind: DiscrepancyKind, discrepancy_id: str) -> None:
    """Count and log a discrepancy.

    Unused codes happen every day, so they are logged as information. All other kinds are logged as warnings.
    """
    DISCREPANCIES.labels(kind).inc()
    level = logging.INFO if kind == "code_never_used" else logging.WARNING
    log.log(level, "discrepancy", kind=kind, id=discrepancy_id)


def report_suspensions(new: Sequence[str], ended: Sequence[str]) -> None:
    """Count and log suspensions.

    `new` has the ids of the suspensions that this node has begun to enforce. `ended` has the ids of lifted suspensions.
    """
    for event, suspension_ids in (("suspended", new), ("lifted", ended)):
        for each in suspension_ids:
            SUSPENSIONS.labels(event).inc()
            log.warning("suspension", change=event, id=each)


def report_tampering(table: str) -> None:
    """Count and log that a row of this table does not verify. `verifier log verify` finds the row."""
    TAMPERED.labels(table).inc()
    log.error("tampered", table=table)


async def serve(config: Config) -> None:
    """Run one node until SIGTERM or SIGINT, then drain."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.set_threshold(*GC_THRESHOLD)
    node = Node(config, await open_service(config))
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stopping.set)
    try:
        await node.start()
        # The objects that exist now live as long as the process, so the garbage collector need not look at them again.
        gc.collect()
        gc.freeze()
        log.info("listening", address=config.listen, admin=config.admin_listen, issuer=config.issuer)
        await stopping.wait()
        log.info("draining", seconds=config.drain_seconds)
        # A second signal ends the draining at once.
        stopping.clear()
        await node.drain(stopping)
    finally:
        await node.stop()
        log.info("stopped")
