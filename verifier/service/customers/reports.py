"""Reports of suspicious calls, by app or IVR, each with a signed receipt. Implements specs/protocol.md section 7.6."""

from __future__ import annotations

import hashlib

import msgspec
from msgspec import UNSET, UnsetType

from verifier.core.errors import InvalidField
from verifier.core.messages.customers import ReportCall, ReportTaken
from verifier.core.octets import base64url
from verifier.core.principal import Principal
from verifier.core.statements import REPORT, ReportReceipt
from verifier.core.times import DAY_MS, FUTURE_SLACK_MS, from_ms, to_ms
from verifier.ledger.commands import About, Guard, Reply
from verifier.ledger.decrypted import DecryptedApplication
from verifier.ledger.idempotency import Idempotency
from verifier.ledger.read_set import ReadSet
from verifier.ledger.tables import ReportRow
from verifier.ledger.unit_of_work import UnitOfWork
from verifier.service.confirmations.candidates import candidates, of_caller
from verifier.service.confirmations.daily_caps import check_cap, count
from verifier.service.context import Context

_encode = msgspec.json.Encoder().encode
OLDEST_MS = 365 * DAY_MS


class Reports:
    """Use cases on reports."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def take(
        self,
        reporter: Principal,
        asked: ReportCall,
        idempotency: Idempotency,
        guard: Guard | None = None,
        *,
        taken_by: str | None = None,
    ) -> Reply[ReportTaken]:
        """Store a report with its text sealed, and sign a receipt. The receipt commits to every byte of the text.

        `taken_by` is the clerk who has written it down for the customer. `guard` runs first, for a retry too.

        Raises InvalidField if the time is in the future or more than a year ago, or if an IVR does not give the calling
        number, or if a customer gives one. Raises InvalidField for a call that is not the customer's own. Raises
        RateLimited above the daily cap.
        """
        context = self._context
        at = to_ms(asked.at)
        if at > context.clock() + FUTURE_SLACK_MS:
            raise InvalidField.at("/at", "the time is in the future")
        if at < context.clock() - OLDEST_MS:
            raise InvalidField.at("/at", "the time is more than a year ago")
        customer_index = None
        if reporter.kind == "customer":
            if asked.reporter_number is not None:
                raise InvalidField.at("/reporter_number", "only an IVR gives the number that rings in")
            customer_index = context.customer_index(reporter.id)
        elif asked.reporter_number is None:
            raise InvalidField.at("/reporter_number", "an IVR must give the number that rings in")
        elif asked.call_id is not UNSET:
            raise InvalidField.at("/call_id", "only a customer names a call")
        number_index = context.number_index(asked.reporter_number) if asked.reporter_number is not None else None
        call_ids = () if isinstance(asked.call_id, UnsetType) else (asked.call_id,)
        reads = ReadSet(customer_index=customer_index, number_index=number_index, call_ids=call_ids, cap="reports")

        def decide(work: UnitOfWork) -> About[ReportTaken]:
            check_cap(work, reads, context.settings.report_cap)
            application = self._application_of(work, reads, reporter, asked.reporter_number)
            count(work, reads, context.settings.report_cap)
            return self._add(work, asked, application, customer_index, taken_by)

        return await context.writer.submit_kept(ReportTaken, reads, decide, idempotency, guard)

    def _application_of(
        self, work: UnitOfWork, reads: ReadSet, reporter: Principal, number: str | None
    ) -> DecryptedApplication | None:
        """The application that the report is about.

        Returns None if the reporter has no application, or if several people may be calling from the number.
        """
        if reads.customer_index is not None:
            mine = work.applications.of_customer(reads.customer_index, reporter.id)
            for call_id in reads.call_ids:
                mine = [each for each in mine if _shows(work, each, call_id, reporter)]
                if not mine:
                    raise InvalidField.at("/call_id", "there is no such call of yours")
            return next(iter(mine), None)
        registered = work.applications.of_number(reads.number_index or b"", number or "")
        found = of_caller(candidates(work, registered, self._context.settings.rules), number or "")
        return next((each.application for each in found), None)

    def _add(
        self,
        work: UnitOfWork,
        asked: ReportCall,
        application: DecryptedApplication | None,
        customer_index: bytes | None,
        taken_by: str | None,
    ) -> About[ReportTaken]:
        report_id = work.new_id("rprt")
        salt = work.new_salt()
        taken = {} if taken_by is None else {"taken_by": taken_by}
        text = _encode({"report": asked, **taken, "salt": salt})
        claims = ReportReceipt(
            iss=self._context.settings.issuer,
            jti=report_id,
            iat=work.now_ms // 1000,
            report=base64url(hashlib.sha256(text).digest()),
            salt=salt,
        )
        owner = customer_index
        if owner is None and application is not None:
            owner = self._context.contact_index(application, application.contact_of_number(asked.reporter_number or ""))
        leaf = work.log.append(REPORT, report_id, claims, application, owner)
        application_id = None if application is None else application.application_id
        sealed = work.seal(application, report_id, text)
        work.put_report(ReportRow(report_id, application_id, leaf.leaf_index, work.now_ms, sealed))
        at = from_ms(work.now_ms)
        return About(application_id, lambda: ReportTaken(report_id, at, leaf.evidence()))


def _shows(work: UnitOfWork, application: DecryptedApplication, call_id: str, reporter: Principal) -> bool:
    """Whether the call is one on this application that the reporter may see."""
    call = work.calls.stored(call_id)
    if call is None or call.application_id != application.application_id:
        return False
    return application.shows(work.calls.get(call_id).ticket, reporter.id)
