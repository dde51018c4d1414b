"""Fixtures of the API tests: a running bank, and an OpenID issuer with a verifier for its tokens."""

from __future__ import annotations

import asyncio
import json
import secrets
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import requests

from tests.api.provider import Clock, Issuer, Make
from verifier.api.issuers import TrustedIssuer
from verifier.api.signed_requests import sign_request
from verifier.api.tokens import TokenVerifier
from verifier.demo.bank import DemoBank, free_ports
from verifier.demo.story import SAMPLE
from verifier.import_files import ImportFile
from verifier.importing import import_file


class RunningBank:
    """The demo bank on loopback. An event loop in a thread of its own serves it."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        # The exchange says rarely that it is alive: the request logs a line, and other tests read what is printed.
        self.bank = DemoBank(
            folder, free_ports(), **{"daily_cap": 50, "person_daily_cap": 50, "leg_silence_seconds": 3600, **settings}
        )
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> DemoBank:
        self._thread.start()
        assert self._ready.wait(30)
        return self.bank

    def __exit__(self, *exc: object) -> None:
        if self._loop.is_closed():
            return
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(30)

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        service = await self.bank.start()
        await import_file(service, ImportFile(SAMPLE, service.context.clock()))
        self._ready.set()
        await self._stopping.wait()
        await self.bank.stop()


@pytest.fixture(scope="session")
def running_bank() -> Iterator[DemoBank]:
    """One bank for the whole test session, with the 300 applications of the sample file."""
    with tempfile.TemporaryDirectory(prefix="bank-") as folder, RunningBank(Path(folder)) as bank:
        yield bank


class SystemSession:
    """A client for one of the bank's systems. It signs each request."""

    def __init__(self, bank: DemoBank, name: str) -> None:
        self._bank = bank
        self._name = name

    def send(self, method: str, path: str, body: object = None) -> requests.Response:
        return deliver(self.sign(method, path, body))

    def sign(self, method: str, path: str, body: object = None) -> requests.PreparedRequest:
        """Return the prepared request, signed at the current time."""
        content = b"" if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if content else {}
        if method == "POST":
            headers["Idempotency-Key"] = secrets.token_hex(8)
        headers |= sign_request(
            method,
            self._bank.url + path,
            headers,
            content,
            key_id=self._name,
            private_key=self._bank.system_keys[self._name],
            created=time.time(),
        )
        return requests.Request(method, self._bank.url + path, headers=headers, data=content).prepare()


def deliver(signed: requests.PreparedRequest) -> requests.Response:
    """Send a prepared request and return the response."""
    with requests.Session() as session:
        return session.send(signed, timeout=10)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    issuer = Issuer()
    await issuer.start()
    yield issuer
    issuer.answering.set()
    await issuer.server.close()


@pytest.fixture
async def make(issuer: Issuer, clock: Clock) -> AsyncIterator[Make]:
    async with aiohttp.ClientSession() as session:

        def verifier(*trusted: TrustedIssuer, recheck_s: float = 60) -> TokenVerifier:
            both = (
                TrustedIssuer("staff", issuer.url, ("staff-api",)),
                TrustedIssuer("customer", issuer.url, ("customer-app",)),
            )
            return TokenVerifier(trusted or both, lambda: session, clock, recheck_s)

        yield verifier
