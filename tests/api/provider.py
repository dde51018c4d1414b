"""A fake OpenID issuer on a real socket. The test chooses its keys, answers and clock."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from joserfc import jws
from joserfc.jwk import ECKey, Key

from verifier.api.tokens import TokenVerifier
from verifier.core.errors import Unauthenticated
from verifier.core.principal import Principal

NOW = 1_780_000_000
Make = Callable[..., TokenVerifier]


def published(key: Key, **members: Any) -> dict[str, Any]:
    return dict(key.as_dict(private=False, **members))


def encoded(part: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


class Issuer:
    """The issuer. Tests set `keys`, `status` and `body`. `fetches` counts the requests for its keys."""

    def __init__(self) -> None:
        self.key = ECKey.generate_key("P-256", {"kid": "one"})
        self.keys = [published(self.key)]
        self.fetches = 0
        self.status = 200
        self.body: bytes | None = None
        self.claims_to_be = ""
        self.asked = asyncio.Event()
        self.answering = asyncio.Event()
        self.answering.set()

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self._configuration)
        app.router.add_get("/jwks.json", self._jwks)
        app.router.add_get("/elsewhere", self._elsewhere)
        self.server = TestServer(app)
        await self.server.start_server()
        self.url = str(self.server.make_url("")).rstrip("/")

    async def _configuration(self, request: web.Request) -> web.Response:
        issuer = self.claims_to_be or self.url
        return web.json_response({"issuer": issuer, "jwks_uri": f"{self.url}/jwks.json"})

    async def _jwks(self, request: web.Request) -> web.Response:
        self.fetches += 1
        self.asked.set()
        await self.answering.wait()
        body = self.body if self.body is not None else json.dumps({"keys": self.keys}).encode()
        return web.Response(status=self.status, body=body, headers={"Location": f"{self.url}/elsewhere"})

    async def _elsewhere(self, request: web.Request) -> web.Response:
        return web.json_response({"keys": self.keys})

    def header(self, **members: Any) -> dict[str, Any]:
        return without_none({"alg": "ES256", "typ": "JWT", "kid": "one", **members})

    def claims(self, **members: Any) -> dict[str, Any]:
        honest = {
            "iss": self.url,
            "aud": "staff-api",
            "sub": "E1007",
            "roles": ["officer"],
            "iat": NOW,
            "exp": NOW + 900,
        }
        return without_none({**honest, **members})

    def mint(self, header: dict[str, Any] | None = None, key: Key | None = None, **claims: Any) -> str:
        header = header or self.header()
        registry = jws.JWSRegistry(algorithms=[header["alg"]], strict_check_header=False)
        return jws.serialize_compact(header, json.dumps(self.claims(**claims)), key or self.key, registry=registry)


def without_none(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


class Clock:
    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


async def settled(verifier: TokenVerifier) -> None:
    """Wait until no key set is being fetched."""
    fetches = [each._fetching for each in verifier._key_sets.values() if each._fetching is not None]
    await asyncio.gather(*fetches)


async def refused(verdict: Awaitable[Principal], because: str) -> None:
    with pytest.raises(Unauthenticated) as caught:
        await verdict
    assert because in caught.value.detail
