"""A small HTTP client for the demo's people and systems, and for `verifier send`."""

from __future__ import annotations

import secrets
import time
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from http_message_signatures import HTTPMessageSignaturesException

from verifier import unreachable
from verifier.api.signed_requests import sign_request
from verifier.core.errors import VerifierError

SEND_S = 30


class NotSent(VerifierError):
    """A request did not reach the service, or its answer was lost."""

    slug = "not_sent"
    title = "The request was not sent"


class Answer(msgspec.Struct, frozen=True):
    """The status and JSON of an answer."""

    status: int
    json: Any


class Caller:
    """A person with a bearer token, or a system that signs its requests."""

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
        """Send one request, and return the answer. An error status does not raise an exception."""
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


async def send_signed(method: str, url: str, key_id: str, pem: bytes, body: bytes, issuer: str = "") -> tuple[int, str]:
    """Send one signed request as a bank system. Returns the status and body of the answer.

    The signature covers the address. If `url` is the address of a node behind a proxy, `issuer` must be the public
    address of the service. Raises NotSent if the key is wrong, the address cannot be read, or no server answers.
    """
    private_key = _private_key(pem)
    headers = {"Content-Type": "application/json"} if body else {}
    if method == "POST":
        headers["Idempotency-Key"] = secrets.token_hex(16)
    try:
        parts = urlsplit(url)
        signed = issuer.rstrip("/") + (parts._replace(scheme="", netloc="").geturl() or "/") if issuer else url
        signature = sign_request(
            method, signed, headers, body, key_id=key_id, private_key=private_key, created=time.time()
        )
    except (HTTPMessageSignaturesException, ValueError) as error:
        raise NotSent("the address cannot be read; it begins with http:// or https://") from error
    headers |= signature
    limit = aiohttp.ClientTimeout(total=SEND_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=limit) as session,
            session.request(method, url, data=body or None, headers=headers) as response,
        ):
            return response.status, await response.text(errors="replace")
    except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
        raise NotSent("the address cannot be read; it begins with http:// or https://") from error
    except TimeoutError as error:
        raise NotSent(f"no answer within {SEND_S} s") from error
    except aiohttp.ClientConnectorError as error:
        raise NotSent(f"cannot connect to {error.host}:{error.port}: {unreachable.in_words(error)}") from error
    except aiohttp.ClientError as error:
        raise NotSent(f"the connection failed: {type(error).__name__}") from error


def _private_key(pem: bytes) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise NotSent("the key must be an Ed25519 private key in PEM, without a password")
    return key


def now_iso(offset_s: float = 0) -> str:
    """The time `offset_s` seconds from now, in RFC 3339. If `offset_s` is negative, the time is in the past."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + offset_s))
