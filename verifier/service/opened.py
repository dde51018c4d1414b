"""Applications, calls and statements with their seals opened. Carries out specs/protocol.md section 4.1."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode

import msgspec
from msgspec import Struct

from verifier.core.application import Registration
from verifier.core.call import Call
from verifier.core.errors import Erased
from verifier.core.evidence import Evidence
from verifier.core.messages import LogEvidence
from verifier.core.octets import base64url
from verifier.core.sealing import unseal
from verifier.core.statements import CallTicket
from verifier.ports import KeyRing
from verifier.service.records import ApplicationRow

_decode_registration = msgspec.json.Decoder(Registration).decode
_decode_evidence = msgspec.json.Decoder(Evidence).decode
_decode_ticket = msgspec.json.Decoder(CallTicket).decode


class OpenApplication(Struct, frozen=True):
    """An application whose key has been unwrapped and whose facts have been read."""

    row: ApplicationRow
    key: bytes
    registration: Registration

    @property
    def application_id(self) -> str:
        return self.row.application_id

    @property
    def pseudonym(self) -> str:
        """The name of the application in tickets; only who has the application's id can trace it."""
        return base64url(hmac.digest(self.key, b"pseudonym\0" + self.application_id.encode(), "sha256")[:16])


class OpenCall(Struct, frozen=True):
    """A call with its signed ticket (`statement`) and the ticket's claims."""

    call: Call
    statement: str
    ticket: CallTicket
    evidence: Evidence

    @property
    def number(self) -> str:
        """The number that is called, in E.164."""
        return "+" + self.ticket.dest.tn[0]


class StagedLeaf(Struct):
    """A statement that this batch logs. `leaf_index` is the leaf's place; `proof` is known once every command of the
    batch has been decided."""

    leaf_index: int
    entry: bytes
    typ: str
    statement_id: str
    statement: str
    application: OpenApplication | None
    customer_index: bytes | None
    proof: str = ""

    def evidence(self) -> LogEvidence:
        return LogEvidence(self.statement, self.proof)


def open_application(ring: KeyRing, row: ApplicationRow) -> OpenApplication:
    """Unwrap the key and read the facts. Raises Erased where the key has been destroyed."""
    if row.wrapped_key is None or row.kek_id is None or row.sealed is None:
        raise Erased
    key = ring.unwrap(row.application_id, row.kek_id, row.wrapped_key)
    return OpenApplication(row, key, _decode_registration(unseal(key, row.application_id, row.sealed)))


def open_evidence(ring: KeyRing, key: bytes | None, statement_id: str, sealed: bytes) -> Evidence:
    """The statement and proof of a leaf; `key` is its application's key, None for a leaf of no application."""
    opened = ring.unseal(statement_id, sealed) if key is None else unseal(key, statement_id, sealed)
    return _decode_evidence(opened)


def open_call(call: Call, evidence: Evidence) -> OpenCall:
    """A call with the claims of its ticket. The ticket's seal has already shown that nobody changed it."""
    return OpenCall(call, evidence.statement, _decode_ticket(_payload(evidence.statement)), evidence)


def _payload(statement: str) -> bytes:
    body = statement.split(".")[1]
    return urlsafe_b64decode(body + "=" * (-len(body) % 4))
