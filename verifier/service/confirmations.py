"""Confirmations, by app and by telephone: one path, one answer. Carries out specs/protocol.md section 7."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from verifier.core import call as lifecycle
from verifier.core import limits, words
from verifier.core.call import Call, Channel
from verifier.core.code import derive_code, parse_code, same_code
from verifier.core.errors import RateLimited
from verifier.core.messages import (
    CallDetails,
    Confirm,
    ConfirmByPhone,
    LegView,
    LogEvidence,
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
from verifier.service.batch import Batch
from verifier.service.context import Context
from verifier.service.needs import Needs
from verifier.service.opened import OpenApplication, OpenCall, StagedLeaf
from verifier.service.records import limit_key
from verifier.service.writer import Answer, Idempotency

# Why nothing can be said to a caller by the number that rings: it is on file nowhere, or the call went to another.
NotFrom = Literal["unregistered", "other_number"]

UNCHECKED: dict[NotFrom, dict[Language, str]] = {"unregistered": words.UNREGISTERED, "other_number": words.OTHER_NUMBER}
_DECOY_KEY = bytes(32)
_DECOY_CALL = "call_" + "0" * 32


class _Entry(Struct, frozen=True):
    """A code entered by a customer: who, where, and the applications it may be tried against (law L12).

    `number` is the one that rings, None on the app.
    """

    digits: str
    channel: Channel
    customer_id: str
    customer_index: bytes | None
    applications: tuple[OpenApplication, ...]
    number: str | None = None


class _Match(Struct, frozen=True):
    """What the code fits: `call` is the one to be confirmed, `elsewhere` says that it fits one to another number only,
    `any_right` that it fits one, which may be over; `settled` are all that were tried."""

    call: tuple[OpenApplication, OpenCall] | None
    settled: tuple[Call, ...]
    any_right: bool
    elsewhere: bool


class Outcome(Struct, frozen=True):
    """The verdict on an entry. `call` is None for every refusal, whatever its reason (law L7).

    `application` is the one that the receipt goes with: that of the call, or the first that was tried.
    """

    call: OpenCall | None
    application: OpenApplication | None
    given_before: bool
    receipt_id: str
    evidence: Callable[[], LogEvidence]
    at: int


class Confirmations:
    """Use cases on confirmations."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def confirm(self, customer: Principal, asked: Confirm, idempotency: Idempotency) -> bytes:
        """A logged-in customer enters a code; the answer is a `Verdict`.

        Raises MalformedCode for a slip, before anything is spent, and RateLimited beyond the guess bound.
        """
        digits = parse_code(asked.code)
        customer_index = self._context.customer_index(customer.id)

        def decide(batch: Batch) -> Answer:
            found = batch.applications_of_customer(customer_index)
            entry = _Entry(digits, "app", customer.id, customer_index, _narrowed(found, asked.application_id))
            outcome = self._judge(batch, entry, self._match(batch, entry))
            return lambda: _verdict(outcome)

        needs = Needs(customer_index=customer_index, channel="app")
        return await self._context.writer.submit(needs, decide, idempotency)

    async def confirm_by_phone(self, asked: ConfirmByPhone, idempotency: Idempotency) -> bytes:
        """The IVR passes on the digits a caller keyed; the answer is a `SpokenVerdict`.

        Only the applications on which the calling number is on file are looked at, and only a call to that very
        number is genuine (law L12). A withheld or unknown number, and one with the code of a call to another
        number, is told that nothing can be checked from it; nothing is spent.
        """
        digits = parse_code(asked.digits, "/digits")
        number = asked.caller_number

        def decide(batch: Batch) -> Answer:
            at = batch.now_ms
            judged, customers = self.judge_by_phone(batch, digits, number, asked.application_id)
            if not isinstance(judged, Outcome):
                text = UNCHECKED[judged]
                return lambda: _unavailable(text, asked.language or customers, at)
            outcome = judged
            return lambda: _spoken(outcome, asked.language or customers)

        needs = Needs(number_index=self._context.number_index(number) if number else None, channel="ivr")
        return await self._context.writer.submit(needs, decide, idempotency)

    def judge_by_phone(
        self, batch: Batch, digits: str, number: str | None, application_id: str | None = None
    ) -> tuple[Outcome | NotFrom, Language]:
        """The verdict on digits keyed from a number, or why there is none; and the language of its customer.

        Raises RateLimited.
        """
        registered = batch.applications_of_number(self._context.number_index(number), number) if number else []
        if not registered:
            return "unregistered", "zh-CN"
        first = registered[0]
        language = first.registration.customer.language
        entry = _Entry(
            digits,
            "ivr",
            first.registration.customer.id,
            first.row.customer_index,
            _narrowed(registered, application_id),
            number,
        )
        match = self._match(batch, entry)
        if match.call is None and match.elsewhere:
            return "other_number", language
        return self._judge(batch, entry, match), language

    def _match(self, batch: Batch, entry: _Entry) -> _Match:
        """Try the code against the open call of each application. Raises RateLimited."""
        self._check_limits(batch, entry)
        rules = self._context.settings.rules
        matched: tuple[OpenApplication, OpenCall] | None = None
        settled: list[Call] = []
        any_right = elsewhere = False
        for application in entry.applications:
            opened = self._open_call(batch, application)
            right = same_code(entry.digits, _expected(application, opened))
            if opened is None:
                continue
            settled.append(opened.call)
            any_right = any_right or right
            if right and lifecycle.confirm_allowed(opened.call, entry.channel, rules):
                if entry.number in (None, opened.number):
                    matched = (application, opened)
                else:
                    elsewhere = True
        if not entry.applications:
            # As much work for somebody who has no application as for somebody who has one (law L7).
            same_code(entry.digits, _expected(None, None))
        return _Match(matched, tuple(settled), any_right, elsewhere)

    def _judge(self, batch: Batch, entry: _Entry, match: _Match) -> Outcome:
        """Spend or count, and sign the receipt."""
        if match.call is None:
            return self._refuse(batch, entry, match.settled, count=not match.any_right)
        return self._accept(batch, entry, *match.call)

    def _check_limits(self, batch: Batch, entry: _Entry) -> None:
        """Raise RateLimited beyond the guess bound of any candidate: a right code must never read `not_genuine`."""
        limit = self._context.settings.guess_limit
        for application in entry.applications:
            decision = limits.decide(limit, batch.limit(_key(application, entry)), batch.now_ms, cost=0)
            if not decision.allowed:
                raise RateLimited(retry_after=decision.retry_after)

    def _open_call(self, batch: Batch, application: OpenApplication) -> OpenCall | None:
        opened = batch.open_call(application)
        if opened is None:
            return None
        return replace(opened, call=lifecycle.settle(opened.call, batch.now_ms, self._context.settings.rules))

    def _accept(self, batch: Batch, entry: _Entry, application: OpenApplication, opened: OpenCall) -> Outcome:
        if opened.call.state == "confirmed":
            # The same customer again, while the call goes on: the same receipt, not a second consumption.
            receipt_id, evidence = batch.receipt_of(opened.call, application)
            return Outcome(opened, application, True, receipt_id, evidence, batch.now_ms)
        # A number may be on file for several customers; the receipt is that of the one who is called.
        customer_id = application.registration.customer.id
        entry = replace(entry, customer_id=customer_id, customer_index=application.row.customer_index)
        receipt_id, leaf = self._receipt(batch, entry, application, opened)
        call = lifecycle.confirm(opened.call, batch.now_ms, leaf.leaf_index, self._context.settings.rules)
        batch.put_call(call)
        return Outcome(replace(opened, call=call), application, False, receipt_id, leaf.evidence, batch.now_ms)

    def _refuse(self, batch: Batch, entry: _Entry, settled: tuple[Call, ...], *, count: bool) -> Outcome:
        application = entry.applications[0] if entry.applications else None
        receipt_id, leaf = self._receipt(batch, entry, application, None)
        rules = self._context.settings.rules
        for call in settled:
            wrong = count and call.open and call.wrong(entry.channel) < rules.max_wrong
            batch.put_call(lifecycle.count_wrong(call, entry.channel, batch.now_ms, rules) if wrong else call)
        if count:
            limit = self._context.settings.guess_limit
            for each in entry.applications:
                key = _key(each, entry)
                batch.put_limit(key, limits.decide(limit, batch.limit(key), batch.now_ms).tat)
        return Outcome(None, application, False, receipt_id, leaf.evidence, batch.now_ms)

    def _receipt(
        self, batch: Batch, entry: _Entry, application: OpenApplication | None, opened: OpenCall | None
    ) -> tuple[str, StagedLeaf]:
        receipt_id = batch.new_id("rcpt")
        salt = batch.new_salt()
        claims = Receipt(
            iss=self._context.settings.issuer,
            jti=receipt_id,
            iat=batch.now_ms // 1000,
            verdict="not_genuine" if opened is None else "genuine",
            channel=entry.channel,
            customer=commitment(salt, entry.customer_id),
            code=commitment(salt, entry.digits),
            call=None if opened is None else _confirmed_call(opened),
            never_asks=NEVER_ASKS,
            salt=salt,
        )
        return receipt_id, batch.append(RECEIPT, receipt_id, claims, application, entry.customer_index)


