"""The periodic jobs of a node, and the scheduler that runs them. Implements specs/protocol.md section 6.3."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

import structlog

from verifier.api.authentication import Authentication
from verifier.api.metrics import KEY_USES, SWEEPS
from verifier.api.systems import SystemsError, SystemsFile
from verifier.core import key_uses
from verifier.core.errors import VerifierError
from verifier.keys import FileKeyRing, KeyRingError
from verifier.service import Service

log = structlog.get_logger()

Job = Callable[[], Awaitable[object]]


class Scheduler:
    """Runs each job in its own task, so that no job waits for another.

    If a job raises an error, the error is logged. The job runs again after the pause.
    """

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, jobs: Mapping[str, Job], pause_s: float) -> None:
        """Run each job again and again until `stop`, with a pause before each run."""
        for name, job in jobs.items():
            self._tasks.append(asyncio.create_task(_repeat(name, job, pause_s), name=name))

    def stop(self) -> None:
        """Cancel every job."""
        for task in self._tasks:
            task.cancel()


async def _repeat(name: str, job: Job, pause_s: float) -> None:
    while True:
        await asyncio.sleep(pause_s)
        try:
            await job()
        except VerifierError as error:
            log.warning("a job has to wait", job=name, reason=error.slug)
        except Exception as error:
            log.error("defect in a job", job=name, exc_info=error)


async def sweep(service: Service) -> None:
    """Close every call whose `due_at` has passed."""
    while swept := await service.housekeeping.sweep():
        SWEEPS.inc(swept)


async def examine(service: Service) -> None:
    """Look for codes that different people have entered."""
    while await service.signals.examine():
        pass


async def find_bulk_reading(service: Service) -> None:
    """Look for staff who look at many customers within an hour."""
    await service.bulk_reading.examine()


async def forget(service: Service) -> None:
    """Delete the data that is older than the retention time."""
    while await service.retention.forget():
        pass


async def reserve_key_uses(service: Service) -> None:
    """Reserve uses of the key-encryption keys.

    If a key is near its limit of uses, each reservation for this key logs a warning.
    """
    reserved = await service.key_uses.reserve()
    for kid, uses in (await service.key_uses.totals()).items():
        KEY_USES.labels(kid).set(uses)
        advice = key_uses.verdict(uses)
        if kid in reserved and advice:
            level = logging.ERROR if uses >= key_uses.ROTATED_BEFORE else logging.WARNING
            log.log(level, "a key-encryption key wears out", kid=kid, uses=uses, advice=advice)


async def age_decrypted(service: Service) -> None:
    """Forget the applications that no batch has read for a while. Another node may have erased them."""
    service.context.decrypter.age()


async def reload_systems(service: Service, systems: SystemsFile, authentication: Authentication) -> None:
    """Read the systems file again if it has changed. If the file is broken, the systems stay as they were."""
    try:
        if systems.refresh():
            authentication.adopt(systems.systems)
            service.exchanges.adopt(systems.exchanges)
            log.info("systems read again", systems=len(systems.systems))
    except SystemsError as error:
        log.warning("systems not read again", reason=error.detail)


async def reload_key_ring(service: Service) -> None:
    """Read the key ring's file again if it has changed. If the file is broken, the keys stay as they were."""
    ring = service.context.ring
    try:
        if isinstance(ring, FileKeyRing) and ring.refresh():
            service.context.decrypter.clear()
            log.info("key ring read again")
    except KeyRingError as error:
        log.warning("key ring not read again", reason=error.detail)
