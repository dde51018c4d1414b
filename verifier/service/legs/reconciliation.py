"""Discrepancies between codes, legs and entries, for supervisors. Implements specs/protocol.md section 6.5.

Calls are found and listed from plaintext columns. Only the leg ids of stray legs, and the reported numbers of a
campaign, are decrypted.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from verifier.core.call import Call
from verifier.core.errors import InvalidField, Tampered
from verifier.core.ids import hex_at
from verifier.core.reconciliation import KINDS, Discrepancies, Discrepancy, DiscrepancyKind, StrayKind
from verifier.core.times import DAY_MS, HOUR_MS, from_ms, optional_from_ms, to_ms
from verifier.ledger import look_records, records, tables
from verifier.ledger.tables import LookRow, SignalRow, StrayLeg
from verifier.ledger.unit_of_work.loading import WEEK_MS, look_at
from verifier.service.context import Context
from verifier.service.staff.bulk_reading import looks_of

MAX_WINDOW_MS = 31 * DAY_MS
MAX_REPORTED = 20
_CODES: dict[DiscrepancyKind, str] = {
    "code_without_leg": records.CODES_WITHOUT_LEG,
    "code_never_used": records.CODES_NEVER_USED,
}


class Reconciliation:
    """Use cases of supervisors and auditors."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def list(
        self,
        kind: DiscrepancyKind | None,
        since: datetime | None,
        until: datetime | None,
        cursor: str | None,
        limit: int,
    ) -> Discrepancies:
        """A page of the discrepancies in a time window, newest first. If `kind` is None, the page has all kinds.

        Each kind has its own index, so a page reads at most `limit` + 1 rows of each kind. Raises InvalidField for a
        window that is longer than 31 days or ends before it begins.
        """
        end = self._context.clock() + 1 if until is None else to_ms(until)
        begin = end - DAY_MS if since is None else to_ms(since)
        if not 0 <= end - begin <= MAX_WINDOW_MS:
            raise InvalidField.at("/since", "the window is at most 31 days, from `since` to `until`")
        after, before = hex_at(begin), hex_at(end)
        if cursor is not None:
            before = min(before, cursor.partition("_")[2])
        found: list[Discrepancy] = []
        for each in KINDS if kind is None else (kind,):
            found += await self._of_kind(each, after, before, limit + 1)
        found.sort(key=lambda each: each.discrepancy_id.partition("_")[2], reverse=True)
        page = tuple(found[:limit])
        return Discrepancies(page, page[-1].discrepancy_id if len(found) > limit else None)

    async def _of_kind(self, kind: DiscrepancyKind, after: str, before: str, limit: int) -> Sequence[Discrepancy]:
        storage, read = self._context.storage, self._context.authenticator.read
        if kind in _CODES:
            rows = await storage.fetch(_CODES[kind], f"call_{after}", f"call_{before}", limit)
            return [_of_call(kind, read(tables.CALLS, row)) for row in rows]
        if kind == "campaign":
            rows = await storage.fetch(records.CAMPAIGNS, f"sgnl_{after}", f"sgnl_{before}", limit)
            return [await self._of_signal(read(tables.SIGNALS, row)) for row in rows]
        if kind == "bulk_reading":
            rows = await storage.fetch(look_records.BULK_READINGS, f"look_{after}", f"look_{before}", limit)
            return [await self._of_look(read(tables.LOOKS, row)) for row in rows]
        rows = await storage.fetch(records.STRAYS_OF_KIND, f"leg_{after}", f"leg_{before}", limit, kind)
        return [self._of_leg(read(tables.STRAY_LEGS, row)) for row in rows]

    async def _of_signal(self, signal: SignalRow) -> Discrepancy:
        """The campaign that a signal shows."""
        window = (f"sgnl_{hex_at(signal.entered_at + each)}" for each in (-WEEK_MS, WEEK_MS))
        rows = await self._context.storage.fetch(records.SIGNALS_OF_CODE, signal.code_hash, *window)
        alike = []
        for row in rows:
            # A row that does not verify must not hide the campaign.
            with suppress(Tampered):
                alike.append(self._context.authenticator.read(tables.SIGNALS, row))
        sealed = [each for each in alike if each.sealed is not None][:MAX_REPORTED]
        reported = {self._context.ring.unseal(each.signal_id, each.sealed or b"").decode() for each in sealed}
        return Discrepancy(
            discrepancy_id=signal.signal_id,
            kind="campaign",
            at=from_ms(signal.entered_at),
            call_id=None,
            application_id=None,
            officer_id=None,
            leg_id=None,
            connected_at=None,
            leg_ended_at=None,
            revealed_at=None,
            people=len({each.people for each in alike if each.kind != "ended"}),
            caller_numbers=tuple(sorted(reported)),
        )

    async def _of_look(self, look: LookRow) -> Discrepancy:
        """The bulk reading that a look has made."""
        hour = look_at(look.looked_at - HOUR_MS + 1), f"{look.look_id}g"
        customers = {each.customer async for each in looks_of(self._context, look.reader, *hour)}
        return Discrepancy(
            discrepancy_id=look.look_id,
            kind="bulk_reading",
            at=from_ms(look.looked_at),
            call_id=None,
            application_id=None,
            officer_id=look.reader.partition(":")[2],
            leg_id=None,
            connected_at=None,
            leg_ended_at=None,
            revealed_at=None,
            people=len(customers),
        )

    def _of_leg(self, stray: StrayLeg) -> Discrepancy:
        kind: StrayKind = stray.kind
        sealed = stray.sealed
        return Discrepancy(
            discrepancy_id=stray.stray_id,
            kind=kind,
            at=from_ms(stray.heard_at),
            call_id=stray.call_id or None,
            application_id=stray.application_id,
            officer_id=stray.officer_id,
            leg_id=None if sealed is None else self._context.ring.unseal(stray.stray_id, sealed).decode(),
            connected_at=optional_from_ms(stray.connected_at),
            leg_ended_at=optional_from_ms(stray.ended_at),
            revealed_at=None,
        )


def _of_call(kind: DiscrepancyKind, call: Call) -> Discrepancy:
    return Discrepancy(
        discrepancy_id=call.call_id,
        kind=kind,
        at=from_ms(call.issued_at),
        call_id=call.call_id,
        application_id=call.application_id,
        officer_id=call.officer_id,
        leg_id=None,
        connected_at=optional_from_ms(call.connected_at),
        leg_ended_at=optional_from_ms(call.leg_ended_at),
        revealed_at=optional_from_ms(call.revealed_at),
    )
