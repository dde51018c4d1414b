"""Exceptions to the contact policy."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from verifier.core.application import E164, Officer, PrincipalId
from verifier.core.messages.calls import LogEvidence
from verifier.core.purposes import Purpose
from verifier.core.text import exact

RequestId = Annotated[str, exact("excr_[0-9a-f]{32}")]
Rule = Literal["contact_hours", "daily_cap", "number_cooling_off", "person_daily_cap"]
Rules = Annotated[tuple[Rule, ...], Meta(min_length=1, max_length=4)]
Reason = Annotated[str, Meta(min_length=1, max_length=500)]


class GrantException(Struct, frozen=True, forbid_unknown_fields=True):
    """A supervisor lifts rules of the contact policy for one call of one officer."""

    officer_id: PrincipalId
    rules: Rules
    reason: Reason


class RequestException(Struct, frozen=True, forbid_unknown_fields=True):
    """An officer asks a second person to lift rules of the contact policy for one call."""

    purpose: Purpose
    number: E164
    rules: Rules
    reason: Reason


class DecideException(Struct, frozen=True, forbid_unknown_fields=True):
    """A supervisor's decision on an officer's request. If `granted` is true, the signed exception contains `reason`."""

    granted: bool
    reason: Reason


class GrantedException(Struct, frozen=True):
    exception_id: str
    expires_at: datetime
    evidence: LogEvidence


class ExceptionRequest(Struct, frozen=True):
    """An officer's request for an exception. If granted, `exception_id` allows one call until `expires_at`."""

    request_id: str
    application_id: str
    customer_name: str
    officer: Officer
    purpose: Purpose
    number: str
    rules: tuple[Rule, ...]
    reason: str
    asked_at: datetime
    expires_at: datetime
    state: Literal["waiting", "granted", "declined", "expired", "used"]
    exception_id: str | None


class ExceptionRequests(Struct, frozen=True):
    """The requests for exceptions from the last day, newest first."""

    requests: tuple[ExceptionRequest, ...]
