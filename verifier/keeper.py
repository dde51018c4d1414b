"""What a node does again and again beside answering: close, forget, follow the key ring, hand over messages.

Carries out specs/protocol.md section 6.3.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import NoReturn

import structlog

from verifier.api.authentication import Authentication
from verifier.api.metrics import KEY_USES, SWEEPS
from verifier.api.systems import SystemsError, SystemsFile
from verifier.core import key_uses
from verifier.core.errors import VerifierError
from verifier.keys import FileKeyRing, KeyRingError
from verifier.ports import KeyRing
from verifier.service import Service

log = structlog.get_logger()

Job = Callable[[], Awaitable[object]]


async def keep(name: str, job: Job, pause_s: float) -> NoReturn:
    """Do it after each pause, for as long as the node runs; a turn that fails is only logged."""
    while True:
        await asyncio.sleep(pause_s)
        try:
            await job()
        except VerifierError as error:
            log.warning("a job has to wait", job=name, reason=error.slug)
        except Exception as error:
            log.error("defect in a job", job=name, exc_info=error)


async def sweep(service: Service) -> None:
    """Close what time has closed, all of it."""
    while swept := await service.housekeeping.sweep():
        SWEEPS.inc(swept)


async def forget(service: Service) -> None:
    """Forget what is older than a deployment keeps it, all of it."""
    while await service.retention.forget():
        pass


async def count_uses(service: Service) -> None:
    """Reserve uses of the key-encryption keys. With each lease of a key that wears out the operator is told."""
    reserved = await service.key_uses.reserve()
    for kid, uses in (await service.key_uses.totals()).items():
        KEY_USES.labels(kid).set(uses)
        said = key_uses.verdict(uses)
        if kid in reserved and said:
            level = logging.ERROR if uses >= key_uses.ROTATED_BEFORE else logging.WARNING
            log.log(level, "a key-encryption key wears out", kid=kid, uses=uses, advice=said)


async def follow_systems(systems: SystemsFile, authentication: Authentication) -> None:
    """Read the systems file again if it has changed. A broken one leaves the systems as they were."""
    try:
        if systems.refresh():
            authentication.adopt(systems.systems)
            log.info("systems read again", systems=len(systems.systems))
    except SystemsError as error:
        log.warning("systems not read again", reason=error.detail)


async def follow(ring: KeyRing) -> None:
    """Read the key ring's file again if it has changed. A broken one leaves the ring as it was."""
    try:
        if isinstance(ring, FileKeyRing) and ring.refresh():
            log.info("key ring read again")
    except KeyRingError as error:
        log.warning("key ring not read again", reason=error.detail)
