"""SIP identity: the PASSporT of a call (RFC 8225, shaken RFC 8588, rcd RFC 9795) and its Identity header (RFC 8224).

Carries out specs/protocol.md section 6.4. Members are sorted and without white space, as RFC 8225 section 9 has it.
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Callable
from typing import Any, Literal

import msgspec
from cryptography.exceptions import InvalidSignature as SignatureMismatch
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from msgspec import Struct

from verifier.core.errors import InvalidClaims, InvalidSignature
from verifier.core.statements import Tel, Tels, base64url

Kind = Literal["plain", "shaken", "rcd"]
Attestation = Literal["A", "B", "C"]

MAX_HEADER = 8192
FRESH_S = 60
SIGNATURE_BYTES = 64
_VALUE = r"""(?:<([^<>\s]*)>|"([^"]*)"|([A-Za-z0-9._-]+))"""
_HEADER = re.compile(rf"([A-Za-z0-9_.-]+)((?:;[a-z0-9]+={_VALUE})*)")
_PARAMETER = re.compile(rf";([a-z0-9]+)={_VALUE}")


class Claims(Struct, frozen=True, omit_defaults=True):
    """What a PASSporT says of a call. `attest` and `origid` are of shaken, `rcd` and `crn` of rich call data."""

    dest: Tels
    iat: int
    orig: Tel
    attest: Attestation | None = None
    origid: str | None = None
    rcd: dict[str, str] | None = None
    crn: str | None = None


class Identity(Struct, frozen=True):
    """A checked Identity header: which kind, what it says, where it says its certificate is."""

    kind: Kind
    claims: Claims
    info: str


def identity_header(kind: Kind, claims: Claims, x5u: str, sign: Callable[[bytes], bytes]) -> str:
    """The value of an Identity header. `sign` makes the 64 bytes of an ES256 signature (RFC 7518 section 3.4)."""
    protected = {"alg": "ES256", "typ": "passport", "x5u": x5u}
    if kind != "plain":
        protected["ppt"] = kind
    signed = f"{_encode(protected)}.{_encode(msgspec.to_builtins(claims))}"
    token = f"{signed}.{base64url(sign(signed.encode()))}"
    ppt = "" if kind == "plain" else f";ppt={kind}"
    return f"{token};info=<{x5u}>;alg=ES256{ppt}"


def check_identity(header: str, public_key: EllipticCurvePublicKey, now_s: int, fresh_s: int = FRESH_S) -> Identity:
    """Check an incoming Identity header with the public key of the certificate it is held to be signed by.

    The certificate is not fetched: whom to trust is for the caller to know. Raises InvalidSignature, or
    InvalidClaims when what is signed is no PASSporT of a known kind, contradicts the header, or is not fresh.
    """
    matched = _HEADER.fullmatch(header.strip()) if len(header) <= MAX_HEADER else None
    parts = matched[1].split(".") if matched else []
    if matched is None or len(parts) != 3:
        raise InvalidSignature("the header is not an Identity header in full form")
    found = _PARAMETER.findall(matched[2])
    given = {name: "".join(value) for name, *value in found}
    if len(given) < len(found) or "info" not in given or given.get("alg", "ES256") != "ES256":
        raise InvalidSignature("the header's parameters are not those of ES256 with one info")
    _check_signature(".".join(parts[:2]).encode(), _decoded(parts[2]), public_key)
    return _read(parts, given, now_s, fresh_s)


def _check_signature(signed: bytes, signature: bytes, public_key: EllipticCurvePublicKey) -> None:
    try:
        if len(signature) != SIGNATURE_BYTES:
            raise ValueError("an ES256 signature has 64 bytes")
        half = SIGNATURE_BYTES // 2
        r, s = int.from_bytes(signature[:half]), int.from_bytes(signature[half:])
        public_key.verify(encode_dss_signature(r, s), signed, ECDSA(SHA256()))
    except (SignatureMismatch, ValueError) as error:
        raise InvalidSignature("the PASSporT's signature does not verify") from error


def _read(parts: list[str], given: dict[str, str], now_s: int, fresh_s: int) -> Identity:
    try:
        protected = msgspec.json.decode(_decoded(parts[0]), type=dict[str, str])
        claims = msgspec.json.decode(_decoded(parts[1]), type=Claims)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidClaims(f"what is signed is not a PASSporT: {error}") from error
    kind: Any = protected.get("ppt", "plain")
    expected = {"alg": "ES256", "typ": "passport", "x5u": given["info"]} | ({} if kind == "plain" else {"ppt": kind})
    if kind not in ("plain", "shaken", "rcd") or protected != expected or given.get("ppt", "plain") != kind:
        raise InvalidClaims("the PASSporT's header is of an unknown kind, or is not what the Identity header says")
    if kind == "shaken" and (claims.attest is None or claims.origid is None):
        raise InvalidClaims("a shaken PASSporT needs attest and origid")
    if abs(now_s - claims.iat) > fresh_s:
        raise InvalidClaims(f"the PASSporT is not of the last {fresh_s} seconds")
    return Identity(kind, claims, given["info"])


def _encode(value: Any) -> str:
    return base64url(json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())


def _decoded(part: str) -> bytes:
    try:
        octets = urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError as error:
        raise InvalidSignature("the PASSporT is not base64url") from error
    if base64url(octets) != part:
        raise InvalidSignature("the PASSporT is not canonical base64url")
    return octets
