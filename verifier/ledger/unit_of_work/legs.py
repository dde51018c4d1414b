"""The legs and stray legs that a batch reads and writes. Implements specs/protocol.md section 10."""

from __future__ import annotations

from verifier.ledger.rows import Authenticator
from verifier.ledger.tables import Leg, StrayLeg
from verifier.ledger.unit_of_work.declared import Declared
from verifier.ledger.unit_of_work.loading import Loaded
from verifier.ledger.unit_of_work.writes import Effects


class LegRows:
    """Legs by leg index, as changed by earlier commands of the batch.

    Reading a row that does not verify raises Tampered.
    """

    def __init__(self, loaded: Loaded, declared: Declared, effects: Effects, authenticator: Authenticator) -> None:
        self._loaded = loaded
        self._declared = declared
        self._effects = effects
        self._authenticator = authenticator

    def of_call(self, call_id: str) -> dict[bytes, Leg]:
        """The legs that the telephone exchange has reported for a call, by leg index."""
        self._declared.call(call_id)
        legs = self._loaded.legs
        found = {each: legs.get((call_id, each)) for each in self._loaded.legs_of.get(call_id, ())}
        return {each: leg for each, leg in found.items() if leg is not None}

    def owner(self, leg_index: bytes) -> str | None:
        """The id of the call that a leg was last matched with. Returns None if the leg was never matched."""
        self._declared.leg(leg_index, owner=True)
        owner = self._loaded.leg_owners.get(leg_index)
        if owner is None or self._loaded.legs.get((owner, leg_index)) is not None:
            return owner
        if self._loaded.legs.changed((owner, leg_index)):
            # An earlier command of this batch has deleted the leg.
            return None
        raise self._authenticator.found("legs")

    def put(self, leg: Leg) -> None:
        """Add or change a leg."""
        self._loaded.legs.put(leg)
        self._loaded.legs_of.setdefault(leg.call_id, set()).add(leg.leg_index)
        self._loaded.leg_owners[leg.leg_index] = max(leg.call_id, self._loaded.leg_owners.get(leg.leg_index, ""))

    def stray(self, leg_index: bytes, call_id: str = "") -> StrayLeg | None:
        """The stray leg with this leg index, or None.

        `call_id` is the call that the leg's events have named. It is empty if they have named no call.
        """
        self._declared.leg(leg_index)
        stray_id = self._loaded.stray_ids.get((leg_index, call_id))
        return None if stray_id is None else self._loaded.strays.get(stray_id)

    def put_stray(self, stray: StrayLeg) -> None:
        """Add or change a stray leg. A stray leg becomes a discrepancy once it has been connected."""
        before = self._loaded.strays.get(stray.stray_id)
        self._loaded.strays.put(stray)
        self._loaded.stray_ids[stray.leg_index, stray.call_id] = stray.stray_id
        if stray.connected_at is not None and (before is None or before.connected_at is None):
            self._effects.discrepancies.append((stray.kind, stray.stray_id))
