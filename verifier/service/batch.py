"""The working set of one batch: rows loaded together, decided on in memory, written together.

Source: specs/protocol.md section 10. Commands see each other's effects in the order they arrived. A command decides
first and stages last, so a refused one leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from verifier.core.call import Call
from verifier.core.errors import NotFound, Tampered
from verifier.core.evidence import Evidence
from verifier.core.ids import ENTROPY_BYTES, new_id
from verifier.core.octets import base64url
from verifier.core.reconciliation import DiscrepancyKind, discrepancy_of
from verifier.core.sealing import KEY_BYTES, NONCE_BYTES, seal
from verifier.core.shards import place, shard_of
from verifier.core.statements import SALT_BYTES, CallTicket, PolicyException, digest, encode_claims
from verifier.ports import Entropy, KeyRing, Row, Transaction
from verifier.service import decoys, records
from verifier.service.loading import Loaded
from verifier.service.opened import (
    OpenApplication,
    OpenCall,
    StagedLeaf,
    leaf_context,
    open_application,
    open_call,
    open_exception,
    session_context,
)
from verifier.service.rows import Authenticator, Rows, Table
from verifier.service.tables import (
    ApplicationRow,
    ExceptionRow,
    Leg,
    LimitRow,
    ReportRow,
    RequestRow,
    StrayLeg,
    SuspensionRow,
    limit_keys,
)


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
        self.loaded = Loaded(transaction, authenticator, now_ms)
        self.limits = self.loaded.limits
        self.staged: dict[int, list[StagedLeaf]] = {}
        self.leaves: dict[int, StagedLeaf] = {}
        self.touched: set[bytes] = set()
        self.discrepancies: list[tuple[DiscrepancyKind, str]] = []
        self._transaction = transaction
        self._authenticator = authenticator
        self._entropy = entropy
        self._sizes = sizes
        self._shards = shards
        self._opened: dict[str, OpenApplication] = {}
        self._open_calls: dict[str, OpenCall] = {}
        self._sessions: dict[str, tuple[bytes, int, str | None]] = {}
        self._writes: dict[str, dict[object, Row]] = {}
        self._forgets: dict[str, dict[object, Row]] = {}
        self._row_writes: dict[str, list[Row]] = {}

    # --- looking ------------------------------------------------------------------------------------------

    def find_application(self, application_id: str) -> ApplicationRow | None:
        """The row, erased or not; None when the id has never been used."""
        return self.loaded.applications.get(application_id)

    def application(self, application_id: str) -> OpenApplication:
        """The application, opened. Raises NotFound or Erased."""
        row = self.loaded.applications.get(application_id)
        if row is None:
            raise NotFound("there is no such application")
        opened = self._opened.get(application_id)
        if opened is None:
            opened = self._opened[application_id] = open_application(self.ring, row)
        return opened

    def applications_of_customer(self, customer_index: bytes) -> list[OpenApplication]:
        """Every application of a customer that has not been erased, be it by a command of this batch."""
        return self._opened_of(self.loaded.of_customer.get(customer_index, []))

    def applications_of_number(self, number_index: bytes, number: str) -> list[OpenApplication]:
        """Every application on which a number is on file, likewise. The rows of `numbers` only lead here."""
        found = self._opened_of(self.loaded.of_number.get(number_index, []))
        on_file = [each for each in found if each.registration.number_on_file(number) is not None]
        if any(each not in on_file and not self.loaded.applications.changed(each.application_id) for each in found):
            self._authenticator.tampered("numbers")
        return on_file

    def _opened_of(self, application_ids: Iterable[str]) -> list[OpenApplication]:
        rows = (self._row(each) for each in sorted(application_ids))
        return [self.application(row.application_id) for row in rows if row.erased_at is None]

    def _row(self, application_id: str) -> ApplicationRow:
        row = self.loaded.applications.get(application_id)
        if row is None:
            # A number that leads to an application that was deleted.
            raise self._authenticator.found("applications")
        return row

    def stored_call(self, call_id: str) -> Call | None:
        """The call without its ticket, which then need not be readable."""
        return self.loaded.calls.get(call_id)

    def call(self, call_id: str) -> OpenCall:
        """The call with its ticket. Raises NotFound, or Erased when its application has been erased."""
        found = self._open_calls.get(call_id)
        if found is not None:
            return found
        call = self.loaded.calls.get(call_id)
        if call is None or decoys.is_decoy(call):
            raise NotFound("there is no such call")
        application = self.application(call.application_id)
        found = open_call(self.ring, application.keys, call, *self.loaded.tickets[call_id])
        self._open_calls[call_id] = found
        return found

    def open_call(self, application: OpenApplication) -> OpenCall | None:
        """The call of an application that is open, as far as its rows say. Raises Tampered for one that is gone."""
        call_id = application.row.open_call_id
        if call_id is None:
            return None
        if call_id not in self.loaded.calls:
            raise self._authenticator.found("calls")
        return self.call(call_id)

    def legs(self, call_id: str) -> dict[bytes, Leg]:
        """What the PBX has said of the call's legs, by their keyed ids."""
        found = {each: self.loaded.legs.get((call_id, each)) for each in self.loaded.legs_of.get(call_id, ())}
        return {each: leg for each, leg in found.items() if leg is not None}

    def leg_owner(self, leg_index: bytes) -> str | None:
        """The call that a leg was last matched with. Raises Tampered."""
        owner = self.loaded.leg_owners.get(leg_index)
        if owner is None or self.loaded.legs.get((owner, leg_index)) is not None:
            return owner
        raise self._authenticator.found("legs")

    def stray(self, leg_index: bytes, call_id: str = "") -> StrayLeg | None:
        """What is kept of a leg that is no call's, or that is not of the ticket of the call it was told of."""
        stray_id = self.loaded.stray_ids.get((leg_index, call_id))
        return None if stray_id is None else self.loaded.strays.get(stray_id)

    def exception(self, exception_id: str) -> ExceptionRow:
        """The row of a granted exception. Raises NotFound."""
        row = self.loaded.exceptions.get(exception_id)
        if row is None:
            raise NotFound("there is no such exception")
        return row

    def granted(self, exception: ExceptionRow) -> PolicyException:
        """What was logged of an exception; only this is believed of what it lifts. Raises NotFound."""
        keys = self.application(exception.application_id).keys
        return open_exception(self.ring, keys, exception.exception_id, *self.loaded.granted[exception.exception_id])

    def request(self, request_id: str) -> RequestRow:
        """An officer's request for an exception. Raises NotFound."""
        row = self.loaded.requests.get(request_id)
        if row is None:
            raise NotFound("there is no such request")
        return row

    def suspension(self, staff_id: str) -> SuspensionRow | None:
        """The suspension of a member of staff that is in force, or else the latest. Raises Tampered."""
        suspension_id = self.loaded.suspension_of.get(staff_id)
        return None if suspension_id is None else self.loaded.suspensions.get(suspension_id)

    def session(self, session_id: str) -> tuple[bytes, str | None]:
        """The state of a telephone dialogue, and the application that it is about. Raises NotFound."""
        if session_id not in self._sessions:
            row = self.loaded.sessions.get(session_id)
            if row is None:
                raise NotFound("there is no such session, or it is over")
            _, sealed, expires_at, application_id = row
            context = session_context(session_id, expires_at, application_id)
            self._sessions[session_id] = self.ring.unseal(context, sealed), expires_at, application_id
        state, _, application_id = self._sessions[session_id]
        return state, application_id

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
        self.loaded.applications.put(row)
        opened = self._opened.pop(row.application_id, None)
        if opened is not None and opened.row.sealed == row.sealed:
            self._opened[row.application_id] = replace(opened, row=row)
        if row.customer_index is not None:
            known = self.loaded.of_customer.setdefault(row.customer_index, [])
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
        self.loaded.calls.put(call)
        added = OpenCall(call, leaf.statement, ticket, Evidence(leaf.statement, ""))
        self._open_calls[call.call_id] = added
        return added

    def put_call(self, call: Call) -> None:
        """Write what changed of a call, and of its application once it is closed. Raises Tampered, nothing written."""
        before = self.loaded.calls.get(call.call_id)
        if before is None or call == before:
            return
        row = self.loaded.applications.get(call.application_id)
        self.loaded.calls.put(call)
        opened = self._open_calls.get(call.call_id)
        if opened is not None:
            self._open_calls[call.call_id] = replace(opened, call=call)
        discrepancy = discrepancy_of(call) if before.open else None
        if discrepancy is not None:
            self.discrepancies.append((discrepancy, call.call_id))
        if row is None:
            return
        if not call.open and row.open_call_id == call.call_id:
            self.put_application(replace(row, open_call_id=None))
        if row.customer_index is not None:
            self.touched.add(row.customer_index)

    def put_leg(self, leg: Leg) -> None:
        self.loaded.legs.put(leg)
        self.loaded.legs_of.setdefault(leg.call_id, set()).add(leg.leg_index)
        self.loaded.leg_owners[leg.leg_index] = max(leg.call_id, self.loaded.leg_owners.get(leg.leg_index, ""))

    def put_stray(self, stray: StrayLeg) -> None:
        before = self.loaded.strays.get(stray.stray_id)
        self.loaded.strays.put(stray)
        self.loaded.stray_ids[stray.leg_index, stray.call_id] = stray.stray_id
        if stray.connected_at is not None and (before is None or before.connected_at is None):
            self.discrepancies.append((stray.kind, stray.stray_id))

    def forget_rows(self, application_id: str) -> None:
        """Let go of every row that names an erased application but its own, its calls and its reports."""
        for stray_id in list(self.loaded.strays):
            among = self.loaded.strays.hint(stray_id, "among") or ""
            if self.loaded.strays.hint(stray_id, "application_id") == application_id or f" {application_id} " in among:
                self.loaded.strays.delete(stray_id)
        for rows in (self.loaded.requests, self.loaded.exceptions):
            for key in _of(rows, application_id):
                rows.delete(key)
        for key in limit_keys(application_id):
            self.limits.rows.delete(key)
        for report_id in _of(self.loaded.reports, application_id):
            report = self.loaded.reports.get(report_id)
            assert report is not None  # noqa: S101 - it is among those that are there
            self.loaded.reports.put(replace(report, sealed=None))

    def put_limit(self, row: LimitRow) -> None:
        self.limits.rows.put(row)

    def put_exception(self, exception: ExceptionRow) -> None:
        self.loaded.exceptions.put(exception)

    def put_request(self, request: RequestRow) -> None:
        self.loaded.requests.put(request)

    def put_report(self, report: ReportRow) -> None:
        self.loaded.reports.put(report)

    def delete(self, table: Table[Any], key: object) -> None:
        """Delete a row that has been loaded, if it is there."""
        self.loaded.tables[table].delete(key)

    def prune(self) -> int:
        """Delete what was loaded as past its keeping, if it is; how many rows. What does not verify stays."""
        gone = 0
        for table, key, column, before in self.loaded.expired:
            rows = self.loaded.tables[table]
            with suppress(Tampered):
                if not rows.changed(key) and getattr(rows.get(key), column) < before:
                    rows.delete(key)
                    gone += 1
        return gone

    def put_suspension(self, row: SuspensionRow) -> None:
        self.loaded.suspensions.put(row)
        self.loaded.suspension_of[row.officer_id] = row.suspension_id

    def add_session(self, session_id: str, state: bytes, expires_at: int, number_index: bytes | None) -> None:
        """Keep a telephone dialogue that has begun, about no application yet, with the number that rings."""
        self._sessions[session_id] = state, expires_at, None
        sealed = self.ring.seal(session_context(session_id, expires_at, None), state)
        self._write(records.INSERT_SESSION, session_id, (session_id, sealed, expires_at, number_index))

    def put_session(self, session_id: str, state: bytes, application_id: str | None) -> None:
        """Keep the state of a dialogue, with the application that it is about."""
        _, expires_at, _ = self._sessions[session_id]
        self._sessions[session_id] = state, expires_at, application_id
        sealed = self.ring.seal(session_context(session_id, expires_at, application_id), state)
        self._write(records.UPDATE_SESSION, session_id, (session_id, sealed, application_id))

    def execute(self, sql: str, *args: object) -> None:
        """Run one more statement with the batch, before the rows that later staging adds to the same table."""
        self._write(sql, args, args)

    def forget(self, sql: str, key: str | bytes) -> None:
        """Run a statement that lets go of what is kept of an application or number, after all that is written of it."""
        self._forgets.setdefault(sql, {})[key] = (key,)

    def seal(self, application: OpenApplication | None, context: str, plaintext: bytes) -> bytes:
        """Encrypt under the application's key, or the ring's where there is no application."""
        if application is None:
            return self.ring.seal(context, plaintext)
        return seal(application.keys.sealing, self._entropy(NONCE_BYTES), context, plaintext)

    def _write(self, sql: str, key: object, values: Row) -> None:
        self._writes.setdefault(sql, {})[key] = values

    def authenticate(self) -> int:
        """Make the authenticators of all rows that were staged; by how much the sum of the rows' shares grows."""
        return sum(rows.write(self._row_writes) for rows in self.loaded.tables.values())

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


def _of(rows: Rows[Any], application_id: str) -> list[Any]:
    """The keys of the rows that name an application."""
    return [each for each in rows if rows.hint(each, "application_id") == application_id]
