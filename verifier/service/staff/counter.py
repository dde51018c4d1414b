"""The counter of a branch: a clerk asks for a customer who is present. Implements specs/protocol.md section 7.19.

A clerk gets the answers that the customer gets in the app, from the same use cases, under the same limits. In front of
them are what a clerk needs and a customer does not: the customer is found, the clerk's own daily cap is counted, and
the look at the customer's data is recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from verifier.core.errors import Erased, InvalidField, NotFound, OwnCustomer
from verifier.core.looks import Why
from verifier.core.messages.confirmations import Confirm, Verdict
from verifier.core.messages.counter import (
    CheckCallsAtCounter,
    ConfirmAtCounter,
    CustomerFound,
    FindCustomer,
    ReportAtCounter,
)
from verifier.core.messages.customers import CallsChecked, CheckCalls, ReportCall, ReportTaken
from verifier.core.principal import Principal
from verifier.ledger import indexes
from verifier.ledger.commands import About, Guard, Reply
from verifier.ledger.decrypted import DecryptedApplication
from verifier.ledger.idempotency import Idempotency
from verifier.ledger.read_set import ReadSet
from verifier.ledger.unit_of_work import UnitOfWork
from verifier.service.confirmations.confirm import Confirmations
from verifier.service.confirmations.daily_caps import check_cap, count
from verifier.service.context import Context
from verifier.service.customers.call_checks import CallChecks
from verifier.service.customers.reports import Reports
from verifier.service.staff.looks import LookRecords
from verifier.service.staff.suspensions import check_caller

NOBODY = "no single customer is found by this; give one of their applications, or a number that only they have on file"


class Present(Struct, frozen=True):
    """The customer who is present, with all of the applications on which they are a contact.

    `number` is the number by which they were found, or None. Then only calls to that number can be confirmed.
    """

    customer_id: str
    applications: Sequence[DecryptedApplication]
    number: str | None

    @property
    def principal(self) -> Principal:
        """The customer, as if they had logged in themselves."""
        return Principal(kind="customer", id=self.customer_id, issuer="")


class _Counted(Struct, frozen=True):
    """The request was counted towards the daily cap of the clerk.

    `customer` is the blind index, in hex, of the customer whom the first try had found. It is empty if that was nobody.
    """

    customer: str


class BranchCounter:
    """Use cases at the counter of a branch.

    Each raises NotFound, in the same words, unless exactly one customer is found. Each raises RateLimited above the
    clerk's own daily cap, and Suspended for a suspended clerk.

    Each raises OwnCustomer, for a retry too, if the clerk is an officer of the customer: nobody vouches at the counter
    for a call of their own. The whole request is refused, because an answer that left out some of the customer's
    applications would be untrue.
    """

    def __init__(
        self,
        context: Context,
        looks: LookRecords,
        call_checks: CallChecks,
        confirmations: Confirmations,
        reports: Reports,
    ) -> None:
        self._context = context
        self._looks = looks
        self._call_checks = call_checks
        self._confirmations = confirmations
        self._reports = reports

    async def find(self, clerk: Principal, asked: FindCustomer, idempotency: Idempotency) -> Reply[CustomerFound]:
        """Whose application or number it is. The clerk compares the name with the customer's identity document."""
        present = await self._present(clerk, asked, "find_customer", idempotency)
        index = self._context.customer_index(present.customer_id)

        def decide(work: UnitOfWork) -> About[CustomerFound]:
            applications = work.applications.of_customer(index, present.customer_id)
            contact = applications[0].contact(present.customer_id) if applications else None
            if contact is None:
                raise NotFound(NOBODY)
            found = CustomerFound(contact.name, contact.language)
            return About(applications[0].application_id, lambda: found)

        reads, guard = ReadSet(customer_index=index), self._guard(clerk, present)
        return await self._context.writer.submit_kept(CustomerFound, reads, decide, idempotency, guard)

    async def check_calls(
        self, clerk: Principal, asked: CheckCallsAtCounter, idempotency: Idempotency
    ) -> Reply[CallsChecked]:
        """The answer to "did you call me?", as the customer gets it in the app."""
        present = await self._present(clerk, asked, "check_calls_at_counter", idempotency)
        window = CheckCalls(asked.begins, asked.ends, asked.caller_number)
        return await self._call_checks.check(present.principal, window, idempotency, self._guard(clerk, present))

    async def confirm(self, clerk: Principal, asked: ConfirmAtCounter, idempotency: Idempotency) -> Reply[Verdict]:
        """The verdict on a code that the customer has written down, as the customer gets it in the app."""
        present = await self._present(clerk, asked, "confirm_at_counter", idempotency)
        entered, guard = Confirm(asked.code, caller_number=asked.caller_number), self._guard(clerk, present)
        return await self._confirmations.confirm(present.principal, entered, idempotency, guard, called=present.number)

    async def report(self, clerk: Principal, asked: ReportAtCounter, idempotency: Idempotency) -> Reply[ReportTaken]:
        """Take a report for the customer. It says which clerk has taken it."""
        present = await self._present(clerk, asked, "report_at_counter", idempotency)
        report = ReportCall(asked.at, asked.caller_number, asked.said, asked.code, call_id=asked.call_id)
        guard = self._guard(clerk, present)
        return await self._reports.take(present.principal, report, idempotency, guard, taken_by=clerk.id)

    def _guard(self, clerk: Principal, present: Present) -> Guard:
        """Make the function that raises OwnCustomer, in the transaction that answers."""
        index = self._context.customer_index(present.customer_id)

        def guard(work: UnitOfWork) -> None:
            theirs = work.applications.of_customer(index, present.customer_id)
            if any(each.registration.assigned(clerk.id) is not None for each in theirs):
                raise OwnCustomer

        return guard

    async def _present(
        self, clerk: Principal, asked: FindCustomer, operation: str, idempotency: Idempotency
    ) -> Present:
        """Find the customer, and count the request, also if nobody is found: so nobody learns who is on file for free.

        Every operation at the counter begins here.
        """
        if (asked.application_id is None) is (asked.number is None):
            raise InvalidField.at("/application_id", "give either the application or the number")
        present = await self._find(asked)
        customer = "" if present is None else self._context.customer_index(present.customer_id).hex()

        def look(work: UnitOfWork) -> None:
            if present is not None:
                why = Why(asked.reason, present.customer_id)
                self._looks.stage(work, clerk, operation, present.applications, why)

        once = replace(idempotency, principal=f"{idempotency.principal}\0{operation}")
        first = await self._count(clerk, customer, look, once)
        # One answer, whether nobody is on file, or the application was erased, or a number has several customers. Also
        # if a retry finds another customer than the first try: its answer is about that one.
        if present is None or first.customer != customer:
            raise NotFound(NOBODY)
        return present

    async def _find(self, asked: FindCustomer) -> Present | None:
        """The one person to whom the application or the number belongs, if they have a login. Otherwise None.

        An application belongs to its borrower if they are a contact, otherwise to its only contact with a login.
        """
        context, reading = self._context, self._context.reading
        if asked.application_id is not None:
            try:
                application = await reading.application(asked.application_id)
            except (NotFound, Erased):
                return None
            borrower = application.contact(application.registration.owner.id)
            logins = [each.id for each in application.contacts if each.id is not None]
            people: set[str | None] = set(logins) if borrower is None else {borrower.id}
        else:
            number = asked.number or ""
            named = await reading.applications_of_number(context.number_index(number), number)
            contacts = (each.contact_of_number(number) for each in named)
            people = {each.id for each in contacts if each is not None}
        customer_id = people.pop() if len(people) == 1 else None
        if customer_id is None:
            return None
        theirs = await reading.applications_of_customer(context.customer_index(customer_id), customer_id)
        return Present(customer_id, theirs, asked.number) if theirs else None

    async def _count(
        self, clerk: Principal, customer: str, look: Callable[[UnitOfWork], None], idempotency: Idempotency
    ) -> _Counted:
        """Count the request towards the daily cap of the clerk, and record the look.

        A retry is not counted, is the same look, and gets the first answer.
        """
        cap = self._context.settings.counter_cap
        index = indexes.clerk_index(self._context.ring, clerk.id)
        reads = ReadSet(cap="counter", clerk_index=index, staff_ids=(clerk.id,))

        def decide(work: UnitOfWork) -> About[_Counted]:
            check_cap(work, reads, cap)
            count(work, reads, cap)
            look(work)
            return About(None, lambda: _Counted(customer))

        submit, guard = self._context.writer.submit_kept, partial(check_caller, caller=clerk)
        return (await submit(_Counted, reads, decide, idempotency, guard)).value
