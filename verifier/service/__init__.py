"""The service: one method for each use case. Implements specs/protocol.md sections 6 and 7."""

from __future__ import annotations

from verifier.ports import IdentitySigner
from verifier.service.applications import Applications
from verifier.service.calls import Calls
from verifier.service.confirmations import Confirmations
from verifier.service.context import Context, Settings
from verifier.service.desk import Desk
from verifier.service.housekeeping import Housekeeping
from verifier.service.identity import Identities
from verifier.service.ivr import Ivr
from verifier.service.key_uses import KeyUses
from verifier.service.legs import Legs
from verifier.service.me import Me
from verifier.service.outbox import Outbox
from verifier.service.policy_exceptions import PolicyExceptions
from verifier.service.receipts import Receipts
from verifier.service.reconciliation import Reconciliation
from verifier.service.reports import Reports
from verifier.service.retention import Retention
from verifier.service.suspensions import StaffSuspensions

__all__ = ["Context", "Service", "Settings"]


class Service:
    """Every use case, grouped by noun. Call `start` before the first use case, and `stop` at the end.

    `signer` is the key for SIP identity, if there is one.
    """

    def __init__(self, context: Context, signer: IdentitySigner | None = None) -> None:
        self.context = context
        self.applications = Applications(context)
        self.calls = Calls(context)
        self.legs = Legs(context)
        self.reconciliation = Reconciliation(context)
        self.policy_exceptions = PolicyExceptions(context)
        self.desk = Desk(context)
        self.identities = Identities(context, signer)
        self.confirmations = Confirmations(context)
        self.outbox = Outbox(context)
        self.ivr = Ivr(context, self.confirmations, self.outbox)
        self.receipts = Receipts(context)
        self.reports = Reports(context)
        self.me = Me(context)
        self.housekeeping = Housekeeping(context)
        self.retention = Retention(context)
        self.suspensions = StaffSuspensions(context)
        self.key_uses = KeyUses(context)

    async def start(self) -> None:
        """Reserve key uses, open the log, accept commands, and read the suspensions."""
        await self.key_uses.reserve()
        await self.context.writer.start()
        await self.suspensions.refresh()

    async def stop(self) -> None:
        """Commit what is waiting, then stop."""
        await self.context.writer.stop()
