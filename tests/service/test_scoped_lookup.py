"""Nobody gets more than the uniform refusal for a code that they may not confirm, in random graphs (laws L7, L12).

A graph has people, companies, loans, shared numbers, rights and roles. Some contacts confirm, then some loans lose
contacts, rights or numbers, get contacts, or are erased. Then everybody tries every code, in the app and by telephone.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from tests.service.test_same_work import work_of
from tests.world import NOON, OFFICER, Json, Person, World, another_code
from verifier.core import words
from verifier.core.application import Customer, RegisteredNumber, Registration
from verifier.core.call import CallRules
from verifier.core.contacts import RIGHTS, Borrower, Contact, Right, Role
from verifier.core.limits import Limit
from verifier.core.policy import ContactPolicy
from verifier.core.principal import Principal
from verifier.core.times import from_ms
from verifier.storage import open_storage

# How often each kind of database gets a new graph. `SCOPE_EXAMPLES` asks for more.
EXAMPLES = int(os.environ.get("SCOPE_EXAMPLES", "25"))
PEOPLE, NUMBERS, LOANS = 5, 5, 4
# Tables whose writes depend on how long the log is, and not on who asks.
OF_THE_LOG = ("nodes", "log_head")
ROLES: tuple[Role, ...] = ("borrower", "legal_representative", "finance", "guarantor")
# The way, the person or number that asks, and the loan whose code they enter.
Attempt = tuple[str, int, int]
pytestmark = pytest.mark.slow


class Who(Struct, frozen=True):
    """A contact in a graph. `login` and `numbers` count within the graph. Without a login, `login` is None."""

    login: int | None
    name: int
    role: Role
    rights: tuple[Right, ...]
    numbers: tuple[int, ...]

    @property
    def key(self) -> tuple[int | None, int | None]:
        return (self.login, None) if self.login is not None else (None, self.name)


class Loan(Struct, frozen=True):
    """A loan in a graph, before and after the change. `flat` is a loan of one person who acts alone.

    - `borrower`: the person who borrows, or None for a company.
    - `called`: which contact the bank calls, and on which of their numbers, or None.
    - `early`: the contacts who enter the code before the change.
    - `after`: the contacts after the change. None if the loan is erased.
    """

    borrower: int | None
    before: tuple[Who, ...]
    after: tuple[Who, ...] | None
    called: tuple[Who, int] | None
    early: tuple[Who, ...]
    flat: bool
    flat_after: bool

    @property
    def alive(self) -> bool:
        """Whether the call is open after the change."""
        if self.called is None or self.after is None:
            return False
        return any(each.key == self.called[0].key and "called" in each.rights for each in self.after)

    def of_login(self, login: int) -> Who | None:
        return next((each for each in self.after or () if each.login == login), None)

    def of_number(self, number: int) -> Who | None:
        return next((each for each in self.after or () if number in each.numbers), None)


@st.composite
def contacts(draw: st.DrawFn, numbers: set[int], logins: set[int], names: set[int]) -> Who:
    """A contact with unused numbers, and an unused login or name. Takes what it uses."""
    login = draw(st.sampled_from([*sorted(logins), *([None] if names and numbers else [])]))
    name = draw(st.sampled_from(sorted(names))) if login is None else login
    (names if login is None else logins).discard(name)
    at_least = 1 if login is None else 0
    own = (
        draw(st.lists(st.sampled_from(sorted(numbers)), unique=True, min_size=at_least, max_size=2)) if numbers else []
    )
    numbers.difference_update(own)
    role = draw(st.sampled_from((*ROLES, "helper")))
    allowed: tuple[Right, ...] = ("confirm",) if role == "helper" else RIGHTS if own else ("confirm", "details")
    # Most contacts of a real loan may confirm.
    rights = {*draw(st.lists(st.sampled_from(allowed), unique=True)), *draw(st.sampled_from([(), ("confirm",)]))}
    return Who(login, name, role, tuple(each for each in RIGHTS if each in rights), tuple(own))


@st.composite
def changed(draw: st.DrawFn, who: Who) -> Who | None:
    """A contact after the change, or None if they are removed."""
    change = draw(st.sampled_from(["none", "none", "removed", "rights", "numbers"]))
    if change == "removed":
        return None
    if change == "rights":
        return replace(who, rights=draw(st.sampled_from([(), who.rights[:1], who.rights[1:]])))
    if change == "numbers" and who.numbers[1:]:
        return replace(who, numbers=who.numbers[1:])
    return who


@st.composite
def loans(draw: st.DrawFn) -> Loan:
    numbers, logins, names = set(range(NUMBERS)), set(range(PEOPLE)), {100, 101}
    flat = draw(st.booleans())
    if flat:
        one = Who(draw(st.sampled_from(range(PEOPLE))), 0, "borrower", RIGHTS, (draw(st.sampled_from(range(NUMBERS))),))
        logins.discard(one.login or 0)
        numbers.difference_update(one.numbers)
        before, borrower = [one], one.login
    else:
        before = [draw(contacts(numbers, logins, names)) for _ in range(draw(st.integers(1, 3)))]
        borrower = draw(st.sampled_from([None, *(each.login for each in before if each.role == "borrower")]))
    erased = draw(st.integers(0, 7)) == 0
    kept = [each for each in (draw(changed(who)) for who in before) if each is not None] or before[:1]
    if flat:
        kept = before
    else:
        # What nobody has any more can be given to a contact who joins.
        numbers |= {n for who in before for n in who.numbers} - {n for who in kept for n in who.numbers}
        logins |= {who.login for who in before if who.login is not None} - {who.login for who in kept}
    joined = [draw(contacts(numbers, logins, names)) for _ in range(draw(st.integers(0, 2)))]
    # A borrower who was removed may come back, but cannot be their own guarantor.
    own = [each.login is not None and each.login == borrower and each.role == "guarantor" for each in joined]
    joined = [replace(each, role="borrower") if is_own else each for each, is_own in zip(joined, own, strict=True)]
    callable_ = [(each, number) for each in before if "called" in each.rights for number in each.numbers]
    called = draw(st.sampled_from(callable_)) if callable_ else None
    may = [each for each in before if "confirm" in each.rights and each.login is not None]
    early = draw(st.lists(st.sampled_from(may), unique_by=lambda each: each.key)) if may else []
    after = draw(st.permutations([*kept, *joined]))
    return Loan(
        borrower, tuple(before), None if erased else tuple(after), called, tuple(early), flat, flat and not joined
    )


class Bank:
    """A graph that is registered under names of its own, so that examples share a database."""

    def __init__(self, world: World, example: int, graph: list[Loan]) -> None:
        self.world, self.example, self.graph = world, example, graph
        self.codes: dict[int, str] = {}
        # The receipts that each contact of a loan has got.
        self.receipts: dict[tuple[int, object], str] = {}

    def login(self, person: int) -> str:
        return f"p-{self.example}-{person}"

    def number(self, n: int) -> str:
        return f"+86{self.example:06d}{n:05d}"

    def application_id(self, n: int) -> str:
        return f"L-{self.example}-{n}"

    def principal(self, person: int) -> Person:
        made = Person(0)
        made.principal = Principal(kind="customer", id=self.login(person), issuer="https://id.bank.example")
        return made

    def name(self, who: Who) -> str:
        return f"某{who.name}"

    def _numbers(self, who: Who) -> tuple[RegisteredNumber, ...]:
        return tuple(RegisteredNumber(self.number(n), from_ms(NOON - 90 * 86_400_000)) for n in who.numbers)

    async def register(self, n: int, loan: Loan, people: tuple[Who, ...], *, flat: bool) -> None:
        owner = None if loan.borrower is None else self.login(loan.borrower)
        if flat:
            who = people[0]
            facts: Json = {"customer": Customer(owner or "", self.name(who)), "numbers": self._numbers(who)}
        else:
            borrower = Borrower(owner or f"company-{self.example}-{n % 2}", "东海", "person" if owner else "company")
            listed = [
                Contact(
                    name=self.name(each),
                    role=each.role,
                    rights=each.rights,
                    id=None if each.login is None else self.login(each.login),
                    numbers=self._numbers(each),
                )
                for each in people
            ]
            facts = {"borrower": borrower, "contacts": tuple(listed)}
        registration = Registration(officers=(OFFICER,), product="流动资金贷款", **facts)
        await self.world.service.applications.register(self.application_id(n), registration)

    async def call(self, n: int, number: int) -> None:
        party = Person(0)
        party.application_id, party.number = self.application_id(n), self.number(number)
        call_id = (await self.world.issue(party))["call"]["call_id"]
        await self.world.leg(call_id, "connected", party.number, leg_id=f"{self.example}-{n}")
        self.codes[n] = await self.world.reveal(call_id)

    def given(self, n: int, who: Who, verdict: Json) -> None:
        """Each contact gets one receipt for a code, and no two get the same one (CVP-7-8)."""
        before = self.receipts.get((n, who.key))
        assert verdict["given_before"] == (before is not None)
        assert before in (None, verdict["receipt_id"])
        self.receipts[n, who.key] = verdict["receipt_id"]
        assert max(Counter(self.receipts.values()).values()) == 1

    async def open(self) -> None:
        for n, loan in enumerate(self.graph):
            await self.register(n, loan, loan.before, flat=loan.flat)
            if loan.called is not None:
                await self.call(n, loan.called[1])
        for n, loan in enumerate(self.graph):
            for who in loan.early if n in self.codes else ():
                verdict = await self.world.confirm(self.principal(who.login or 0), self.codes[n])
                assert verdict["verdict"] == "genuine"
                self.given(n, who, verdict)
        for n, loan in enumerate(self.graph):
            if loan.after is None:
                party = Person(0)
                party.application_id = self.application_id(n)
                await self.world.erase(party)
            else:
                await self.register(n, loan, loan.after, flat=loan.flat_after)

    async def app(self, person: int, n: int) -> None:
        """A person enters the code of a loan's call in the app."""
        asker, loan, code = self.principal(person), self.graph[n], self.codes[n]
        who = loan.of_login(person)
        if not loan.alive or who is None or "confirm" not in who.rights:
            await self.refused(lambda entered: self.world.confirm(asker, entered), code)
            return
        verdict = await self.world.confirm(asker, code)
        assert verdict["verdict"] == "genuine"
        self.given(n, who, verdict)
        assert loan.called is not None
        called = who.key == loan.called[0].key
        details, told = "details" in who.rights, verdict["call"]
        assert (told.get("loan") is not None) == details
        assert (told["purpose"] is not None) == (called or details)
        assert ("called" in told) == (not called)
        receipt = self.world.check(verdict["receipt"])
        assert receipt.call is not None
        assert receipt.call.call_id == told["call_id"]

    async def phone(self, number: int, n: int) -> None:
        """Somebody rings from a number, and keys the code of a loan's call."""
        ringing, loan, code = self.number(number), self.graph[n], self.codes[n]
        on_file = [each for each in (loan.of_number(number) for loan in self.graph) if each is not None]
        who = loan.of_number(number)
        if not any("confirm" in each.rights for each in on_file):
            spoken = await self.world.ring_in(ringing, code)
            assert (spoken["verdict"], spoken["words"]["text"]) == ("unavailable", words.UNREGISTERED["zh-CN"])
        elif not loan.alive or who is None or "confirm" not in who.rights:
            await self.refused(lambda entered: self.world.ring_in(ringing, entered), code)
        elif loan.called is not None and loan.called[1] != number:
            # They may confirm the code, but not from this number.
            spoken = await self.world.ring_in(ringing, code)
            assert (spoken["verdict"], spoken["words"]["text"]) == ("unavailable", words.OTHER_NUMBER["zh-CN"])
        else:
            spoken = await self.world.ring_in(ringing, code)
            assert spoken["verdict"] == "genuine"
            self.given(n, who, spoken)

    async def refused(self, ask: Callable[[str], Awaitable[Json]], code: str) -> None:
        """The code gets the answer of a code that nobody has, with the same words, members and work."""
        wrong = another_code(code, 7)
        await ask(wrong)  # from now on, the rows of the guess limits exist
        answers, works = [], []
        for entered in (wrong, code):

            async def keep(entered: str = entered) -> None:
                answers.append(await ask(entered))

            with pytest.MonkeyPatch.context() as patch:
                works.append(await work_of(self.world, keep(), patch))
        assert [each["verdict"] for each in answers] == ["not_genuine", "not_genuine"]
        assert _uniform(answers[0]) == _uniform(answers[1])
        said = answers[1]["words"]
        for each in said if isinstance(said, list) else [said]:
            assert each["text"] == words.NOT_GENUINE[each["language"]]
        assert _statements(works[0].statements) == _statements(works[1].statements)
        assert (works[0].unsealed, works[0].derived) == (works[1].unsealed, works[1].derived)


