"""Confirmations. The app and the telephone use the same code path. Implements specs/protocol.md section 7."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from verifier.core import call as lifecycle
from verifier.core import limits, words
from verifier.core.application import Loan
from verifier.core.call import Call, Channel
from verifier.core.code import derive_code, parse_code, same_code
from verifier.core.errors import RateLimited
from verifier.core.messages.calls import LogEvidence
from verifier.core.messages.confirmations import (
    CallDetails,
    Confirm,
    ConfirmByPhone,
    LegView,
    SpokenVerdict,
    Verdict,
    Words,
)
from verifier.core.octets import base64url
from verifier.core.principal import Principal
from verifier.core.purposes import NEVER_ASKS, Language
from verifier.core.statements import (
    RECEIPT,
    ConfirmedCall,
    LegEvidence,
    Receipt,
    commitment,
    digest,
)
from verifier.core.times import from_ms, optional_from_ms
from verifier.ledger import decoys
from verifier.ledger.commands import About, Reply
from verifier.ledger.decrypted import DecryptedApplication, DecryptedCall
from verifier.ledger.idempotency import Idempotency
from verifier.ledger.read_set import ReadSet
from verifier.ledger.tables import CHANNELS, LimitRow, limit_key
from verifier.ledger.unit_of_work import UnitOfWork
from verifier.ledger.unit_of_work.log_entries import StagedLeaf
from verifier.service.confirmations.candidates import Candidate, candidates, language_of, of_caller, of_one_customer
from verifier.service.confirmations.daily_caps import check_cap, count
from verifier.service.confirmations.replays import spoken_again, verdict_again
from verifier.service.context import Context

# The reasons why a caller gets no verdict: the calling number is not on file, or the call went to another number.
NotFrom = Literal["unregistered", "other_number"]

UNCHECKED: dict[NotFrom, dict[Language, str]] = {"unregistered": words.UNREGISTERED, "other_number": words.OTHER_NUMBER}


class _Entry(Struct, frozen=True):
    """A code that a customer entered, and the channel.

    `named` is the application that the customer named, or None. `number` is the calling number. It is empty if the
    number is withheld, and None in the app. By telephone, `customer_id` and `customer_index` are None.
    """

    digits: str
    channel: Channel
    named: str | None
    customer_id: str | None = None
    customer_index: bytes | None = None
    number: str | None = None


class _Tried(Struct, frozen=True):
    """The result of trying a code against one candidate.

    - `named`: the customer named this application, or named no application.
    - `right`: the code is the code of the candidate's call, and `named` is true.
    - `good`: the code is right, and the call can be confirmed.
    - `wrong`: the number of earlier wrong codes for the call on this channel.
    """

    candidate: Candidate
    named: bool
    right: bool
    good: bool
    wrong: int


class Judgement(Struct, frozen=True):
    """The verdict on an entry. `call` is None for every refusal, whatever its reason (law L7).

    `application` is the application that the receipt belongs to, or None if it is unknown.
    """

    call: DecryptedCall | None
    application: DecryptedApplication | None
    given_before: bool
    receipt_id: str
    evidence: Callable[[], LogEvidence]
    at: int

    @property
    def loan(self) -> Loan:
        """The loan that the call is about. The judgement must have a call."""
        assert self.application is not None  # noqa: S101 - a call belongs to an application
        return self.application.loan


class Confirmations:
    """Use cases on confirmations."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def confirm(self, customer: Principal, asked: Confirm, idempotency: Idempotency) -> Reply[Verdict]:
        """Decide on a code that a logged-in customer entered in the app.

        Raises MalformedCode for a typing error, which costs no attempt. Raises RateLimited above the guess limit or
        the daily cap.
        """
        digits = parse_code(asked.code)
        customer_index = self._context.customer_index(customer.id)
        reads = ReadSet(customer_index=customer_index, channel="app", cap="verdicts")
        entry = _Entry(digits, "app", asked.application_id, customer.id, customer_index)

        def decide(work: UnitOfWork) -> About[Verdict]:
            judgement = self._judge(work, reads, entry, work.applications.of_customer(customer_index))
            # In the app, a call to any number can be confirmed, so there is always a verdict.
            assert isinstance(judgement, Judgement)  # noqa: S101
            return About(_about(judgement.application), lambda: _verdict(judgement))

        again = verdict_again(self._context, lambda work: work.applications.of_customer(customer_index))
        return await self._context.writer.submit_kept(Verdict, reads, decide, idempotency, again=again)

    async def confirm_by_phone(self, asked: ConfirmByPhone, idempotency: Idempotency) -> Reply[SpokenVerdict]:
        """Decide on a code that a caller keyed. The IVR sends the digits.

        The code is tried against the applications with the calling number on file. Only a call to that number is
        genuine (law L12). The verdict is `unavailable` for a withheld or unknown number, and for the code of a call to
        another number. An `unavailable` verdict costs no attempt, but counts towards the daily cap of the number.
        """
        digits = parse_code(asked.digits, "/digits")
        reads = self.reads_by_phone(asked.caller_number)

        def decide(work: UnitOfWork) -> About[SpokenVerdict]:
            at = work.now_ms
            judged, customers = self.judge_by_phone(work, reads, digits, asked.caller_number, asked.application_id)
            if not isinstance(judged, Judgement):
                text = UNCHECKED[judged]
                first = next(iter(self.on_file(work, reads, asked.caller_number)), None)
                return About(_about(first), lambda: _unavailable(text, asked.language or customers, at))
            judgement = judged
            return About(_about(judgement.application), lambda: _spoken(judgement, asked.language or customers))

        again = spoken_again(self._context, lambda work: self.on_file(work, reads, asked.caller_number))
        return await self._context.writer.submit_kept(SpokenVerdict, reads, decide, idempotency, again=again)

    def reads_by_phone(
        self, number: str | None, session_id: str | None = None, application_id: str | None = None
    ) -> ReadSet:
        """The read set of a verdict by telephone. `application_id` is the application that a dialogue is tied to."""
        index = self._context.number_index(number) if number else None
        return ReadSet(application_id, number_index=index, session_id=session_id, channel="ivr", cap="verdicts")

    def on_file(self, work: UnitOfWork, reads: ReadSet, number: str | None) -> Sequence[DecryptedApplication]:
        """The applications that have the calling number on file."""
        return work.applications.of_number(reads.number_index, number or "") if reads.number_index is not None else ()

    def judge_by_phone(
        self, work: UnitOfWork, reads: ReadSet, digits: str, number: str | None, named: str | None = None
    ) -> tuple[Judgement | NotFrom, Language]:
        """The verdict on keyed digits, or the reason why there is no verdict. Raises RateLimited.

        Also returns the language for the answer. `number` is the calling number. `named` is the application that the
        caller named, or None.
        """
        registered = self.on_file(work, reads, number)
        judgement = self._judge(work, reads, _Entry(digits, "ivr", named, number=number or ""), registered)
        if isinstance(judgement, Judgement) and judgement.call is not None and judgement.application is not None:
            return judgement, language_of([judgement.application])
        return judgement, language_of(registered)

    def _judge(
        self, work: UnitOfWork, reads: ReadSet, entry: _Entry, applications: Sequence[DecryptedApplication]
    ) -> Judgement | NotFrom:
        """Try the code, count the attempt, and sign the receipt. Raises RateLimited before it counts anything."""
        cap = self._context.settings.verdict_cap
        check_cap(work, reads, cap)
        tries = [self._try(work, entry, each) for each in self._candidates(work, applications)]
        if not tries:
            # If the caller has no application, do the same work as for one application (law L7).
            derive_code(decoys.KEYS.codes, decoys.call_id(0), decoys.APPLICATION_ID, 0)
        self._check_limits(work, entry, tries)
        good = [each for each in tries if each.good]
        match = next((each for each in good if each.candidate.open_to(entry.number)), None)
        if match is None or match.candidate.call.state == "confirmed":
            # Count every attempt except the first use of a right code. The number of calls already limits first uses.
            count(work, reads, cap)
        if match is not None:
            return self._accept(work, entry, match.candidate)
        if entry.number is not None and not applications:
            return "unregistered"
        return "other_number" if good else self._refuse(work, entry, tries)

    def _candidates(self, work: UnitOfWork, applications: Sequence[DecryptedApplication]) -> Sequence[Candidate]:
        return candidates(work, applications, self._context.settings.rules)

    def _try(self, work: UnitOfWork, entry: _Entry, candidate: Candidate) -> _Tried:
        """Try the code against the call of a candidate. The call may be a decoy."""
        application, call = candidate.application, candidate.call
        expected = derive_code(application.keys.codes, call.call_id, candidate.opened.statement, call.call_counter)
        named = entry.named in (None, application.application_id)
        right = same_code(entry.digits, expected) and candidate.own and named
        wrong = _wrong(work, application, call, entry.channel)
        suspended = self._context.cutoff.holds(candidate.opened.ticket.officer.id)
        good = right and not suspended and lifecycle.confirm_allowed(call, wrong, self._context.settings.rules)
        return _Tried(candidate, named, right, good, wrong)

    def _check_limits(self, work: UnitOfWork, entry: _Entry, tries: Sequence[_Tried]) -> None:
        """Raise RateLimited if a candidate's guess limit is reached, so that a right code never gets `not_genuine`.

        If a number has several customers, check only the candidates with an open call to the number: attempts on one
        customer must not lock out the others.
        """
        limit = self._context.settings.guess_limit
        shared = entry.number is not None and not of_one_customer([each.candidate for each in tries])
        for each in tries:
            if each.named and (not shared or each.candidate.open_to(entry.number)):
                tat = work.limits.tat(limit_key(each.candidate.application.application_id, entry.channel))
                decision = limits.decide(limit, tat, work.now_ms, cost=0)
                if not decision.allowed:
                    raise RateLimited(retry_after=decision.retry_after)

    def _accept(self, work: UnitOfWork, entry: _Entry, candidate: Candidate) -> Judgement:
        application, opened = candidate.application, candidate.opened
        if opened.call.state == "confirmed":
            # The same person has entered the code again while the call is open. Return the first receipt.
            receipt_id, evidence = work.calls.receipt_of(opened.call, application)
            return Judgement(opened, application, True, receipt_id, evidence, work.now_ms)
        receipt_id, leaf = self._receipt(work, entry, application, opened)
        call = lifecycle.confirm(opened.call, work.now_ms, leaf.leaf_index, self._context.settings.rules)
        work.calls.put(call)
        return Judgement(replace(opened, call=call), application, False, receipt_id, leaf.evidence, work.now_ms)

    def _refuse(self, work: UnitOfWork, entry: _Entry, tries: Sequence[_Tried]) -> Judgement:
        application = _whose(entry, tries)
        receipt_id, leaf = self._receipt(work, entry, application, None)
        guess = not any(each.right for each in tries)
        for each in tries:
            self._count(work, entry, each, guess=guess and each.named)
        return Judgement(None, application, False, receipt_id, leaf.evidence, work.now_ms)

    def _count(self, work: UnitOfWork, entry: _Entry, tried: _Tried, *, guess: bool) -> None:
        """Count a wrong code against a candidate, if `guess` is true.

        The row is always written, so that the amount of work does not reveal whether the code counts.

        By telephone, a wrong code counts only while a call to the calling number is open. Otherwise an attacker with a
        spoofed number could lock the customer out between calls.
        """
        rules, application, call = self._context.settings.rules, tried.candidate.application, tried.candidate.call
        key = limit_key(application.application_id, entry.channel)
        row = work.limits.get(key) or LimitRow(key, work.now_ms, call.call_id)
        counted = guess and tried.candidate.open_to(entry.number) and tried.wrong < rules.max_wrong
        spent = counted or (guess and entry.channel == "app")
        tat = limits.decide(self._context.settings.guess_limit, row.tat, work.now_ms, cost=int(spent)).tat
        call_id, wrong = (call.call_id, tried.wrong + 1) if counted else (row.call_id, row.wrong)
        work.limits.put(LimitRow(key, tat, call_id, wrong))
        app, ivr = (_wrong(work, application, call, each) for each in CHANNELS)
        after = lifecycle.after_wrong(call, app, ivr, work.now_ms, rules)
        if tried.candidate.own:
            work.calls.put(after)

    def _receipt(
        self, work: UnitOfWork, entry: _Entry, application: DecryptedApplication | None, opened: DecryptedCall | None
    ) -> tuple[str, StagedLeaf]:
        receipt_id = work.new_id("rcpt")
        salt = work.new_salt()
        # The receipt commits to the customer. If a caller's customer is unknown, it commits to the calling number.
        customer = entry.customer_id if application is None else application.registration.customer.id
        claims = Receipt(
            iss=self._context.settings.issuer,
            jti=receipt_id,
            iat=work.now_ms // 1000,
            verdict="not_genuine" if opened is None else "genuine",
            channel=entry.channel,
            customer=commitment(salt, customer if customer is not None else entry.number or ""),
            code=commitment(salt, entry.digits),
            call=None if opened is None or application is None else _confirmed_call(opened, application.loan),
            never_asks=NEVER_ASKS,
            salt=salt,
        )
        owner = entry.customer_index if application is None else application.row.customer_index
        return receipt_id, work.log.append(RECEIPT, receipt_id, claims, application, owner)


