"""Loads the rows that the commands of a batch declare, with at most two statements for each table.

Implements specs/protocol.md section 10. Until a row is verified, its columns are only hints for what to load next.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TypeVar

from msgspec.structs import astuple

from verifier.core.call import Call
from verifier.core.ids import hex_at, made_at
from verifier.core.times import DAY_MS, HOUR_MS
from verifier.ledger import decoys, look_records, records, tables
from verifier.ledger.decrypted import DecryptedCall
from verifier.ledger.read_set import ReadSet, cap_keys
from verifier.ledger.routing import ShardRouting
from verifier.ledger.rows import AnyRows, AnyTable, Authenticator, Key, Rows
from verifier.ledger.tables import (
    ApplicationRow,
    ConfirmationRow,
    DeletedHistory,
    ExceptionRow,
    ExchangeRow,
    HelperLookRow,
    HelperRow,
    Leg,
    LimitRow,
    LookRow,
    MarketingRefusal,
    ReportRow,
    RequestRow,
    SignalRow,
    StrayLeg,
    SuspensionRow,
)
from verifier.ports import Row, Transaction

Item = TypeVar("Item")
# The most rows that a batch loads for one application and one window.
MOST_BETWEEN = 1_000
WEEK_MS = 7 * DAY_MS


class CandidateCalls:
    """The calls that codes are tried against (CVP-7-2).

    Each application has one candidate call: its open call, or a decoy if there is no open call. One statement loads all
    candidate calls, together with the receipts of confirmed calls. `confirmed` has the receipts of the other contacts,
    by call and contact.
    """

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}
        self.decoys: dict[str, DecryptedCall] = {}
        self._receipts: dict[str, Row] = {}
        self.confirmed: dict[tuple[str, str], Row] = {}

    def ids(self, applications: Iterable[tuple[str, str | None]]) -> Iterable[str]:
        """The ids of the candidate calls to load. `applications` has the id and the open call of each application."""
        for application_id, open_call_id in applications:
            self._ids.setdefault(application_id, open_call_id or decoys.call_id(len(self._ids)))
        return self._ids.values()

    def add(self, row: Row) -> None:
        """Store the receipt from a row that `records.CANDIDATES` has returned."""
        self._receipts[row[0]] = row[tables.CALLS.width + 2 :]

    def id_of(self, application_id: str) -> str:
        """The id of an application's candidate call. Empty if the batch has not loaded the application's candidate."""
        return self._ids.get(application_id, "")

    def receipt(self, call_id: str) -> Row:
        """The receipt that consumed the code of a call: its id, its ciphertext, and the customer index of its leaf."""
        return self._receipts[call_id]


class LoadedLimits:
    """Rows of `limits` by key, as changed by earlier commands of the batch."""

    def __init__(self, rows: Rows[LimitRow]) -> None:
        self.rows = rows
        self._caps: dict[ReadSet, tuple[str, ...]] = {}

    def keys(
        self,
        read_sets: Iterable[ReadSet],
        led_to: Callable[[ReadSet], Sequence[str]],
        customer: Callable[[str], bytes | None],
    ) -> Iterable[str]:
        """The keys of the limits to load.

        For a read set with a channel, the keys include the guess limits of both channels: the wrong codes of both
        channels decide whether a call is locked.
        """
        for each in read_sets:
            if each.cap is None and each.channel is None:
                continue
            found = led_to(each)
            self._caps[each] = caps = cap_keys(each, map(customer, found))
            yield from caps
            if each.channel is not None:
                yield from (key for application_id in found for key in tables.limit_keys(application_id))

    def caps(self, reads: ReadSet) -> tuple[str, ...]:
        """The keys of the daily caps of a command, as determined at the start of the batch."""
        return self._caps[reads] if reads.cap is not None else ()


class Loaded:
    """The rows that a batch has loaded, by table, and dictionaries that find related rows."""

    def __init__(self, transaction: Transaction, authenticator: Authenticator, now_ms: int) -> None:
        self._transaction = transaction
        self._now_ms = now_ms
        self.tables: dict[AnyTable, AnyRows] = {each: Rows(each, authenticator) for each in tables.TABLES}
        self.applications: Rows[ApplicationRow] = self.tables[tables.APPLICATIONS]
        self.calls: Rows[Call] = self.tables[tables.CALLS]
        self.legs: Rows[Leg] = self.tables[tables.LEGS]
        self.strays: Rows[StrayLeg] = self.tables[tables.STRAY_LEGS]
        self.exceptions: Rows[ExceptionRow] = self.tables[tables.EXCEPTIONS]
        self.requests: Rows[RequestRow] = self.tables[tables.REQUESTS]
        self.refusals: Rows[MarketingRefusal] = self.tables[tables.REFUSALS]
        self.reports: Rows[ReportRow] = self.tables[tables.REPORTS]
        self.suspensions: Rows[SuspensionRow] = self.tables[tables.SUSPENSIONS]
        self.signals: Rows[SignalRow] = self.tables[tables.SIGNALS]
        self.looks: Rows[LookRow] = self.tables[tables.LOOKS]
        self.deleted_histories: Rows[DeletedHistory] = self.tables[tables.DELETED_HISTORIES]
        self.exchanges: Rows[ExchangeRow] = self.tables[tables.EXCHANGES]
        self.confirmations: Rows[ConfirmationRow] = self.tables[tables.CONFIRMATIONS]
        self.helpers: Rows[HelperRow] = self.tables[tables.HELPERS]
        self.helper_looks: Rows[HelperLookRow] = self.tables[tables.HELPER_LOOKS]
        self.limits = LoadedLimits(self.tables[tables.LIMITS])
        self.candidates = CandidateCalls()
        self.of_customer: dict[bytes, list[str]] = {}
        self.of_number: dict[bytes, list[str]] = {}
        self.same_people: dict[str, list[str]] = {}
        self.people_of: dict[str, set[bytes | None]] = {}
        self.contacts_of: dict[str, list[bytes]] = {}
        self.histories_of: dict[bytes, set[tuple[int, str]]] = {}
        self.tickets: dict[str, Row] = {}
        self.legs_of: dict[str, set[bytes]] = {}
        self.leg_owners: dict[bytes, str] = {}
        self.stray_ids: dict[tuple[bytes, str], str] = {}
        self.granted: dict[str, Row] = {}
        self.sessions: dict[str, Row] = {}
        self.suspension_of: dict[str, str] = {}
        self.closed_of: dict[ReadSet, list[str]] = {}
        self.signals_of: dict[bytes, set[str]] = {}
        self.signals_alike: dict[str, list[str]] = {}
        self.expired: list[tuple[AnyTable, Key, str, int]] = []

    async def load(self, read_sets: Sequence[ReadSet]) -> None:
        """Load every row that these read sets declare."""
        read = self._transaction.fetch_in
        for number_index, application_id in await read(records.NUMBERS, _given(n.number_index for n in read_sets)):
            self.of_number.setdefault(bytes(number_index), []).append(application_id)
        for row in await read(records.LEG_OWNERS, _given(n.leg_index for n in read_sets if n.leg_owner)):
            self.leg_owners[bytes(row[0])] = row[1]
        call_ids = [*(call_id for n in read_sets for call_id in n.call_ids), *self.leg_owners.values()]
        await self._load_calls(call_ids)
        application_ids = {self.calls.hint(each, "application_id") for each in self.calls}
        application_ids.update(_given(n.application_id for n in read_sets))
        application_ids.update(each for found in self.of_number.values() for each in found)
        self.applications.load(await read(records.APPLICATIONS_BY_ID, sorted(application_ids)))
        of_customer = await read(records.APPLICATIONS_OF_PEOPLE, _given(n.customer_index for n in read_sets))
        borrowed = _given(n.application_id for n in read_sets if n.same_borrower)
        named = _given(n.application_id for n in read_sets if n.same_people)
        same = [
            *await read(records.APPLICATIONS_OF_SAME_BORROWER, borrowed),
            *await read(records.APPLICATIONS_OF_SAME_PEOPLE, named),
        ]
        self.same_people.update((row[-2], []) for row in same)
        for row in same:
            self.same_people[row[-2]].append(row[0])
        self.applications.load(of_customer)
        self.applications.load(same)
        for row in (*of_customer, *same):
            known = self.of_customer.setdefault(bytes(row[-1]), [])
            if row[0] not in known:
                known.append(row[0])
        await self._load_candidates(read_sets)
        await self._load_calls(_given(self.applications.hint(each, "open_call_id") for each in self.applications))
        for each in read_sets:
            if each.calls_between is not None:
                await self._load_calls_between(each, *each.calls_between)
        self._add_legs(await read(records.LEGS_OF_CALLS, call_ids))
        self._add_strays(await read(records.STRAYS, _given(n.leg_index for n in read_sets)))
        self.limits.rows.load(
            await read(records.LIMITS_BY_KEY, self.limits.keys(read_sets, self.led_to, self._customer))
        )
        for row in await read(records.EXCEPTIONS_BY_ID, (each for n in read_sets for each in n.exception_ids)):
            self.exceptions.load([row])
            self.granted[row[0]] = row[tables.EXCEPTIONS.width :]
        self.requests.load(await read(records.REQUESTS_BY_ID, _given(n.request_id for n in read_sets)))
        for row in await read(records.SESSIONS, _given(n.session_id for n in read_sets)):
            self.sessions[row[0]] = row
        self.exchanges.load(await read(records.EXCHANGES_BY_ID, _given(n.exchange_id for n in read_sets)))
        suspensions = await read(records.SUSPENSIONS_OF, (each for n in read_sets for each in n.staff_ids))
        self.suspensions.load(suspensions)
        self.suspension_of.update((row[1], row[0]) for row in suspensions)
        for each in read_sets:
            await self._load_rest(each)

    async def _load_candidates(self, read_sets: Sequence[ReadSet]) -> None:
        led_to = (each for n in read_sets if n.cap for each in self.led_to(n) if each in self.applications)
        call_ids = self.candidates.ids((each, self.applications.hint(each, "open_call_id")) for each in led_to)
        for row in await self._transaction.fetch_in(records.CANDIDATES, call_ids):
            self._add_calls([row])
            self.candidates.add(row)
        confirmed = [each for each in read_sets if each.confirmations]
        given = {self.candidates.id_of(each) for n in confirmed for each in self.led_to(n)}
        given.update(each for n in confirmed for each in n.call_ids)
        for row in await self._transaction.fetch_in(records.CONFIRMATIONS_OF_CALLS, sorted(given)):
            self.confirmations.load([row])
            self.candidates.confirmed[row[0], row[1]] = row[tables.CONFIRMATIONS.width :]

    async def _load_rest(self, reads: ReadSet) -> None:
        """Load the rows that few commands declare: closed calls, signals, refusals, rows to delete, and so on."""
        read, read_in = self._transaction.fetch, self._transaction.fetch_in
        if reads.closed:
            rows = await read_in(records.CLOSED_CALLS, (*sorted(self.led_to(reads)), decoys.APPLICATION_ID))
            self._add_calls(rows)
            self.closed_of[reads] = [row[0] for row in rows]
        if reads.entered is not None:
            person, code_hash, request, since = astuple(reads.entered)
            self._add_signals(await read(records.IMPOSSIBLE_OF_PERSON, person, since, code_hash, request))
        if reads.marketing:
            for row in await read_in(records.PEOPLE_OF, _given([reads.application_id])):
                self.people_of.setdefault(row[0], set()).add(row[1])
            people = self.people_of.get(reads.application_id or "", set())
            self.refusals.load(await read_in(records.REFUSALS_OF, _given([*people, reads.customer_index])))
        if reads.unexamined:
            await self._load_unexamined()
        if reads.bulk is not None:
            reader, look_ids = reads.bulk
            self.looks.load(await read_in(look_records.LOOKS_BY_ID, look_ids))
            around = look_at(made_at(min(look_ids)) - HOUR_MS), look_at(made_at(max(look_ids)) + HOUR_MS)
            self.looks.load(await read(look_records.BULK_READINGS_OF, reader, *around))
        if reads.staying is not None and reads.application_id is not None:
            await self._load_contacts(reads.application_id, reads.staying)
        if reads.whole is not None:
            await self._load_contacts(reads.whole, ())
            self.signals.load(await read_in(records.SIGNALS_OF_APPLICATION, [reads.whole]))
            self.looks.load(await read_in(look_records.LOOKS_WITH_REASON, [reads.whole]))
            self._add_strays(await read(records.STRAYS_OF, reads.whole))
            self.requests.load(await read_in(records.REQUESTS_OF, [reads.whole]))
            self.reports.load(await read_in(records.REPORTS_OF, [reads.whole]))
            self.exceptions.load(await read_in(records.EXCEPTIONS_OF, [reads.whole]))
            self.confirmations.load(await read_in(records.CONFIRMATIONS_OF, [reads.whole]))
            on_it = _given((self._customer(reads.whole), *self.contacts_of[reads.whole]))
            self.helpers.load(await read_in(records.HELPERS_OF, on_it))
            self.limits.rows.load(await read_in(records.LIMITS_BY_KEY, tables.limit_keys(reads.whole)))
        if reads.helpers:
            named = _given([reads.application_id]) if reads.same_people else ()
            on_it = [row[1] for row in await read_in(records.PEOPLE_OF, named)]
            self.helpers.load(await read_in(records.HELPERS_OF, _given([reads.customer_index, *on_it])))
        if reads.helping is not None:
            self.helpers.load(await read_in(records.HELPED_BY, [reads.helping]))
        if reads.invitation is not None:
            self.helpers.load(await read_in(records.INVITED_BY, [reads.invitation]))
        if reads.report_ids:
            self.reports.load(await read_in(records.REPORTS_BY_ID, reads.report_ids))
        if reads.requests_before is not None:
            await self._load_expired(tables.REQUESTS, records.REQUESTS_BEFORE, "asked_at", reads.requests_before)
        if reads.limits_before is not None:
            await self._load_expired(tables.LIMITS, records.LIMITS_BEFORE, "tat", reads.limits_before)
        if reads.looks_before is not None:
            self._add_expired(
                tables.LOOKS,
                await read(look_records.LOOKS_BEFORE, look_at(reads.looks_before)),
                "looked_at",
                reads.looks_before,
            )
        if reads.expired:
            for table, sql in records.EXPIRED.items():
                await self._load_expired(table, sql, "expires_at", self._now_ms)

    async def _load_contacts(self, application_id: str, staying: Collection[bytes]) -> None:
        """Load who the contacts of an application are, and the call histories of those who do not stay."""
        people = [bytes(row[0]) for row in await self._transaction.fetch(records.CONTACTS_OF, application_id)]
        self.contacts_of[application_id] = people
        going = {*people, *_given([self._customer(application_id)])} - {*staying}
        found = await self._transaction.fetch_in(records.HISTORIES_OF, sorted(going))
        for person, leaf_index, statement_id in found:
            self.histories_of.setdefault(bytes(person), set()).add((leaf_index, statement_id))
        deleted = await self._transaction.fetch_in(records.DELETED_HISTORIES_OF, [row[2] for row in found])
        self.deleted_histories.load(deleted)

    async def _load_unexamined(self) -> None:
        for row in await self._transaction.fetch(records.SIGNALS_UNEXAMINED):
            self._add_signals([row])
            signal_id, entered_at = row[0], self.signals.hint(row[0], "entered_at")
            window = (f"sgnl_{hex_at(entered_at + each)}" for each in (-WEEK_MS, WEEK_MS))
            code_hash = self.signals.hint(signal_id, "code_hash")
            alike = await self._transaction.fetch(records.SIGNALS_OF_CODE, code_hash, *window)
            self._add_signals(alike)
            self.signals_alike[signal_id] = [each[0] for each in alike if each[0] != signal_id]

    async def _load_calls(self, call_ids: Iterable[str]) -> None:
        missing = (each for each in call_ids if each not in self.calls)
        self._add_calls(await self._transaction.fetch_in(records.CALLS_BY_ID, missing))

    async def _load_calls_between(self, reads: ReadSet, since: int, until: int) -> None:
        ids = ids_between(since, until)
        for application_id in self.led_to(reads):
            rows = await self._transaction.fetch(records.CALLS_BETWEEN, application_id, *ids, MOST_BETWEEN)
            self._add_calls([row for row in rows if row[0] not in self.calls])

    def _add_calls(self, rows: Sequence[Row]) -> None:
        self.calls.load(rows)
        self.tickets.update((row[0], row[tables.CALLS.width : tables.CALLS.width + 2]) for row in rows)

    def _add_legs(self, rows: Sequence[Row]) -> None:
        self.legs.load(rows)
        for row in rows:
            self.legs_of.setdefault(row[0], set()).add(bytes(row[1]))

    def _add_signals(self, rows: Sequence[Row]) -> None:
        self.signals.load(rows)
        for row in rows:
            self.signals_of.setdefault(bytes(self.signals.hint(row[0], "person")), set()).add(row[0])

    def _add_strays(self, rows: Sequence[Row]) -> None:
        self.strays.load(rows)
        self.stray_ids.update({(bytes(row[1]), row[2]): row[0] for row in rows})

    async def _load_expired(self, table: AnyTable, sql: str, column: str, before: int) -> None:
        self._add_expired(table, await self._transaction.fetch(sql, before), column, before)

    def _add_expired(self, table: AnyTable, rows: Sequence[Row], column: str, before: int) -> None:
        self.tables[table].load(rows)
        self.expired += [(table, table.key_of(row), column, before) for row in rows]

    def led_to(self, reads: ReadSet) -> list[str]:
        """The ids of the applications on which the person in a read set is a contact.

        If the read set has no person, this returns the ids of the applications with the read set's number on file.
        """
        if reads.customer_index is not None:
            return self.of_customer.get(reads.customer_index, [])
        return self.of_number.get(reads.number_index, []) if reads.number_index is not None else []

    def _customer(self, application_id: str) -> bytes | None:
        found: bytes | None = self.applications.hint(application_id, "customer_index")
        return found

    def routing(self) -> ShardRouting:
        """The borrowers of the loaded rows. The writer checks that the batch has locked the shard of each borrower."""
        borrowers = {each: self._customer(each) for each in self.applications}
        numbers = {number: [borrowers.get(each) for each in found] for number, found in self.of_number.items()}
        logins = {person: [borrowers.get(each) for each in found] for person, found in self.of_customer.items()}
        calls = {each: borrowers.get(self.calls.hint(each, "application_id")) for each in self.calls}
        same = {each: [borrowers.get(other) for other in found] for each, found in self.same_people.items()}
        inviters: dict[bytes, list[bytes]] = {}
        for each in self.helpers:
            for named in _given(self.helpers.hint(each, column) for column in ("helper_index", "invitation")):
                inviters.setdefault(bytes(named), []).append(bytes(self.helpers.hint(each, "customer_index")))
        return ShardRouting(borrowers, numbers, calls, self.leg_owners, logins, same, inviters)


def ids_between(first_ms: int, last_ms: int) -> tuple[str, str]:
    """The bounds of the ids of the calls that were issued between these times (RFC 9562 section 5.7)."""
    return f"call_{max(first_ms, 0):012x}", f"call_{last_ms + 1:012x}"


def look_at(ms: int) -> str:
    """The bound between the ids of the looks before this time, and those of later ones."""
    return f"look_{hex_at(ms)}"


def _given(values: Iterable[Item | None]) -> list[Item]:
    return [value for value in values if value is not None]
