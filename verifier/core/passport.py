"""SIP identity: the PASSporT of a call (RFC 8225, shaken RFC 8588, rcd RFC 9795) and its Identity header (RFC 8224).

Implements specs/protocol.md section 6.4. The JSON has sorted members and no white space (RFC 8225 section 9).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Literal, get_args

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from msgspec import Struct

from verifier.core.errors import InvalidClaims, InvalidSignature
from verifier.core.identity_header import parse_header
from verifier.core.ijson import read_json
from verifier.core.octets import base64url, from_base64url
from verifier.core.signatures import verify_es256
from verifier.core.statements import Tel, Tels
from verifier.core.text import exact

Kind = Literal["plain", "shaken", "rcd"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Attestation = Literal["A", "B", "C"]

FRESH_S = 60

# E.164 digits without the plus sign, or a short number.
Digits = Annotated[str, exact("[0-9]{1,15}")]
Uri = Annotated[str, exact(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+")]


class Address(Struct, frozen=True, omit_defaults=True):
    """A caller with a URI instead of a telephone number (RFC 8225 section 5.2.1)."""

    uri: str
    tn: None = None


class Addresses(Struct, frozen=True, omit_defaults=True):
    """The called parties, if at least one of them has a URI instead of a number (RFC 8225 section 5.2.1)."""

    tn: tuple[str, ...] = ()
    uri: tuple[str, ...] = ()


class Claims(Struct, frozen=True, omit_defaults=True):
    """The claims of a PASSporT. The kind `shaken` has `attest` and `origid`. Rich call data is in `rcd` and `crn`."""

    dest: Tels | Addresses
    iat: int
    orig: Tel | Address
    attest: Attestation | None = None
    origid: str | None = None
    rcd: dict[str, object] | None = None
    crn: str | None = None


class Identity(Struct, frozen=True):
    """The content of a verified Identity header: its kind, its claims, and the address of its certificate."""

    kind: Kind
    claims: Claims
    info: str


class _Orig(Struct, frozen=True):
    tn: Digits | None = None
    uri: Uri | None = None


class _Dest(Struct, frozen=True):
    tn: tuple[Digits, ...] = ()
    uri: tuple[Uri, ...] = ()


class _Signed(Struct, frozen=True):
    """The signed claims. Unknown members are ignored."""

    dest: _Dest
    iat: int
    orig: _Orig
    attest: Attestation | None = None
    origid: str | None = None
    rcd: dict[str, object] | None = None
    crn: str | None = None

    def claims(self) -> Claims:
        """Convert to `Claims`. Raises ValueError unless there is exactly one caller and at least one called party."""
        tn, uri = self.orig.tn, self.orig.uri
        if (tn is None) is (uri is None) or not (self.dest.tn or self.dest.uri):
            raise ValueError("it names one caller and at least one number or address that is called")
        orig = Tel(tn) if tn is not None else Address(uri or "")
        dest = Addresses(self.dest.tn, self.dest.uri) if self.dest.uri else Tels(self.dest.tn)
        return Claims(dest, self.iat, orig, self.attest, self.origid, self.rcd, self.crn)


def identity_header(kind: Kind, claims: Claims, x5u: str, sign: Callable[[bytes], bytes]) -> str:
    """Make the value of an Identity header. `x5u` is the address of the certificate.

    `sign` makes the 64 bytes of an ES256 signature (RFC 7518 section 3.4).
    """
    protected = {"alg": "ES256", "typ": "passport", "x5u": x5u}
    if kind != "plain":
        protected["ppt"] = kind
    signed = f"{_encode(protected)}.{_encode(msgspec.to_builtins(claims))}"
    token = f"{signed}.{base64url(sign(signed.encode()))}"
    ppt = "" if kind == "plain" else f";ppt={kind}"
    return f"{token};info=<{x5u}>;alg=ES256{ppt}"


def check_identity(header: str, public_key: EllipticCurvePublicKey, now_s: int, fresh_s: int = FRESH_S) -> Identity:
    """Verify one incoming Identity header with the public key of its certificate.

    Fetch and check the certificate before you call this function. Raises InvalidSignature if the header cannot be
    parsed or its signature does not verify. Raises InvalidClaims unless the payload is a fresh PASSporT of a known kind
    that fits the header.
    """
    token, given = parse_header(header)
    if given.get("alg", "es256").lower() != "es256":
        raise InvalidSignature("the header's algorithm is not ES256")
    try:
        protected, payload, signature = map(from_base64url, token.split("."))
    except ValueError as error:
        raise InvalidSignature("the PASSporT is not in full form, three parts of base64url") from error
    verify_es256(public_key, signature, token.rpartition(".")[0].encode())
    return _read(protected, payload, given, now_s, fresh_s)


def _read(protected: bytes, payload: bytes, given: dict[str, str], now_s: int, fresh_s: int) -> Identity:
    try:
        head = msgspec.convert(read_json(protected), dict[str, str])
        claims = msgspec.convert(read_json(payload), _Signed).claims()
    except ValueError as error:
        raise InvalidClaims(f"the signed text is not a PASSporT: {error}") from error
    name = head.get("ppt", "plain")
    kind = next((each for each in KINDS if each == name), None)
    expected = {"alg": "ES256", "typ": "passport", "x5u": given["info"]} | ({} if kind == "plain" else {"ppt": kind})
    if kind is None or head != expected or given.get("ppt", "plain").lower() != kind:
        raise InvalidClaims("the PASSporT's header is of an unknown kind, or is not what the Identity header says")
    if kind == "shaken" and (claims.attest is None or claims.origid is None):
        raise InvalidClaims("a shaken PASSporT needs attest and origid")
    if abs(now_s - claims.iat) > fresh_s:
        raise InvalidClaims(f"the PASSporT is not from the last {fresh_s} seconds")
    return Identity(kind, claims, given["info"])


def _encode(value: object) -> str:
    return base64url(json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())
