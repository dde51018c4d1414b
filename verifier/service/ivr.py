"""Telephone dialogues. Each step is one command. Implements specs/protocol.md section 7.7."""

from __future__ import annotations

from functools import partial

import msgspec
from msgspec import Struct

from verifier.core import dialogue as machine
from verifier.core.dialogue import Dialogue, Turn
from verifier.core.errors import MalformedCode, NotFound, RateLimited
from verifier.core.messages.dialogues import BeginSession, HeardKeys, IvrTurn
from verifier.core.words import LANGUAGES
from verifier.ledger import records
from verifier.ledger.commands import About, Reply
from verifier.ledger.decrypted import session_context
from verifier.ledger.idempotency import Idempotency
from verifier.ledger.read_set import ReadSet
from verifier.ledger.unit_of_work import UnitOfWork
from verifier.service.confirmations.answers import past_call, to_another, who
from verifier.service.confirmations.candidates import with_number
from verifier.service.confirmations.confirm import Confirmations
from verifier.service.confirmations.entries import by_phone, looking_again, with_earlier
from verifier.service.confirmations.replays import goes_on, turn_again
from verifier.service.context import Context
from verifier.service.customers.call_history import read_kept_since
from verifier.service.customers.calls_to_number import tell_calls, with_calls
from verifier.service.notifications.outbox import Outbox, ReceiptFor

LIFETIME_MS = 1_800_000
_encode = msgspec.json.Encoder().encode


class _Session(Struct, frozen=True):
    """The sealed state of a dialogue.

    `receipt_for` is the customer and the application of the last receipt. It is None if no receipt can be sent.
    """

    caller_number: str | None
    expires_at: int
    dialogue: Dialogue
    receipt_for: ReceiptFor | None = None


_decode = msgspec.json.Decoder(_Session).decode


