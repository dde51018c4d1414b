"""What supervisors look into: codes and legs that do not fit together. Implements specs/protocol.md section 6.5."""

from __future__ import annotations

from datetime import datetime

from callback_verification.requests import Request, get, instant
from callback_verification.shapes import Discrepancies, DiscrepancyKind


def find(
    *,
    kind: DiscrepancyKind | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Request[Discrepancies]:
    """A page, newest first, of a window of at most 31 days; without one, of the day until now."""
    query: dict[str, object] = {
        "kind": kind,
        "since": since and instant(since).isoformat(),
        "until": until and instant(until).isoformat(),
        "limit": limit,
        "cursor": cursor,
    }
    return get("/v1/reconciliation", Discrepancies, query)
