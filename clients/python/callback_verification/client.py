"""The two ways to send a request: `Client` waits, `AsyncClient` awaits. All thinking is in sending.py.

Carries out specs/protocol.md section 3.2.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx2

from callback_verification.credentials import Credential
from callback_verification.errors import CallbackVerificationError, CannotCheck
from callback_verification.requests import Request
from callback_verification.sending import MAX_ANSWER, Outgoing, Patience, Sending

Answer = TypeVar("Answer")
_jitter = random.SystemRandom().random
# Whatever goes wrong between here and the service: it has given no answer.
_LOST = (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL, OSError, TimeoutError)


class _Base:
    """Where to, who, and how patiently."""

    def __init__(self, base_url: str, credential: Credential | None, patience: Patience | None) -> None:
        parts = urlsplit(base_url)
        if (
            parts.scheme not in ("https", "http")
            or not parts.hostname
            or parts.query
            or parts.fragment
            or parts.username
        ):
            raise ValueError("the base address is an http or https address without user, query and fragment")
        self._base = base_url.rstrip("/")
        self._credential = credential
        self._patience = patience or Patience()

    def _sending(self, request: Request[Answer]) -> Sending[Answer]:
        url = self._base + request.path
        return Sending(request, url, self._credential, self._patience, time.monotonic, time.time, _jitter)

    def _options(self) -> dict[str, Any]:
        # A proxy or a .netrc of the environment must not see what goes to the bank.
        return {"follow_redirects": False, "trust_env": False}

    def _arguments(self, out: Outgoing) -> dict[str, Any]:
        timeout = httpx2.Timeout(out.time_s, connect=min(out.time_s, self._patience.connect_s))
        return {"headers": out.headers, "content": out.body, "timeout": timeout}


class Client(_Base):
    """Sends requests and waits for their answers; made for use from any thread, closed by `close` or `with`.

    `transport` and `sleep` are for tests and for unusual networks.
    """

    def __init__(
        self,
        base_url: str,
        credential: Credential | None = None,
        *,
        patience: Patience | None = None,
        transport: httpx2.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(base_url, credential, patience)
        self._http = httpx2.Client(transport=transport, **self._options())
        self._sleep = sleep

    def send(self, request: Request[Answer]) -> Answer:
        """Send, and try again where that is safe. Raises Problem when the service refuses, CannotCheck when there is
        no answer to rely on."""
        sending = self._sending(request)
        while True:
            try:
                return sending.answer(*self._once(sending, sending.outgoing()))
            except CallbackVerificationError as error:
                self._sleep(sending.pause(error))

    def _once(self, sending: Sending[Any], out: Outgoing) -> tuple[int, httpx2.Headers, bytes]:
        until = time.monotonic() + out.time_s
        body = bytearray()
        try:
            with self._http.stream(out.method, out.url, **self._arguments(out)) as response:
                for part in response.iter_bytes():
                    body += part
                    _check_size(body)
                    if time.monotonic() > until:
                        raise TimeoutError
                return response.status_code, response.headers, bytes(body)
        except _LOST as error:
            raise sending.lost(error) from error

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class AsyncClient(_Base):
    """Sends requests and awaits their answers; closed by `close` or `async with`."""

    def __init__(
        self,
        base_url: str,
        credential: Credential | None = None,
        *,
        patience: Patience | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        super().__init__(base_url, credential, patience)
        self._http = httpx2.AsyncClient(transport=transport, **self._options())

    async def send(self, request: Request[Answer]) -> Answer:
        """Send, and try again where that is safe. Raises Problem when the service refuses, CannotCheck when there is
        no answer to rely on."""
        sending = self._sending(request)
        while True:
            try:
                return sending.answer(*await self._once(sending, sending.outgoing()))
            except CallbackVerificationError as error:
                await asyncio.sleep(sending.pause(error))

    async def _once(self, sending: Sending[Any], out: Outgoing) -> tuple[int, httpx2.Headers, bytes]:
        body = bytearray()
        try:
            async with (
                asyncio.timeout(out.time_s),
                self._http.stream(out.method, out.url, **self._arguments(out)) as response,
            ):
                async for part in response.aiter_bytes():
                    body += part
                    _check_size(body)
                return response.status_code, response.headers, bytes(body)
        except _LOST as error:
            raise sending.lost(error) from error

    async def close(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()


def _check_size(body: bytearray) -> None:
    if len(body) > MAX_ANSWER:
        raise CannotCheck("the answer is too long")
