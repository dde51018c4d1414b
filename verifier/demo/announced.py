"""Announces calls to some sample customers, so that the officer's queue has some of each kind."""

from __future__ import annotations

from msgspec.structs import replace

from verifier.core.application import AnnouncedCall
from verifier.core.purposes import Purpose
from verifier.core.times import from_ms
from verifier.service import Service

_HOUR_MS = 3_600_000
# Application, purpose, and the hours from now at which its time begins and ends.
ANNOUNCED: tuple[tuple[str, Purpose, float, float], ...] = (
    ("LN-2026-0001", "documents", -0.5, 1.5),
    ("LN-2026-0003", "terms", 2, 4),
    ("LN-2026-0004", "repayment", -4, -2),
)


async def announce(service: Service) -> None:
    """Register the announced calls."""
    now_ms = service.context.clock()
    facts = await service.applications.registered([each[0] for each in ANNOUNCED])
    for application_id, purpose, begins, ends in ANNOUNCED:
        registration = facts[application_id]
        assert registration is not None  # noqa: S101 - nothing in the sample is erased
        times = (from_ms(now_ms + int(hours * _HOUR_MS)) for hours in (begins, ends))
        announced = (AnnouncedCall(purpose, *times),)
        await service.applications.register(application_id, replace(registration, announced_calls=announced))
