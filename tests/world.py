"""The test bank: people and a manual clock around the real service on a real database."""

from __future__ import annotations

import hashlib
import itertools
import os
import random
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from verifier import keys
from verifier.core import damm
from verifier.core.application import AssignedOfficer, Consents, Customer, RegisteredNumber, Registration
from verifier.core.call import CallRules
from verifier.core.contacts import RIGHTS, Borrower, Contact, Right, Role
from verifier.core.errors import Unavailable
from verifier.core.evidence import Evidence, verify_evidence
from verifier.core.legs import LegByNumber, LegEvent
from verifier.core.limits import Limit
from verifier.core.messages.calls import IssueCall
from verifier.core.messages.confirmations import Confirm, ConfirmByPhone
from verifier.core.messages.customers import CallStatus, CheckCalls, ReportCall
from verifier.core.messages.dialogues import BeginSession, HeardKeys
from verifier.core.messages.policy_exceptions import GrantException
from verifier.core.principal import Principal
from verifier.core.times import from_ms, to_ms
from verifier.keys import FileKeyRing
from verifier.ledger import decoys
from verifier.ledger.audit import Audited, audit_log
from verifier.ledger.commands import Reply
from verifier.ledger.idempotency import Idempotency
from verifier.ports import Entropy, Storage, Transaction
from verifier.service import Context, Service, Settings

ISSUER = "https://verify.bank.example"
ORIGIN = "verify.bank.example/log"
NOON = to_ms(datetime(2026, 11, 23, 4, 0, tzinfo=UTC))  # noon in Shanghai
DESK = "+861082345678"
HOTLINE = "+861095588"
NO_CAP = Limit(burst=1_000_000, period_ms=86_400_000)

OFFICER = AssignedOfficer("4412", "李伟", "北京中关村支行")
COLLEAGUE = AssignedOfficer("4413", "陈静", "北京中关村支行")

Json = dict[str, Any]


class Clock:
    """A clock in epoch milliseconds that moves only by `advance`."""

    def __init__(self, now_ms: int = NOON) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms

    def advance(self, seconds: float) -> None:
        self.now_ms += int(seconds * 1000)


class Person:
    """A customer with one application and one number."""

    def __init__(self, n: int) -> None:
        self.customer_id = f"cust-{n}"
        self.application_id = f"LN-{n}"
        self.name = f"王芳{n}"
        self.number = f"+861380013{n:04d}"
        self.principal = Principal(kind="customer", id=self.customer_id, issuer="https://id.bank.example")

    def several(self, *others: Contact) -> Json:
        """Changes that register the loan with its borrower and other contacts."""
        flat = dict.fromkeys(("customer", "numbers", "consents"), msgspec.UNSET)
        borrower = Borrower(self.customer_id, self.name)
        return {**flat, "borrower": borrower, "contacts": (at_company(self, "borrower"), *others)}

    def registration(self, **changes: Any) -> Registration:
        """Facts that pass every rule of the contact policy, with changes."""
        facts: Json = {
            "customer": Customer(self.customer_id, self.name),
            "numbers": (RegisteredNumber(self.number, from_ms(NOON - 90 * 86_400_000)),),
            "officers": (OFFICER, COLLEAGUE),
            "product": "个人住房贷款",
            "consents": Consents(),
        }
        return Registration(**{**facts, **changes})


def at_company(person: Person, role: Role, *rights: Right, **changes: Any) -> Contact:
    """A person as a contact of a company. They have every right, unless rights are given."""
    facts: Json = {
        "name": person.name,
        "role": role,
        "rights": rights or RIGHTS,
        "id": person.customer_id,
        "numbers": (RegisteredNumber(person.number, from_ms(NOON - 90 * 86_400_000)),),
    }
    return Contact(**{**facts, **changes})