def _about(application: DecryptedApplication | None) -> str | None:
    return None if application is None else application.application_id


def _whose(entry: _Entry, tries: Sequence[_Tried]) -> DecryptedApplication | None:
    """The application that the receipt of a refusal belongs to, or None if it is unknown.

    It is the application that the customer named. If the customer named none of their applications, it is their first
    application.
    """
    found: Sequence[Candidate] = [each.candidate for each in tries]
    if entry.number is not None:
        found = of_caller(found, entry.number)
    named = [each for each in found if each.application.application_id == entry.named]
    return next((each.application for each in (*named, *found)), None)


def _wrong(work: UnitOfWork, application: DecryptedApplication, call: Call, channel: Channel) -> int:
    """The number of wrong codes that were tried against a call on a channel."""
    row = work.limits.get(limit_key(application.application_id, channel))
    return row.wrong if row is not None and row.call_id == call.call_id else 0


def _confirmed_call(opened: DecryptedCall, loan: Loan) -> ConfirmedCall:
    call, ticket = opened.call, opened.ticket
    leg = LegEvidence(call.leg_mode, _seconds(call.connected_at), _seconds(call.leg_ended_at))
    return ConfirmedCall(
        call_id=call.call_id,
        ticket=base64url(digest(opened.statement)),
        officer=ticket.officer,
        orig=ticket.orig,
        dest=ticket.dest,
        purpose=ticket.purpose,
        asks=ticket.asks,
        leg=leg,
        loan=loan,
    )


