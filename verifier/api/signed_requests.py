"""Authenticates bank systems by signed requests (RFC 9421) or by client certificates (RFC 9440).

Implements specs/protocol.md section 2. Signatures must be Ed25519. So the service stores public keys, and no secret of
a caller.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import http_sf
from aiohttp.web import BaseRequest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from http_message_signatures import (
    HTTPMessageSignaturesException,
    HTTPMessageSigner,
    HTTPMessageVerifier,
    InvalidSignature,
    MappingKeyResolver,
    VerificationKey,
)
from http_message_signatures.algorithms import ED25519
from http_message_signatures.digests import ContentDigest
from msgspec import Struct

from verifier.api.systems import System, fingerprint, principal, public_key
from verifier.core.errors import Unauthenticated
from verifier.core.principal import Principal

TAG = "callback-verification"
MAX_AGE_S = 60
MAX_SIGNATURE_INPUT = 2048
KNOWN_DIGESTS = ("sha-256", "sha-512")
_KEY_ID = re.compile(r';keyid="([^"]*)"')
ALWAYS_COVERED = ("@method", "@target-uri")


class _Message(Struct):
    """A request, in the form that the signature library expects."""

    method: str
    url: str
    headers: Mapping[str, str]


class _Untimely(InvalidSignature):
    """The signature has no creation time, is too old, has expired, or is from the future.

    The message repeats no byte of the request.
    """


class _KnownDigests(ContentDigest):
    """Verifies Content-Digest (RFC 9530 section 2). Digests with unknown algorithms are ignored.

    At least one digest must have a known algorithm. Every digest with a known algorithm must match the body.
    """

    @classmethod
    def verify(cls, value: str | bytes, body: bytes, *, key: str | None = None) -> None:
        super().verify(_known(value) if key is None else value, body, key=key)


def _known(value: str | bytes) -> str:
    """Keep the digests of a Content-Digest that have a known algorithm. Raises InvalidSignature if there are none."""
    text = value.encode("ascii", "replace") if isinstance(value, str) else value
    try:
        digests: Any = http_sf.parse(text, tltype="dictionary", on_duplicate_key=_refuse_double)
    except (ValueError, TypeError) as error:
        raise InvalidSignature("the Content-Digest cannot be read") from error
    known = {name: digest for name, digest in digests.items() if name in KNOWN_DIGESTS}
    if not known:
        raise InvalidSignature("the Content-Digest has neither sha-256 nor sha-512")
    return http_sf.ser(known)


def _refuse_double(name: str, context: str) -> None:
    if context == "dictionary":
        raise InvalidSignature("the Content-Digest has an algorithm twice")


class _ClockedVerifier(HTTPMessageVerifier):
    """The library's verifier, but with the service's clock.

    `created` may be up to `max_age` seconds before or after now.
    """

    content_digest_class = _KnownDigests

    def __init__(self, keys: MappingKeyResolver, now: Callable[[], float], max_age: float) -> None:
        super().__init__(signature_algorithm=ED25519, key_resolver=keys)
        self._now = now
        self._max_age = max_age

    def validate_created_and_expires(self, sig_input: Any, max_age: Any = None) -> None:
        created = sig_input.params.get("created")
        if created is None:
            raise _Untimely("the signature does not say when it was created")
        if abs(self._now() - created) > self._max_age:
            raise _Untimely("the signature was created too long ago, or in the future")
        if sig_input.params.get("expires", created + self._max_age) < self._now():
            raise _Untimely("the signature has expired")


class _Keys(MappingKeyResolver):
    """The public keys of systems. An unknown key id gets a random key, so that its signature never verifies.

    So the service does the same work, and gives the same answer, for an unknown key id as for a bad signature.
    """

    def __init__(self, systems: Iterable[System]) -> None:
        super().__init__(public_keys={system.id: public_key(system) for system in systems}, private_keys={})
        self._nobody = Ed25519PrivateKey.generate().public_key()

    def resolve_public_key(self, key_id: str) -> VerificationKey:
        return self.public_keys.get(key_id, self._nobody)


class SignedRequestVerifier:
    """Verifies the signatures of requests. `now` returns epoch seconds.

    `max_age` is the largest allowed difference, in seconds, between now and the time when the signature was created.
    """

    def __init__(self, systems: Iterable[System], now: Callable[[], float], max_age: float = MAX_AGE_S) -> None:
        self._systems = {system.id: system for system in systems}
        self._verifier = _ClockedVerifier(_Keys(self._systems.values()), now, max_age)

    def verify(self, request: BaseRequest, body: bytes, public_url: str | None = None) -> Principal:
        """Verify a signed request (RFC 9421 section 3.2).

        Returns the system that signed it, with the system's scopes as roles.

        The signature must have the tag `callback-verification`, and the parameters `keyid` and `created`. It must cover
        @method and @target-uri. If the request has a body, the signature must cover Content-Digest (RFC 9530). If the
        request has an Idempotency-Key header, the signature must cover this header. If the node is behind a proxy,
        `public_url` is the address that callers use. Raises Unauthenticated.
        """
        signature_input = ", ".join(request.headers.getall("Signature-Input", ()))
        if len(signature_input) > MAX_SIGNATURE_INPUT:
            raise Unauthenticated("the Signature-Input header is too long")
        required = [*ALWAYS_COVERED]
        if body:
            required.append("content-digest")
        if "Idempotency-Key" in request.headers:
            required.append("idempotency-key")
        message = _Message(request.method, _target_uri(request, public_url), request.headers)
        try:
            results = self._verifier.verify(message, expect_tag=TAG, require_components=required, body=body)
        except HTTPMessageSignaturesException as error:
            # For an unknown key id or a bad signature, the exception of the library has no text.
            unverified = "the request's signature does not verify"
            reason = str(error) if isinstance(error, _Untimely) else self._reason(signature_input, public_url)
            raise Unauthenticated(str(error) or unverified, reason=reason) from error
        if len(results) != 1:
            raise Unauthenticated("the request has more than one signature for this service")
        return principal(self._systems[str(results[0].parameters["keyid"])])

    def _reason(self, signature_input: str, public_url: str | None) -> str:
        """The reason of a refusal, for the log.

        The key id of the request is repeated only if the systems file has it.
        """
        named = _KEY_ID.search(signature_input)
        if named is None or named[1] not in self._systems:
            return "the request's signature names no system of the systems file"
        signed = f", which signs addresses that begin with {public_url}" if public_url else ""
        return f"the signature does not verify with the key of {named[1]}{signed}"


def sign_request(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    key_id: str,
    private_key: Ed25519PrivateKey,
    created: float,
) -> dict[str, str]:
    """Sign a request for `SignedRequestVerifier` (RFC 9421 section 3.1). Returns the headers to add to the request.

    `url` is signed exactly as given, so it must have the same bytes as the URL that the service sees. Raises
    HTTPMessageSignaturesException for a request that cannot be signed.
    """
    signed = _Message(method, url, dict(headers))
    covered = [*ALWAYS_COVERED]
    if any(name.lower() == "idempotency-key" for name in headers):
        covered.append("idempotency-key")
    signer = HTTPMessageSigner(
        signature_algorithm=ED25519,
        key_resolver=MappingKeyResolver(public_keys={}, private_keys={key_id: private_key}),
    )
    signer.sign(
        signed,
        key_id=key_id,
        created=datetime.fromtimestamp(created, UTC),
        label="sig",
        tag=TAG,
        covered_component_ids=covered,
        body=body or None,
    )
    return {name: value for name, value in signed.headers.items() if name not in headers}


def certificate_principal(request: BaseRequest, systems: Iterable[System]) -> Principal:
    """The system whose client certificate is in the header `Client-Cert` (RFC 9440 section 2.2).

    Any client can send this header. Call this function only behind a TLS proxy that checks client certificates and sets
    the header. The proxy must remove each `Client-Cert` header that a client sends. Raises Unauthenticated.
    """
    values = request.headers.getall("Client-Cert", ())
    if len(values) != 1 or len(values[0]) < 2 or not values[0][0] == values[0][-1] == ":":
        raise Unauthenticated("there is no client certificate")
    try:
        certificate = b64decode(values[0][1:-1], validate=True)
    except ValueError as error:
        raise Unauthenticated("the client certificate cannot be read") from error
    shown = sha256(certificate).hexdigest()
    for system in systems:
        if fingerprint(system) == shown:
            return principal(system)
    raise Unauthenticated("the client certificate is not known here")


def _target_uri(request: BaseRequest, public_url: str | None) -> str:
    """The target URI that the caller signed. It has the raw path, because parsing can change the escapes in a path."""
    if not request.raw_path.startswith("/"):
        raise Unauthenticated("the request target is not a path")
    return (public_url or f"{request.scheme}://{request.host}").rstrip("/") + request.raw_path