def _uniform(answer: Json) -> Json:
    """An answer without its time, and without its receipt, which is new each time."""
    return {name: value for name, value in answer.items() if name not in ("at", "receipt_id", "receipt")}


def _statements(made: Sequence[tuple[str, int, int]]) -> list[tuple[str, int]]:
    """The statements and their rows, without the writes that depend on the length of the log."""
    return [(sql, rows) for sql, rows, _ in made if not any(table in sql for table in OF_THE_LOG)]


async def check(world: World, example: int, graph: list[Loan], order: Callable[[list[Attempt]], list[Attempt]]) -> None:
    bank = Bank(world, example, graph)
    await bank.open()
    attempts = [("app", person, n) for person in range(PEOPLE) for n in bank.codes]
    attempts += [("phone", number, n) for number in range(NUMBERS) for n in bank.codes]
    for way, asker, n in order(attempts):
        await (bank.app if way == "app" else bank.phone)(asker, n)


@pytest.mark.shows("CVP-3.3-4", "CVP-7-8")
def test_nobody_gets_more_than_the_uniform_refusal_for_a_code_that_they_may_not_confirm(
    database: str, shards: int, tmp_path: Path
) -> None:
    examples = itertools.count(1)
    with asyncio.Runner() as runner:

        async def opened() -> World:
            storage = await open_storage(database)
            limit = Limit(burst=10_000_000, period_ms=86_400_000)
            policy = ContactPolicy(daily_cap=1_000, person_daily_cap=1_000)
            world = World(
                storage, tmp_path / "ring.json", CallRules(max_wrong=1_000_000), policy=policy, guess_limit=limit
            )
            if shards > 1:
                await world.context.writer.split(shards)
            await world.service.start()
            return world

        async def closed() -> list[str]:
            findings = (await world.audit()).findings
            await world.service.stop()
            await world.storage.close()
            return list(map(str, findings))

        world = runner.run(opened())

        # Without shrinking, which takes minutes.
        phases = (Phase.explicit, Phase.reuse, Phase.generate)

        @settings(max_examples=EXAMPLES, deadline=None, phases=phases, suppress_health_check=list(HealthCheck))
        @given(graph=st.lists(loans(), min_size=1, max_size=LOANS), order=st.randoms(use_true_random=False))
        def holds(graph: list[Loan], order: random.Random) -> None:
            def shuffled(attempts: list[Attempt]) -> list[Attempt]:
                return order.sample(attempts, len(attempts))

            note(repr(graph))
            runner.run(check(world, next(examples), graph, shuffled))

        holds()
        assert runner.run(closed()) == []
