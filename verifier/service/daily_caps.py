"""Daily caps: how many verdicts and reports a login or a ringing number may cause. Carries out specs/protocol.md 7.3.

They are durable, and hold for people without any application and for numbers that are on file nowhere. A retry with the
same key is answered from what is kept, and is not counted.
"""

from __future__ import annotations

from verifier.core import limits
from verifier.core.errors import RateLimited
from verifier.core.limits import Limit
from verifier.service.batch import Batch
from verifier.service.needs import Needs
from verifier.service.tables import LimitRow


def check_cap(batch: Batch, needs: Needs, cap: Limit) -> None:
    """Raise RateLimited if one more is too many."""
    for key in batch.limits.caps(needs):
        decision = limits.decide(cap, batch.limits.tat(key), batch.now_ms, cost=0)
        if not decision.allowed:
            raise RateLimited("too many for one day", retry_after=decision.retry_after)


def count(batch: Batch, needs: Needs, cap: Limit) -> None:
    """One more has been caused."""
    for key in batch.limits.caps(needs):
        batch.put_limit(LimitRow(key, limits.decide(cap, batch.limits.tat(key), batch.now_ms).tat))
