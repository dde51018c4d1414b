"""Verifies tickets, receipts and other statements offline, with a trust file that was saved earlier.

Implements specs/protocol.md section 8.1.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicNumbers
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from msgspec import UNSET, Struct

from callback_verification.errors import EvidenceError
from callback_verification.ijson import TooDeep, read_json
from callback_verification.octets import from_base64url
from callback_verification.printed import content_of, printed
from callback_verification.proofs import Checkpoint, verify_proof
from callback_verification.statements import SHAPES, CallReceipt, Claims

MAX_STATEMENT, MAX_FILE, MAX_KID = 16_384, 262_144, 1_024
ALGORITHM = "ES256"
# The members of an answer of the service that may hold evidence.
_MEMBERS = ("receipt", "ticket", "evidence")


class Evidence(Struct, frozen=True):
    """A signed statement, and the proof that the log contains it."""

    statement: str
    proof: str


class Jwks(Struct, frozen=True):
    """The published public keys (RFC 7517). The list may include keys of types that this SDK does not use."""

    keys: tuple[Any, ...]


class LogKeys(Struct, frozen=True):
    """The log's origin line and its verifier keys (C2SP signed-note)."""

    origin: str
    keys: tuple[str, ...]


class Trust(Struct, frozen=True):
    """The trust file of a verifier: the document at `/.well-known/callback-verification`."""

    issuer: str
    jwks: Jwks
    log: LogKeys

    @classmethod
    def read(cls, content: bytes) -> Trust:
        """Read a saved trust file. Raises ValueError."""
        return msgspec.convert(_json(content), cls)


class Checked(Struct, frozen=True):
    """Verified evidence: the statement's type, the statement's claims, and the checkpoint in the proof."""

    typ: str
    claims: Claims
    checkpoint: Checkpoint


class _Header(Struct, frozen=True, forbid_unknown_fields=True):
    """The header of a statement. Other members are refused, since a statement must not supply its own key."""

    alg: str
    kid: str
    typ: str


def read_evidence(content: bytes) -> Evidence:
    """Read evidence from the content of a file: the evidence itself, or an answer of the service that contains it.

    The content may also be the texts of the QR codes of a printed receipt, one on each line, in any order. Raises
    EvidenceError.
    """
    if printed(content):
        content = content_of(content, MAX_FILE)
    try:
        saved = _json(content)
    except TooDeep as error:
        raise _claims(f"the file cannot be read: {error}") from error
    except ValueError as error:
        raise EvidenceError("invalid_evidence", f"the file cannot be read: {error}") from error
    members = [saved.get(name) for name in _MEMBERS] if isinstance(saved, dict) else []
    for each in (saved, *members):
        statement, proof = (each.get("statement"), each.get("proof")) if isinstance(each, dict) else (None, None)
        if isinstance(statement, str) and isinstance(proof, str):
            return Evidence(statement, proof)
    raise EvidenceError("invalid_evidence", "there is no statement with a proof")


def _json(content: bytes) -> Any:
    if len(content) > MAX_FILE:
        raise ValueError(f"it has more than {MAX_FILE} bytes")
    return read_json(content, mark=True)


def verify(evidence: Evidence, trust: Trust, typ: str | None = None) -> Checked:
    """Verify a statement, and verify that the log contains the statement.

    If `typ` is given, only that type of statement is accepted (RFC 8725 section 3.11). Raises EvidenceError if the
    statement or the proof does not verify. Check `claims.verdict` afterwards: a receipt that says `not_genuine`
    verifies too.
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
        header = msgspec.convert(read_json(opened), _Header)
        if header.alg != ALGORITHM or not 1 <= len(header.kid.encode()) <= MAX_KID:
            raise ValueError(f"alg must be {ALGORITHM}, and kid must have 1 to {MAX_KID} bytes")
    except ValueError as error:
        raise _signature(f"the statement's header is malformed: {error}") from error
    _verify_signature(statement.rpartition(".")[0].encode(), signature, _key(trust, header.kid))
    if header.typ not in SHAPES or typ not in (None, header.typ):
        raise _claims(f"the statement has typ {header.typ[:80]!r}")
    try:
        claims: Any = msgspec.convert(read_json(payload), SHAPES[header.typ])
    except ValueError as error:
        raise _claims(f"the claims do not have the shape of a {header.typ}: {error}") from error
    if isinstance(claims, CallReceipt):
        _check_receipt(claims)
    if claims.iss != trust.issuer:
        raise _claims(f"the statement was issued by {claims.iss[:80]!r}, not by {trust.issuer!r}")
    return header.typ, claims


def _check_receipt(receipt: CallReceipt) -> None:
    if (receipt.verdict == "not_genuine") is not (receipt.call is None):
        raise _claims("the verdict and the call of the receipt do not agree")
    if receipt.verdict == "ended" and UNSET in (receipt.began, receipt.ended):
        raise _claims("the receipt of an ended call does not say when the call began and ended")


def _key(trust: Trust, kid: str) -> dict[str, Any]:
    found = [each for each in trust.jwks.keys if isinstance(each, dict) and each.get("kid") == kid]
    if len(found) != 1:
        raise _signature("the statement is not signed by a known key")
    key: dict[str, Any] = found[0]
    kind = (key.get("kty"), key.get("crv"), key.get("use", "sig"), key.get("alg", ALGORITHM))
    if kind != ("EC", "P-256", "sig", ALGORITHM):
        raise _signature(f"the statement's key is not a key for {ALGORITHM}")
    return key


def _verify_signature(signed: bytes, signature: bytes, key: dict[str, Any]) -> None:
    try:
        if len(signature) != 64:
            raise ValueError("an ES256 signature has 64 bytes")
        x, y = (int.from_bytes(from_base64url(key[name], 32)) for name in ("x", "y"))
        public = EllipticCurvePublicNumbers(x, y, SECP256R1()).public_key()
        r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
        public.verify(encode_dss_signature(r, s), signed, ECDSA(SHA256()))
    except (InvalidSignature, KeyError, TypeError, ValueError) as error:
        raise _signature("the statement's signature does not verify") from error


def _signature(detail: str) -> EvidenceError:
    return EvidenceError("invalid_signature", detail)


def _claims(detail: str) -> EvidenceError:
    return EvidenceError("invalid_claims", detail)