class Company:
    """A manufacturing company with one application, a head of finance and a legal representative."""

    def __init__(self, n: int) -> None:
        self.application_id = f"WC-{n}"
        self.borrower = Borrower(f"91330000MA0000{n:04d}", f"东海机械{n}有限公司", "company")
        self.finance, self.legal, self.former = Person(n + 1), Person(n + 2), Person(n + 3)
        self.number = self.finance.number

    def registration(self, *contacts: Contact, **changes: Any) -> Registration:
        """Facts with these contacts. Without any, with the head of finance and the legal representative."""
        usual = at_company(self.finance, "finance"), at_company(self.legal, "legal_representative")
        facts: Json = {
            "borrower": self.borrower,
            "contacts": contacts or usual,
            "officers": (OFFICER, COLLEAGUE),
            "product": "流动资金贷款",
        }
        return Registration(**{**facts, **changes})


Party: TypeAlias = Person | Company


def staff(officer_id: str, *roles: str) -> Principal:
    """A member of staff. An officer, unless other roles are given."""
    return Principal(
        kind="staff", id=officer_id, issuer="https://id.bank.example", roles=frozenset(roles or ("officer",))
    )


def system(*scopes: str) -> Principal:
    return Principal(kind="system", id="pbx", issuer="systems", roles=frozenset(scopes))


IVR = system("ivr")
LOANS = system("applications")


