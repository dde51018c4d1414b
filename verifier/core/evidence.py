"""Checking a signed statement and its log proof offline, from a trust file alone.

Carries out specs/protocol.md section 8.
"""

from __future__ import annotations

from typing import Any

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.util import urlsafe_b64decode
from msgspec import Struct

from verifier.core.checkpoint import Checkpoint, verify_proof
from verifier.core.errors import InvalidClaims, InvalidSignature
from verifier.core.statements import (
    EXCEPTION,
    RECEIPT,
    REPORT,
    TICKET,
    CallTicket,
    PolicyException,
    Receipt,
    ReportReceipt,
    digest,
)

ALGORITHM = "ES256"
MAX_STATEMENT = 16_384

CLAIMS: dict[str, type[Any]] = {
    TICKET: CallTicket,
    RECEIPT: Receipt,
    REPORT: ReportReceipt,
    EXCEPTION: PolicyException,
}


class LogKey(Struct, frozen=True):
    """The log's origin line and its verifier keys in the form of C2SP signed-note."""

    origin: str
    keys: tuple[str, ...]


class Trust(Struct, frozen=True):
    """All that a verifier must hold: the issuer, its signing keys (RFC 7517) and its log.

    It is the document served at `/.well-known/callback-verification`; other members are ignored.
    """

    issuer: str
    jwks: dict[str, Any]
    log: LogKey


class Evidence(Struct, frozen=True):
    """A statement and the C2SP tlog-proof of its leaf, as they are handed out and kept."""

    statement: str
    proof: str


class Checked(Struct, frozen=True):
    """What verified evidence says: the header's `typ`, the claims, and the checkpoint that contains it."""

    typ: str
    claims: Any
    checkpoint: Checkpoint


class _Header(Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing else is allowed: no key or address of one that a statement brings along, no extension to understand."""

    alg: str
    kid: str
    typ: str


def verify_statement(statement: str, trust: Trust, typ: str | None = None) -> tuple[str, Any]:
    """Check signature, `typ`, issuer and shape of a compact JWS; return its `typ` and its claims.

    Raises InvalidSignature or InvalidClaims. `typ` restricts what is accepted (RFC 8725 section 3.11).
    """
    if len(statement) > MAX_STATEMENT:
        raise InvalidSignature("the statement is too long")
    found = _header(statement).typ
    try:
        keys = KeySet.import_key_set(trust.jwks)  # type: ignore[arg-type]
        opened = jws.deserialize_compact(statement, keys, algorithms=(ALGORITHM,))
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise InvalidSignature(f"the statement's signature does not verify: {error}") from error
    if found not in CLAIMS or typ not in (None, found):
        raise InvalidClaims(f"the statement has typ {found!r}")
    try:
        claims = msgspec.json.decode(opened.payload, type=CLAIMS[found])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidClaims(f"the claims are not those of a {found}: {error}") from error
    if isinstance(claims, Receipt) and (claims.verdict == "genuine") is not (claims.call is not None):
        raise InvalidClaims("the verdict and the call of the receipt do not agree")
    if claims.iss != trust.issuer:
        raise InvalidClaims(f"the statement was issued by {claims.iss!r}, not by {trust.issuer!r}")
    return found, claims


def _header(statement: str) -> _Header:
    try:
        return msgspec.json.decode(urlsafe_b64decode(statement.partition(".")[0].encode("ascii")), type=_Header)
    except (ValueError, RecursionError) as error:
        raise InvalidSignature(f"the statement's header is not one of ours: {error}") from error


def verify_evidence(evidence: Evidence, trust: Trust, typ: str | None = None) -> Checked:
    """Check a statement and that the log contains it. Raises InvalidSignature, InvalidClaims or InvalidProof."""
    found, claims = verify_statement(evidence.statement, trust, typ)
    checkpoint = verify_proof(
        evidence.proof, entry=digest(evidence.statement), vkeys=trust.log.keys, origin=trust.log.origin
    )
    return Checked(found, claims, checkpoint)