def _narrowed(applications: list[OpenApplication], application_id: str | None) -> tuple[OpenApplication, ...]:
    return tuple(each for each in applications if application_id in (None, each.application_id))


def _key(application: OpenApplication, entry: _Entry) -> str:
    return limit_key(application.application_id, entry.channel)


def _expected(application: OpenApplication | None, opened: OpenCall | None) -> str:
    """The code of the open call; without one a decoy takes as long and can never match."""
    if application is None or opened is None:
        return derive_code(_DECOY_KEY, _DECOY_CALL, _DECOY_CALL, 0)[:-1] + "x"
    return derive_code(application.keys.codes, opened.call.call_id, opened.statement, opened.call.call_counter)


def _confirmed_call(opened: OpenCall) -> ConfirmedCall:
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
    )


def _seconds(ms: int | None) -> int | None:
    return None if ms is None else ms // 1000


def _verdict(outcome: Outcome) -> Verdict:
    return Verdict(
        verdict="not_genuine" if outcome.call is None else "genuine",
        at=from_ms(outcome.at),
        given_before=outcome.given_before,
        words=tuple(Words(language, _verdict_words(outcome, language)) for language in words.LANGUAGES),
        call=None if outcome.call is None else _details(outcome.call),
        receipt_id=outcome.receipt_id,
        receipt=outcome.evidence(),
    )


def _details(opened: OpenCall) -> CallDetails:
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
    )


def _spoken(outcome: Outcome, language: Language) -> SpokenVerdict:
    return SpokenVerdict(
        verdict="not_genuine" if outcome.call is None else "genuine",
        at=from_ms(outcome.at),
        given_before=outcome.given_before,
        words=Words(language, _verdict_words(outcome, language)),
        receipt_id=outcome.receipt_id,
        transfer_to=None if outcome.call is None else outcome.call.ticket.officer.id,
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


def _verdict_words(outcome: Outcome, language: Language) -> str:
    """What the customer is told."""
    if outcome.call is None:
        return words.NOT_GENUINE[language]
    ticket = outcome.call.ticket
    return words.genuine(language, ticket.officer, ticket.purpose, ticket.asks)
