"""The few lines with which the demo's people and systems call the HTTP interface."""

from __future__ import annotations

import secrets
import time
from typing import Any

import aiohttp
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from verifier.api.signed_requests import sign_request


class Answer(msgspec.Struct, frozen=True):
    """Status and JSON of an answer."""

    status: int
    json: Any


class Caller:
    """Somebody with a bearer token, or a system that signs its requests."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        *,
        token: str = "",
        key_id: str = "",
        private_key: Ed25519PrivateKey | None = None,
    ) -> None:
        self._session = session
        self._url = url
        self._token = token
        self._key_id = key_id
        self._private_key = private_key

    async def get(self, path: str) -> Answer:
        return await self.ask("GET", path)

    async def post(self, path: str, body: object, key: str = "") -> Answer:
        return await self.ask("POST", path, body, {"Idempotency-Key": key or secrets.token_hex(16)})

    async def put(self, path: str, body: object) -> Answer:
        return await self.ask("PUT", path, body)

    async def delete(self, path: str) -> Answer:
        return await self.ask("DELETE", path)

    async def ask(self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None) -> Answer:
        """One request; the answer whatever its status."""
        content = b"" if body is None else msgspec.json.encode(body)
        sent = dict(headers or {})
        if content:
            sent["Content-Type"] = "application/json"
        if self._token:
            sent["Authorization"] = f"Bearer {self._token}"
        elif self._private_key is not None:
            sent |= sign_request(
                method,
                self._url + path,
                sent,
                content,
                key_id=self._key_id,
                private_key=self._private_key,
                created=time.time(),
            )
        async with self._session.request(method, self._url + path, data=content or None, headers=sent) as response:
            read = await response.read()
            return Answer(response.status, msgspec.json.decode(read) if read else None)


async def send_signed(method: str, url: str, key_id: str, pem: bytes, body: bytes) -> tuple[int, str]:
    """One signed request of a bank system; status and body of the answer. Raises ValueError for a wrong key."""
    private_key = load_pem_private_key(pem, password=None)
    if not isinstance(private_key, Ed25519PrivateKey):
        raise ValueError("the key must be an Ed25519 private key in PEM")
    headers = {"Content-Type": "application/json"} if body else {}
    if method == "POST":
        headers["Idempotency-Key"] = secrets.token_hex(16)
    headers |= sign_request(method, url, headers, body, key_id=key_id, private_key=private_key, created=time.time())
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url, data=body or None, headers=headers) as response,
    ):
        return response.status, await response.text()


def now_iso(offset_s: float = 0) -> str:
    """The time now, or that many seconds from now, in RFC 3339."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + offset_s))
