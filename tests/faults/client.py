"""A client that returns each answer as received: status, headers and bytes."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from verifier.api.signed_requests import sign_request

TIMEOUT_S = 120
# Statuses that are retried. A node whose clock is wrong answers 401, since tokens and signatures look expired.
RETRIED = (503, 401)


class Reply(msgspec.Struct, frozen=True):
    """An answer. Two answers are the same if their statuses and bodies are."""

    status: int
    content: bytes
    headers: Mapping[str, str]

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.content)

    def same(self, other: Reply) -> bool:
        return (self.status, self.content) == (other.status, other.content)


class Client:
    """A caller with a bearer token, or a system of the bank that signs its requests.

    `url` is the service's public address. With `nodes`, each request goes to one of them at random. If that node
    fails or is unavailable, the same bytes go to another, as a load balancer or an SDK would do.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        *,
        token: str = "",
        system: tuple[str, Ed25519PrivateKey] | None = None,
        nodes: Sequence[str] = (),
    ) -> None:
        self._session = session
        self._nodes = nodes
        self._url = url
        self._token = token
        self._system = system

    async def get(self, path: str) -> Reply:
        return await self._ask("GET", path, b"", {})

    async def put(self, path: str, body: object) -> Reply:
        return await self._ask("PUT", path, msgspec.json.encode(body), {})

    async def post(self, path: str, body: object, key: str) -> Reply:
        return await self._ask("POST", path, msgspec.json.encode(body), {"Idempotency-Key": key})

    async def _ask(self, method: str, path: str, content: bytes, headers: dict[str, str]) -> Reply:
        if content:
            headers["Content-Type"] = "application/json"
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if not self._nodes:
            return await self._send(self._url, method, path, content, headers)
        until = time.monotonic() + TIMEOUT_S
        while True:
            try:
                reply = await self._send(random.choice(self._nodes), method, path, content, headers)
                if reply.status not in RETRIED or time.monotonic() > until:
                    return reply
            except (aiohttp.ClientError, OSError):
                if time.monotonic() > until:
                    raise
            await asyncio.sleep(random.uniform(0.02, 0.2))

    async def _send(self, node: str, method: str, path: str, content: bytes, headers: dict[str, str]) -> Reply:
        if self._system is not None:
            name, key = self._system
            url, created = self._url + path, time.time()
            signed = sign_request(method, url, headers, content, key_id=name, private_key=key, created=created)
            headers = headers | signed
        async with self._session.request(method, node + path, data=content or None, headers=headers) as response:
            return Reply(response.status, await response.read(), response.headers)
