"""Checking tickets and receipts offline: no bank and no network, only the trust file kept from a time it was trusted.

Carries out specs/protocol.md section 8.1.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicNumbers
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from msgspec import Struct

from callback_verification.errors import EvidenceError
from callback_verification.octets import from_base64url
from callback_verification.proofs import Checkpoint, verify_proof
from callback_verification.statements import SHAPES, CallReceipt, Claims

MAX_STATEMENT, MAX_FILE = 16_384, 262_144
ALGORITHM = "ES256"


class Evidence(Struct, frozen=True):
    """A signed statement, and the proof that the log contains it, as they are handed out and kept."""

    statement: str
    proof: str


class Jwk(Struct, frozen=True):
    """A public key of RFC 7517, as far as ES256 needs it."""

    kid: str = ""
    kty: str = ""
    crv: str = ""
    x: str = ""
    y: str = ""
    use: str = "sig"
    alg: str = ALGORITHM


class Jwks(Struct, frozen=True):
    keys: tuple[Jwk, ...]


class LogKeys(Struct, frozen=True):
    """The log's origin line and its verifier keys (C2SP signed-note)."""

    origin: str
    keys: tuple[str, ...]


class Trust(Struct, frozen=True):
    """All that a verifier must hold: the document of `/.well-known/callback-verification`."""

    issuer: str
    jwks: Jwks
    log: LogKeys

    @classmethod
    def read(cls, content: bytes) -> Trust:
        """A kept trust file. Raises ValueError."""
        return msgspec.json.decode(content, type=cls)


class Checked(Struct, frozen=True):
    """What verified evidence says: the kind of statement, its claims, and the checkpoint that contains it."""

    typ: str
    claims: Claims
    checkpoint: Checkpoint


class _Header(Struct, frozen=True, forbid_unknown_fields=True):
    """The header's members; nothing but those that the service writes is allowed, so no key that it brings along."""

    alg: str
    kid: str
    typ: str


class _Answer(Struct, frozen=True):
    statement: str | None = None
    proof: str | None = None
    receipt: Evidence | None = None
    ticket: Evidence | None = None
    evidence: Evidence | None = None


def read_evidence(content: bytes) -> Evidence:
    """The evidence in a kept file, or in a whole answer that carries it. Raises EvidenceError."""
    try:
        if len(content) > MAX_FILE:
            raise ValueError("it is too large")
        kept = msgspec.json.decode(content, type=_Answer)
    except (ValueError, RecursionError) as error:
        raise EvidenceError("invalid_evidence", f"the file cannot be read: {error}") from error
    if kept.statement is not None and kept.proof is not None:
        return Evidence(kept.statement, kept.proof)
    found = kept.receipt or kept.ticket or kept.evidence
    if found is None:
        raise EvidenceError("invalid_evidence", "there is no statement with its proof")
    return found


def verify(evidence: Evidence, trust: Trust, typ: str | None = None) -> Checked:
    """Check a statement, and that the log contains it; `typ` restricts what is accepted (RFC 8725 section 3.11).

    There is no answer but what it says: whatever does not verify raises EvidenceError. Look at `claims.verdict`
    afterwards: a receipt that says `not_genuine` verifies too.
    """
    statement = evidence.statement
    found, claims = _verify_statement(statement, trust, typ)
    entry = hashlib.sha256(statement.encode()).digest()
    return Checked(found, claims, verify_proof(evidence.proof, entry, trust.log.keys, trust.log.origin))


def _verify_statement(statement: str, trust: Trust, typ: str | None) -> tuple[str, Claims]:
    parts = statement.split(".")
    if len(statement) > MAX_STATEMENT or len(parts) != 3:
        raise _signature("the statement is not a compact JWS")
    try:
        opened, payload, signature = map(from_base64url, parts)
        header = msgspec.json.decode(opened, type=_Header)
    except (ValueError, RecursionError) as error:
        raise _signature(f"the statement's header is not one of ours: {error}") from error
    _verify_signature(statement.rpartition(".")[0].encode(), signature, _key(trust, header))
    if header.typ not in SHAPES or typ not in (None, header.typ):
        raise _claims(f"the statement has typ {header.typ[:80]!r}")
    try:
        # As text, since what is passed over unread must be UTF-8 too.
        claims: Any = msgspec.json.decode(payload.decode(), type=SHAPES[header.typ])
    except (ValueError, RecursionError) as error:
        raise _claims(f"the claims are not those of a {header.typ}: {error}") from error
    if isinstance(claims, CallReceipt) and (claims.verdict == "genuine") is not (claims.call is not None):
        raise _claims("the verdict and the call of the receipt do not agree")
    if claims.iss != trust.issuer:
        raise _claims(f"the statement was issued by {claims.iss[:80]!r}, not by {trust.issuer!r}")
    return header.typ, claims


def _key(trust: Trust, header: _Header) -> Jwk:
    found = [each for each in trust.jwks.keys if each.kid == header.kid]
    if header.alg != ALGORITHM or len(found) != 1:
        raise _signature("the statement is not signed by a known key")
    key = found[0]
    if (key.kty, key.crv, key.use, key.alg) != ("EC", "P-256", "sig", ALGORITHM):
        raise _signature(f"the statement's key does not sign by {ALGORITHM}")
    return key


def _verify_signature(signed: bytes, signature: bytes, key: Jwk) -> None:
    try:
        if len(signature) != 64:
            raise ValueError("an ES256 signature has 64 bytes")
        x, y = (int.from_bytes(from_base64url(each)) for each in (key.x, key.y))
        public = EllipticCurvePublicNumbers(x, y, SECP256R1()).public_key()
        r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
        public.verify(encode_dss_signature(r, s), signed, ECDSA(SHA256()))
    except (InvalidSignature, ValueError) as error:
        raise _signature("the statement's signature does not verify") from error


def _signature(detail: str) -> EvidenceError:
    return EvidenceError("invalid_signature", detail)


def _claims(detail: str) -> EvidenceError:
    return EvidenceError("invalid_claims", detail)
