"""Daily caps: how many verdicts and reports a login or a ringing number may cause. Implements specs/protocol.md 7.3.

They are durable, and hold for people without any application and for numbers that are on file nowhere. A retry with the
same key is answered from what is kept, and is not counted.
"""

from __future__ import annotations

from verifier.core import limits
from verifier.core.errors import RateLimited
from verifier.core.limits import Limit
from verifier.ledger.read_set import ReadSet
from verifier.ledger.tables import LimitRow
from verifier.ledger.unit_of_work import UnitOfWork


def check_cap(work: UnitOfWork, needs: ReadSet, cap: Limit) -> None:
    """Raise RateLimited if one more is too many."""
    for key in work.limits.caps(needs):
        decision = limits.decide(cap, work.limits.tat(key), work.now_ms, cost=0)
        if not decision.allowed:
            raise RateLimited("too many for one day", retry_after=decision.retry_after)


def count(work: UnitOfWork, needs: ReadSet, cap: Limit) -> None:
    """One more has been caused."""
    for key in work.limits.caps(needs):
        work.limits.put(LimitRow(key, limits.decide(cap, work.limits.tat(key), work.now_ms).tat))
