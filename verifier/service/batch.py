"""The working set of one batch: rows loaded together, decided on in memory, written together.

Source: specs/protocol.md section 10. Commands see each other's effects in the order they arrived. A command decides
first and stages last, so a refused one leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import astuple, replace

from verifier.core.call import Call
from verifier.core.errors import Erased, NotFound
from verifier.core.evidence import Evidence
from verifier.core.ids import ENTROPY_BYTES, new_id
from verifier.core.octets import base64url
from verifier.core.reconciliation import DiscrepancyKind, discrepancy_of
from verifier.core.sealing import KEY_BYTES, NONCE_BYTES, seal
from verifier.core.shards import place, shard_of
from verifier.core.statements import SALT_BYTES, CallTicket, digest, encode_claims
from verifier.ports import Entropy, KeyRing, Row, Transaction
from verifier.service import records
from verifier.service.candidate_calls import CandidateCalls
from verifier.service.limit_rows import LimitRows
from verifier.service.needs import Needs, Owners
from verifier.service.opened import OpenApplication, OpenCall, StagedLeaf, open_application, open_call, open_evidence
from verifier.service.records import (
    ApplicationRow,
    ExceptionRow,
    Leg,
    LimitRow,
    RequestRow,
    StrayLeg,
    SuspensionRow,
)

Item = TypeVar("Item")


class Batch:
    """Rows by key, as the commands so far have left them, and what has to be written of them.

    `sizes` are those of the logs that it may extend, by shard, of `shards` in all; `staged` is what it adds to each.
    """

    def __init__(
        self,
        transaction: Transaction,
        ring: KeyRing,
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
        self.candidates = CandidateCalls(ring)
        self.limits = LimitRows()
        self._transaction = transaction
        self._entropy = entropy
        self._sizes = sizes
        self._shards = shards
        self.leaves: dict[int, StagedLeaf] = {}
        self._applications: dict[str, ApplicationRow] = {}
        self._opened: dict[str, OpenApplication] = {}
        self._of_customer: dict[bytes, list[str]] = {}
        self._of_number: dict[bytes, list[str]] = {}
        self._calls: dict[str, Call] = {}
        self._sealed_tickets: dict[str, bytes] = {}
        self._open_calls: dict[str, OpenCall] = {}
        self._legs: dict[str, dict[bytes, Leg]] = {}
        self._leg_owners: dict[bytes, str] = {}
        self._strays: dict[tuple[bytes, str], StrayLeg] = {}
        self._exceptions: dict[str, ExceptionRow] = {}
        self._requests: dict[str, RequestRow] = {}
        self._sessions: dict[str, tuple[bytes, str | None]] = {}
        self.suspensions: dict[str, SuspensionRow] = {}
        self._writes: dict[str, dict[object, Row]] = {}
        self._forgets: dict[str, dict[object, Row]] = {}

    # --- loading ------------------------------------------------------------------------------------------

    async def load(self, needs: Sequence[Needs]) -> None:
        """Read every row the commands need, each table at most twice, whatever their number."""
        read = self._transaction.fetch_in
        for number_index, application_id in await read(records.NUMBERS, _given(n.number_index for n in needs)):
            self._of_number.setdefault(bytes(number_index), []).append(application_id)
        for row in await read(records.LEG_OWNERS, _given(n.leg_index for n in needs if n.leg_owner)):
            self._leg_owners[bytes(row[0])] = row[1]
        call_ids = [*(call_id for n in needs for call_id in n.call_ids), *self._leg_owners.values()]
        await self._load_calls(call_ids)
        application_ids = {call.application_id for call in self._calls.values()}
        application_ids.update(_given(n.application_id for n in needs))
        application_ids.update(each for found in self._of_number.values() for each in found)
        for row in await read(records.APPLICATIONS_BY_ID, sorted(application_ids)):
            self._applications[row[0]] = ApplicationRow(*row)
        for row in await read(records.APPLICATIONS_BY_CUSTOMER, _given(n.customer_index for n in needs)):
            self._applications[row[0]] = ApplicationRow(*row)
            self._of_customer.setdefault(bytes(row[1]), []).append(row[0])
        led_to = (each for n in needs if n.cap for each in self._led_to(n) if each in self._applications)
        candidates = await read(records.CANDIDATES, self.candidates.ids(self._applications[each] for each in led_to))
        for call, ticket in self.candidates.take(candidates):
            self._keep(call, ticket)
        await self._load_calls(row.open_call_id for row in self._applications.values() if row.open_call_id)
        for leg_row in await read(records.LEGS, call_ids):
            leg = Leg(leg_row[0], bytes(leg_row[1]), *leg_row[2:])
            self._legs.setdefault(leg.call_id, {})[leg.leg_index] = leg
        for row in await read(records.STRAY_LEGS, _given(n.leg_index for n in needs)):
            self._strays[bytes(row[1]), row[2]] = StrayLeg(row[0], bytes(row[1]), *row[2:])
        self.limits.take(await read(records.LIMITS, self.limits.keys(needs, self._led_to, self._owner)))
        for row in await read(records.EXCEPTIONS, _given(n.exception_id for n in needs)):
            self._exceptions[row[0]] = ExceptionRow(*row)
        for row in await read(records.REQUESTS, _given(n.request_id for n in needs)):
            self._requests[row[0]] = RequestRow(*row)
        for row in await read(records.SESSIONS, _given(n.session_id for n in needs)):
            self._sessions[row[0]] = self.ring.unseal(row[0], row[1]), row[3]
        for row in await read(records.SUSPENSIONS, (each for n in needs for each in n.staff_ids)):
            self.suspensions[row[1]] = SuspensionRow(*row)

    async def _load_calls(self, call_ids: Iterable[str]) -> None:
        for row in await self._transaction.fetch_in(records.CALLS, (c for c in call_ids if c not in self._calls)):
            self._keep(Call(*row[: records.CALL_COLUMNS]), row[-1])

    def _keep(self, call: Call, ticket: bytes | None) -> None:
        self._calls[call.call_id] = call
        if ticket is not None:
            self._sealed_tickets[call.call_id] = ticket

    def _led_to(self, needs: Needs) -> list[str]:
        if needs.customer_index is not None:
            return self._of_customer.get(needs.customer_index, [])
        return self._of_number.get(needs.number_index, []) if needs.number_index is not None else []

    def _owner(self, application_id: str) -> bytes | None:
        row = self._applications.get(application_id)
        return None if row is None else row.customer_index

    def owners(self) -> Owners:
        """Whose things are, by the rows that were read."""
        owners = {each: row.customer_index for each, row in self._applications.items()}
        numbers = {number: [owners.get(each) for each in found] for number, found in self._of_number.items()}
        calls = {each: owners.get(call.application_id) for each, call in self._calls.items()}
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
        if application_id not in self._opened:
            self._opened[application_id] = open_application(self.ring, row)
        return self._opened[application_id]

    def applications_of_customer(self, customer_index: bytes) -> list[OpenApplication]:
        """Every application of a customer that has not been erased, be it by a command of this batch."""
        return self._opened_of(self._of_customer.get(customer_index, []))

    def applications_of_number(self, number_index: bytes) -> list[OpenApplication]:
        """Every application on which a number is on file, likewise."""
        return self._opened_of(self._of_number.get(number_index, []))

    def _opened_of(self, application_ids: Iterable[str]) -> list[OpenApplication]:
        there = sorted(each for each in application_ids if self._applications[each].erased_at is None)
        return [self.application(each) for each in there]

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
        sealed = self._sealed_tickets.get(call_id)
        if sealed is None:
            raise Erased
        found = open_call(call, open_evidence(self.ring, application.key, call_id, sealed))
        self._open_calls[call_id] = found
        return found

    def legs(self, call_id: str) -> dict[bytes, Leg]:
        """What the PBX has said of the call's legs, by their keyed ids."""
        return self._legs.get(call_id, {})

    def leg_owner(self, leg_index: bytes) -> str | None:
        """The call that a leg was last matched with."""
        return self._leg_owners.get(leg_index)

    def stray(self, leg_index: bytes, call_id: str = "") -> StrayLeg | None:
        """What is kept of a leg that is no call's, or that is not of the ticket of the call it was told of."""
        return self._strays.get((leg_index, call_id))

    def exception(self, exception_id: str) -> ExceptionRow:
        """A granted exception. Raises NotFound."""
        if exception_id not in self._exceptions:
            raise NotFound("there is no such exception")
        return self._exceptions[exception_id]

    def request(self, request_id: str) -> RequestRow:
        """An officer's request for an exception. Raises NotFound."""
        if request_id not in self._requests:
            raise NotFound("there is no such request")
        return self._requests[request_id]

    def session(self, session_id: str) -> tuple[bytes, str | None]:
        """The state of a telephone dialogue, and the application that it is about. Raises NotFound."""
        if session_id not in self._sessions:
            raise NotFound("there is no such session, or it is over")
        return self._sessions[session_id]

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
        """Write the whole row."""
        self._replace_application(row)
        self._write(records.UPSERT_APPLICATION, row.application_id, astuple(row))
        self._writes.get(records.ADVANCE_APPLICATION, {}).pop(row.application_id, None)
        if row.customer_index is not None:
            known = self._of_customer.setdefault(row.customer_index, [])
            if row.application_id not in known:
                known.append(row.application_id)

    def advance_application(self, row: ApplicationRow) -> None:
        """Write the counters and the open call only; the sealed facts stay as they are."""
        self._replace_application(row)
        if row.application_id in self._writes.get(records.UPSERT_APPLICATION, {}):
            self._write(records.UPSERT_APPLICATION, row.application_id, astuple(row))
        else:
            values = (row.application_id, row.call_counter, row.local_day, row.calls_today, row.open_call_id)
            self._write(records.ADVANCE_APPLICATION, row.application_id, values)

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
        self._calls[call.call_id] = call
        added = OpenCall(call, leaf.statement, ticket, Evidence(leaf.statement, ""))
        self._open_calls[call.call_id] = added
        self._write(records.INSERT_CALL, call.call_id, astuple(call))
        return added

    def put_call(self, call: Call) -> None:
        """Write what changed of a call; a call that closed is no longer its application's open one."""
        before = self._calls[call.call_id]
        if call == before:
            return
        self._calls[call.call_id] = call
        opened = self._open_calls.get(call.call_id)
        if opened is not None:
            self._open_calls[call.call_id] = replace(opened, call=call)
        if call.call_id in self._writes.get(records.INSERT_CALL, {}):
            self._write(records.INSERT_CALL, call.call_id, astuple(call))
        else:
            values = (call.call_id, *(getattr(call, each) for each in records.MUTABLE))
            self._write(records.UPDATE_CALL, call.call_id, values)
        discrepancy = discrepancy_of(call) if before.open else None
        if discrepancy is not None:
            self.discrepancies.append((discrepancy, call.call_id))
        row = self._applications.get(call.application_id)
        if row is None:
            return
        if not call.open and row.open_call_id == call.call_id:
            self.advance_application(replace(row, open_call_id=None))
        if row.customer_index is not None:
            self.touched.add(row.customer_index)

    def put_leg(self, leg: Leg) -> None:
        self._legs.setdefault(leg.call_id, {})[leg.leg_index] = leg
        self._leg_owners[leg.leg_index] = max(leg.call_id, self._leg_owners.get(leg.leg_index, ""))
        self._write(records.UPSERT_LEG, (leg.call_id, leg.leg_index), astuple(leg))

    def put_stray(self, stray: StrayLeg) -> None:
        key = stray.leg_index, stray.call_id
        before = self._strays.get(key)
        self._strays[key] = stray
        self._write(records.UPSERT_STRAY, stray.stray_id, astuple(stray))
        if stray.connected_at is not None and (before is None or before.connected_at is None):
            self.discrepancies.append((stray.kind, stray.stray_id))

    def put_limit(self, row: LimitRow) -> None:
        self.limits.put(row)
        self._write(records.UPSERT_LIMIT, row.limit_key, astuple(row))

    def use_exception(self, exception: ExceptionRow, call_id: str) -> None:
        self._exceptions[exception.exception_id] = replace(exception, call_id=call_id)
        self._write(records.USE_EXCEPTION, exception.exception_id, (exception.exception_id, call_id))

    def put_session(self, session_id: str, state: bytes, expires_at: int, application_id: str | None) -> None:
        """Keep the state of a dialogue, with the application that it is about."""
        known = session_id in self._sessions
        self._sessions[session_id] = state, application_id
        sealed = self.ring.seal(session_id, state)
        if known and session_id not in self._writes.get(records.INSERT_SESSION, {}):
            self._write(records.UPDATE_SESSION, session_id, (session_id, sealed, application_id))
        else:
            self._write(records.INSERT_SESSION, session_id, (session_id, sealed, expires_at, application_id))

    def decide_request(self, request: RequestRow) -> None:
        self._requests[request.request_id] = request
        values = (request.request_id, request.decided_at, request.exception_id, request.expires_at)
        self._write(records.DECIDE_REQUEST, request.request_id, values)

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
        return seal(application.key, self._entropy(NONCE_BYTES), context, plaintext)

    def _replace_application(self, row: ApplicationRow) -> None:
        self._applications[row.application_id] = row
        opened = self._opened.pop(row.application_id, None)
        if opened is not None and opened.row.sealed == row.sealed:
            self._opened[row.application_id] = replace(opened, row=row)

    def _write(self, sql: str, key: object, values: Row) -> None:
        self._writes.setdefault(sql, {})[key] = values

    async def flush(self) -> None:
        """Write everything staged, one statement at a time over all its rows."""
        for leaf in self.leaves.values():
            application_id = leaf.application.application_id if leaf.application is not None else None
            sealed = self.seal(leaf.application, leaf.statement_id, encode_claims(Evidence(leaf.statement, leaf.proof)))
            owner = application_id, leaf.customer_index
            values = (leaf.leaf_index, leaf.entry, leaf.typ, leaf.statement_id, *owner, sealed)
            self._write(records.INSERT_LEAF, leaf.leaf_index, values)
        for sql, rows in (*self._writes.items(), *self._forgets.items()):
            await self._transaction.execute_many(sql, list(rows.values()))


def _given(values: Iterable[Item | None]) -> list[Item]:
    return [value for value in values if value is not None]
