"""The command `verifier` for a machine that is 50 times as slow.

The pauses and timeouts that a wave would meet are 50 times as long. Otherwise the node would do more in the background
for each request than it does on a real machine. The writer waits until all requests of a wave have come, so that each
wave is one batch.
"""

from __future__ import annotations

import asyncio

from verifier import node
from verifier.api import connections
from verifier.cli import main
from verifier.ledger import writer
from verifier.ledger.commands import Command
from verifier.service.staff import cutoff

SLOWNESS = 50
GATHER_S = 2.0


class _PatientQueue(asyncio.Queue[Command]):
    async def get(self) -> Command:
        command = await super().get()
        await asyncio.sleep(GATHER_S)
        return command


if __name__ == "__main__":
    cutoff.MAX_AGE_MS *= SLOWNESS
    connections.SWEEP_S *= SLOWNESS
    node.SUSPENDED_S *= SLOWNESS
    node.SWITCH_INTERVAL_S *= SLOWNESS
    node.WITHDRAWN_S *= SLOWNESS
    writer.TIMEOUT_S *= SLOWNESS
    asyncio.Queue = _PatientQueue  # type: ignore[misc]
    main()
