"""Bearer tokens of the bank's OpenID Connect issuers become principals. Carries out specs/protocol.md section 2.

What a token claims is read first, by pure functions, and trusted only once its signature verifies with a
key that the issuer publishes (RFC 7519, RFC 8725, RFC 9068). Whatever cannot be checked is refused.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeVar

import aiohttp
import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import Key
from joserfc.jws import JWSRegistry
from joserfc.util import urlsafe_b64decode
from msgspec import Struct

from verifier.api.key_sets import KeySet
from verifier.core.errors import Unauthenticated
from verifier.core.principal import STAFF_ROLES, Principal

MAX_TOKEN = 8 * 1024
MAX_ID = 128
MAX_LIFETIME_S = 24 * 3600
LEEWAY_S = 30
REMEMBERED = 10_000

SIGNATURE_ALGORITHMS = frozenset(
    ["ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "Ed25519"]
)
TOKEN_TYPES = frozenset(["jwt", "at+jwt", "application/at+jwt"])

T = TypeVar("T")


class TrustedIssuer(Struct, frozen=True, forbid_unknown_fields=True):
    """An OpenID Connect issuer whose tokens for `audience` are believed to be of `kind`.

    Without `jwks_url` its keys are found by OpenID Connect Discovery. Raises ValueError for an algorithm
    that is not an asymmetric signature, or for a part that is missing.
    """

    kind: Literal["staff", "customer"]
    issuer: str
    audience: str
    jwks_url: str = ""
    algorithms: tuple[str, ...] = ("ES256", "RS256", "PS256", "Ed25519")
    id_claim: str = "sub"
    roles_claim: str = "roles"

    def __post_init__(self) -> None:
        if not self.issuer.startswith(("https://", "http://")):
            raise ValueError(f"the issuer {self.issuer!r} is not a URL")
        if self.jwks_url and not self.jwks_url.startswith(("https://", "http://")):
            raise ValueError(f"the key set address {self.jwks_url!r} is not a URL")
        if not self.audience:
            raise ValueError(f"the issuer {self.issuer} needs an audience")
        if not self.algorithms or not SIGNATURE_ALGORITHMS.issuperset(self.algorithms):
            known = ", ".join(sorted(SIGNATURE_ALGORITHMS))
            raise ValueError(f"the algorithms of {self.issuer} must be some of {known}")


class TokenVerifier:
    """Verifies bearer tokens, and remembers those it has verified until they expire.

    `session` returns the HTTP client for fetching key sets; `now` returns epoch seconds. Raises ValueError
    when two issuers cannot be told apart by issuer and audience.
    """

    def __init__(
        self,
        issuers: Iterable[TrustedIssuer],
        session: Callable[[], aiohttp.ClientSession],
        now: Callable[[], float],
    ) -> None:
        self._issuers = tuple(issuers)
        self._now = now
        if len({(trusted.issuer, trusted.audience) for trusted in self._issuers}) < len(self._issuers):
            raise ValueError("two trusted issuers have the same issuer and audience")
        self._key_sets = {
            place: KeySet(*place, session, now) for place in {(i.issuer, i.jwks_url) for i in self._issuers}
        }
        self._remembered: OrderedDict[bytes, _Remembered] = OrderedDict()

    async def verify(self, token: str) -> Principal:
        """The principal a token stands for. A member of staff without a role we know has no roles.

        Raises Unauthenticated for a token that is not good, and Unavailable when the issuer's keys are not known
        and cannot be fetched.
        """
        if len(token) > MAX_TOKEN or not token.isascii():
            raise Unauthenticated("the token is too long or not a JWT")
        digest = hashlib.sha256(token.encode()).digest()
        now = self._now()
        remembered = self._remembered.get(digest)
        if remembered is not None:
            if now < remembered.exp and remembered.key_set.vouches(remembered.thumbprint, now):
                self._remembered.move_to_end(digest)
                return remembered.principal
            del self._remembered[digest]
        claimed = _read(token, self._issuers, now)
        key_set = self._key_sets[claimed.trusted.issuer, claimed.trusted.jwks_url]
        published = await key_set.find(claimed.kid, claimed.alg)
        _check_signature(token, claimed.alg, published.key)
        self._remembered[digest] = _Remembered(claimed.principal, claimed.exp, key_set, published.thumbprint)
        if len(self._remembered) > REMEMBERED:
            self._remembered.popitem(last=False)
        return claimed.principal


class _Remembered(Struct, frozen=True):
    principal: Principal
    exp: float
    key_set: KeySet
    thumbprint: str


class _Header(Struct):
    """The header parameters that are looked at. Keys and addresses of keys that a token brings are not."""

    alg: str = ""
    typ: str = ""
    kid: str | None = None
    crit: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Claimed(Struct, frozen=True):
    """What a token says of itself, in order but not yet proven."""

    trusted: TrustedIssuer
    principal: Principal
    alg: str
    kid: str | None
    exp: float


def _read(token: str, issuers: tuple[TrustedIssuer, ...], now: float) -> _Claimed:
    parts = token.split(".")
    if len(parts) != 3:
        raise Unauthenticated("the token is not a JWT")
    header = _decoded(parts[0], _Header)
    claims = _decoded(parts[1], dict[str, Any])
    trusted = _meant(claims, issuers)
    if header.alg not in trusted.algorithms:
        raise Unauthenticated("the token's algorithm is not one its issuer may use")
    if header.typ.lower() not in TOKEN_TYPES:
        raise Unauthenticated("the token is not of a type that is accepted here")
    if header.crit is not msgspec.UNSET:
        raise Unauthenticated("the token has critical header parameters")
    exp = _checked_expiry(claims, now)
    return _Claimed(trusted, _principal(claims, trusted), header.alg, header.kid, exp)


def _decoded(part: str, shape: type[T]) -> T:
    try:
        return msgspec.json.decode(urlsafe_b64decode(part.encode()), type=shape)
    except (ValueError, RecursionError) as error:
        raise Unauthenticated("the token is not a JWT") from error


def _meant(claims: dict[str, Any], issuers: tuple[TrustedIssuer, ...]) -> TrustedIssuer:
    """The one trusted issuer that a token names by `iss` and `aud`."""
    of_issuer = [trusted for trusted in issuers if trusted.issuer == claims.get("iss")]
    if not of_issuer:
        raise Unauthenticated("the token's issuer is not known here")
    aud = claims.get("aud")
    audiences = aud if isinstance(aud, list) else [aud]
    meant = [trusted for trusted in of_issuer if trusted.audience in audiences]
    if not meant:
        raise Unauthenticated("the token is meant for another audience")
    if len(meant) > 1:
        raise Unauthenticated("the token is meant for more than one of our audiences")
    return meant[0]


def _checked_expiry(claims: dict[str, Any], now: float) -> float:
    exp = _instant(claims, "exp")
    if exp is None:
        raise Unauthenticated("the token does not say when it expires")
    if exp <= now:
        raise Unauthenticated("the token has expired")
    if exp > now + MAX_LIFETIME_S:
        raise Unauthenticated("the token lives for longer than a day")
    for name in ("nbf", "iat"):
        instant = _instant(claims, name)
        if instant is not None and instant > now + LEEWAY_S:
            raise Unauthenticated("the token is not valid yet")
    return exp


def _instant(claims: dict[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is not None and (not isinstance(value, int | float) or isinstance(value, bool)):
        raise Unauthenticated(f"the token's {name} is not a NumericDate")
    return value


def _principal(claims: dict[str, Any], trusted: TrustedIssuer) -> Principal:
    identity = claims.get(trusted.id_claim)
    # Not printable are also the marks that change direction or cannot be seen, with which one id poses as another.
    if not isinstance(identity, str) or not 0 < len(identity) <= MAX_ID or not identity.isprintable():
        raise Unauthenticated(f"the token's {trusted.id_claim} is not a usable identity")
    if trusted.kind == "customer":
        return Principal("customer", identity, trusted.issuer)
    granted = claims.get(trusted.roles_claim)
    listed = granted if isinstance(granted, list) else [granted]
    return Principal("staff", identity, trusted.issuer, frozenset(role for role in STAFF_ROLES if role in listed))


def _check_signature(token: str, alg: str, key: Key) -> None:
    signed, _, signature = token.rpartition(".")
    try:
        good = JWSRegistry.algorithms[alg].verify(signed.encode(), urlsafe_b64decode(signature.encode()), key)
    except (JoseError, ValueError) as error:
        raise Unauthenticated("the token's signature does not verify") from error
    if not good:
        raise Unauthenticated("the token's signature does not verify")
