"""Fetches and caches the key sets of identity providers. Implements specs/protocol.md section 2."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, NamedTuple, TypeAlias, TypeVar

import aiohttp
import msgspec
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key, OctKey, RSAKey
from joserfc.jws import JWSRegistry
from msgspec import Struct

from verifier import unreachable
from verifier.core.errors import Unauthenticated, Unavailable

log = structlog.get_logger()

MAX_DOCUMENT = 256 * 1024
FETCH_TIMEOUT_S = 5
WAIT_S = 3
RECHECK_S = 60
COOL_DOWN_S = 30
RETRY_S = 5
STALE_S = 3600
RSA_BITS = range(2048, 8192 + 1)
# A JWK. The type of its values is `Any`, because the types of joserfc do not allow every JSON value.
_Jwk: TypeAlias = dict[str, Any]


class _Answer(Struct):
    """A response of an issuer. `called` is its name in the log. The log never contains an address from the issuer."""

    called: ClassVar[str]


class _Discovery(_Answer):
    called: ClassVar[str] = "the discovery document"
    issuer: str
    jwks_uri: str


class _Document(_Answer):
    called: ClassVar[str] = "the key set"
    keys: list[_Jwk]


T = TypeVar("T", bound=_Answer)


class _BadAnswer(Exception):
    """The issuer's response is unusable. The message of the exception contains no data from the issuer."""


class Published(NamedTuple):
    """A key that an issuer publishes, and its thumbprint (RFC 7638)."""

    key: Key
    thumbprint: str


