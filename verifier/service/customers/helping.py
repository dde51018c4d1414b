"""Helping: what a helper does for the people who have invited them. Implements specs/protocol.md section 7.18."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from verifier.core import helped_words, words
from verifier.core.application import Officer
from verifier.core.errors import InvalidField, NotFound, TooManyHelpers
from verifier.core.invitations import parse_invitation
from verifier.core.messages.confirmations import Words
from verifier.core.messages.customers import StatusState
from verifier.core.messages.helpers import EnterInvitation, Helped, HelpedCallStatus, Helping
from verifier.core.principal import Principal
from verifier.core.times import DAY_MS, from_ms
from verifier.ledger.commands import About, Answer, Reply
from verifier.ledger.helpers import DecryptedHelper, seal_facts
from verifier.ledger.idempotency import Idempotency
from verifier.ledger.read_set import ReadSet
from verifier.ledger.tables import HelperRow
from verifier.ledger.unit_of_work import UnitOfWork
from verifier.service.confirmations.daily_caps import check_cap, count
from verifier.service.confirmations.helped import helped_by
from verifier.service.confirmations.looks import add_look
from verifier.service.context import Context
from verifier.service.customers.helpers import INVITATION_CAP, check_name, ended
from verifier.service.customers.progress import calls_on_their_way
from verifier.service.legs.exchanges import TelephoneExchanges

MAX_PEOPLE = 10
# How long the customer has to confirm that the person who entered the invitation is their helper.
CONFIRM_MS = DAY_MS
# Reads of the call status are recorded once in this time for each helper.
STATUS_RECORDED_MS = 3_600_000


class _Entered(Struct, frozen=True):
    """What became of an invitation that was entered. `helped` is None if it was refused, which counts as a try.

    The refusal is kept for retries too, so that a retry counts as no other try.
    """

    helped: Helped | None


class HelpingPeople:
    """Use cases of a helper."""

    def __init__(self, context: Context, exchanges: TelephoneExchanges) -> None:
        self._context = context
        self._exchanges = exchanges

    async def enter(self, helper: Principal, asked: EnterInvitation, idempotency: Idempotency) -> Reply[Helped]:
        """Enter an invitation. From then on it cannot be entered again. The customer still has to confirm.

        Raises NotFound for an invitation that is unknown, used or expired: all the same. It counts as a try. Raises
        RateLimited after too many tries in one day. Raises InvalidField for the customer's own invitation, or for a
        second one of the same customer. Raises TooManyHelpers.
        """
        check_name("/name", asked.name)
        check_name("/person", asked.person)
        context = self._context
        index = context.customer_index(helper.id)
        invitation = context.invitation_index(parse_invitation(asked.invitation))
        reads = ReadSet(helping=index, invitation=invitation, cap="entered_invitations")

        def decide(work: UnitOfWork) -> About[_Entered]:
            check_cap(work, reads, INVITATION_CAP)
            found = work.helpers.invited(invitation)
            if found is None or found.state(work.now_ms) != "invited":
                count(work, reads, INVITATION_CAP)
                return About(None, lambda: _Entered(None))
            people = [each.row for each in work.helpers.of_helper(index) if _lasting(each, work.now_ms)]
            _check_new(found.row, index, people)
            facts = replace(found.facts, login=helper.id, said_name=asked.name, person=asked.person)
            until = work.now_ms + CONFIRM_MS
            row = replace(
                found.row,
                helper_index=index,
                invitation=None,
                entered_at=work.now_ms,
                valid_until=until,
                expires_at=until,
                sealed=seal_facts(work.ring, found.row.helper_id, found.row.customer_index, facts),
            )
            work.helpers.put(row)
            return About(None, lambda: _Entered(_view(DecryptedHelper(row, facts), work.now_ms)))

        entered = (await context.writer.submit_kept(_Entered, reads, decide, idempotency)).value
        if entered.helped is None:
            raise NotFound("there is no such invitation, or it is over; ask for a new one")
        return Reply.of(entered.helped)

    async def list(self, helper: Principal) -> Helping:
        """The people whom the helper helps, and those who have not confirmed yet."""
        context = self._context
        now_ms = context.clock()
        found = await context.helpers.of_helper(context.customer_index(helper.id))
        return Helping(tuple(_view(each, now_ms) for each in found if _lasting(each, now_ms)))

    async def end(self, helper: Principal, helper_id: str) -> Helped:
        """Help a person no longer. A second time gives the same answer. Raises NotFound."""
        index = self._context.customer_index(helper.id)

        def decide(work: UnitOfWork) -> Answer[Helped]:
            found = next((each for each in work.helpers.of_helper(index) if each.row.helper_id == helper_id), None)
            if found is None:
                raise NotFound("you do not help this person")
            row = ended(found.row, work.now_ms)
            work.helpers.put(row)
            return lambda: _view(DecryptedHelper(row, found.facts), work.now_ms)

        return await self._context.writer.submit(ReadSet(helping=index), decide)

    async def call_status(self, helper: Principal, helper_id: str) -> HelpedCallStatus:
        """Whether the bank is calling the person whom the helper helps (law L13), but not what the call is about.

        The look is recorded first, at most once an hour. Without the record, there is no answer. Raises NotFound if the
        helper does not help the person now.
        """
        context = self._context
        now_ms, index = context.clock(), context.customer_index(helper.id)
        found, helped = helped_by(await context.helpers.of_helper(index), helper_id, now_ms)
        if _unrecorded(found.row, now_ms):
            await self._record(index, helper_id)
        if await self._exchanges.silent():
            return _status(now_ms, "unknown")
        on = await context.reading.applications_of_customer(helped.person_index, helped.person_id)
        state, calls = await calls_on_their_way(context, helped.applications(on), helped.person_id, now_ms)
        return _status(now_ms, state or "none", *(each.ticket.officer for each in calls))

    async def _record(self, helper_index: bytes, helper_id: str) -> None:
        def decide(work: UnitOfWork) -> Answer[Helped]:
            found, _ = helped_by(work.helpers.of_helper(helper_index), helper_id, work.now_ms)
            if _unrecorded(found.row, work.now_ms):
                work.helpers.put(replace(found.row, status_at=work.now_ms))
                add_look(work, helper_id, "call_status")
            return lambda: _view(found, work.now_ms)

        await self._context.writer.submit(ReadSet(helping=helper_index), decide)


def _lasting(helper: DecryptedHelper, now_ms: int) -> bool:
    return helper.state(now_ms) in ("entered", "active")


def _unrecorded(row: HelperRow, now_ms: int) -> bool:
    return row.status_at is None or now_ms - row.status_at >= STATUS_RECORDED_MS


def _check_new(invited: HelperRow, helper_index: bytes, people: list[HelperRow]) -> None:
    """Check that the login may enter this invitation, next to the `people` they help already."""
    if invited.customer_index == helper_index:
        raise InvalidField.at("/invitation", "this is your own invitation; your helper enters it on their own device")
    if any(each.customer_index == invited.customer_index for each in people):
        raise InvalidField.at("/invitation", "you help this person already")
    if len(people) >= MAX_PEOPLE:
        raise TooManyHelpers(f"you can help {MAX_PEOPLE} people; end one first")


def _view(helper: DecryptedHelper, now_ms: int) -> Helped:
    row = helper.row
    return Helped(row.helper_id, helper.facts.person or "", helper.state(now_ms), from_ms(row.valid_until))


def _status(now_ms: int, state: StatusState, *officers: Officer) -> HelpedCallStatus:
    first = officers[0] if officers else None
    said = tuple(Words(each, helped_words.helped_status(each, state, first)) for each in words.LANGUAGES)
    return HelpedCallStatus(from_ms(now_ms), state, officers, said)