class World:
    """The service and its callers. Methods return decoded JSON and raise the errors of the service."""

    def __init__(
        self,
        storage: Storage,
        ring_file: Path,
        rules: CallRules | None = None,
        *,
        ring: FileKeyRing | None = None,
        entropy: Entropy = os.urandom,
        clock: Clock | None = None,
        **settings: Any,
    ) -> None:
        self.clock = clock or Clock()
        if not ring_file.exists():
            keys.create(ring_file, self.clock())
        self.ring_file = ring_file
        self.ring = ring or FileKeyRing(ring_file, ORIGIN)
        # No daily caps, unless a test sets them.
        caps = {"verdict_cap": NO_CAP, "report_cap": NO_CAP}
        self.settings = Settings(issuer=ISSUER, origin=ORIGIN, rules=rules or CallRules(), **{**caps, **settings})
        self.context = Context(self.settings, storage, self.ring, self.clock, entropy)
        self.service = Service(self.context)
        self.service.exchanges.adopt(["pbx"])
        self.storage = storage
        self._keys = itertools.count(1)
        self._name = os.urandom(4).hex()

    async def __aenter__(self) -> World:
        await self.service.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.service.stop()

    def key(self, principal: Principal, body: object = None, key: str = "") -> Idempotency:
        """An idempotency key. A new one, unless `key` is given."""
        fingerprint = hashlib.sha256(msgspec.json.encode(body)).digest()
        return Idempotency(principal.key, key or f"{self._name}-{next(self._keys)}", fingerprint)

    # --- the bank's systems -------------------------------------------------------------------------------

    async def register(self, person: Party, *contacts: Contact, **changes: Any) -> Json:
        registration = person.registration(*contacts, **changes)  # type: ignore[arg-type]
        return as_json(await self.service.applications.register(person.application_id, registration))

    async def erase(self, person: Party) -> Json:
        return as_json(await self.service.applications.erase(person.application_id))

    async def leg(
        self,
        call_id: str,
        event: str,
        number: str,
        *,
        leg_id: str = "leg-1",
        at: int | None = None,
        caller_number: str | None = None,
        key: str = "",
    ) -> Json:
        heard = LegEvent(event, leg_id, number, from_ms(self.clock() if at is None else at), caller_number)  # type: ignore[arg-type]
        pbx = system("legs")
        return as_json(await self.service.legs.of_call(call_id, heard, self.key(pbx, heard, key)))

    async def alive(self) -> None:
        """The telephone exchange says that it is alive."""
        await self.service.exchanges.alive(system("legs"))

    async def call_status(self, person: Person) -> CallStatus:
        """The call status of a customer, while the telephone exchange is alive."""
        await self.alive()
        return await self.service.me.call_status(person.principal)

    async def leg_by_number(
        self,
        event: str,
        number: str | None,
        *,
        leg_id: str = "leg-1",
        at: int | None = None,
        caller_number: str | None = None,
        officer_id: str | None = "4412",
        key: str = "",
    ) -> Json:
        """An event of a telephone exchange that does not know the call id."""
        when = from_ms(self.clock() if at is None else at)
        heard = LegByNumber(event, leg_id, when, number, caller_number, officer_id)  # type: ignore[arg-type]
        return as_json(await self.service.legs.by_number(heard, self.key(system("legs"), heard, key)))

    # --- officers -----------------------------------------------------------------------------------------

    async def issue(
        self,
        person: Party,
        *,
        officer: Principal | None = None,
        purpose: str = "documents",
        number: str = "",
        caller_number: str = DESK,
        exception_id: str | None = None,
        officer_id: str | None = None,
        key: str = "",
    ) -> Json:
        """Issues a call. A system names the officer in `officer_id`."""
        officer = officer or staff("4412")
        asked = IssueCall(purpose, number or person.number, caller_number, officer_id, exception_id)  # type: ignore[arg-type]
        issue = self.service.calls.issue
        return as_json(await issue(officer, person.application_id, asked, self.key(officer, asked, key)))

    async def reveal(self, call_id: str, officer: Principal | None = None) -> str:
        return str(as_json(await self.service.calls.reveal(officer or staff("4412"), call_id))["digits"])

    async def revoke(self, call_id: str, officer: Principal | None = None) -> Json:
        officer = officer or staff("4412")
        return as_json(await self.service.calls.revoke(officer, call_id, self.key(officer)))

    async def grant(self, person: Person, *rules: str, supervisor: str = "9001", officer_id: str = "4412") -> Json:
        principal = staff(supervisor, "supervisor")
        asked = GrantException(officer_id, rules, "checked in the branch")  # type: ignore[arg-type]
        grant = self.service.policy_exceptions.grant
        return as_json(await grant(principal, person.application_id, asked, self.key(principal, asked)))

    async def live_call(self, person: Party) -> tuple[str, str]:
        """Issues a call, connects it and reveals its code. Returns its id and code."""
        call_id = (await self.issue(person))["call"]["call_id"]
        await self.leg(call_id, "connected", person.number)
        return call_id, await self.reveal(call_id)

    # --- customers ----------------------------------------------------------------------------------------

    async def confirm(self, person: Person, code: str, *, application_id: str | None = None, key: str = "") -> Json:
        asked = Confirm(code, application_id)
        confirm = self.service.confirmations.confirm
        return as_json(await confirm(person.principal, asked, self.key(person.principal, asked, key)))

    async def ring_in(self, number: str | None, code: str, *, application_id: str | None = None, key: str = "") -> Json:
        asked = ConfirmByPhone(code, HOTLINE, number, application_id)
        return as_json(await self.service.confirmations.confirm_by_phone(asked, self.key(IVR, asked, key)))

    async def report(self, person: Person, said: str, code: str = "") -> Json:
        asked = ReportCall(from_ms(self.clock()), "+8617000000000", said, code)
        return as_json(await self.service.reports.take(person.principal, asked, self.key(person.principal, asked)))

    async def check_calls(
        self, person: Person, begins: int, ends: int | None = None, number: str | None = None, key: str = ""
    ) -> Json:
        """Asks which calls the bank had with a person, from `begins` until `ends` or now, in epoch milliseconds."""
        asked = CheckCalls(from_ms(begins), from_ms(self.clock() if ends is None else ends), number)
        check = self.service.call_checks.check
        return as_json(await check(person.principal, asked, self.key(person.principal, asked, key)))

    async def begin_dialogue(self, number: str | None, **more: Any) -> Json:
        """A caller rings the bank's hotline, and a dialogue begins."""
        asked = BeginSession(HOTLINE, number, **more)
        return as_json(await self.service.ivr.begin(asked, self.key(IVR, asked)))

    async def press(self, session_id: str, keys: str | None, key: str = "") -> Json:
        asked = HeardKeys(keys)
        return as_json(await self.service.ivr.step(session_id, asked, self.key(IVR, asked, key)))

    # --- inspection ---------------------------------------------------------------------------------------

    async def audit(self) -> Audited:
        return await audit_log(self.storage, self.ring, self.context.trust())

    def check(self, evidence: Json) -> Any:
        """Verifies evidence offline against the published keys, and returns its claims."""
        return verify_evidence(Evidence(evidence["statement"], evidence["proof"]), self.context.trust()).claims

    async def discrepancies(self, kind: str | None = None, **asked: Any) -> list[tuple[str, str]]:
        """The kind and id of each discrepancy on all pages, newest first."""
        found: list[tuple[str, str]] = []
        cursor: str | None = None
        window = {"since": from_ms(NOON - 86_400_000), "until": from_ms(self.clock() + 1), **asked}
        limit = window.pop("limit", 50)
        while True:
            listed = self.service.reconciliation.list
            page = await listed(kind, window["since"], window["until"], cursor, limit)  # type: ignore[arg-type]
            found += [(each.kind, each.discrepancy_id) for each in page.discrepancies]
            cursor = page.next_cursor
            if cursor is None:
                return found

    async def counts(self, *tables: str) -> tuple[int, ...]:
        """The number of rows in each table, without the decoys."""
        counted = []
        for table in tables:
            real = {"calls": f" WHERE application_id <> '{decoys.APPLICATION_ID}'", "leaves": " WHERE leaf_index >= 0"}
            counted.append((await self.storage.fetch(f"SELECT COUNT(*) FROM {table}{real.get(table, '')}"))[0][0])
        return tuple(counted)

    async def guess_limits(self) -> list[str]:
        """The keys of the stored guess limits, without the daily caps."""
        rows = await self.storage.fetch("SELECT limit_key FROM limits ORDER BY limit_key")
        return [row[0] for row in rows if row[0].endswith((":app", ":ivr"))]

    async def call_view(self, call_id: str) -> Any:
        """The call as its officer sees it."""
        return await self.service.calls.read(staff("4412"), call_id)

    async def call_row(self, call_id: str) -> Json:
        """The stored state of a call."""
        columns = "state, receipt_leaf, confirmed_at, due_at"
        rows = await self.storage.fetch(f"SELECT {columns} FROM calls WHERE call_id = $1", call_id)
        counted = await self.storage.fetch("SELECT limit_key, wrong FROM limits WHERE call_id = $1", call_id)
        wrong = {f"{key.rpartition(':')[2]}_wrong": count for key, count in counted}
        return {"app_wrong": 0, "ivr_wrong": 0, **wrong, **dict(zip(columns.split(", "), rows[0], strict=True))}


def another_code(code: str, step: int = 1) -> str:
    """Another well-formed code."""
    digits = f"{(int(code[:8]) + step) % 100_000_000:08d}"
    return digits + damm.check_digit(digits)


def any_code(rng: random.Random) -> str:
    """A well-formed code."""
    return another_code(f"{rng.randrange(100_000_000):08d}0", 0)


def as_json(answer: Reply[Any] | msgspec.Struct) -> Json:
    """An answer decoded as a client reads it."""
    decoded: Json = msgspec.json.decode(answer.body if isinstance(answer, Reply) else msgspec.json.encode(answer))
    return decoded


def failing_commit(storage: Storage) -> Callable[[Any], Coroutine[Any, Any, object]]:
    """The `commit` of a storage whose disk is full: everything is written, and then rolled back."""
    commit = storage.commit

    async def failing(run: Callable[[Transaction], Coroutine[Any, Any, object]]) -> object:
        async def write(transaction: Transaction) -> object:
            await run(transaction)
            raise Unavailable("the disk is full")

        return await commit(write)

    return failing
