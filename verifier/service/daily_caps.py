"""Daily caps on verdicts and reports, for each login and each ringing number. Implements specs/protocol.md 7.3.

They are durable, and also hold for people without an application and for unknown numbers. A retry with the same
idempotency key gets the kept answer and does not count.
"""

from __future__ import annotations

from verifier.core import limits
from verifier.core.errors import RateLimited
from verifier.core.limits import Limit
from verifier.ledger.read_set import ReadSet
from verifier.ledger.tables import LimitRow
from verifier.ledger.unit_of_work import UnitOfWork


def check_cap(work: UnitOfWork, needs: ReadSet, cap: Limit) -> None:
    """Raise RateLimited if the cap is reached."""
    for key in work.limits.caps(needs):
        decision = limits.decide(cap, work.limits.tat(key), work.now_ms, cost=0)
        if not decision.allowed:
            raise RateLimited("too many for one day", retry_after=decision.retry_after)


def count(work: UnitOfWork, needs: ReadSet, cap: Limit) -> None:
    """Count one more."""
    for key in work.limits.caps(needs):
        work.limits.put(LimitRow(key, limits.decide(cap, work.limits.tat(key), work.now_ms).tat))
