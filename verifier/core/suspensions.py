"""The requests and answers for suspensions of staff. Implements specs/protocol.md section 2.1."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Struct

from verifier.core.messages.policy_exceptions import Reason
from verifier.core.text import exact

SuspensionId = Annotated[str, exact("susp_[0-9a-f]{32}")]


class SuspendStaff(Struct, frozen=True, forbid_unknown_fields=True):
    """A request to suspend a member of staff. Supervisors and auditors can read the reason."""

    reason: Reason


class Suspension(Struct, frozen=True):
    """A suspension of a member of staff. It is in force until it is lifted.

    `suspended_by` and `lifted_by` name a person or a system, such as `staff:9001` or `system:fraud-engine`.
    """

    suspension_id: str
    staff_id: str
    reason: str
    suspended_by: str
    suspended_at: datetime
    lifted_by: str | None
    lifted_at: datetime | None


class Suspensions(Struct, frozen=True):
    """A page of suspensions, newest first. `next_cursor` is null on the last page."""

    suspensions: tuple[Suspension, ...]
    next_cursor: str | None
