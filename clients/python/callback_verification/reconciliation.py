"""Discrepancies between codes and legs, for supervisors. Implements specs/protocol.md section 6.5."""

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
    """List discrepancies, page by page, newest first.

    The time from `since` to `until` is at most 31 days. The default is the last day.
    """
    query: dict[str, object] = {
        "kind": kind,
        "since": since and instant(since).isoformat(),
        "until": until and instant(until).isoformat(),
        "limit": limit,
        "cursor": cursor,
    }
    return get("/v1/reconciliation", Discrepancies, query)
