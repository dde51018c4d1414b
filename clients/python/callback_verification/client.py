"""`Client` and `AsyncClient` send requests. The logic that both clients share is in sending.py.

Implements specs/protocol.md section 3.2.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing, closing
from types import TracebackType
from typing import Any, TypeVar, cast

import httpx2

from callback_verification.credentials import Credential
from callback_verification.errors import CallbackVerificationError, CannotCheck
from callback_verification.requests import Request
from callback_verification.sending import MAX_ANSWER, Outgoing, Sending, Timeouts

Answer = TypeVar("Answer")
_jitter = random.SystemRandom().random
# Errors of the transport. Each of them means that there is no answer.
_LOST = (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL, OSError, TimeoutError)


class _Base:
    """The base class of both clients. It holds the address, the credential and the timeouts."""

    def __init__(self, base_url: str, credential: Credential | None, timeouts: Timeouts | None) -> None:
        if re.search(r"[?#\s]", base_url):
            raise ValueError("the base address must have no query, fragment or space")
        self._base = _normalized(base_url).rstrip("/")
        self._credential = credential
        self._timeouts = timeouts or Timeouts()

    def _sending(self, request: Request[Answer], timeouts: Timeouts | None) -> Sending[Answer]:
        url = _normalized(self._base + request.path)
        limits = timeouts or self._timeouts
        return Sending(request, url, self._credential, limits, time.monotonic, time.time, _jitter)

    def _request(self, out: Outgoing) -> httpx2.Request:
        timeout = httpx2.Timeout(out.time_s, connect=out.connect_s)
        extensions = {"timeout": timeout.as_dict()}
        return httpx2.Request(out.method, out.url, headers=out.headers, content=out.body, extensions=extensions)


class Client(_Base):
    """The synchronous client. Several threads may use one client. Use it in a `with` block, or call `close` at the end.

    `transport` and `sleep` replace the parts that use the network and wait, for tests and unusual networks.
    """

    def __init__(
        self,
        base_url: str,
        credential: Credential | None = None,
        *,
        timeouts: Timeouts | None = None,
        transport: httpx2.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(base_url, credential, timeouts)
        # Do not use httpx2.Client, which can follow redirects, keep cookies, read .netrc and log addresses.
        self._http = transport or httpx2.HTTPTransport(trust_env=False)
        self._sleep = sleep

    def send(self, request: Request[Answer], *, timeouts: Timeouts | None = None) -> Answer:
        """Send a request, with retries where they are safe. `timeouts` defaults to those of the client.

        Raises Problem if the service refuses, and CannotCheck if there is no reliable answer.
        """
        sending = self._sending(request, timeouts)
        while True:
            try:
                return sending.answer(*self._once(sending, sending.outgoing()))
            except CallbackVerificationError as error:
                self._sleep(sending.pause(error))

    def _once(self, sending: Sending[Any], out: Outgoing) -> tuple[int, httpx2.Headers, bytes]:
        until = time.monotonic() + out.time_s
        body = bytearray()
        try:
            with closing(self._http.handle_request(self._request(out))) as response:
                for part in cast(httpx2.SyncByteStream, response.stream):
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
    """The asynchronous client. Use it in an `async with` block, or call `close` at the end."""

    def __init__(
        self,
        base_url: str,
        credential: Credential | None = None,
        *,
        timeouts: Timeouts | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        super().__init__(base_url, credential, timeouts)
        self._http = transport or httpx2.AsyncHTTPTransport(trust_env=False)
        self._sleep = sleep

    async def send(self, request: Request[Answer], *, timeouts: Timeouts | None = None) -> Answer:
        """Send a request, with retries where they are safe. `timeouts` defaults to those of the client.

        Raises Problem if the service refuses, and CannotCheck if there is no reliable answer.
        """
        sending = self._sending(request, timeouts)
        while True:
            try:
                return sending.answer(*await self._once(sending, sending.outgoing()))
            except CallbackVerificationError as error:
                await self._sleep(sending.pause(error))

    async def _once(self, sending: Sending[Any], out: Outgoing) -> tuple[int, httpx2.Headers, bytes]:
        body = bytearray()
        try:
            async with (
                asyncio.timeout(out.time_s),
                aclosing(await self._http.handle_async_request(self._request(out))) as response,
            ):
                async for part in cast(httpx2.AsyncByteStream, response.stream):
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


def _normalized(address: str) -> str:
    """Normalize an address as httpx2 does, so that the signed address equals the address that is sent.

    The host becomes lower case, and a default port is removed. Raises ValueError for an invalid address.
    """
    try:
        url = httpx2.URL(address)
    except httpx2.InvalidURL as error:
        raise ValueError(f"the address is not valid: {error}") from error
    if url.scheme not in ("https", "http") or not url.host or url.userinfo or (url.port or 1) > 65_535:
        raise ValueError("the address must be http or https, without a user")
    return f"{url.scheme}://{url.netloc.decode()}{url.raw_path.decode()}"


def _check_size(body: bytearray) -> None:
    if len(body) > MAX_ANSWER:
        raise CannotCheck("the answer is too long")
