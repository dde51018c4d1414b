"""The soak test: issues and confirms many calls, and samples the service's memory and database size."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from msgspec import Struct

from tests.benchmarks.bank import Bank
from tests.benchmarks.load import send
from tests.benchmarks.servers import Server

CODE_LIFETIME_S = 30
_STRETCH = 2000
_SETTLED_S = CODE_LIFETIME_S + 2


class Sample(Struct, frozen=True):
    """The measurements after that many issued and confirmed calls."""

    calls: int
    seconds: float
    rss_mb: float
    database_mb: float


async def soak(
    bank: Bank, server: Server, calls: int, applications: int, connections: int, tell: Callable[[Sample], None]
) -> list[Sample]:
    """Issue and confirm `calls` calls, cycling through the applications. Take about fifty samples.

    Without telephony a confirmed call is over when its code expires. Only then can its application be called again, so
    with few applications the soak must wait.
    """
    samples = [Sample(0, 0.0, round(server.rss_mb, 1), round(bank.database_mb(), 1))]
    tell(samples[0])
    started = time.monotonic()
    issued_at: dict[int, float] = {}
    done = 0
    while done < calls:
        first = done % applications
        some = range(first, min(first + _STRETCH, applications, first + calls - done))
        if first in issued_at:
            await asyncio.sleep(issued_at[first] + _SETTLED_S - time.monotonic())
        issued = await send(bank.port, bank.issues(some), status=201, connections=connections)
        issued_at[first] = time.monotonic()
        codes = bank.codes(issued.answers)
        confirmed = await send(bank.port, bank.confirms(codes), status=200, connections=connections)
        bank.check_verdicts(confirmed.answers)
        done += len(some)
        if done >= calls or done - samples[-1].calls >= calls / 50:
            seconds = round(time.monotonic() - started, 1)
            samples.append(Sample(done, seconds, round(server.rss_mb, 1), round(bank.database_mb(), 1)))
            tell(samples[-1])
    return samples
