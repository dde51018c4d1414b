"""Daily caps on verdicts and reports, for each login and each calling number. Implements specs/protocol.md 7.3.

The counts are durable. The caps also apply to people without an application and to unknown numbers. A retry with a used
idempotency key gets the kept answer and does not count.
"""

from __future__ import annotations

from verifier.core import limits
from verifier.core.errors import RateLimited
from verifier.core.limits import Limit
from verifier.ledger.read_set import ReadSet
from verifier.ledger.tables import LimitRow
from verifier.ledger.unit_of_work import UnitOfWork


def check_cap(work: UnitOfWork, reads: ReadSet, cap: Limit) -> None:
    """Raise RateLimited if a daily cap of the command is reached."""
    for key in work.limits.caps(reads):
        decision = limits.decide(cap, work.limits.tat(key), work.now_ms, cost=0)
        if not decision.allowed:
            raise RateLimited("too many for one day", retry_after=decision.retry_after)


def count(work: UnitOfWork, reads: ReadSet, cap: Limit) -> None:
    """Count one more verdict or report towards the daily caps of the command."""
    for key in work.limits.caps(reads):
        work.limits.put(LimitRow(key, limits.decide(cap, work.limits.tat(key), work.now_ms).tat))
