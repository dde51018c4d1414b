"""Helpers, for the customer who invites them. Implements specs/protocol.md section 7.18."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from verifier.core.errors import InvalidField, NotFound, TooManyHelpers
from verifier.core.invitations import ENTROPY_BYTES, make_invitation, show_invitation
from verifier.core.limits import Limit
from verifier.core.messages.helpers import Helper, HelperLook, Helpers, Invited, InviteHelper
from verifier.core.names import fault
from verifier.core.principal import Principal
from verifier.core.times import DAY_MS, from_ms, optional_from_ms
from verifier.ledger.commands import About, Answer, Reply
from verifier.ledger.helpers import DecryptedHelper, HelperFacts, seal_facts
from verifier.ledger.idempotency import Idempotency
from verifier.ledger.read_set import ReadSet
from verifier.ledger.tables import HelperLookRow, HelperRow
from verifier.ledger.unit_of_work import UnitOfWork
from verifier.service.confirmations.daily_caps import check_cap, count
from verifier.service.confirmations.looks import LOOKS_KEPT_MS
from verifier.service.context import Context

MAX_HELPERS = 3
INVITATION_MS = 600_000
HELPING_MS = 30 * DAY_MS
# How many invitations a customer makes, and how many wrong ones a login enters, in one day. They are counted apart.
INVITATION_CAP = Limit(burst=10, period_ms=DAY_MS)
MAX_LOOKS = 100


class HelpersOfCustomer:
    """Use cases of a customer with helpers."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def invite(self, customer: Principal, asked: InviteHelper, idempotency: Idempotency) -> Reply[Invited]:
        """Make an invitation. It is stored as a blind index only, and can be entered once.

        Raises NotFound for a customer without an application on which they may confirm codes. Raises TooManyHelpers
        or RateLimited.
        """
        check_name("/name", asked.name)
        context = self._context
        index = context.customer_index(customer.id)
        reads = ReadSet(customer_index=index, helpers=True, cap="invitations")

        def decide(work: UnitOfWork) -> About[Invited]:
            applications = work.applications.of_customer(index, customer.id)
            if not any(each.may(customer.id, "confirm") for each in applications):
                raise NotFound("you have no application here")
            check_cap(work, reads, INVITATION_CAP)
            found = [each.state(work.now_ms) for each in work.helpers.of_customer(index)]
            if sum(each in ("invited", "entered", "active") for each in found) >= MAX_HELPERS:
                raise TooManyHelpers(f"you can have {MAX_HELPERS} helpers; end one first")
            count(work, reads, INVITATION_CAP)
            helper_id, letters = work.new_id("help"), make_invitation(context.entropy(ENTROPY_BYTES))
            until = work.now_ms + INVITATION_MS
            row = HelperRow(
                helper_id=helper_id,
                customer_index=index,
                helper_index=None,
                invitation=context.invitation_index(letters),
                invited_at=work.now_ms,
                entered_at=None,
                confirmed_at=None,
                valid_until=until,
                ended_at=None,
                status_at=None,
                expires_at=until,
                sealed=seal_facts(work.ring, helper_id, index, HelperFacts(customer.id, asked.name)),
            )
            work.helpers.put(row)
            about = applications[0].application_id
            return About(about, lambda: Invited(helper_id, show_invitation(letters), from_ms(until)))

        return await context.writer.submit_kept(Invited, reads, decide, idempotency)

    async def list(self, customer: Principal) -> Helpers:
        """The customer's helpers, each with their looks."""
        context = self._context
        now_ms = context.clock()
        found = await context.helpers.of_customer(context.customer_index(customer.id))
        shown = [each for each in found if each.row.confirmed_at is not None or _pending(each, now_ms)]
        since = now_ms - LOOKS_KEPT_MS
        views = []
        for each in shown:
            looks = await context.helpers.looks(each.row.helper_id, MAX_LOOKS)
            views.append(_view(each, now_ms, [look for look in looks if look.seen_at > since]))
        return Helpers(tuple(views))

    async def confirm(self, customer: Principal, helper_id: str, idempotency: Idempotency) -> Reply[Helper]:
        """Confirm that the person who entered the invitation is the helper, or let a helper look for 30 more days.

        Raises NotFound if nobody has entered the invitation, if the helper has ended, or if the customer has no
        application on which they may confirm codes.
        """
        index = self._context.customer_index(customer.id)

        def decide(work: UnitOfWork) -> About[Helper]:
            found = _mine(work, index, helper_id)
            applications = work.applications.of_customer(index, customer.id)
            may_confirm = any(each.may(customer.id, "confirm") for each in applications)
            if not may_confirm or found.state(work.now_ms) not in ("entered", "active"):
                raise NotFound("nobody is waiting to be confirmed here")
            until = work.now_ms + HELPING_MS
            row = replace(
                found.row,
                confirmed_at=found.row.confirmed_at or work.now_ms,
                valid_until=until,
                expires_at=until + LOOKS_KEPT_MS,
                sealed=seal_facts(work.ring, helper_id, index, found.facts),
            )
            work.helpers.put(row)
            # An erasure deletes the kept answer with the application, and the helper with the last one.
            about = applications[0].application_id
            return About(about, lambda: _view(DecryptedHelper(row, found.facts), work.now_ms))

        reads = ReadSet(customer_index=index, helpers=True)
        return await self._context.writer.submit_kept(Helper, reads, decide, idempotency)

    async def end(self, customer: Principal, helper_id: str) -> Helper:
        """End a helper or an invitation, at once. A second time gives the same answer. Raises NotFound."""
        index = self._context.customer_index(customer.id)

        def decide(work: UnitOfWork) -> Answer[Helper]:
            found = _mine(work, index, helper_id)
            row = ended(found.row, work.now_ms)
            work.helpers.put(row)
            return lambda: _view(DecryptedHelper(row, found.facts), work.now_ms)

        return await self._context.writer.submit(ReadSet(customer_index=index, helpers=True), decide)


def check_name(pointer: str, name: str) -> None:
    """Raise InvalidField for a name with a link or an invisible mark. Another person reads it."""
    if what := fault(name):
        raise InvalidField.at(pointer, what)


def ended(row: HelperRow, now_ms: int) -> HelperRow:
    """The row of a helper who ends now. If they could look, it stays for as long as their looks can be seen."""
    if row.ended_at is not None:
        return row
    expires_at = row.expires_at if row.confirmed_at is None else now_ms + LOOKS_KEPT_MS
    return replace(row, ended_at=now_ms, invitation=None, expires_at=expires_at)


def _pending(helper: DecryptedHelper, now_ms: int) -> bool:
    return helper.state(now_ms) in ("invited", "entered")


def _mine(work: UnitOfWork, customer_index: bytes, helper_id: str) -> DecryptedHelper:
    for each in work.helpers.of_customer(customer_index):
        if each.row.helper_id == helper_id:
            return each
    raise NotFound("you have no such helper")


def _view(helper: DecryptedHelper, now_ms: int, looks: Sequence[HelperLookRow] = ()) -> Helper:
    row, facts = helper.row, helper.facts
    return Helper(
        helper_id=row.helper_id,
        name=facts.name,
        state=helper.state(now_ms),
        said_name=facts.said_name,
        login=facts.login,
        invited_at=from_ms(row.invited_at),
        entered_at=optional_from_ms(row.entered_at),
        confirmed_at=optional_from_ms(row.confirmed_at),
        valid_until=from_ms(row.valid_until),
        ended_at=optional_from_ms(row.ended_at),
        looks=tuple(HelperLook(each.seen, from_ms(each.seen_at)) for each in looks),
    )
