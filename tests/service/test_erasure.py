"""After an erasure, nothing in any table can be decrypted or names the person (law L11)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from msgspec import UNSET, Struct
from msgspec.structs import replace

from tests.helping import Helping
from tests.world import NOON, Person, World, another_code, staff
from verifier.core.application import AnnouncedCall, RegisteredNumber
from verifier.core.errors import VerifierError
from verifier.core.messages.counter import FindCustomer
from verifier.core.messages.customers import Preferences, ReportCall
from verifier.core.messages.policy_exceptions import DecideException, RequestException
from verifier.core.principal import Principal
from verifier.core.sealing import unseal
from verifier.core.times import from_ms
from verifier.ledger.decrypted import leaf_context, session_context
from verifier.ledger.idempotency import Idempotency
from verifier.ports import Storage
from verifier.storage.sqlite import SqliteStorage

AT_HOME = "+861062345678"
SAID = "他说低息贷款"
PRODUCT, REFERENCE = "公积金组合贷款", "贷 2026/0417"
SUPERVISOR = staff("9001", "supervisor")

# Tables of the log and the schema hold only hashes, sizes and file names. Suspensions concern only staff.
# A look of a helper names only the helper's row, which is deleted.
NOTHING_PERSONAL = {
    *("log_head", "checkpoints", "nodes", "schema_versions", "suspensions", "key_uses", "exchanges"),
    *("helper_looks", "deleted_histories"),
}

# The columns that still hold data of an erased application, and why.
STAYS = {
    ("applications", "application_id"): "the reference is never used again, and erasing twice gives one answer",
    ("calls", "application_id"): "a call without its ticket says only that an officer issued it and when",
    ("leaves", "application_id"): "the audit tells an erased statement from a damaged one",
    ("looks", "application_id"): "who looked, and when, says nothing of the person whose data it was",
    ("reports", "application_id"): "a report without its words says only that there was one",
    ("limits", "limit_key"): "the daily cap of a login or a number, under its blind index; it goes within two days",
    ("marketing_refusals", "person"): "a person who refuses offers gets none, with a later application either",
    ("legs", "leg_index"): "a late event of the leg must make no other call live; it goes after 31 days",
}

# Stored answers without personal data: to the end of an unknown leg, to the beginning of a dialogue, and to a helper,
# in their own word for the person.
SAYS_NOTHING = (b'{"result":"unmatched","call":null}', b'"name":"greeting"', '"person":"妈妈"'.encode())

Place = tuple[str, str]


class Remembering(World):
    """A world that remembers every idempotency key, so that a test can decrypt the stored answers."""

    made: list[Idempotency]

    def key(self, principal: Principal, body: object = None, key: str = "") -> Idempotency:
        made = super().key(principal, body, key)
        self.__dict__.setdefault("made", []).append(made)
        return made


class Trace(Struct):
    """All that could reveal an application: its texts, its blind indexes, and the keys and contexts of its seals."""

    world: Remembering
    person: Person
    key: bytes
    texts: set[str]
    indexes: set[bytes]
    contexts: set[str] = set()

    async def found(self) -> dict[Place, set[str]]:
        """The columns that still reveal the application, and how: by a text, an index, or a seal that opens."""
        storage = self.world.storage
        schema = await columns(storage)
        rows = {table: await rows_of(storage, table, names) for table, names in schema.items()}
        for told in rows.values():
            self.contexts.update(value for row in told for value in row.values() if isinstance(value, str))
        for row in rows["leaves"]:
            self.contexts.add(leaf_context(row["statement_id"], row["typ"], row["customer_index"]))
        for row in rows["ivr_sessions"]:
            self.contexts.add(session_context(row["session_id"], row["expires_at"], row["application_id"]))
        left: dict[Place, set[str]] = {}
        for table, told in rows.items():
            for row in told:
                for column, value in row.items():
                    if what := self._shown(value, row):
                        left.setdefault((table, column), set()).add(what)
        return left

    def _shown(self, value: object, row: dict[str, Any]) -> str:
        if isinstance(value, str):
            return "text" if any(each in value for each in self.texts) else ""
        if not isinstance(value, bytes):
            return ""
        if value in self.indexes:
            return "index"
        return "seal" if self._opens(value, row) else ""

    def _opens(self, value: bytes, row: dict[str, Any]) -> bool:
        ring = self.world.ring
        for made in self.world.made:
            secret = ring.derive("idempotency", f"{made.principal}\0{made.key}")
            if (answer := opened(unseal, secret, "answer", value)) is not None:
                return not any(each in answer for each in SAYS_NOTHING)
        for context in self.contexts:
            if opened(ring.unseal, context, value) or opened(unseal, self.key, context, value):
                return True
        kek_id = row.get("kek_id")
        return kek_id is not None and opened(ring.unwrap, row["application_id"], kek_id, value) is not None


def opened(way: Callable[..., Any], *given: object) -> Any:
    """The result of a decryption, or None if it fails."""
    try:
        return way(*given)
    except VerifierError:
        return None


async def columns(storage: Storage) -> dict[str, list[str]]:
    """Every table of the database with its columns, read from the schema of the database."""
    if isinstance(storage, SqliteStorage):
        sql = "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'"
    else:
        sql = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()"
    found: dict[str, list[str]] = {}
    for table, column in await storage.fetch(sql):
        found.setdefault(table, []).append(column)
    return found


async def rows_of(storage: Storage, table: str, names: list[str]) -> list[dict[str, Any]]:
    told = await storage.fetch(f"SELECT {', '.join(names)} FROM {table}")
    return [dict(zip(names, row, strict=True)) for row in told]


async def trace(world: Remembering, person: Person, *leg_ids: str) -> Trace:
    """Collects, before the erasure, what to search for after it."""
    application = await world.context.reading.application(person.application_id)
    numbers = [each.number for contact in application.contacts for each in contact.numbers]
    context = world.context
    indexes = {context.customer_index(person.customer_id), *map(context.number_index, numbers)}
    return Trace(
        world,
        person,
        application.keys.sealing,
        {
            *(person.application_id, person.customer_id, person.name, SAID, PRODUCT, REFERENCE),
            *numbers,
            *(each[1:] for each in numbers),
            *(each.hex() for each in indexes),
        },
        {*indexes, *map(context.leg_index, leg_ids)},
    )


@pytest.fixture
async def world(storage: Storage, tmp_path: Path) -> AsyncIterator[Remembering]:
    async with Remembering(storage, tmp_path / "ring.json", receipt_messages=True) as made:
        yield made


async def register(world: World, person: Person) -> None:
    """Registers two numbers, so that a code can be keyed from the wrong one, and an announced call."""
    long_ago = from_ms(NOON - 90 * 86_400_000)
    await world.register(
        person,
        numbers=(RegisteredNumber(person.number, long_ago), RegisteredNumber(AT_HOME, long_ago)),
        product=PRODUCT,
        reference=REFERENCE,
        announced_calls=(AnnouncedCall("documents", from_ms(NOON), from_ms(NOON + 3_600_000)),),
    )


@pytest.fixture
async def person(world: Remembering) -> Person:
    made = Person(1)
    await register(world, made)
    return made


async def ask(world: World, person: Person, granted: bool | None) -> str | None:
    """An officer requests an exception. A supervisor grants or declines it, or leaves it open (`None`)."""
    officer = staff("4412")
    asked = RequestException("documents", person.number, ("daily_cap",), f"{person.name} asked for it")
    exceptions = world.service.policy_exceptions
    request = await exceptions.request(officer, person.application_id, asked, world.key(officer, asked))
    request_id = request.value.request_id
    if granted is None:
        return None
    decided = DecideException(granted, "checked in the branch")
    answer = await exceptions.decide(SUPERVISOR, request_id, decided, world.key(SUPERVISOR, decided))
    return answer.value.exception_id


async def everything(world: World, person: Person) -> list[str]:
    """Runs every use case that writes about an application with contacts. Returns the ids of its legs."""
    facts = (await world.context.reading.application(person.application_id)).registration
    flat = dict.fromkeys(("customer", "numbers", "consents"), UNSET)
    several = replace(facts, **flat, borrower=facts.owner, contacts=facts.people)
    await world.service.applications.register(person.application_id, several)
    await world.service.me.put_preferences(person.principal, Preferences(marketing_calls=False))
    await world.grant(person, "contact_hours")
    lifted = await ask(world, person, True)
    for granted in (False, None):
        await ask(world, person, granted)
    # Legs: one that no call waits for, an ambiguous one, and one whose end arrives first.
    await world.leg_by_number("ringing", person.number, leg_id=f"SIP/{person.number}-1")
    await world.leg_by_number("connected", person.number, leg_id=f"SIP/{person.number}-1")
    gave_way = (await world.issue(person))["call"]["call_id"]
    await world.leg_by_number("connected", person.number, leg_id=f"SIP/{person.number}-2", officer_id=None)
    await world.leg_by_number("ended", None, leg_id=f"SIP/{person.number}-3")
    await world.leg_by_number("connected", person.number, leg_id=f"SIP/{person.number}-3")
    assert gave_way
    # A call with an exception, a leg to a number that is not the ticket's, and wrong and right codes on each channel.
    call_id = (await world.issue(person, exception_id=lifted))["call"]["call_id"]
    await world.leg(call_id, "connected", "+8617000000000", leg_id=f"SIP/{person.number}-4")
    await world.leg(call_id, "ringing", person.number, leg_id=f"SIP/{person.number}-5")
    await world.leg(call_id, "connected", person.number, leg_id=f"SIP/{person.number}-5")
    code = await world.reveal(call_id)
    wrong = another_code(code)
    session = (await world.begin_dialogue(person.number))["session_id"]
    await world.begin_dialogue(AT_HOME)
    await world.confirm(person, wrong)
    await world.confirm(person, code, application_id="LN-of-somebody-else")
    await world.ring_in(person.number, wrong)
    await world.ring_in(person.number, code, application_id="LN-of-somebody-else")
    await world.ring_in(AT_HOME, code)
    await world.press(session, wrong)
    await world.press(session, code)
    await world.press(session, "*")
    await world.press(session, "1")
    for _ in range(2):
        await world.confirm(person, code)
        await world.ring_in(person.number, code)
    await world.leg_by_number("ended", None, leg_id=f"SIP/{person.number}-5")
    later, _ = await live(world, person, f"SIP/{person.number}-6")
    await world.revoke(later)
    await live(world, person, f"SIP/{person.number}-7")
    await world.report(person, SAID, code=code)
    await look(world, person)
    asked = ReportCall(from_ms(world.clock()), "+8617000000000", SAID, reporter_number=person.number)
    ivr = Principal(kind="system", id="ivr", issuer="systems", roles=frozenset({"ivr"}))
    await world.service.reports.take(ivr, asked, world.key(ivr, asked))
    helping, helper = Helping(world), Person(88)
    helper_id = await helping.add(person, helper)
    await helping.call_status(helper, helper_id)
    await helping.confirm(helper, helper_id, wrong)
    await helping.accept(person, helper_id)
    await helping.invite(person)
    return [f"SIP/{person.number}-{n}" for n in range(1, 8)]


async def look(world: World, person: Person) -> None:
    """A member of staff looks at the application, for a reason that names the person."""
    asked = FindCustomer(application_id=person.application_id, reason=f"{person.name} is here")
    clerk = staff("7301", "counter")
    await world.service.counter.find(clerk, asked, world.key(clerk, asked))


async def live(world: World, person: Person, leg_id: str) -> tuple[str, str]:
    world.clock.advance(1)
    await world.grant(person, "daily_cap", "person_daily_cap")
    exception_id = (await world.grant(person, "daily_cap", "person_daily_cap"))["exception_id"]
    call_id = (await world.issue(person, exception_id=exception_id))["call"]["call_id"]
    await world.leg(call_id, "connected", person.number, leg_id=leg_id)
    return call_id, await world.reveal(call_id)


@pytest.mark.shows("CVP-4.1-5", "CVP-4.1-6", "CVP-6.5-4", "CVP-7.11-5")
async def test_after_an_erasure_no_table_decrypts_or_names_the_person(world: Remembering, person: Person) -> None:
    left = await trace(world, person, *(await everything(world, person)))
    before = await left.found()
    # The search works: before the erasure, it finds data in every table and every stored answer.
    assert {table for table, _ in before} == set(await columns(world.storage)) - NOTHING_PERSONAL
    kept = await world.storage.fetch("SELECT application_id FROM idempotency")
    assert {row[0] for row in kept} == {person.application_id, None}
    await world.erase(person)
    after = await left.found()
    assert set(after) - set(STAYS) == set(), after
    assert set(after) == set(STAYS)
    assert not (await world.audit()).findings


class Scene(Struct):
    """A live call, and a dialogue in which its code was keyed."""

    world: Remembering
    person: Person
    code: str
    call_id: str
    session_id: str


Moment = Callable[[Scene], Coroutine[Any, Any, Any]]
# Requests that name the application, its call or its dialogue. After the erasure these do not exist.
NAMES_IT: dict[str, Moment] = {
    "issue": lambda at: at.world.issue(at.person),
    "reveal": lambda at: at.world.reveal(at.call_id),
    "revoke": lambda at: at.world.revoke(at.call_id),
    "leg": lambda at: at.world.leg(at.call_id, "ended", at.person.number),
    "grant": lambda at: at.world.grant(at.person, "daily_cap"),
    "request": lambda at: ask(at.world, at.person, None),
    "register": lambda at: at.world.register(at.person),
    "code keyed": lambda at: at.world.press(at.session_id, at.code),
    "words again": lambda at: at.world.press(at.session_id, "*"),
    "receipt wanted": lambda at: at.world.press(at.session_id, "1"),
}
# Requests of the person. After the erasure they are stored like those of a stranger. A refused code is decided in a
# second command, so it may be decided after the erasure.
NAMES_NOTHING: dict[str, Moment] = {
    "impossible code": lambda at: at.world.confirm(at.person, at.code[:8] + str((int(at.code[8]) + 1) % 10)),
    "report": lambda at: at.world.report(at.person, SAID, code=at.code),
    "dialogue": lambda at: at.world.begin_dialogue(at.person.number),
}


@pytest.mark.shows("CVP-4.1-6")
@pytest.mark.parametrize("erased_first", [False, True], ids=["before", "after"])
async def test_requests_concurrent_with_an_erasure_leave_nothing(
    world: Remembering, person: Person, shards: int, erased_first: bool
) -> None:
    call_id, code = await world.live_call(person)
    session_id = (await world.begin_dialogue(person.number))["session_id"]
    await world.press(session_id, code)
    left, scene = await trace(world, person), Scene(world, person, code, call_id, session_id)
    # With several shards the order of execution is not fixed, so any request may run after the erasure.
    moments = NAMES_IT if erased_first or shards > 1 else {**NAMES_IT, **NAMES_NOTHING}
    asked, erased = [make(scene) for make in moments.values()], world.erase(person)
    told = await asyncio.gather(*((erased, *asked) if erased_first else (*asked, erased)), return_exceptions=True)
    assert not [each for each in told if isinstance(each, Exception) and not isinstance(each, VerifierError)]
    after = await left.found()
    assert set(after) - set(STAYS) == set(), after
    assert not (await world.audit()).findings


@pytest.mark.shows("CVP-6.5-4")
@pytest.mark.parametrize("erased", [0, 1])
async def test_a_leg_shared_by_two_applications_is_deleted_with_either(world: Remembering, erased: int) -> None:
    people = Person(1), Person(2)
    people[1].number = people[0].number
    for each in people:
        await world.register(each)
    await world.leg_by_number("connected", people[0].number, leg_id=f"SIP/{people[0].number}")
    assert await world.counts("stray_legs") == (1,)
    # The number may have been removed before the erasure.
    others = (RegisteredNumber(AT_HOME, from_ms(NOON - 90 * 86_400_000)),)
    await world.register(people[erased], numbers=others)
    await world.erase(people[erased])
    assert await world.counts("stray_legs") == (0,)


@pytest.mark.shows("CVP-4.1-5")
async def test_an_application_whose_statements_are_damaged_can_be_erased(world: Remembering, person: Person) -> None:
    call_id, _ = await world.live_call(person)
    async with world.storage.transaction() as transaction:
        sql = "UPDATE leaves SET sealed = $2 WHERE application_id = $1"
        await transaction.execute_many(sql, [(person.application_id, b"x" * 40)])
    await world.erase(person)
    assert (await world.call_row(call_id))["state"] == "revoked"


async def about(world: World, person: Person) -> tuple[int, ...]:
    """The numbers of stored answers, dialogues and guess limits of an application."""
    ways = (
        "SELECT COUNT(*) FROM idempotency WHERE application_id = $1",
        "SELECT COUNT(*) FROM ivr_sessions WHERE application_id = $1",
        "SELECT COUNT(*) FROM limits WHERE limit_key LIKE CAST($1 AS TEXT) || ':%'",
    )
    return tuple([(await world.storage.fetch(sql, person.application_id))[0][0] for sql in ways])


@pytest.mark.shows("CVP-4.1-6")
async def test_an_erasure_leaves_other_customers_rows(world: Remembering, person: Person, mallory: Person) -> None:
    """Two customers do the same; then one is erased."""
    for each in (person, mallory):
        _, code = await world.live_call(each)
        session = (await world.begin_dialogue(each.number))["session_id"]
        await world.press(session, code)
        await world.confirm(each, another_code(code))
    kept = await about(world, person), await about(world, mallory)
    assert kept[0] == kept[1]
    assert all(kept[0])
    await world.erase(person)
    assert await about(world, person) == (0, 0, 0)
    assert await about(world, mallory) == kept[1]
    assert (await world.press(session, "*"))["say"][0]["name"] == "genuine"
