"""Verifies bearer tokens of the bank's OpenID Connect issuers. Implements specs/protocol.md section 2.

The claims of a token are used only after its signature has verified with a key that the issuer publishes (RFC 7519, RFC
8725, RFC 9068). A token that cannot be checked is refused.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import TypeVar

import aiohttp
import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import Key
from joserfc.jws import JWSRegistry
from joserfc.util import urlsafe_b64decode
from msgspec import Struct

from verifier.api.issuers import TrustedIssuer
from verifier.api.key_sets import RECHECK_S, KeySet, Published
from verifier.core.errors import Unauthenticated
from verifier.core.principal import Principal

MAX_TOKEN = 8 * 1024
MAX_ID = 128
MAX_LIFETIME_S = 24 * 3600
LEEWAY_S = 30
REMEMBERED = 10_000
EXPIRED = "the token has expired"

ACCESS_TOKEN_TYPES = frozenset(["at+jwt", "application/at+jwt"])
TOKEN_TYPES = ACCESS_TOKEN_TYPES | {"jwt"}
# Claims about a sign-in (OpenID Connect Core 1.0 section 2).
SIGN_IN = ("auth_time", "acr", "amr", "azp", "sid")
# Claims that are typical of access tokens.
ACCESS = ("scope", "scp", "client_id", "cid")
# Claims that only ID tokens (OpenID Connect Core 1.0 section 3.3.2.11) or security events (RFC 8417) have.
NOT_ACCESS = ("nonce", "at_hash", "c_hash", "s_hash", "events")

T = TypeVar("T")


class TokenVerifier:
    """Verifies bearer tokens. A verified token is cached for `recheck_s` seconds, but never after it has expired.

    `session` returns the HTTP client for fetching key sets. `now` returns epoch seconds. Raises ValueError if two
    trusted issuers have the same issuer and share an audience.
    """

    def __init__(
        self,
        issuers: Iterable[TrustedIssuer],
        session: Callable[[], aiohttp.ClientSession],
        now: Callable[[], float],
        recheck_s: float = RECHECK_S,
    ) -> None:
        self._recheck_s = recheck_s
        self._issuers = tuple(issuers)
        self._now = now
        names = [(trusted.issuer, audience) for trusted in self._issuers for audience in set(trusted.audiences)]
        if len(set(names)) < len(names):
            raise ValueError("two trusted issuers have the same issuer and audience")
        self._key_sets = {
            source: KeySet(*source, session, now, recheck_s)
            for source in {(i.issuer, i.jwks_url) for i in self._issuers}
        }
        self._remembered: OrderedDict[bytes, _Remembered] = OrderedDict()

    async def verify(self, token: str) -> Principal:
        """Verify a token and return its principal. `roles` is empty if a token of staff has no known role.

        Raises Unauthenticated if the token is not valid. Raises Unavailable if the issuer's keys are not cached and
        cannot be fetched.
        """
        if len(token) > MAX_TOKEN or not token.isascii():
            raise Unauthenticated("the token is too long or not a JWT")
        digest = hashlib.sha256(token.encode()).digest()
        now = self._now()
        remembered = self._remembered.get(digest)
        if remembered is not None:
            remembered.key_set.refresh_if_due()
            if remembered.at <= now < remembered.until and remembered.key_set.vouches(remembered.thumbprint):
                self._remembered.move_to_end(digest)
                return remembered.principal
            del self._remembered[digest]
        claimed = _read(token, self._issuers, now)
        key_set = self._key_sets[claimed.trusted.issuer, claimed.trusted.jwks_url]
        published = await _signer(token, claimed, key_set)
        if self._now() >= claimed.exp:
            raise Unauthenticated(EXPIRED)
        until = min(claimed.exp, now + self._recheck_s)
        self._remembered[digest] = _Remembered(claimed.principal, now, until, key_set, published.thumbprint)
        self._forget(now)
        return claimed.principal

    def _forget(self, now: float) -> None:
        """Forget up to two tokens that no longer count or are too many, the least recently used first."""
        for _ in range(2):
            oldest = next(iter(self._remembered))
            if self._remembered[oldest].until > now and len(self._remembered) <= REMEMBERED:
                return
            del self._remembered[oldest]

    async def refresh_if_due(self) -> None:
        """Start to fetch each key set that is due. So even a node without requests stops accepting a withdrawn key."""
        for key_set in self._key_sets.values():
            key_set.refresh_if_due()

    def close(self) -> None:
        """Cancel running fetches."""
        for key_set in self._key_sets.values():
            key_set.close()

    def roles_claim(self, issuer: str) -> str:
        """The name of the claim that holds the roles in an issuer's tokens for staff.

        Empty if the issuer has no staff.
        """
        return next((each.roles_claim for each in self._issuers if each.issuer == issuer and each.kind == "staff"), "")


class _Remembered(Struct, frozen=True):
    principal: Principal
    at: float
    until: float
    key_set: KeySet
    thumbprint: str


class _Header(Struct):
    """The header parameters that this module uses. Other parameters are ignored, including keys and key addresses."""

    alg: str = ""
    typ: str = ""
    kid: str | None = None
    crit: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_HEADER = msgspec.json.Decoder(_Header)
_CLAIMS = msgspec.json.Decoder(dict[str, object])


class _Claimed(Struct, frozen=True):
    """The claims of a token. They are well-formed, but the signature of the token has not been verified yet."""

    trusted: TrustedIssuer
    principal: Principal
    alg: str
    kid: str | None
    exp: float


def _read(token: str, issuers: tuple[TrustedIssuer, ...], now: float) -> _Claimed:
    parts = token.split(".")
    if len(parts) != 3:
        raise Unauthenticated("the token is not a JWT")
    header = _decoded(parts[0], _HEADER)
    claims = _decoded(parts[1], _CLAIMS)
    trusted = _meant(claims, issuers)
    if header.alg not in trusted.algorithms:
        raise Unauthenticated("the token's issuer may not use this algorithm")
    if header.crit is not msgspec.UNSET:
        raise Unauthenticated("the token has critical header parameters")
    _check_access(header.typ.lower(), claims, trusted)
    exp = _checked_expiry(claims, now)
    alg = "Ed25519" if header.alg == "EdDSA" else header.alg
    return _Claimed(trusted, _principal(claims, trusted, exp), alg, header.kid, exp)


def _check_access(typ: str, claims: dict[str, object], trusted: TrustedIssuer) -> None:
    """Raise Unauthenticated unless the token is an access token.

    An ID token only describes a sign-in, and grants nothing.

    A token of type at+jwt is an access token (RFC 9068). A token of type JWT may be an access token or an ID token.
    Keycloak names the kind of token in the claim `typ`. ID tokens of other providers have claims that access tokens do
    not have.

    Also raise Unauthenticated if the token lacks the claim that its issuer's settings require.
    """
    if typ not in TOKEN_TYPES:
        raise Unauthenticated("the token has a type that is not accepted here")
    if typ not in ACCESS_TOKEN_TYPES:
        if trusted.require_at_jwt:
            raise Unauthenticated("the token is not of type at+jwt, which its issuer must use")
        said = claims.get("typ")
        if said != "Bearer" and (said is not None or _describes_sign_in(claims)):
            raise Unauthenticated("the token is not an access token")
    if not trusted.meets_requirement(claims):
        raise Unauthenticated(f"the token does not have the claim {trusted.required_claim}, which is required")


def _describes_sign_in(claims: dict[str, object]) -> bool:
    """Whether the claims show that a token is an ID token.

    An ID token has a claim of `NOT_ACCESS`. Or it has a claim of `SIGN_IN`, and no claim of `ACCESS`.
    """
    if any(name in claims for name in NOT_ACCESS):
        return True
    return any(name in claims for name in SIGN_IN) and not any(name in claims for name in ACCESS)


def _decoded(part: str, decoder: msgspec.json.Decoder[T]) -> T:
    try:
        return decoder.decode(urlsafe_b64decode(part.encode()))
    except (ValueError, RecursionError) as error:
        raise Unauthenticated("the token is not a JWT") from error


def _meant(claims: dict[str, object], issuers: tuple[TrustedIssuer, ...]) -> TrustedIssuer:
    """The trusted issuer whose address is in the claim `iss`, and one of whose audiences is in the claim `aud`.

    Raises Unauthenticated if no trusted issuer fits, or if several fit.
    """
    of_issuer = [trusted for trusted in issuers if trusted.issuer == claims.get("iss")]
    if not of_issuer:
        raise Unauthenticated("the token's issuer is not known here")
    aud = claims.get("aud")
    audiences = aud if isinstance(aud, list) else [aud]
    meant = [trusted for trusted in of_issuer if any(audience in audiences for audience in trusted.audiences)]
    if not meant:
        raise Unauthenticated("the token is meant for another audience")
    if len(meant) > 1:
        raise Unauthenticated("the token is meant for more than one of our audiences")
    return meant[0]


def _checked_expiry(claims: dict[str, object], now: float) -> float:
    exp = _instant(claims, "exp")
    if exp is None:
        raise Unauthenticated("the token does not say when it expires")
    if exp <= now:
        raise Unauthenticated(EXPIRED)
    if exp > now + MAX_LIFETIME_S:
        raise Unauthenticated("the token lives for longer than a day")
    for name in ("nbf", "iat"):
        instant = _instant(claims, name)
        if instant is not None and instant > now + LEEWAY_S:
            raise Unauthenticated("the token is not valid yet")
    return exp


def _instant(claims: dict[str, object], name: str) -> float | None:
    value = claims.get(name)
    if value is not None and (not isinstance(value, int | float) or isinstance(value, bool)):
        raise Unauthenticated(f"the token's {name} is not a NumericDate")
    return value


def _principal(claims: dict[str, object], trusted: TrustedIssuer, exp: float) -> Principal:
    identity = trusted.identity(claims)
    # `isprintable` refuses invisible characters and direction marks, because they can make one id look like another.
    if not isinstance(identity, str) or not 0 < len(identity) <= MAX_ID or not identity.isprintable():
        raise Unauthenticated(f"the token's {trusted.id_claim} is not a usable identity")
    roles = trusted.granted(claims) if trusted.kind == "staff" else frozenset()
    return Principal(trusted.kind, identity, trusted.issuer, roles, int(exp * 1000), *_sign_in(claims, trusted))


def _sign_in(claims: dict[str, object], trusted: TrustedIssuer) -> tuple[str, frozenset[str]]:
    """How a member of staff has signed in: the claims `acr` and `amr`.

    A claim that is missing or has another type says nothing, so it is never strong enough.
    """
    if trusted.kind != "staff":
        return "", frozenset()
    acr, amr = claims.get("acr"), claims.get("amr")
    methods = frozenset(each for each in amr if isinstance(each, str)) if isinstance(amr, list) else frozenset()
    return acr if isinstance(acr, str) else "", methods


async def _signer(token: str, claimed: _Claimed, key_set: KeySet) -> Published:
    """Verify the signature of a token. Returns the published key that verified it.

    If the signature does not verify with the cached key, the key set is fetched again. If the issuer has replaced the
    key, the new key is tried.
    """
    published = await key_set.find(claimed.kid, claimed.alg)
    try:
        _check_signature(token, claimed.alg, published.key)
    except Unauthenticated:
        replacement = await key_set.replacement(published, claimed.kid, claimed.alg)
        if replacement is None:
            raise
        _check_signature(token, claimed.alg, replacement.key)
        return replacement
    return published


def _check_signature(token: str, alg: str, key: Key) -> None:
    signed, _, signature = token.rpartition(".")
    try:
        good = JWSRegistry.algorithms[alg].verify(signed.encode(), urlsafe_b64decode(signature.encode()), key)
    except (JoseError, ValueError) as error:
        raise Unauthenticated("the token's signature does not verify") from error
    if not good:
        raise Unauthenticated("the token's signature does not verify")
