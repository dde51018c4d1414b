"""The client of the callback-verification service. It has typed requests, a synchronous client, an asynchronous client,
and offline verification of receipts.

Implements specs/protocol.md sections 3, 7 and 8.
"""

from callback_verification import (
    applications,
    calls,
    codes,
    confirmations,
    exceptions,
    ivr,
    legs,
    log,
    me,
    pbx,
    receipts,
    reconciliation,
    reports,
    staff,
)
from callback_verification.client import AsyncClient, Client
from callback_verification.credentials import Bearer, SystemKey
from callback_verification.errors import (
    CallbackVerificationError,
    CallOpen,
    CannotCheck,
    EvidenceError,
    Forbidden,
    LegNotConnected,
    MalformedCode,
    NoAnswer,
    NotFound,
    PolicyRefused,
    Problem,
    RateLimited,
    Suspended,
    Unauthenticated,
    Unavailable,
)
from callback_verification.evidence import Checked, Evidence, Trust, read_evidence, verify
from callback_verification.requests import Request
from callback_verification.verdicts import SpokenVerdict, Verdict, Word

__all__ = [
    "AsyncClient",
    "Bearer",
    "CallOpen",
    "CallbackVerificationError",
    "CannotCheck",
    "Checked",
    "Client",
    "Evidence",
    "EvidenceError",
    "Forbidden",
    "LegNotConnected",
    "MalformedCode",
    "NoAnswer",
    "NotFound",
    "PolicyRefused",
    "Problem",
    "RateLimited",
    "Request",
    "SpokenVerdict",
    "Suspended",
    "SystemKey",
    "Trust",
    "Unauthenticated",
    "Unavailable",
    "Verdict",
    "Word",
    "applications",
    "calls",
    "codes",
    "confirmations",
    "exceptions",
    "ivr",
    "legs",
    "log",
    "me",
    "pbx",
    "read_evidence",
    "receipts",
    "reconciliation",
    "reports",
    "staff",
    "verify",
]
