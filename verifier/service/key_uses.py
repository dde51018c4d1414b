"""The uses of the key-encryption keys, counted durably for all nodes. Implements specs/protocol.md section 11."""

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
        """How often each key-encryption key has been used or reserved by any node."""
        rows = await self._context.storage.fetch(_TOTALS)
        return {row[0]: row[1] for row in rows}

    async def reserve(self) -> set[str]:
        """Reserve what this process needs. Returns the keys that it reserved uses of.

        A commit that nobody knows the outcome of may be counted twice, never less than once.
        """
        ring, storage = self._context.ring, self._context.storage
        wanted = ring.unreserved()
        if wanted:
            async with storage.transaction() as transaction:
                await transaction.execute_many(_RESERVE, sorted(wanted.items()))
            ring.reserved(wanted, await self.totals())
        return set(wanted)