class KeySet:
    """The published keys of an issuer (RFC 7517).

    Cached keys are used for `recheck_s` seconds after the last attempt to fetch them. After half of this time, a
    background fetch renews the keys, so that requests do not wait. While the issuer cannot be reached, the cached keys
    are used for up to an hour.

    A request waits for a fetch in three cases: its key is unknown, its signature does not verify, or the cached keys
    are too old. It waits for at most `WAIT_S` seconds. Waiting requests share one fetch. There is a pause between two
    fetches, so that tokens with invented key ids or bad signatures cannot flood the issuer.
    """

    def __init__(
        self,
        issuer: str,
        jwks_url: str,
        session: Callable[[], aiohttp.ClientSession],
        now: Callable[[], float],
        recheck_s: float = RECHECK_S,
    ) -> None:
        self._recheck_s = recheck_s
        self._cool_down_s = min(COOL_DOWN_S, recheck_s / 2)
        self._issuer = issuer
        self._jwks_url = jwks_url
        self._session = session
        self._now = now
        self._fetching: asyncio.Task[None] | None = None
        self._unanswered = False
        self._keys: tuple[Published, ...] = ()
        self._found: dict[tuple[str | None, str], Published] = {}
        self._fetched_at = self._asked_at = self._due = self._not_before = -math.inf

    def vouches(self, thumbprint: str) -> bool:
        """Whether the cache is current and contains a key with this thumbprint."""
        return self._is_current() and any(each.thumbprint == thumbprint for each in self._keys)

    def refresh_if_due(self) -> None:
        """Start a background fetch if one is due."""
        if self._is_time(self._due):
            self._begin()

    def close(self) -> None:
        """Cancel a running fetch."""
        if self._fetching is not None:
            self._fetching.cancel()

    async def find(self, kid: str | None, alg: str) -> Published:
        """The key for a token with this `kid` and `alg`.

        Raises Unauthenticated if the issuer does not publish such a key. Raises Unavailable if the issuer's keys cannot
        be fetched.
        """
        self.refresh_if_due()
        if not self._is_current() or self._held(kid, alg) is None:
            await self._renew()
        found = self._held(kid, alg)
        if not self._is_current() or (found is None and self._unanswered):
            wait = math.ceil(max(self._not_before - self._now(), 1))
            raise Unavailable("the keys of the identity provider cannot be fetched", retry_after=wait)
        if found is None:
            raise Unauthenticated("the token is signed with a key that its issuer does not publish")
        return found

    async def probe(self, algorithms: Iterable[str]) -> int:
        """Fetch the keys now, and return how many of them can be used with one of these algorithms.

        Raises Unavailable, with the reason, if the keys cannot be fetched.
        """
        wanted = ["Ed25519" if each == "EdDSA" else each for each in algorithms]
        try:
            published = await self._published()
        except Exception as error:
            raise Unavailable(f"the keys of {self._issuer} cannot be fetched: {_reason(error)}") from error
        return sum(any(_fits(each.key, alg) for alg in wanted) for each in published)

    async def replacement(self, of: Published, kid: str | None, alg: str) -> Published | None:
        """Fetch the keys again, after a signature did not verify with the key `of`.

        Returns the key that the issuer now publishes for `kid` and `alg`. Returns None if that key is still `of`, or if
        there is no such key.
        """
        await self._renew()
        found = self._held(kid, alg)
        return None if found is None or found.thumbprint == of.thumbprint else found

    def _is_stale(self) -> bool:
        return not 0 <= self._now() - self._fetched_at < STALE_S

    def _is_current(self) -> bool:
        """Whether the cached keys may be used.

        They may be used if they are not stale, and if a fetch was tried in the last `recheck_s` seconds. They may not
        be used if the clock was set back since that fetch.
        """
        return not self._is_stale() and 0 <= self._now() - self._asked_at < self._recheck_s

    def _is_time(self, at: float) -> bool:
        """Whether the time `at` has come. Also returns true if the clock was set back since the last fetch."""
        return self._now() >= at or self._now() < self._asked_at

    def _held(self, kid: str | None, alg: str) -> Published | None:
        found = self._found.get((kid, alg)) or self._look(kid, alg)
        if found is not None:
            self._found[kid, alg] = found
        return found

    def _look(self, kid: str | None, alg: str) -> Published | None:
        if kid is None and len(self._keys) != 1:
            return None
        return next((each for each in self._keys if kid in (None, each.key.kid) and _fits(each.key, alg)), None)

    async def _renew(self) -> None:
        """Start a fetch, unless a fetch is running or the pause after the last fetch is not over.

        Then wait for the running fetch, for at most `WAIT_S` seconds. If the waiting task is cancelled, the fetch
        continues.
        """
        self._begin()
        if self._fetching is not None:
            await asyncio.wait([self._fetching], timeout=WAIT_S)

    def _begin(self) -> None:
        if self._fetching is None and self._is_time(self._not_before):
            self._unanswered = True
            self._fetching = asyncio.create_task(self._fetch(), name="key set")

    async def _fetch(self) -> None:
        began = self._now()
        try:
            self._keys = await self._published()
        except Exception as error:
            log.warning("key set not fetched", issuer=self._issuer, reason=_reason(error))
            self._asked_at = self._now()
            self._not_before = self._due = self._asked_at + (RETRY_S if self._is_stale() else self._cool_down_s)
        else:
            self._unanswered = False
            self._found = {}
            # Count the age of the keys from the start of the fetch, because a key may be withdrawn while the response
            # is in transit.
            self._fetched_at = self._asked_at = began
            self._not_before = self._now() + self._cool_down_s
            self._due = max(self._not_before, began + self._recheck_s / 2)
        finally:
            self._fetching = None

    async def _published(self) -> tuple[Published, ...]:
        async with asyncio.timeout(FETCH_TIMEOUT_S):
            document = await self._get(self._jwks_url or await self._discovered(), _Document)
        usable = (key for jwk in document.keys if (key := _usable(jwk)) is not None)
        return tuple(Published(key, key.thumbprint()) for key in usable)

    async def _discovered(self) -> str:
        """Find the address of the key set with OpenID Connect Discovery 1.0 (sections 4.1 and 4.3)."""
        found = await self._get(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration", _Discovery)
        if found.issuer != self._issuer:
            raise _BadAnswer("the discovery document names another issuer")
        if self._issuer.startswith("https://") and not found.jwks_uri.startswith("https://"):
            raise _BadAnswer("the discovery document gives an address of the key set that is not https")
        return found.jwks_uri

    async def _get(self, url: str, shape: type[T]) -> T:
        async with self._session().get(url, allow_redirects=False) as response:
            if response.status != 200:
                raise _BadAnswer(f"{shape.called} was answered with status {response.status}")
            content = bytearray()
            async for chunk in response.content.iter_any():
                content += chunk
                if len(content) > MAX_DOCUMENT:
                    raise _BadAnswer(f"{shape.called} is too large")
        try:
            return msgspec.json.decode(content, type=shape)
        except (ValueError, RecursionError) as error:
            raise _BadAnswer(f"{shape.called} is not the JSON that it must be") from error


def _reason(error: Exception) -> str:
    """The reason why a fetch failed.

    Messages of libraries are left out, because they may repeat data from the issuer.
    """
    if isinstance(error, aiohttp.ClientConnectorError):
        return unreachable.in_words(error)
    return str(error) if isinstance(error, _BadAnswer) else type(error).__name__


def _usable(jwk: _Jwk) -> Key | None:
    """The key of a JWK. None if the JWK cannot be parsed, or if its key must not be used to verify signatures."""
    if jwk.get("alg") == "EdDSA" and jwk.get("crv") == "Ed25519":
        # EdDSA is the older name of Ed25519 (RFC 9864).
        jwk = jwk | {"alg": "Ed25519"}
    try:
        key = JWKRegistry.import_key(jwk)
        key.check_use("sig")
        key.check_key_op("verify")
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    if isinstance(key, OctKey) or (isinstance(key, RSAKey) and key.public_key.key_size not in RSA_BITS):
        return None
    return key


def _fits(key: Key, alg: str) -> bool:
    try:
        JWSRegistry.algorithms[alg].check_key(key)
    except JoseError:
        return False
    return True
