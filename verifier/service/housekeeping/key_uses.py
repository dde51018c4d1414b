"""Counts the uses of key-encryption keys, durably and for all nodes. Implements specs/protocol.md section 11."""

from __future__ import annotations

from verifier.service.context import Context

_RESERVE = (
    "INSERT INTO key_uses (kid, uses) VALUES ($1, $2) "
    "ON CONFLICT (kid) DO UPDATE SET uses = key_uses.uses + excluded.uses"
)
_TOTALS = "SELECT kid, uses FROM key_uses ORDER BY kid"


class KeyUses:
    """Use cases of the operator."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def totals(self) -> dict[str, int]:
        """For each key-encryption key, the number of uses that all nodes together have reserved."""
        rows = await self._context.storage.fetch(_TOTALS)
        return {row[0]: row[1] for row in rows}

    async def reserve(self) -> set[str]:
        """Reserve uses of key-encryption keys for this process. Returns the ids of the keys with new reservations.

        If the outcome of the commit is unknown, a reservation may count twice. So the totals may be too high, but they
        are never too low.
        """
        ring, storage = self._context.ring, self._context.storage
        wanted = ring.uses.unreserved(ring.encrypting())
        if wanted:
            async with storage.transaction() as transaction:
                await transaction.execute_many(_RESERVE, sorted(wanted.items()))
            ring.uses.reserved(wanted, await self.totals())
        return set(wanted)
