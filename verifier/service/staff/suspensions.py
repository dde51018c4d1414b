"""Suspensions of staff: suspend, lift, list, and enforce on each node.

Implements specs/protocol.md section 2.1. specs/decisions/0035 says which people and systems may suspend.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import suppress

from msgspec.structs import replace

from verifier.core import call as lifecycle
from verifier.core.errors import Forbidden, NotFound, Suspended, Tampered, Unavailable, VerifierError
from verifier.core.ids import new_id
from verifier.core.principal import Principal
from verifier.core.suspensions import SuspendStaff, Suspension, Suspensions
from verifier.core.times import from_ms, optional_from_ms
from verifier.ledger import records
from verifier.ledger.commands import About, Answer, Reply
from verifier.ledger.idempotency import Idempotency
from verifier.ledger.read_set import ReadSet
from verifier.ledger.tables import SUSPENSIONS, SuspensionRow
from verifier.ledger.unit_of_work import UnitOfWork
from verifier.ports import Row
from verifier.service.context import Context
from verifier.service.housekeeping.expiry import Swept

READ_S = 3.0
_AFTER_ALL = "susp_g"  # sorts after every suspension id


class StaffSuspensions:
    """Use cases on suspensions."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._reading = asyncio.Lock()

    async def suspend(
        self, caller: Principal, staff_id: str, asked: SuspendStaff, idempotency: Idempotency
    ) -> Reply[Suspension]:
        """Suspend a member of staff. On return, the suspension is durable and in force at this node.

        If the person is suspended already, the answer is the earlier suspension. Raises Suspended if the caller is
        suspended.
        """

        def decide(work: UnitOfWork) -> About[Suspension]:
            check_caller(work, caller)
            row = work.suspensions.of(staff_id)
            if row is None or row.lifted_at is not None:
                suspension_id = work.new_id("susp")
                sealed = work.ring.seal(suspension_id, asked.reason.encode())
                row = SuspensionRow(suspension_id, staff_id, _named(caller), work.now_ms, None, None, sealed)
                work.suspensions.put(row)
            suspension = self._view(row)
            return About(None, lambda: suspension)

        answer = await self._context.writer.submit_kept(Suspension, _reads(caller, staff_id), decide, idempotency)
        await self._take_effect()
        return answer

    async def lift(self, supervisor: Principal, staff_id: str) -> Suspension:
        """Lift a suspension. Lifting it again gives the same answer.

        Raises Forbidden for supervisors who lift their own suspension. Raises Suspended if the caller is suspended.
        Raises NotFound if the member of staff was never suspended.
        """
        if supervisor.id == staff_id:
            raise Forbidden("nobody can lift their own suspension")

        def decide(work: UnitOfWork) -> Answer[Suspension]:
            check_caller(work, supervisor)
            row = work.suspensions.of(staff_id)
            if row is None:
                raise NotFound("this member of staff has never been suspended")
            if row.lifted_at is None:
                row = replace(row, lifted_by=_named(supervisor), lifted_at=work.now_ms)
                work.suspensions.put(row)
            suspension = self._view(row)
            return lambda: suspension

        answer = await self._context.writer.submit(_reads(supervisor, staff_id), decide)
        await self._take_effect()
        return answer

    async def list(self, cursor: str | None, limit: int) -> Suspensions:
        """A page of all suspensions, newest first, including lifted ones."""
        rows = await self._context.storage.fetch(records.SUSPENSIONS_BEFORE, cursor or _AFTER_ALL, limit + 1)
        page = tuple(self._view(self._context.authenticator.read(SUSPENSIONS, row)) for row in rows[:limit])
        return Suspensions(page, page[-1].suspension_id if len(rows) > limit else None)

    async def admit(self, caller: Principal) -> None:
        """Raise Suspended if the caller is suspended. Raise Unavailable if this node cannot read the suspensions."""
        cutoff = self._context.cutoff
        if not cutoff.fresh:
            try:
                async with asyncio.timeout(READ_S):
                    await self.refresh()
            except TimeoutError as error:
                raise Unavailable("who is suspended cannot be read") from error
        if caller.kind == "staff" and cutoff.holds(caller.id):
            raise Suspended("you are suspended; a supervisor can lift that")

    async def refresh(self) -> None:
        """Read the suspensions, and end the event streams of newly suspended staff. Raises Unavailable."""
        context, cutoff = self._context, self._context.cutoff
        async with self._reading:
            at = context.running()
            version = tuple((await context.storage.fetch(records.SUSPENSIONS_VERSION))[0])
            if version != cutoff.version:
                first = cutoff.version is None
                rows = [self._read(row) for row in await context.storage.fetch(records.ALL_SUSPENSIONS)]
                in_force = [row for row in rows if row.lifted_at is None]
                lifted = {row.suspension_id for row in rows if row.lifted_at is not None}
                new, ended = cutoff.adopt(in_force, lifted, self._oldest_open())
                context.events.wake(row.officer_id for row in new)
                if not first:
                    context.suspensions_changed([row.suspension_id for row in new], ended)
            cutoff.read(at, version)

    async def revoke_calls(self) -> int:
        """Revoke the open calls of recently suspended staff. Returns the number of revoked calls.

        A slow node may issue a call while its officer is being suspended. So for one minute after a suspension, each
        poll runs this again.
        """
        context, cutoff = self._context, self._context.cutoff
        at, staff_ids = context.running(), cutoff.watched()
        since = new_id("call", self._oldest_open(), bytes(10))
        calls: dict[int, list[str]] = defaultdict(list)
        for each in staff_ids:
            for call_id, owner in await context.storage.fetch(records.OPEN_CALLS_OF_OFFICER, each, since):
                calls[context.writer.shard_of(owner)].append(call_id)
        revoked = sum(await asyncio.gather(*(self._revoke(tuple(each)) for each in calls.values())))
        cutoff.looked(staff_ids, at)
        return revoked

    async def _revoke(self, call_ids: tuple[str, ...]) -> int:
        revoked: list[str] = []

        def decide(work: UnitOfWork) -> Answer[Swept]:
            revoked.clear()
            for call_id in call_ids:
                # A damaged call must not keep other calls open. So decrypt no ticket, and skip a row that does not
                # verify.
                with suppress(Tampered):
                    if self._close(work, call_id):
                        revoked.append(call_id)
            return lambda: Swept(len(revoked))

        await self._context.writer.submit(ReadSet(call_ids=call_ids), decide)
        return len(revoked)

    def _close(self, work: UnitOfWork, call_id: str) -> bool:
        """Settle a call of a suspended officer, and revoke it if it is still open. Raises Tampered."""
        call = work.calls.stored(call_id)
        if call is None or not self._context.cutoff.holds(call.officer_id):
            return False
        settled = lifecycle.settle(call, work.now_ms, self._context.settings.rules)
        work.calls.put(lifecycle.revoke(settled, work.now_ms) if settled.open else settled)
        return settled.open

    async def _take_effect(self) -> None:
        """Enforce suspensions at this node now. If that fails, the next poll enforces them."""
        with suppress(VerifierError):
            await self.refresh()
            await self.revoke_calls()

    def _oldest_open(self) -> int:
        """The earliest time of issue, in epoch milliseconds, of a call that can still be open."""
        rules = self._context.settings.rules
        return max(0, self._context.clock() - rules.code_lifetime_ms - rules.max_call_ms)

    def _read(self, row: Row) -> SuspensionRow:
        """Read a suspension. A row that does not verify counts as in force, so that tampering cannot lift it."""
        try:
            return self._context.authenticator.read(SUSPENSIONS, row)
        except Tampered:
            return SuspensionRow(str(row[0]), str(row[1]), "", self._context.clock(), None, None, b"")

    def _view(self, row: SuspensionRow) -> Suspension:
        return Suspension(
            suspension_id=row.suspension_id,
            staff_id=row.officer_id,
            reason=self._context.ring.unseal(row.suspension_id, row.sealed).decode(),
            suspended_by=row.suspended_by,
            suspended_at=from_ms(row.suspended_at),
            lifted_by=row.lifted_by,
            lifted_at=optional_from_ms(row.lifted_at),
        )


def _reads(caller: Principal, staff_id: str) -> ReadSet:
    """The read set of a command on suspensions.

    If the caller is a member of staff, the read set includes the caller's own suspension. So if two supervisors suspend
    each other at the same time, the later command is refused.
    """
    return ReadSet(staff_ids=(staff_id,) if caller.kind == "system" else (staff_id, caller.id))


def check_caller(work: UnitOfWork, caller: Principal) -> None:
    """Raise Suspended if a member of staff is suspended. The read set must name them."""
    row = work.suspensions.of(caller.id) if caller.kind == "staff" else None
    if row is not None and row.lifted_at is None:
        raise Suspended("you are suspended; a supervisor can lift that")


def _named(caller: Principal) -> str:
    return f"{caller.kind}:{caller.id}"
