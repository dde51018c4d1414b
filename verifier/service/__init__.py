"""The service: one method for each use case. Implements specs/protocol.md sections 6 and 7."""

from __future__ import annotations

from verifier.ports import IdentitySigner
from verifier.service.applications import Applications
from verifier.service.calls import Calls
from verifier.service.confirmations.confirm import Confirmations
from verifier.service.confirmations.signals import Signals
from verifier.service.context import Context, Settings
from verifier.service.customers.call_checks import CallChecks
from verifier.service.customers.helpers import HelpersOfCustomer
from verifier.service.customers.helping import HelpingPeople
from verifier.service.customers.me import Me
from verifier.service.customers.receipts import Receipts
from verifier.service.customers.reports import Reports
from verifier.service.customers.ringing import Ringing
from verifier.service.housekeeping.expiry import Housekeeping
from verifier.service.housekeeping.key_uses import KeyUses
from verifier.service.housekeeping.retention import Retention
from verifier.service.identity import Identities
from verifier.service.ivr import Ivr
from verifier.service.legs.exchanges import TelephoneExchanges
from verifier.service.legs.leg_events import Legs
from verifier.service.legs.reconciliation import Reconciliation
from verifier.service.notifications.outbox import Outbox
from verifier.service.staff.bulk_reading import BulkReading
from verifier.service.staff.counter import BranchCounter
from verifier.service.staff.desk import Desk
from verifier.service.staff.looks import LookRecords
from verifier.service.staff.policy_exceptions import PolicyExceptions
from verifier.service.staff.queue import Queues
from verifier.service.staff.suspensions import StaffSuspensions

__all__ = ["Context", "Service", "Settings"]


class Service:
    """All use cases, grouped by subject. Call `start` before the first use case, and `stop` at the end.

    `signer` signs SIP Identity headers. Without a signer, the service makes no such headers.
    """

    def __init__(self, context: Context, signer: IdentitySigner | None = None) -> None:
        self.context = context
        self.looks = LookRecords(context)
        self.applications = Applications(context, self.looks)
        self.calls = Calls(context, self.looks)
        self.exchanges = TelephoneExchanges(context)
        self.legs = Legs(context)
        self.reconciliation = Reconciliation(context)
        self.policy_exceptions = PolicyExceptions(context, self.looks)
        self.desk = Desk(context, self.looks)
        self.queues = Queues(context, self.looks)
        self.identities = Identities(context, signer)
        self.confirmations = Confirmations(context)
        self.signals = Signals(context)
        self.outbox = Outbox(context)
        self.ivr = Ivr(context, self.confirmations, self.outbox)
        self.receipts = Receipts(context)
        self.reports = Reports(context)
        self.me = Me(context, self.exchanges)
        self.call_checks = CallChecks(context)
        self.helpers = HelpersOfCustomer(context)
        self.helping = HelpingPeople(context, self.exchanges)
        self.counter = BranchCounter(context, self.looks, self.call_checks, self.confirmations, self.reports)
        self.ringing = Ringing(context, self.exchanges)
        self.housekeeping = Housekeeping(context)
        self.retention = Retention(context)
        self.suspensions = StaffSuspensions(context)
        self.bulk_reading = BulkReading(context)
        self.key_uses = KeyUses(context)

    async def start(self) -> None:
        """Reserve key uses, open the log, accept commands, and read the suspensions."""
        await self.key_uses.reserve()
        await self.context.writer.start()
        await self.suspensions.refresh()

    async def stop(self) -> None:
        """Commit the waiting commands, then stop."""
        await self.context.writer.stop()
