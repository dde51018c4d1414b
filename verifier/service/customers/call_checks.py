"""Call checks: "Did you call me?" The answer is a signed history: these calls and no others, or none.

Implements specs/protocol.md section 7.14.
"""

from __future__ import annotations

from verifier.core import words
from verifier.core.call_history import MAX_CALLS, MAX_CLAIMS, window
from verifier.core.errors import InvalidField
from verifier.core.messages.calls import LogEvidence
from verifier.core.messages.confirmations import Words
from verifier.core.messages.customers import CallsChecked, CheckCalls, CheckedCall
from verifier.core.octets import base64url
from verifier.core.principal import Principal
from verifier.core.statements import (
    HISTORY,
    CallHistory,
    ListedCall,
    Tel,
    commitment,
    digest,
    encode_claims,
)
from verifier.core.times import from_ms, optional_from_ms, to_ms
from verifier.ledger.commands import About, Guard, Reply
from verifier.ledger.decrypted import DecryptedCall
from verifier.ledger.idempotency import Idempotency
from verifier.ledger.read_set import ReadSet
from verifier.ledger.unit_of_work import UnitOfWork
from verifier.service.confirmations.daily_caps import check_cap, count
from verifier.service.context import Context
from verifier.service.customers.call_history import calls_in, read_kept_since


class CallChecks:
    """Use cases on call checks."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def check(
        self, customer: Principal, asked: CheckCalls, idempotency: Idempotency, guard: Guard | None = None
    ) -> Reply[CallsChecked]:
        """Sign and log which calls the bank had with the customer in a window.

        The history has every call to them on the applications that they are a contact of, whatever its state. So it
        never says that there was no call only because the telephone exchange was silent.

        Raises InvalidField for a window that cannot be answered for (`core/call_history.py`), or with too many calls.
        Raises RateLimited above the daily cap. `guard` runs first, for a retry too.
        """
        context = self._context
        kept_since = await read_kept_since(context)
        begins_ms, ends_ms = to_ms(asked.begins), to_ms(asked.ends)
        issued_from, _ = window(begins_ms, ends_ms, context.clock(), kept_since).issued_between
        index = context.customer_index(customer.id)
        # The window ends at the time of the batch if that is earlier, but it never ends later than this.
        reads = ReadSet(customer_index=index, cap="call_checks", calls_between=(issued_from, ends_ms + 999))

        def decide(work: UnitOfWork) -> About[CallsChecked]:
            check_cap(work, reads, context.settings.report_cap)
            of = window(begins_ms, ends_ms, work.now_ms, kept_since)
            applications = work.applications.of_customer(index, customer.id)
            calls = [
                opened
                for application, opened in calls_in(work, context, applications, of, kept_since)
                if application.is_called(opened.ticket, customer.id)
            ]
            history_id, salt = work.new_id("hist"), work.new_salt()
            number = asked.caller_number
            claims = CallHistory(
                iss=context.settings.issuer,
                jti=history_id,
                iat=work.now_ms // 1000,
                customer=commitment(salt, customer.id),
                orig=None if number is None else Tel(number[1:]),
                calls=tuple(map(_listed, calls)),
                salt=salt,
                begins=of.begins,
                ends=of.ends,
            )
            if len(calls) > MAX_CALLS or len(encode_claims(claims)) > MAX_CLAIMS:
                raise InvalidField.at("/from", "there are too many calls in this window; ask for a shorter one")
            count(work, reads, context.settings.report_cap)
            leaf = work.log.append(HISTORY, history_id, claims, None, index)
            details = {each.application_id for each in applications if each.may(customer.id, "details")}
            checked = tuple(_checked(each, each.call.application_id in details) for each in calls)
            # The history names calls of all applications, so it belongs to none. Erasing one of them deletes it.
            return About(None, lambda: _answer(claims, checked, leaf.evidence()))

        return await context.writer.submit_kept(CallsChecked, reads, decide, idempotency, guard)


def _listed(opened: DecryptedCall) -> ListedCall:
    call, ticket = opened.call, opened.ticket
    return ListedCall(
        call_id=call.call_id,
        ticket=base64url(digest(opened.statement)),
        officer=ticket.officer,
        orig=ticket.orig,
        dest=ticket.dest,
        purpose=ticket.purpose,
        state=call.state,
        issued_at=call.issued_at // 1000,
        connected_at=None if call.connected_at is None else call.connected_at // 1000,
        ended_at=None if call.ended_at is None else call.ended_at // 1000,
    )


def _answer(claims: CallHistory, calls: tuple[CheckedCall, ...], receipt: LogEvidence) -> CallsChecked:
    from_number = None if claims.orig is None else any(each.orig == claims.orig for each in claims.calls)
    return CallsChecked(
        receipt_id=claims.jti,
        at=from_ms(claims.iat * 1000),
        begins=from_ms(claims.begins * 1000),
        ends=from_ms(claims.ends * 1000),
        calls=calls,
        from_number=from_number,
        words=tuple(Words(each, words.calls_checked(each, len(calls), from_number)) for each in words.LANGUAGES),
        receipt=receipt,
    )


def _checked(opened: DecryptedCall, details: bool) -> CheckedCall:
    """A call as a contact sees it. `details` is whether they have the right to details."""
    call, ticket = opened.call, opened.ticket
    return CheckedCall(
        call_id=call.call_id,
        application_id=call.application_id if details else None,
        state=call.state,
        officer=ticket.officer,
        purpose=ticket.purpose,
        number=opened.number,
        caller_number="+" + ticket.orig.tn,
        issued_at=from_ms(call.issued_at),
        connected_at=optional_from_ms(call.connected_at),
        ended_at=optional_from_ms(call.ended_at),
    )
