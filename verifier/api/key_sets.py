"""The published key sets of identity providers, fetched and kept. Carries out specs/protocol.md section 2."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import aiohttp
import msgspec
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key, OctKey, RSAKey
from joserfc.jws import JWSRegistry
from msgspec import Struct

from verifier.core.errors import Unauthenticated, Unavailable

log = structlog.get_logger()

MAX_DOCUMENT = 256 * 1024
FETCH_TIMEOUT_S = 5
KEPT_S = 600
COOL_DOWN_S = 30
RETRY_S = 5
STALE_S = 24 * 3600
MIN_RSA_BITS = 2048

T = TypeVar("T")


class _Discovery(Struct):
    issuer: str
    jwks_uri: str


class _Document(Struct):
    keys: list[dict[str, Any]]


class Published(NamedTuple):
    """A key an issuer publishes, and its thumbprint (RFC 7638)."""

    key: Key
    thumbprint: str


class KeySet:
    """The published keys of an issuer (RFC 7517), fetched when first needed and again when `due`.

    It is fetched early for a key it lacks, but never before `not_before`, or anybody could make us hammer
    the issuer with invented key ids. Many who wait share one fetch. While the issuer cannot be reached the
    keys last seen serve for a day.
    """

    def __init__(
        self, issuer: str, jwks_url: str, session: Callable[[], aiohttp.ClientSession], now: Callable[[], float]
    ) -> None:
        self._issuer = issuer
        self._jwks_url = jwks_url
        self._session = session
        self._now = now
        self._lock = asyncio.Lock()
        self._keys: tuple[Published, ...] = ()
        self._found: dict[tuple[str | None, str], Published] = {}
        self._fetched_at = self._due = self._not_before = -math.inf

    def vouches(self, thumbprint: str, now: float) -> bool:
        """Whether a key is still published, as far as can be said without fetching."""
        return now < self._due and any(each.thumbprint == thumbprint for each in self._keys)

    async def find(self, kid: str | None, alg: str) -> Published:
        """The key for a token. Raises Unauthenticated when there is none, Unavailable when that cannot be known."""
        if self._now() >= self._due or self._held(kid, alg) is None:
            await self._refresh()
        if self._now() >= self._fetched_at + STALE_S:
            wait = math.ceil(max(self._not_before - self._now(), 1))
            raise Unavailable("the keys of the identity provider cannot be fetched", retry_after=wait)
        found = self._held(kid, alg)
        if found is None:
            raise Unauthenticated("the token is signed with a key its issuer does not publish")
        return found

    async def probe(self) -> int:
        """How many published keys can verify a token. Raises Unavailable, saying why they cannot be fetched."""
        try:
            async with asyncio.timeout(FETCH_TIMEOUT_S):
                document = await self._get(self._jwks_url or await self._discovered(), _Document)
        except TimeoutError as error:
            raise Unavailable(f"{self._issuer} did not answer within {FETCH_TIMEOUT_S} s") from error
        except (aiohttp.ClientError, OSError, ValueError, RecursionError) as error:
            raise Unavailable(f"the keys of {self._issuer} cannot be fetched: {error}") from error
        return sum(_usable(jwk) is not None for jwk in document.keys)

    def _held(self, kid: str | None, alg: str) -> Published | None:
        found = self._found.get((kid, alg)) or self._look(kid, alg)
        if found is not None:
            self._found[kid, alg] = found
        return found

    def _look(self, kid: str | None, alg: str) -> Published | None:
        if kid is None and len(self._keys) != 1:
            return None
        return next((each for each in self._keys if kid in (None, each.key.kid) and _fits(each.key, alg)), None)

    async def _refresh(self) -> None:
        async with self._lock:
            if self._now() < self._not_before:
                return
            try:
                async with asyncio.timeout(FETCH_TIMEOUT_S):
                    document = await self._get(self._jwks_url or await self._discovered(), _Document)
            except (aiohttp.ClientError, OSError, ValueError, RecursionError) as error:
                log.warning("key set not fetched", issuer=self._issuer, reason=str(error) or type(error).__name__)
                held = self._now() < self._fetched_at + STALE_S
                self._not_before = self._now() + (COOL_DOWN_S if held else RETRY_S)
                self._due = min(self._not_before, self._fetched_at + STALE_S)
                return
            usable = (key for jwk in document.keys if (key := _usable(jwk)) is not None)
            self._keys = tuple(Published(key, key.thumbprint()) for key in usable)
            self._found = {}
            self._fetched_at = self._now()
            self._not_before = self._fetched_at + COOL_DOWN_S
            self._due = self._fetched_at + KEPT_S

    async def _discovered(self) -> str:
        """The address of the key set (OpenID Connect Discovery 1.0 sections 4.1 and 4.3)."""
        found = await self._get(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration", _Discovery)
        if found.issuer != self._issuer:
            raise ValueError(f"the discovery document is that of {found.issuer!r}")
        if self._issuer.startswith("https://") and not found.jwks_uri.startswith("https://"):
            raise ValueError(f"the key set address {found.jwks_uri!r} is not https")
        return found.jwks_uri

    async def _get(self, url: str, shape: type[T]) -> T:
        async with self._session().get(url, allow_redirects=False) as response:
            if response.status != 200:
                raise ValueError(f"{url} answered {response.status}")
            content = bytearray()
            async for chunk in response.content.iter_any():
                content += chunk
                if len(content) > MAX_DOCUMENT:
                    raise ValueError(f"the answer of {url} is too large")
        return msgspec.json.decode(content, type=shape)


def _usable(jwk: dict[str, Any]) -> Key | None:
    """A published key that may verify signatures, or None; one that cannot be read does not spoil the others."""
    try:
        key = JWKRegistry.import_key(jwk)
        key.check_use("sig")
        key.check_key_op("verify")
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    if isinstance(key, OctKey) or (isinstance(key, RSAKey) and key.public_key.key_size < MIN_RSA_BITS):
        return None
    return key


def _fits(key: Key, alg: str) -> bool:
    try:
        JWSRegistry.algorithms[alg].check_key(key)
    except JoseError:
        return False
    return True