def _seconds(ms: int | None) -> int | None:
    return None if ms is None else ms // 1000


def _verdict(judgement: Judgement) -> Verdict:
    return Verdict(
        verdict="not_genuine" if judgement.call is None else "genuine",
        at=from_ms(judgement.at),
        given_before=judgement.given_before,
        words=tuple(Words(language, _verdict_words(judgement, language)) for language in words.LANGUAGES),
        call=None if judgement.call is None else _details(judgement.call, judgement.loan),
        receipt_id=judgement.receipt_id,
        receipt=judgement.evidence(),
    )


def _details(opened: DecryptedCall, loan: Loan) -> CallDetails:
    call, ticket = opened.call, opened.ticket
    return CallDetails(
        call_id=call.call_id,
        officer=ticket.officer,
        purpose=ticket.purpose,
        asks=ticket.asks,
        never_asks=NEVER_ASKS,
        number=opened.number,
        caller_number="+" + ticket.orig.tn,
        leg=LegView(call.leg_mode, optional_from_ms(call.connected_at), optional_from_ms(call.leg_ended_at)),
        loan=loan,
    )


def _spoken(judgement: Judgement, language: Language) -> SpokenVerdict:
    return SpokenVerdict(
        verdict="not_genuine" if judgement.call is None else "genuine",
        at=from_ms(judgement.at),
        given_before=judgement.given_before,
        words=Words(language, _verdict_words(judgement, language, spoken=True)),
        receipt_id=judgement.receipt_id,
        transfer_to=None if judgement.call is None else judgement.call.ticket.officer.id,
    )


def _unavailable(text: dict[Language, str], language: Language, at: int) -> SpokenVerdict:
    return SpokenVerdict(
        verdict="unavailable",
        at=from_ms(at),
        given_before=False,
        words=Words(language, text[language]),
        receipt_id=None,
        transfer_to=None,
    )


def _verdict_words(judgement: Judgement, language: Language, *, spoken: bool = False) -> str:
    """The text that the customer reads or, if it is `spoken`, hears."""
    if judgement.call is None:
        return words.NOT_GENUINE[language]
    ticket = judgement.call.ticket
    facts = ticket.officer, ticket.purpose, ticket.asks, judgement.loan
    return words.genuine(language, *facts, spoken=spoken)
