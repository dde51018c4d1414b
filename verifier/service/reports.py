"""Reports of suspicious calls, by app or IVR, each with a signed receipt. Carries out specs/protocol.md section 7.6."""

from __future__ import annotations

import hashlib

import msgspec

from verifier.core.errors import InvalidField
from verifier.core.messages import ReportCall, ReportTaken
from verifier.core.octets import base64url
from verifier.core.principal import Principal
from verifier.core.statements import REPORT, ReportReceipt
from verifier.core.times import from_ms, to_ms
from verifier.service.batch import Batch
from verifier.service.context import Context
from verifier.service.needs import Needs
from verifier.service.opened import OpenApplication
from verifier.service.records import ReportRow
from verifier.service.writer import Answer, Idempotency

_encode = msgspec.json.Encoder().encode
OLDEST_MS = 365 * 86_400_000
FUTURE_SLACK_MS = 300_000


class Reports:
    """Use cases on reports."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def take(self, reporter: Principal, asked: ReportCall, idempotency: Idempotency) -> bytes:
        """Take a report; the answer is a `ReportTaken`. Its text is sealed, its receipt commits to every byte of it.

        Raises InvalidField for a time in the future or more than a year ago, or an IVR that does not say
        which number rings in.
        """
        context = self._context
        at = to_ms(asked.at)
        if at > context.clock() + FUTURE_SLACK_MS:
            raise InvalidField.at("/at", "the time is in the future")
        if at < context.clock() - OLDEST_MS:
            raise InvalidField.at("/at", "the time is more than a year ago")
        customer_index = number_index = None
        if reporter.kind == "customer":
            if asked.reporter_number is not None:
                raise InvalidField.at("/reporter_number", "only an IVR gives the number that rings in")
            customer_index = context.customer_index(reporter.id)
        elif asked.reporter_number is None:
            raise InvalidField.at("/reporter_number", "an IVR must give the number that rings in")
        else:
            number_index = context.number_index(asked.reporter_number)

        def decide(batch: Batch) -> Answer:
            applications = (
                batch.applications_of_customer(customer_index)
                if customer_index is not None
                else batch.applications_of_number(number_index or b"", asked.reporter_number or "")
            )
            return self._add(batch, asked, applications[0] if applications else None, customer_index)

        needs = Needs(customer_index=customer_index, number_index=number_index)
        return await context.writer.submit(needs, decide, idempotency)

    def _add(
        self, batch: Batch, asked: ReportCall, application: OpenApplication | None, customer_index: bytes | None
    ) -> Answer:
        report_id = batch.new_id("rprt")
        salt = batch.new_salt()
        text = _encode({"report": asked, "salt": salt})
        claims = ReportReceipt(
            iss=self._context.settings.issuer,
            jti=report_id,
            iat=batch.now_ms // 1000,
            report=base64url(hashlib.sha256(text).digest()),
            salt=salt,
        )
        owner = customer_index if application is None else application.row.customer_index
        leaf = batch.append(REPORT, report_id, claims, application, owner)
        batch.put_report(
            ReportRow(
                report_id=report_id,
                application_id=None if application is None else application.application_id,
                leaf_index=leaf.leaf_index,
                created_at=batch.now_ms,
                sealed=batch.seal(application, report_id, text),
            )
        )
        at = from_ms(batch.now_ms)
        return lambda: ReportTaken(report_id, at, leaf.evidence())
