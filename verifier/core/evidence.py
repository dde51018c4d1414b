"""Verifies a signed statement and its log proof offline. The only other input is a trust file.

Implements specs/protocol.md section 8.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, Struct

from verifier.core.checkpoint import Checkpoint, verify_proof
from verifier.core.errors import InvalidClaims, InvalidSignature
from verifier.core.ijson import read_json
from verifier.core.octets import from_base64url
from verifier.core.signatures import p256_key, verify_es256
from verifier.core.statements import (
    EXCEPTION,
    HISTORY,
    RECEIPT,
    REPORT,
    TICKET,
    CallHistory,
    CallTicket,
    PolicyException,
    Receipt,
    ReportReceipt,
    Statement,
    digest,
)

ALGORITHM = "ES256"
MAX_STATEMENT = 16_384
MAX_KID = 1_024

CLAIMS: dict[str, type[Statement]] = {
    TICKET: CallTicket,
    RECEIPT: Receipt,
    REPORT: ReportReceipt,
    EXCEPTION: PolicyException,
    HISTORY: CallHistory,
}


class LogKey(Struct, frozen=True):
    """The log's origin line, and the log's verifier keys in the format of C2SP signed-note."""

    origin: str
    keys: tuple[str, ...]


class Trust(Struct, frozen=True):
    """The content of a trust file: the issuer, the issuer's public signing keys (RFC 7517), and the log.

    A deployment serves this content at `/.well-known/callback-verification`. Members that are not listed here are
    ignored.
    """

    issuer: str
    jwks: dict[str, object]
    log: LogKey


class Evidence(Struct, frozen=True):
    """A signed statement, and the proof (C2SP tlog-proof) that the log contains the statement."""

    statement: str
    proof: str


class Checked(Struct, frozen=True):
    """The result of verifying evidence: the `typ` and the claims of the statement, and the checkpoint of the proof."""

    typ: str
    claims: Statement
    checkpoint: Checkpoint


class _Header(Struct, frozen=True, forbid_unknown_fields=True):
    """The header parameters of a statement. All other parameters are refused.

    So a statement cannot bring its own key, the address of a key, or an extension.
    """

    alg: str
    kid: str
    typ: str


def verify_statement(statement: str, trust: Trust, typ: str | None = None) -> tuple[str, Statement]:
    """Verify the signature, `typ`, issuer and claims of a compact JWS. Returns its `typ` and claims.

    If `typ` is given, every other type is refused (RFC 8725 section 3.11). Raises InvalidSignature or InvalidClaims.
    """
    header, payload = _opened(statement, trust)
    found = header.typ
    if found not in CLAIMS or typ not in (None, found):
        raise InvalidClaims(f"the statement has typ {found[:80]!r}")
    try:
        claims = msgspec.convert(read_json(payload), CLAIMS[found])
    except ValueError as error:
        raise InvalidClaims(f"the claims are not those of a {found}: {error}") from error
    if isinstance(claims, Receipt):
        _check_receipt(claims)
    if claims.iss != trust.issuer:
        raise InvalidClaims(f"the statement was issued by {claims.iss!r}, not by {trust.issuer!r}")
    return found, claims


def _check_receipt(receipt: Receipt) -> None:
    """Raise InvalidClaims if the claims of a receipt do not fit its verdict (CVP-4-8, CVP-4-12)."""
    if (receipt.verdict == "not_genuine") is not (receipt.call is None):
        raise InvalidClaims("the verdict and the call of the receipt do not agree")
    if receipt.verdict == "ended" and UNSET in (receipt.began, receipt.ended):
        raise InvalidClaims("the receipt of an ended call does not say when the call began and ended")


def _opened(statement: str, trust: Trust) -> tuple[_Header, bytes]:
    """Verify the signature of a statement. Returns its header and its payload."""
    if len(statement) > MAX_STATEMENT:
        raise InvalidSignature("the statement is too long")
    try:
        header = msgspec.convert(read_json(from_base64url(statement.partition(".")[0])), _Header)
        if header.alg != ALGORITHM or not 1 <= len(header.kid.encode()) <= MAX_KID:
            raise ValueError(f"it does not name {ALGORITHM} and a key")
    except ValueError as error:
        raise InvalidSignature(f"the header of the statement is invalid: {error}") from error
    return header, open_jws(statement, _key(trust, header.kid))


def _key(trust: Trust, kid: str) -> dict[str, object]:
    """The trusted key with this `kid`. Raises InvalidSignature if there is not exactly one.

    If several keys had the same `kid`, different verifiers could use different keys.
    """
    keys = trust.jwks.get("keys")
    named = [each for each in keys if isinstance(each, dict)] if isinstance(keys, list) else []
    found = [each for each in named if each.get("kid") == kid]
    if len(found) != 1:
        raise InvalidSignature(f"{len(found) or 'none'} of the trusted keys has the statement's kid")
    key = found[0]
    kind = (key.get("kty"), key.get("crv"), key.get("use", "sig"), key.get("alg", ALGORITHM))
    if kind != ("EC", "P-256", "sig", ALGORITHM):
        raise InvalidSignature(f"the key of the statement is not a signing key for {ALGORITHM}")
    return key


def open_jws(compact: str, jwk: dict[str, object]) -> bytes:
    """Verify the ES256 signature of a compact JWS with this public key (RFC 7517). Returns the payload.

    Raises InvalidSignature if the signature does not verify.
    """
    try:
        _, payload, signature = map(from_base64url, compact.split("."))
    except ValueError as error:
        raise InvalidSignature("the statement is not a compact JWS") from error
    verify_es256(p256_key(jwk), signature, compact.rpartition(".")[0].encode())
    return payload


def verify_evidence(evidence: Evidence, trust: Trust, typ: str | None = None) -> Checked:
    """Verify a statement, and that the log contains it. Raises InvalidSignature, InvalidClaims or InvalidProof."""
    found, claims = verify_statement(evidence.statement, trust, typ)
    checkpoint = verify_proof(
        evidence.proof, entry=digest(evidence.statement), vkeys=trust.log.keys, origin=trust.log.origin
    )
    return Checked(found, claims, checkpoint)
