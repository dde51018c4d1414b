"""Confirmations. The app and the telephone use the same code path. Implements specs/protocol.md section 7."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import UNSET, Struct
from msgspec.structs import replace

from verifier.core import call as lifecycle
from verifier.core import limits
from verifier.core.call import Call, Channel
from verifier.core.code import derive_code, impossible, parse_code, same_code
from verifier.core.contacts import Contact
from verifier.core.errors import InvalidField, MalformedCode, RateLimited
from verifier.core.messages.confirmations import Confirm, ConfirmByPhone, SpokenVerdict, Verdict
from verifier.core.messages.helpers import ConfirmForPerson
from verifier.core.principal import Principal
from verifier.core.purposes import Language
from verifier.ledger import decoys
from verifier.ledger.commands import About, Guard, Reply
from verifier.ledger.decrypted import DecryptedApplication, DecryptedCall
from verifier.ledger.idempotency import Idempotency
from verifier.ledger.read_set import ReadSet
from verifier.ledger.tables import CHANNELS, LimitRow, SignalKind, limit_key
from verifier.ledger.unit_of_work import UnitOfWork
from verifier.ledger.unit_of_work.calls import GivenReceipt
from verifier.service.confirmations import answers, receipts
from verifier.service.confirmations.answers import Judgement, NotFrom
from verifier.service.confirmations.candidates import (
    Candidate,
    candidates,
    language_of,
    of_one_person,
    whose,
    with_number,
)
from verifier.service.confirmations.daily_caps import check_cap, count
from verifier.service.confirmations.entries import (
    AlreadyConfirmed,
    Entry,
    NotLive,
    by_phone,
    in_app,
    looking_again,
    with_earlier,
)
from verifier.service.confirmations.helped import helped_by
from verifier.service.confirmations.looks import add_look
from verifier.service.confirmations.past_calls import past_call_of
from verifier.service.confirmations.replays import spoken_again, verdict_again
from verifier.service.confirmations.signals import add_signal, earlier_entries
from verifier.service.context import Context


class _Tried(Struct, frozen=True):
    """The result of trying a code against one candidate.

    - `named`: the customer named this application or none. Only then do its limits hold, and does a wrong code count.
    - `theirs`: the person may try codes against the call. A helper may not, if the call goes to somebody else.
    - `right`: the code is the code of the candidate's call, and `named` and `theirs` are true.
    - `good`: the code is right, and the call can be confirmed.
    - `wrong`: the number of earlier wrong codes for the call on this channel.
    """

    candidate: Candidate
    named: bool
    theirs: bool
    right: bool
    good: bool
    wrong: int


class Confirmations:
    """Use cases on confirmations."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def confirm(
        self,
        customer: Principal,
        asked: Confirm,
        idempotency: Idempotency,
        guard: Guard | None = None,
        *,
        called: str | None = None,
    ) -> Reply[Verdict]:
        """Decide on a code that a logged-in customer entered in the app.

        If `called` is given, only calls to that number count, and a right code of a call to another one raises
        InvalidField. Raises MalformedCode for a typing error, which costs no attempt. Raises RateLimited above the
        guess limit or the daily cap. `guard` runs first, for a retry too.
        """
        index = self._context.customer_index(customer.id)
        entry = replace(
            in_app(asked.code, customer, index, asked.caller_number), named=asked.application_id, number=called
        )
        reads = ReadSet(customer_index=index, channel="app", cap="verdicts")
        return await self._confirm(reads, entry, idempotency, guard)

    async def confirm_for(
        self, helper: Principal, helper_id: str, asked: ConfirmForPerson, idempotency: Idempotency
    ) -> Reply[Verdict]:
        """Decide on a code that a helper entered for the person they help. Each verdict is a look of the helper.

        Only calls to that person can be genuine. Raises the errors of `confirm`. Raises NotFound if the helper does not
        help the person now, also for a retry.
        """
        context = self._context
        index = context.customer_index(helper.id)
        _, helped = helped_by(await context.helpers.of_helper(index), helper_id, context.clock())
        entry = replace(in_app(asked.code, helper, index, asked.caller_number), helped=helped)
        reads = ReadSet(customer_index=helped.person_index, helping=index, channel="app", cap="verdicts")

        def guard(work: UnitOfWork) -> None:
            helped_by(work.helpers.of_helper(index), helper_id, work.now_ms)

        return await self._confirm(reads, entry, idempotency, guard)

    async def _confirm(
        self, reads: ReadSet, entry: Entry, idempotency: Idempotency, guard: Guard | None = None
    ) -> Reply[Verdict]:
        context, helped = self._context, entry.helped
        helper = None if helped is None else helped.helper
        again = verdict_again(context, lambda work: self._mine(work, entry), helper)

        async def look(reads: ReadSet) -> Reply[Verdict]:
            def decide(work: UnitOfWork) -> About[Verdict] | MalformedCode:
                judged = self._judge(work, reads, entry, self._mine(work, entry))
                if isinstance(judged, MalformedCode):
                    return judged
                assert not isinstance(judged, str)  # noqa: S101 - only a caller may get no verdict
                if helped is not None:
                    add_look(work, helped.helper_id, judged.verdict)
                return _answer(judged)

            return await context.writer.submit_kept(Verdict, reads, decide, idempotency, guard, again)

        return await looking_again(look, with_earlier(context, reads, entry, idempotency))

    async def confirm_by_phone(self, asked: ConfirmByPhone, idempotency: Idempotency) -> Reply[SpokenVerdict]:
        """Decide on a code that a caller keyed. The IVR sends the digits.

        The code is tried against the applications with the calling number on file. Only a call to that number is
        genuine (law L12). The verdict is `unavailable` for a withheld or unknown number, and for the code of a call to
        another number. An `unavailable` verdict costs no attempt, but counts towards the daily cap of the number.
        """
        context = self._context
        number = asked.caller_number
        entry = by_phone(parse_code(asked.digits, "/digits"), number, asked.application_id)
        again = spoken_again(context, lambda work: self.on_file(work, first, number))

        async def look(reads: ReadSet) -> Reply[SpokenVerdict]:
            def decide(work: UnitOfWork) -> About[SpokenVerdict] | MalformedCode:
                at = work.now_ms
                judged, customers = self.judge_by_phone(work, reads, entry)
                if isinstance(judged, MalformedCode):
                    return judged
                language = asked.language or customers
                if isinstance(judged, Judgement):
                    return About(judged.about, lambda: answers.spoken(judged, language))
                on_file = self.on_file(work, reads, number)
                about = on_file[0].application_id if on_file else None
                return About(about, lambda: answers.unavailable(judged, language, at))

            return await context.writer.submit_kept(SpokenVerdict, reads, decide, idempotency, again=again)

        first = self.reads_by_phone(number)
        return await looking_again(look, with_earlier(context, first, entry, idempotency))

    def reads_by_phone(
        self, number: str | None, session_id: str | None = None, application_id: str | None = None
    ) -> ReadSet:
        """The read set of a verdict by telephone. `application_id` is the application that a dialogue is tied to."""
        index = self._context.number_index(number) if number else None
        return ReadSet(application_id, number_index=index, session_id=session_id, channel="ivr", cap="verdicts")

    def _mine(self, work: UnitOfWork, entry: Entry) -> Sequence[DecryptedApplication]:
        """The applications on which the person who is logged in may confirm codes (law L12)."""
        helped = entry.helped
        if helped is not None:
            return helped.applications(work.applications.of_customer(helped.person_index, helped.person_id))
        assert entry.customer_index is not None  # noqa: S101 - in the app, there is a login
        return entry.confirming(work.applications.of_customer(entry.customer_index, entry.customer_id or ""))

    def on_file(self, work: UnitOfWork, reads: ReadSet, number: str | None) -> Sequence[DecryptedApplication]:
        """The applications on which the calling number belongs to somebody who may confirm codes (law L12)."""
        return by_phone("", number).confirming(with_number(work, reads, number))

    def judge_by_phone(
        self, work: UnitOfWork, reads: ReadSet, entry: Entry
    ) -> tuple[Judgement | NotFrom | MalformedCode, Language]:
        """The verdict on keyed digits, or the reason why there is no verdict. Raises RateLimited or NotLive.

        Also returns the language for the answer. A MalformedCode is returned, not raised, because it is recorded.
        """
        registered = self.on_file(work, reads, entry.number)
        judged = self._judge(work, reads, entry, registered)
        if isinstance(judged, Judgement) and judged.call is not None and judged.application is not None:
            return judged, language_of([judged.application], entry.number or "")
        return judged, language_of(registered, entry.number or "")

    def _judge(
        self, work: UnitOfWork, reads: ReadSet, entry: Entry, applications: Sequence[DecryptedApplication]
    ) -> Judgement | NotFrom | MalformedCode:
        """Try the code, count the attempt, and sign the receipt. Raises RateLimited before it counts anything.

        Raises NotLive before it counts anything, if the closed calls must be read first. At the counter, also raises
        InvalidField so. A refusal is not kept for retries, so it must not count.
        """
        if not entry.possible:
            return self._judge_impossible(work, reads, entry, applications)
        cap = self._context.settings.verdict_cap
        check_cap(work, reads, cap)
        tries = [self._try(work, entry, each) for each in self._candidates(work, applications)]
        if not tries:
            # If the caller has no application, do the same work as for one application (law L7).
            derive_code(decoys.KEYS.codes, decoys.call_id(0), decoys.APPLICATION_ID, 0)
        self._check_limits(work, entry, tries)
        good = [each for each in tries if each.good]
        match = next((each for each in good if each.candidate.open_to(entry.number)), None)
        unregistered = entry.channel == "ivr" and not applications
        if good and match is None and entry.channel == "app":
            raise InvalidField.at("/number", "the call of this code went to another number; give the application")
        if not (good or unregistered or reads.closed):
            raise NotLive
        over = past_call_of(self._context, work, entry, [each.candidate for each in tries]) if reads.closed else None
        if match is None or match.candidate.call.state == "confirmed":
            # Count every attempt except the first use of a right code. The number of calls already limits first uses.
            count(work, reads, cap)
        if match is not None:
            return self._accept(work, entry, match.candidate)
        if unregistered:
            return "unregistered"
        return "other_number" if good else self._refuse(work, reads, entry, tries, over)

    def _judge_impossible(
        self, work: UnitOfWork, reads: ReadSet, entry: Entry, applications: Sequence[DecryptedApplication]
    ) -> Judgement | NotFrom | MalformedCode:
        """Judge digits with a wrong check digit. They cannot be right, so they cost no attempt and lock nothing.

        The person may have misheard them, so the first entry gets an error. The next one gets a verdict.
        """
        earlier = earlier_entries(work, reads)
        error = impossible("/code" if entry.channel == "app" else "/digits")
        if earlier.same_request:
            return error
        cap = self._context.settings.verdict_cap
        check_cap(work, reads, cap)
        count(work, reads, cap)
        application = whose(entry, self._candidates(work, applications))
        if not earlier.again:
            add_signal(self._context, work, reads, "impossible", entry, application)
            return error
        if entry.channel == "ivr" and not applications:
            return "unregistered"
        contact = _contact(entry, application)
        receipt_id, leaf = receipts.sign(self._context, work, entry, application, contact, None)
        kind: SignalKind = "impossible"
        add_signal(self._context, work, reads, kind, entry, application, receipt_id=receipt_id)
        return Judgement("not_genuine", None, application, False, receipt_id, leaf.evidence, work.now_ms, contact, None)

    def _candidates(self, work: UnitOfWork, applications: Sequence[DecryptedApplication]) -> Sequence[Candidate]:
        return candidates(work, applications, self._context.settings.rules)

    def _try(self, work: UnitOfWork, entry: Entry, candidate: Candidate) -> _Tried:
        """Try the code against the call of a candidate. The call may be a decoy."""
        application, call = candidate.application, candidate.call
        expected = derive_code(application.keys.codes, call.call_id, candidate.opened.statement, call.call_counter)
        ticket = candidate.opened.ticket
        named, theirs = entry.named in (None, application.application_id), entry.is_for(application, ticket)
        right = same_code(entry.digits, expected) and candidate.own and named and theirs
        wrong = _wrong(work, application, call, entry.channel)
        suspended = self._context.cutoff.holds(ticket.officer.id)
        good = right and not suspended and lifecycle.confirm_allowed(call, wrong, self._context.settings.rules)
        return _Tried(candidate, named, theirs, right, good, wrong)

    def _check_limits(self, work: UnitOfWork, entry: Entry, tries: Sequence[_Tried]) -> None:
        """Raise RateLimited if a candidate's guess limit is reached, so that a right code never gets `not_genuine`.

        If a number has several customers, check only the candidates with an open call to the number: attempts on one
        customer must not lock out the others.
        """
        limit = self._context.settings.guess_limit
        tried = [each.candidate for each in tries]
        shared = entry.customer_id is None and not of_one_person(tried, entry.number or "")
        for each in tries:
            if each.named and (not shared or each.candidate.open_to(entry.number)):
                tat = work.limits.tat(limit_key(each.candidate.application.application_id, entry.channel))
                decision = limits.decide(limit, tat, work.now_ms, cost=0)
                if not decision.allowed:
                    raise RateLimited(retry_after=decision.retry_after)

    def _accept(self, work: UnitOfWork, entry: Entry, candidate: Candidate) -> Judgement:
        application, opened = candidate.application, candidate.opened
        contact = entry.contact(application)
        assert contact is not None  # noqa: S101 - only the applications of the person are candidates
        # The same person may enter the code again while the call is open. Then they get their first receipt.
        told = answers.tell(application, opened.ticket, contact)
        before = self._given_before(work, opened, application, contact)
        if before is not None:
            given = before.receipt_id, before.evidence
            return Judgement("genuine", opened, application, True, *given, work.now_ms, contact, told)
        receipt_id, leaf = receipts.sign(self._context, work, entry, application, contact, opened, told)
        # A borrower who acts alone needs no row: the row of the call has their receipt.
        alone = opened.ticket.contact is UNSET and contact.id is not None and opened.call.state != "confirmed"
        if opened.call.state != "confirmed":
            call = lifecycle.confirm(opened.call, work.now_ms, leaf.leaf_index, self._context.settings.rules)
            work.calls.put(call)
            opened = replace(opened, call=call)
        if not alone:
            work.calls.put_confirmed(opened.call, application, contact, leaf.leaf_index)
        return Judgement("genuine", opened, application, False, receipt_id, leaf.evidence, work.now_ms, contact, told)

    def _given_before(
        self, work: UnitOfWork, opened: DecryptedCall, application: DecryptedApplication, contact: Contact
    ) -> GivenReceipt | None:
        """The receipt that a contact has got for the code of a call, or None. Raises AlreadyConfirmed.

        The first contact who enters the code confirms the call. Each other contact gets a receipt of their own.
        """
        if opened.call.state != "confirmed":
            return None
        person = self._context.contact_index(application, contact)
        first = work.calls.receipt_of(opened.call, application)
        if person is not None and first.person == person:
            return first
        if not work.reads.confirmations:
            raise AlreadyConfirmed
        return work.calls.confirmed_by(opened.call, application, contact)

    def _refuse(
        self,
        work: UnitOfWork,
        reads: ReadSet,
        entry: Entry,
        tries: Sequence[_Tried],
        over: tuple[DecryptedApplication, DecryptedCall] | None,
    ) -> Judgement:
        """Refuse the code. If it was that of a call that is `over`, say so. Both take the same work."""
        application, opened = over or (whose(entry, [each.candidate for each in tries]), None)
        contact = _contact(entry, application)
        told = None if over is None else answers.tell(over[0], over[1].ticket, contact)
        receipt_id, leaf = receipts.sign(self._context, work, entry, application, contact, opened, told, over=True)
        kind: SignalKind = "refused" if over is None else "ended"
        add_signal(self._context, work, reads, kind, entry, application, receipt_id=receipt_id)
        guess = over is None and not any(each.right for each in tries)
        for each in tries:
            self._count(work, entry, each, guess=guess and each.named)
        verdict: Literal["not_genuine", "ended"] = "not_genuine" if over is None else "ended"
        return Judgement(verdict, opened, application, False, receipt_id, leaf.evidence, work.now_ms, contact, told)

    def _count(self, work: UnitOfWork, entry: Entry, tried: _Tried, *, guess: bool) -> None:
        """Count a wrong code against a candidate, if `guess` is true.

        The row is always written, so that the amount of work does not reveal whether the code counts.

        By telephone, a wrong code counts only while a call to the calling number is open. Otherwise an attacker with a
        spoofed number could lock the customer out between calls. In the app it always counts against the guess limit,
        also a helper's during a call to somebody else: otherwise the limit would reveal to them whether there is one.
        """
        rules, application, call = self._context.settings.rules, tried.candidate.application, tried.candidate.call
        key = limit_key(application.application_id, entry.channel)
        row = work.limits.get(key) or LimitRow(key, work.now_ms, call.call_id)
        counted = guess and tried.theirs and tried.candidate.open_to(entry.number) and tried.wrong < rules.max_wrong
        spent = counted or (guess and entry.channel == "app")
        tat = limits.decide(self._context.settings.guess_limit, row.tat, work.now_ms, cost=int(spent)).tat
        call_id, wrong = (call.call_id, tried.wrong + 1) if counted else (row.call_id, row.wrong)
        work.limits.put(LimitRow(key, tat, call_id, wrong))
        app, ivr = (_wrong(work, application, call, each) for each in CHANNELS)
        after = lifecycle.after_wrong(call, app, ivr, work.now_ms, rules)
        if tried.candidate.own:
            work.calls.put(after)


def _answer(judged: Judgement) -> About[Verdict]:
    return About(judged.about, lambda: answers.verdict(judged))


def _contact(entry: Entry, application: DecryptedApplication | None) -> Contact | None:
    return None if application is None else entry.contact(application)


def _wrong(work: UnitOfWork, application: DecryptedApplication, call: Call, channel: Channel) -> int:
    """The number of wrong codes that were tried against a call on a channel."""
    row = work.limits.get(limit_key(application.application_id, channel))
    return row.wrong if row is not None and row.call_id == call.call_id else 0
