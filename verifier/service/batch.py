"""The working set of one batch: rows loaded together, decided on in memory, written together.

Source: specs/protocol.md section 10. Commands see each other's effects in the order they arrived. A command decides
first and stages last, so a refused one leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from verifier.core.call import Call
from verifier.core.errors import NotFound, Tampered
from verifier.core.evidence import Evidence
from verifier.core.ids import ENTROPY_BYTES, new_id
from verifier.core.messages import LogEvidence
from verifier.core.octets import base64url
from verifier.core.reconciliation import DiscrepancyKind, discrepancy_of
from verifier.core.sealing import KEY_BYTES, NONCE_BYTES, seal
from verifier.core.shards import place, shard_of
from verifier.core.statements import SALT_BYTES, CallTicket, PolicyException, digest, encode_claims
from verifier.ports import Entropy, KeyRing, Row, Transaction
from verifier.service import records
from verifier.service.needs import Needs, Owners
from verifier.service.opened import (
    OpenApplication,
    OpenCall,
    StagedLeaf,
    leaf_context,
    open_application,
    open_call,
    open_evidence,
    open_exception,
)
from verifier.service.records import ApplicationRow, ExceptionRow, Leg, LimitRow, ReportRow, RequestRow, StrayLeg
from verifier.service.rows import Authenticator, Rows, Table

Item = TypeVar("Item")


class Batch:
    """Rows by key, as the commands so far have left them, and what has to be written of them.

    `sizes` are those of the logs that it may extend, by shard, of `shards` in all; `staged` is what it adds to each.
    """

    def __init__(
        self,
        transaction: Transaction,
        ring: KeyRing,
        authenticator: Authenticator,
        entropy: Entropy,
        now_ms: int,
        sizes: Mapping[int, int],
        shards: int,
    ) -> None:
        self.now_ms = now_ms
        self.ring = ring
        self.staged: dict[int, list[StagedLeaf]] = {}
        self.touched: set[bytes] = set()
        self.discrepancies: list[tuple[DiscrepancyKind, str]] = []
        self._transaction = transaction
        self._entropy = entropy
        self._sizes = sizes
        self._shards = shards
        self.leaves: dict[int, StagedLeaf] = {}
        self._authenticator = authenticator
        self._tables: dict[Table[Any], Rows[Any]] = {each: Rows(each, authenticator) for each in records.TABLES}
        self._applications: Rows[ApplicationRow] = self._tables[records.APPLICATIONS]
        self._calls: Rows[Call] = self._tables[records.CALLS]
        self._legs: Rows[Leg] = self._tables[records.LEGS]
        self._strays: Rows[StrayLeg] = self._tables[records.STRAY_LEGS]
        self._limits: Rows[LimitRow] = self._tables[records.LIMITS]
        self._exceptions: Rows[ExceptionRow] = self._tables[records.EXCEPTIONS]
        self._requests: Rows[RequestRow] = self._tables[records.REQUESTS]
        self._reports: Rows[ReportRow] = self._tables[records.REPORTS]
        self._opened: dict[str, OpenApplication] = {}
        self._of_customer: dict[bytes, list[str]] = {}
        self._of_number: dict[bytes, list[str]] = {}
        self._tickets: dict[str, Row] = {}
        self._open_calls: dict[str, OpenCall] = {}
        self._legs_of: dict[str, set[bytes]] = {}
        self._leg_owners: dict[bytes, str] = {}
        self._stray_ids: dict[tuple[bytes, str], str] = {}
        self._granted: dict[str, Row] = {}
        self._sessions: dict[str, bytes] = {}
        self._receipts: dict[int, Row] = {}
        self._writes: dict[str, dict[object, Row]] = {}
        self._forgets: dict[str, dict[object, Row]] = {}
        self._expired: list[tuple[Table[Any], object]] = []
        self._row_writes: dict[str, list[Row]] = {}

    # --- loading ------------------------------------------------------------------------------------------

    async def load(self, needs: Sequence[Needs]) -> None:
        """Read every row the commands need, each table at most twice, whatever their number."""
        read = self._transaction.fetch_in
        for number_index, application_id in await read(records.NUMBERS, _given(n.number_index for n in needs)):
            self._of_number.setdefault(bytes(number_index), []).append(application_id)
        owned = _given(n.leg_index for n in needs if n.leg_owner)
        self._leg_owners.update({bytes(row[0]): row[1] for row in await read(records.LEG_OWNERS, owned)})
        call_ids = [*(call_id for n in needs for call_id in n.call_ids), *self._leg_owners.values()]
        await self._load_calls(call_ids)
        application_ids = {self._calls.hint(each, "application_id") for each in self._calls}
        application_ids.update(_given(n.application_id for n in needs))
        application_ids.update(each for found in self._of_number.values() for each in found)
        self._applications.load(await read(records.APPLICATIONS_BY_ID, sorted(application_ids)))
        rows = await read(records.APPLICATIONS_BY_CUSTOMER, _given(n.customer_index for n in needs))
        self._applications.load(rows)
        for row in rows:
            self._of_customer.setdefault(bytes(row[1]), []).append(row[0])
        open_calls = (self._applications.hint(each, "open_call_id") for each in self._applications)
        await self._load_calls(_given(open_calls))
        self._load_legs(await read(records.LEGS_OF_CALLS, call_ids))
        self._load_strays(await read(records.STRAYS, _given(n.leg_index for n in needs)))
        keys = [records.limit_key(a, n.channel) for n in needs if n.channel for a in self._candidates(n)]
        self._limits.load(await read(records.LIMITS_BY_KEY, keys))
        for row in await read(records.EXCEPTIONS_BY_ID, (each for n in needs for each in n.exception_ids)):
            self._exceptions.load([row])
            self._granted[row[0]] = row[records.EXCEPTIONS.width :]
        self._requests.load(await read(records.REQUESTS_BY_ID, _given(n.request_id for n in needs)))
        for row in await read(records.SESSIONS, _given(n.session_id for n in needs)):
            self._sessions[row[0]] = self.ring.unseal(row[0], row[1])
        given = _given(self._calls.hint(each, "receipt_leaf") for each in self._calls)
        for row in await read(records.SEALED_BY_LEAF, given):
            self._receipts[row[0]] = row[1:]
        for each in needs:
            await self._load_rest(each)

    async def _load_rest(self, needs: Needs) -> None:
        """What only a few commands look at: all there is of an application, and what is past its keeping."""
        if needs.whole is not None:
            self._load_strays(await self._transaction.fetch_in(records.STRAYS_OF, [needs.whole]))
            self._requests.load(await self._transaction.fetch_in(records.REQUESTS_OF, [needs.whole]))
            self._reports.load(await self._transaction.fetch_in(records.REPORTS_OF, [needs.whole]))
        self._reports.load(await self._transaction.fetch_in(records.REPORTS_BY_ID, needs.report_ids))
        if needs.requests_before is not None:
            self._load_expired(
                records.REQUESTS, await self._transaction.fetch(records.REQUESTS_BEFORE, needs.requests_before)
            )
        if needs.expired:
            for table, sql in records.EXPIRED.items():
                self._load_expired(table, await self._transaction.fetch(sql, self.now_ms))

    def _load_expired(self, table: Table[Any], rows: Sequence[Row]) -> None:
        self._tables[table].load(rows)
        self._expired += [(table, table.key_of(row)) for row in rows]

    def _load_legs(self, rows: Sequence[Row]) -> None:
        self._legs.load(rows)
        for row in rows:
            self._legs_of.setdefault(row[0], set()).add(bytes(row[1]))

    def _load_strays(self, rows: Sequence[Row]) -> None:
        self._strays.load(rows)
        self._stray_ids.update({(bytes(row[1]), row[2]): row[0] for row in rows})

    async def _load_calls(self, call_ids: Iterable[str]) -> None:
        rows = await self._transaction.fetch_in(records.CALLS_BY_ID, (c for c in call_ids if c not in self._calls))
        self._calls.load(rows)
        self._tickets.update({row[0]: row[records.CALLS.width :] for row in rows})

    def _candidates(self, needs: Needs) -> list[str]:
        if needs.customer_index is not None:
            return self._of_customer.get(needs.customer_index, [])
        return self._of_number.get(needs.number_index, []) if needs.number_index is not None else []

    def owners(self) -> Owners:
        """Whose things are, by the rows that were read."""
        owners = {each: self._applications.hint(each, "customer_index") for each in self._applications}
        numbers = {number: [owners.get(each) for each in found] for number, found in self._of_number.items()}
        calls = {each: owners.get(self._calls.hint(each, "application_id")) for each in self._calls}
        return Owners(owners, numbers, calls, self._leg_owners)

    # --- looking ------------------------------------------------------------------------------------------

    def find_application(self, application_id: str) -> ApplicationRow | None:
        """The row, erased or not; None when the id has never been used."""
        return self._applications.get(application_id)

    def application(self, application_id: str) -> OpenApplication:
        """The application, opened. Raises NotFound or Erased."""
        row = self._applications.get(application_id)
        if row is None:
            raise NotFound("there is no such application")
        opened = self._opened.get(application_id)
        if opened is None:
            opened = self._opened[application_id] = open_application(self.ring, row)
        return opened

    def applications_of_customer(self, customer_index: bytes) -> list[OpenApplication]:
        """Every application of a customer that has not been erased, be it by a command of this batch."""
        return self._opened_of(self._of_customer.get(customer_index, []))

    def applications_of_number(self, number_index: bytes, number: str) -> list[OpenApplication]:
        """Every application on which a number is on file, likewise. The rows of `numbers` only lead here."""
        found = self._opened_of(self._of_number.get(number_index, []))
        on_file = [each for each in found if each.registration.number_on_file(number) is not None]
        if len(on_file) < len(found):
            self._authenticator.tampered("numbers")
        return on_file

    def _opened_of(self, application_ids: Iterable[str]) -> list[OpenApplication]:
        rows = (self._row(each) for each in sorted(application_ids))
        return [self.application(row.application_id) for row in rows if row.erased_at is None]

    def _row(self, application_id: str) -> ApplicationRow:
        row = self._applications.get(application_id)
        if row is None:
            # A number that leads to an application that was deleted.
            raise self._authenticator.found("applications")
        return row

    def stored_call(self, call_id: str) -> Call | None:
        """The call without its ticket, which then need not be readable."""
        return self._calls.get(call_id)

    def call(self, call_id: str) -> OpenCall:
        """The call with its ticket. Raises NotFound, or Erased when its application has been erased."""
        found = self._open_calls.get(call_id)
        if found is not None:
            return found
        call = self._calls.get(call_id)
        if call is None:
            raise NotFound("there is no such call")
        application = self.application(call.application_id)
        found = open_call(self.ring, application.keys, call, *self._tickets[call_id])
        self._open_calls[call_id] = found
        return found

    def open_call(self, application: OpenApplication) -> OpenCall | None:
        """The call of an application that is open, as far as its rows say. Raises Tampered for one that is gone."""
        call_id = application.row.open_call_id
        if call_id is None:
            return None
        if call_id not in self._calls:
            raise self._authenticator.found("calls")
        return self.call(call_id)

    def legs(self, call_id: str) -> dict[bytes, Leg]:
        """What the PBX has said of the call's legs, by their keyed ids."""
        found = {each: self._legs.get((call_id, each)) for each in self._legs_of.get(call_id, ())}
        return {each: leg for each, leg in found.items() if leg is not None}

    def leg_owner(self, leg_index: bytes) -> str | None:
        """The call that a leg was last matched with."""
        return self._leg_owners.get(leg_index)

    def stray(self, leg_index: bytes, call_id: str = "") -> StrayLeg | None:
        """What is kept of a leg that is no call's, or that is not of the ticket of the call it was told of."""
        stray_id = self._stray_ids.get((leg_index, call_id))
        return None if stray_id is None else self._strays.get(stray_id)

    def limit(self, key: str) -> int | None:
        """The stored arrival time of a guess limit."""
        row = self._limits.get(key)
        return None if row is None else row.tat

    def exception(self, exception_id: str) -> ExceptionRow:
        """The row of a granted exception. Raises NotFound."""
        row = self._exceptions.get(exception_id)
        if row is None:
            raise NotFound("there is no such exception")
        return row

    def granted(self, exception: ExceptionRow) -> PolicyException:
        """What was logged of an exception; only this is believed of what it lifts. Raises NotFound."""
        keys = self.application(exception.application_id).keys
        return open_exception(self.ring, keys, exception.exception_id, *self._granted[exception.exception_id])

    def request(self, request_id: str) -> RequestRow:
        """An officer's request for an exception. Raises NotFound."""
        row = self._requests.get(request_id)
        if row is None:
            raise NotFound("there is no such request")
        return row

    def session(self, session_id: str) -> bytes:
        """The state of a telephone dialogue. Raises NotFound."""
        if session_id not in self._sessions:
            raise NotFound("there is no such session, or it is over")
        return self._sessions[session_id]

    def receipt_of(self, call: Call, application: OpenApplication) -> tuple[str, Callable[[], LogEvidence]]:
        """The id of the receipt that consumed a confirmed call's code, and its evidence."""
        leaf_index = call.receipt_leaf
        assert leaf_index is not None  # noqa: S101 - a confirmed call has a receipt by construction
        staged = self.leaves.get(leaf_index)
        if staged is not None:
            return staged.statement_id, staged.evidence
        sealed, statement_id, typ, customer_index = self._receipts[leaf_index]
        context = leaf_context(statement_id, typ, customer_index)
        evidence = open_evidence(self.ring, application.keys, context, sealed)
        return statement_id, lambda: LogEvidence(evidence.statement, evidence.proof)

    # --- staging ------------------------------------------------------------------------------------------

    def new_id(self, prefix: str) -> str:
        return new_id(prefix, self.now_ms, self._entropy(ENTROPY_BYTES))

    def new_key(self) -> bytes:
        return self._entropy(KEY_BYTES)

    def new_salt(self) -> str:
        return base64url(self._entropy(SALT_BYTES))

    def append(
        self,
        typ: str,
        statement_id: str,
        claims: Struct,
        application: OpenApplication | None,
        customer_index: bytes | None = None,
    ) -> StagedLeaf:
        """Sign a statement and give it the next leaf of its customer's log; one of nobody's goes into any."""
        statement = self.ring.sign(typ, encode_claims(claims))
        owner = customer_index if application is None else application.row.customer_index
        shard = min(self._sizes) if owner is None else shard_of(owner, self._shards)
        staged = self.staged.setdefault(shard, [])
        at = place(shard, self._sizes[shard] + len(staged))
        leaf = StagedLeaf(at, digest(statement), typ, statement_id, statement, application, customer_index)
        staged.append(leaf)
        self.leaves[at] = leaf
        return leaf

    def put_application(self, row: ApplicationRow) -> None:
        """Write a row, new or changed."""
        self._applications.put(row)
        opened = self._opened.pop(row.application_id, None)
        if opened is not None and opened.row.sealed == row.sealed:
            self._opened[row.application_id] = replace(opened, row=row)
        if row.customer_index is not None:
            known = self._of_customer.setdefault(row.customer_index, [])
            if row.application_id not in known:
                known.append(row.application_id)

    def put_numbers(self, application_id: str, number_indexes: Iterable[bytes]) -> None:
        """Replace the numbers that lead to an application."""
        self._lead(application_id, number_indexes, records.DELETE_NUMBERS, records.INSERT_NUMBER)

    def put_officers(self, application_id: str, officer_ids: Iterable[str]) -> None:
        """Replace the officers who are assigned to an application."""
        self._lead(application_id, officer_ids, records.DELETE_ASSIGNMENTS, records.INSERT_ASSIGNMENT)

    def _lead(self, application_id: str, froms: Iterable[object], delete: str, insert: str) -> None:
        self.execute(delete, application_id)
        pending = self._writes.get(insert, {})
        for key in [key for key, values in pending.items() if values[1] == application_id]:
            del pending[key]
        for each in froms:
            self._write(insert, (each, application_id), (each, application_id))

    def add_call(self, call: Call, leaf: StagedLeaf, ticket: CallTicket) -> OpenCall:
        """Add a new call; its ticket is the staged leaf."""
        self._calls.put(call)
        added = OpenCall(call, leaf.statement, ticket, Evidence(leaf.statement, ""))
        self._open_calls[call.call_id] = added
        return added

    def put_call(self, call: Call) -> None:
        """Write what changed of a call; a call that closed is no longer its application's open one."""
        before = self._calls.get(call.call_id)
        if before is None or call == before:
            return
        self._calls.put(call)
        opened = self._open_calls.get(call.call_id)
        if opened is not None:
            self._open_calls[call.call_id] = replace(opened, call=call)
        discrepancy = discrepancy_of(call) if before.open else None
        if discrepancy is not None:
            self.discrepancies.append((discrepancy, call.call_id))
        row = self._applications.get(call.application_id)
        if row is None:
            return
        if not call.open and row.open_call_id == call.call_id:
            self.put_application(replace(row, open_call_id=None))
        if row.customer_index is not None:
            self.touched.add(row.customer_index)

    def put_leg(self, leg: Leg) -> None:
        self._legs.put(leg)
        self._legs_of.setdefault(leg.call_id, set()).add(leg.leg_index)
        self._leg_owners[leg.leg_index] = max(leg.call_id, self._leg_owners.get(leg.leg_index, ""))

    def put_stray(self, stray: StrayLeg) -> None:
        before = self._strays.get(stray.stray_id)
        self._strays.put(stray)
        self._stray_ids[stray.leg_index, stray.call_id] = stray.stray_id
        if stray.connected_at is not None and (before is None or before.connected_at is None):
            self.discrepancies.append((stray.kind, stray.stray_id))

    def forget_rest(self, application_id: str) -> None:
        """Let go of the legs that led to an application, and of what was written of it."""
        for stray_id in [each for each in self._strays if self._strays.hint(each, "application_id") == application_id]:
            self._strays.delete(stray_id)
        for rows in (self._tables[records.REQUESTS], self._tables[records.REPORTS]):
            for key in [each for each in rows if rows.hint(each, "application_id") == application_id]:
                row = rows.get(key)
                assert row is not None  # noqa: S101 - its key is among those that are there
                rows.put(replace(row, sealed=None))

    def put_limit(self, key: str, tat: int) -> None:
        self._limits.put(LimitRow(key, tat))

    def put_exception(self, exception: ExceptionRow) -> None:
        self._exceptions.put(exception)

    def put_request(self, request: RequestRow) -> None:
        self._requests.put(request)

    def put_report(self, report: ReportRow) -> None:
        self._reports.put(report)

    def delete(self, table: Table[Any], key: object) -> None:
        """Delete a row that has been loaded, if it is there."""
        self._tables[table].delete(key)

    def prune(self) -> int:
        """Delete what was loaded as past its keeping; how many rows. One that does not verify stays for the audit."""
        gone = 0
        for table, key in self._expired:
            rows = self._tables[table]
            if rows.changed(key):
                continue
            try:
                rows.delete(key)
            except Tampered:
                continue
            gone += 1
        return gone

    def put_session(self, session_id: str, state: bytes, expires_at: int) -> None:
        self._sessions[session_id] = state
        self._write(records.UPSERT_SESSION, session_id, (session_id, self.ring.seal(session_id, state), expires_at))

    def execute(self, sql: str, *args: object) -> None:
        """Run one more statement with the batch, before the rows that later staging adds to the same table."""
        self._write(sql, args, args)

    def forget(self, sql: str, application_id: str) -> None:
        """Run a statement that lets go of what is kept of an application, after all that is written of it."""
        self._forgets.setdefault(sql, {})[application_id] = (application_id,)

    def seal(self, application: OpenApplication | None, context: str, plaintext: bytes) -> bytes:
        """Encrypt under the application's key, or the ring's where there is no application."""
        if application is None:
            return self.ring.seal(context, plaintext)
        return seal(application.keys.sealing, self._entropy(NONCE_BYTES), context, plaintext)

    def _write(self, sql: str, key: object, values: Row) -> None:
        self._writes.setdefault(sql, {})[key] = values

    def authenticate(self) -> int:
        """Make the authenticators of all rows that were staged; by how much the sum of the rows' shares grows."""
        return sum(rows.write(self._row_writes) for rows in self._tables.values())

    async def flush(self) -> None:
        """Write everything staged, one statement at a time over all its rows."""
        for leaf in self.leaves.values():
            application_id = leaf.application.application_id if leaf.application is not None else None
            context = leaf_context(leaf.statement_id, leaf.typ, leaf.customer_index)
            sealed = self.seal(leaf.application, context, encode_claims(Evidence(leaf.statement, leaf.proof)))
            owner = application_id, leaf.customer_index
            values = (leaf.leaf_index, leaf.entry, leaf.typ, leaf.statement_id, *owner, sealed)
            self._write(records.INSERT_LEAF, leaf.leaf_index, values)
        for sql, staged in self._row_writes.items():
            await self._transaction.execute_many(sql, staged)
        for sql, rows in (*self._writes.items(), *self._forgets.items()):
            await self._transaction.execute_many(sql, list(rows.values()))


def _given(values: Iterable[Item | None]) -> list[Item]:
    return [value for value in values if value is not None]
