"""Calls: issue, reveal, revoke, read. Implements specs/protocol.md sections 4, 5 and 6."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import UNSET
from msgspec.structs import replace

from verifier.core import call as lifecycle
from verifier.core.application import Officer
from verifier.core.call import Call
from verifier.core.code import derive_code, show_code
from verifier.core.contact_counts import with_call
from verifier.core.contacts import Contact
from verifier.core.errors import (
    CallClosed,
    CallOpen,
    Forbidden,
    InvalidField,
    LegNotConnected,
    NotFound,
    PolicyRefused,
    Refusal,
    Suspended,
    VerifierError,
)
from verifier.core.messages.calls import CallView, Code, IssueCall, IssuedCall, LogEvidence
from verifier.core.policy import LIFTABLE, IntendedCall, check_policy, local_day
from verifier.core.principal import Principal
from verifier.core.purposes import ASKS
from verifier.core.statements import TICKET, CallTicket, Tel, Tels, TicketContact
from verifier.core.times import from_ms, optional_from_ms
from verifier.ledger.commands import About, Answer, Reply
from verifier.ledger.decrypted import DecryptedApplication, DecryptedCall
from verifier.ledger.idempotency import Idempotency
from verifier.ledger.read_set import ReadSet
from verifier.ledger.unit_of_work import UnitOfWork
from verifier.service.call_state import current_state, read_call
from verifier.service.context import Context
from verifier.service.staff.access import check_application, check_call, check_own, not_there, read_own_call
from verifier.service.staff.cutoff import CutOff
from verifier.service.staff.looks import LookRecords
from verifier.service.staff.todays_calls import calls_to_all, calls_today


class _OtherPerson(VerifierError):
    """The call goes to another person than was loaded. A command that raises this writes nothing.

    Only the sealed facts say who has the number. So a first look finds the person, and a second one loads what is
    theirs, and not what is the other contacts'.
    """

    def __init__(self, person: bytes) -> None:
        super().__init__()
        self.person = person


class Calls:
    """Use cases on calls."""

    def __init__(self, context: Context, looks: LookRecords) -> None:
        self._context = context
        self._looks = looks

    async def issue(
        self, caller: Principal, application_id: str, asked: IssueCall, idempotency: Idempotency
    ) -> Reply[IssuedCall]:
        """Issue a call: check the policy, sign and log the ticket, derive the code (laws L3, L10).

        Raises:

        - PolicyRefused, with every broken rule
        - CallOpen while another call on the application is open
        - Suspended if the officer of the call is suspended
        - Forbidden if an officer names another officer
        - NotFound if the officer is not assigned, even for a retry with a known idempotency key
        - NotFound or Erased if the application is unknown or erased
        """
        officer_id = _officer_of(caller, asked)
        context = self._context
        settings = context.settings
        marketing = asked.purpose == "marketing"

        def decide(work: UnitOfWork) -> About[IssuedCall]:
            application = work.applications.get(application_id)
            superseded = self._make_way(work, application, officer_id)
            contact = application.contact_of_number(asked.number)
            day = local_day((contact or application.contacts[0]).time_zone, work.now_ms)
            today = calls_today(application, day)
            others = () if contact is None else self._others(work, application, contact)
            lifted = _lifted(work, application_id, officer_id, asked, context.cutoff)
            intended = IntendedCall(
                officer_id=officer_id,
                purpose=asked.purpose,
                number=asked.number,
                contact=contact,
                caller_number=asked.caller_number,
                calls_today=today,
                calls_to_person=today if contact is None else calls_to_all(application, others, contact, work.now_ms),
                now_ms=work.now_ms,
                opted_out=marketing and contact is not None and self._refused(work, application, contact),
                closed_ms=application.closed_ms,
            )
            officer = check_policy(settings.policy, application.registration, intended, lifted)
            assert contact is not None  # noqa: S101 - the policy has checked that the number is on file
            if superseded is not None:
                work.calls.put(superseded)
            opened, leaf_evidence = self._add(work, application, contact, officer, asked, lifted, day, today)
            if asked.exception_id is not None:
                exception = work.exceptions.get(asked.exception_id)
                work.exceptions.put(replace(exception, call_id=opened.call.call_id))
            code = self._code(application, opened) if lifecycle.reveal_allowed(opened.call) else None
            return About(application_id, lambda: IssuedCall(view(opened), leaf_evidence(), code))

        exception_ids = _given(asked.exception_id)
        reads = ReadSet(application_id, same_borrower=True, exception_ids=exception_ids, marketing=marketing)

        def guard(work: UnitOfWork) -> None:
            if caller.kind != "system":
                check_application(work, caller, application_id)
            self._check_not_suspended(officer_id)

        def again(work: UnitOfWork, issued: IssuedCall) -> IssuedCall:
            # If the officer was removed from the application before the retry, leave out the code.
            assigned = work.applications.get(application_id).registration.assigned(officer_id)
            return issued if assigned is not None else replace(issued, code=None)

        while True:
            try:
                return await context.writer.submit_kept(IssuedCall, reads, decide, idempotency, guard, again)
            except _OtherPerson as other:
                reads = replace(reads, same_borrower=False, customer_index=other.person)

    def _make_way(self, work: UnitOfWork, application: DecryptedApplication, officer_id: str) -> Call | None:
        """Close the application's open call if it is the officer's own, and neither rings nor was connected.

        Returns the closed call, or None if the application has no open call. Raises CallOpen for any other open call.
        """
        opened = work.calls.open_of(application)
        if opened is None:
            return None
        before = current_state(application, opened, work.now_ms, self._context.settings.rules)
        if not before.open:
            return before
        if lifecycle.rings_now(before, work.now_ms):
            raise CallOpen
        if opened.ticket.officer.id != officer_id or before.connected or before.state == "confirmed":
            raise CallOpen
        return lifecycle.revoke(before, work.now_ms)

    def _others(
        self, work: UnitOfWork, application: DecryptedApplication, contact: Contact
    ) -> Sequence[DecryptedApplication]:
        """The other applications of a contact. A contact without a login is only known on this application.

        Raises _OtherPerson if they are not loaded. For a borrower they always are.
        """
        index = self._context.contact_index(application, contact)
        if contact.id is None or index is None:
            return ()
        loaded = work.reads.customer_index
        if index != (application.row.customer_index if loaded is None else loaded):
            raise _OtherPerson(index)
        return work.applications.others_of_contact(application.application_id, index, contact.id)

    def _refused(self, work: UnitOfWork, application: DecryptedApplication, contact: Contact) -> bool:
        """Whether a contact has refused marketing calls. Without a login, nobody can have refused them."""
        person = self._context.contact_index(application, contact)
        return person is not None and work.refusals.refused(person)

    def _add(
        self,
        work: UnitOfWork,
        application: DecryptedApplication,
        contact: Contact,
        officer: Officer,
        asked: IssueCall,
        lifted: frozenset[str],
        day: int,
        today: int,
    ) -> tuple[DecryptedCall, Callable[[], LogEvidence]]:
        settings = self._context.settings
        call_id = work.new_id("call")
        expires_at = work.now_ms + settings.rules.code_lifetime_ms
        ticket = CallTicket(
            iss=settings.issuer,
            jti=call_id,
            iat=work.now_ms // 1000,
            nbf=work.now_ms // 1000,
            exp=expires_at // 1000,
            application=application.pseudonym,
            officer=officer,
            orig=Tel(asked.caller_number.removeprefix("+")),
            dest=Tels((asked.number.removeprefix("+"),)),
            purpose=asked.purpose,
            asks=ASKS[asked.purpose],
            policy=settings.policy.version,
            exceptions=tuple(sorted(lifted)),
            salt=work.new_salt(),
        )
        called_today = None
        if application.registration.contacts is not UNSET:
            pseudonym = application.pseudonym_of(contact)
            ticket = replace(ticket, contact=TicketContact(contact.role, pseudonym))
            called_today = with_call(application.row.called_today or "", pseudonym, day)
        leaf = work.log.append(TICKET, call_id, ticket, application, application.row.customer_index)
        counter = application.row.call_counter + 1
        call = Call(
            call_id=call_id,
            application_id=application.application_id,
            officer_id=officer.id,
            leaf_index=leaf.leaf_index,
            call_counter=counter,
            leg_mode=settings.rules.leg_mode,
            issued_at=work.now_ms,
            # The ticket has times in whole seconds, and the row must have the same expiry time as the ticket.
            expires_at=ticket.exp * 1000,
        )
        call = lifecycle.settle(call, work.now_ms, settings.rules)
        if lifecycle.reveal_allowed(call):
            call = lifecycle.reveal(call, work.now_ms)
        opened = work.calls.add(call, leaf, ticket)
        # Read the row again: if an earlier call was superseded, the row has changed.
        row = work.applications.get(application.application_id).row
        work.applications.put(
            replace(
                row,
                call_counter=counter,
                local_day=max(day, row.local_day),
                calls_today=today + 1,
                open_call_id=call_id,
                called_today=called_today,
            )
        )
        return opened, leaf.evidence

    def _check_not_suspended(self, officer_id: str) -> None:
        if self._context.cutoff.holds(officer_id):
            raise Suspended("the officer is suspended")

    def _code(self, application: DecryptedApplication, opened: DecryptedCall) -> Code:
        call = opened.call
        digits = derive_code(application.keys.codes, call.call_id, opened.statement, call.call_counter)
        return Code(digits, show_code(digits), from_ms(call.expires_at))

    async def reveal(self, officer: Principal, call_id: str) -> Code:
        """Show the code of a call to its officer, while law L5 allows this. The time of the first reveal is recorded.

        Raises NotFound for another officer's call, and for an officer who is no longer assigned. Raises Suspended,
        CallClosed or LegNotConnected.
        """

        def decide(work: UnitOfWork) -> Answer[Code] | NotFound:
            with not_there("call"):
                opened = work.calls.get(call_id)
                check_own(opened, officer)
                application = work.applications.get(opened.call.application_id)
            self._check_not_suspended(officer.id)
            call = current_state(application, opened, work.now_ms, self._context.settings.rules)
            if application.registration.assigned(officer.id) is None:
                # Return the error instead of raising it, so that the revoked call is written.
                work.calls.put(call)
                return NotFound("there is no such call")
            # Never show a code that has expired or was used.
            if not call.open or call.state == "confirmed":
                raise CallClosed(f"the call is {call.state}")
            if not lifecycle.reveal_allowed(call):
                raise LegNotConnected
            work.calls.put(lifecycle.reveal(call, work.now_ms))
            code = self._code(application, opened)
            return lambda: code

        return await self._context.writer.submit(ReadSet(call_ids=(call_id,)), decide)

    async def revoke(self, caller: Principal, call_id: str, idempotency: Idempotency) -> Reply[CallView]:
        """Revoke a call. Its officer and every supervisor may do this.

        A second revocation gives the same answer. Raises NotFound or CallClosed. For supervisors, raises Erased if the
        application was erased.
        """

        def decide(work: UnitOfWork) -> About[CallView]:
            opened = work.calls.get(call_id)
            call = lifecycle.settle(opened.call, work.now_ms, self._context.settings.rules)
            if call.open:
                call = lifecycle.revoke(call, work.now_ms)
            elif call.state != "revoked":
                raise CallClosed(f"the call is {call.state}")
            work.calls.put(call)
            self._looks.stage(work, caller, "revoke_call", (work.applications.get(call.application_id),))
            return About(call.application_id, lambda: view(replace(opened, call=call)))

        any_call = "supervisor" in caller.roles
        guard = None if any_call else lambda work: check_call(work, caller, call_id)
        return await self._context.writer.submit_kept(
            CallView, ReadSet(call_ids=(call_id,)), decide, idempotency, guard
        )

    async def read(self, caller: Principal, call_id: str) -> CallView:
        """The state of a call. The caller may be the officer of the call, a supervisor, an auditor or a system.

        The look is recorded. Raises NotFound or Erased. Officers get NotFound for calls on applications that they are
        no longer assigned to.
        """
        any_call = caller.kind == "system" or caller.roles & {"supervisor", "auditor"}
        read = read_call(self._context, call_id) if any_call else read_own_call(self._context, call_id, caller)
        application, opened = await read
        await self._looks.record(caller, "get_call", (application,))
        return view(opened)


def view(opened: DecryptedCall) -> CallView:
    """The view of a call for staff and systems. The facts of the call come from the signed ticket."""
    call, ticket = opened.call, opened.ticket
    return CallView(
        call_id=call.call_id,
        application_id=call.application_id,
        state=call.state,
        officer=ticket.officer,
        purpose=ticket.purpose,
        number="+" + ticket.dest.tn[0],
        caller_number="+" + ticket.orig.tn,
        leg_mode=call.leg_mode,
        issued_at=from_ms(call.issued_at),
        expires_at=from_ms(call.expires_at),
        rang_at=optional_from_ms(call.rang_at),
        connected_at=optional_from_ms(call.connected_at),
        leg_ended_at=optional_from_ms(call.leg_ended_at),
        revealed_at=optional_from_ms(call.revealed_at),
        confirmed_at=optional_from_ms(call.confirmed_at),
        ended_at=optional_from_ms(call.ended_at),
    )


def _officer_of(caller: Principal, asked: IssueCall) -> str:
    if caller.kind == "system":
        if asked.officer_id is None:
            raise InvalidField.at("/officer_id", "a system must name the officer of the call")
        return asked.officer_id
    if asked.officer_id not in (None, caller.id):
        raise Forbidden("officers issue calls in their own name only")
    return caller.id


def _lifted(work: UnitOfWork, application_id: str, officer_id: str, asked: IssueCall, cutoff: CutOff) -> frozenset[str]:
    """The rules that the exception in `asked` lifts for this call. Empty if `asked` names no exception.

    Raises PolicyRefused if the exception has expired, was used, or was granted by a supervisor who is now suspended.
    Raises NotFound if the exception is unknown, or is for another application or officer.
    """
    if asked.exception_id is None:
        return frozenset()
    exception = work.exceptions.get(asked.exception_id)
    if exception.application_id != application_id or exception.officer_id != officer_id:
        raise NotFound("there is no such exception")
    granted = work.exceptions.granted(exception)
    over = exception.call_id is not None or work.now_ms >= granted.exp * 1000
    if over or cutoff.holds(granted.granted_by):
        detail = "the exception has been used or has expired"
        raise PolicyRefused(detail, refusals=(Refusal("exception", detail),))
    return frozenset(granted.rules) & frozenset(LIFTABLE)


def _given(exception_id: str | None) -> tuple[str, ...]:
    return () if exception_id is None else (exception_id,)