class Ivr:
    """Use cases of voice platforms. The service decides each turn of the dialogue."""

    def __init__(self, context: Context, confirmations: Confirmations, outbox: Outbox) -> None:
        self._context = context
        self._outbox = outbox
        self._confirmations = confirmations

    async def begin(self, asked: BeginSession, idempotency: Idempotency | None) -> Reply[IvrTurn]:
        """Begin a dialogue. This does not count as an attempt.

        The greeting is the same whether or not the number is on file.
        """
        context = self._context
        bank = context.settings.bank_name or context.settings.issuer.split("//")[1]
        number_index = None if asked.caller_number is None else context.number_index(asked.caller_number)

        def decide(work: UnitOfWork) -> About[IvrTurn]:
            dialogue, turn = machine.begin(bank, asked.language or "zh-CN")
            session_id = work.new_id("ivr")
            session = _Session(asked.caller_number, work.now_ms + LIFETIME_MS, dialogue)
            work.dialogues.add(session_id, _encode(session), session.expires_at, number_index)
            return About(None, lambda: _turn(session_id, turn))

        return await context.writer.submit_kept(IvrTurn, ReadSet(), decide, idempotency)

    async def step(self, session_id: str, heard: HeardKeys, idempotency: Idempotency) -> Reply[IvrTurn]:
        """Continue a dialogue after the caller has pressed keys or was silent. Returns the next turn.

        Raises NotFound if the dialogue has expired, or if its application was erased.
        """
        context = self._context
        rows = await context.storage.fetch_in(records.SESSIONS, [session_id])
        if not rows or context.clock() >= rows[0][2]:
            raise NotFound("there is no such session, or it is over")
        # The calling number never changes during a dialogue, so it can be read before the batch.
        _, sealed, expires_at, about = rows[0]
        context_of = session_context(session_id, expires_at, about)
        before = _decode(context.ring.unseal(context_of, sealed))
        caller_number = before.caller_number
        first = self._confirmations.reads_by_phone(caller_number, session_id, about)
        kept_since = 0
        digits = machine.keyed_code(heard.keys)
        if digits is not None:
            first = with_earlier(context, first, by_phone(digits, caller_number), None)
        if machine.looks(before.dialogue, heard.keys):
            first, kept_since = with_calls(first, context.clock()), await read_kept_since(context)

        def decide(work: UnitOfWork, reads: ReadSet) -> About[IvrTurn]:
            state, application_id = work.dialogues.get(session_id)
            named = work.applications.row(application_id) if application_id is not None else None
            if named is not None and named.erased_at is not None:
                raise NotFound("there is no such session, or it is over")
            session = _decode(state)
            receipt_for, dialogue = session.receipt_for, session.dialogue
            on_file = self._confirmations.on_file(work, reads, caller_number)
            if dialogue.verdict == "genuine" and not goes_on(context, work, on_file, dialogue.evidence):
                dialogue = machine.close(dialogue)
            # Tie the dialogue to an application, so that erasing the application deletes it.
            application_id = application_id or next((each.application_id for each in on_file), None)
            dialogue, turn = machine.hear(dialogue, heard.keys)
            if turn.act == "check":
                dialogue, turn, receipt_for, about = self._check(work, reads, dialogue, turn.digits, caller_number)
                application_id = about or application_id
            if turn.act == "look":
                rung = with_number(work, reads, caller_number)
                dialogue, turn = tell_calls(work, context, reads, rung, caller_number, dialogue, kept_since)
            if turn.act == "transfer" and self._context.cutoff.holds(turn.to):
                turn = msgspec.structs.replace(turn, to=machine.FRAUD_DESK)
            if turn.message and receipt_for is not None:
                there = {each.application_id for each in on_file}
                # If the application was erased after the verdict, do not send its receipt.
                if receipt_for.application_id in there:
                    self._outbox.add(work, turn.message, receipt_for, dialogue.language)
            kept = msgspec.structs.replace(session, dialogue=dialogue, receipt_for=receipt_for)
            work.dialogues.put(session_id, _encode(kept), application_id)
            return About(application_id, lambda: _turn(session_id, turn))

        again = turn_again(context, lambda work: self._confirmations.on_file(work, first, caller_number))

        async def look(reads: ReadSet) -> Reply[IvrTurn]:
            decided = partial(decide, reads=reads)
            return await context.writer.submit_kept(IvrTurn, reads, decided, idempotency, again=again)

        return await looking_again(look, first)

    def _check(
        self, work: UnitOfWork, reads: ReadSet, dialogue: Dialogue, digits: str, caller_number: str | None
    ) -> tuple[Dialogue, Turn, ReceiptFor | None, str | None]:
        """Check the digits that the caller keyed.

        Returns the next state, the next turn, the recipient of the receipt, and the id of the application that the
        verdict is about. Without a verdict, the recipient and the id are None.
        """
        try:
            outcome, _ = self._confirmations.judge_by_phone(work, reads, by_phone(digits, caller_number))
        except RateLimited:
            return *machine.no_verdict(dialogue, "too_many"), None, None
        if isinstance(outcome, MalformedCode):
            return *machine.ask_to_repeat(dialogue), None, None
        if isinstance(outcome, str):
            return *machine.no_verdict(dialogue, outcome), None, None
        receipt_for = self._outbox.recipient(outcome.application, outcome.contact)
        receipt = outcome.receipt_id if receipt_for else ""
        about = outcome.application.application_id if outcome.application is not None else None
        if outcome.call is None:
            return *machine.judge(dialogue, "not_genuine", receipt=receipt), receipt_for, about
        if outcome.verdict == "ended":
            told = {language: past_call(outcome, language) for language in LANGUAGES}
            judged = machine.judge(dialogue, "ended", told, receipt=receipt, evidence=outcome.receipt_id)
            return *judged, receipt_for, about
        told = {language: who(outcome, language, spoken=True) for language in LANGUAGES}
        officer_id = outcome.call.ticket.officer.id
        evidence, another = outcome.receipt_id, to_another(outcome)
        judged = machine.judge(dialogue, "genuine", told, officer_id, receipt, evidence, to_another=another)
        return *judged, receipt_for, about


def _turn(session_id: str, turn: Turn) -> IvrTurn:
    # `step` has replaced the turns that need an answer of the service.
    assert turn.act != "check" and turn.act != "look"  # noqa: S101, PT018
    return IvrTurn(session_id, turn.say, turn.act, turn.slow, turn.to or None, turn.evidence or None)
