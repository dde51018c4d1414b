"""Who looked: every read of personal data by staff or a system is recorded before it is answered (law L15).

Implements specs/protocol.md section 7.17.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from verifier.core.looks import Looks, LookView, MyLook, MyLooks, Reader, SearchLooks, Why, shown_by
from verifier.core.principal import Principal
from verifier.core.sealing import unseal
from verifier.core.times import from_ms, to_ms
from verifier.ledger import look_records
from verifier.ledger.commands import Answer
from verifier.ledger.decrypted import DecryptedApplication
from verifier.ledger.read_set import ReadSet
from verifier.ledger.tables import LOOKS, NO_APPLICATION, LookRow
from verifier.ledger.unit_of_work import UnitOfWork
from verifier.ledger.unit_of_work.loading import look_at
from verifier.ports import Row
from verifier.service.context import Context

SAME_LOOK_MS = 600_000
MAX_POLLED = 10_000
_FIRST, _AFTER_ALL = "look_", "look_g"  # sort before and after every look id
_encode_why = msgspec.json.Encoder().encode
_decode_why = msgspec.json.Decoder(Why).decode


class Recorded(Struct, frozen=True):
    """The number of looks that were recorded."""

    looks: int


class LookRecords:
    """Use cases on the records of looks.

    Other use cases record with `record`, or with `stage` in a command of their own.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._polled: dict[tuple[str, str, str], int] = {}

    async def record(self, reader: Principal, operation: str, applications: Sequence[DecryptedApplication]) -> None:
        """Record that a reader is shown these applications. On return, the record is durable.

        Call it before the answer. `operation` is the id of the operation. Raises Unavailable if the record cannot be
        written; then the reader must be shown nothing.
        """
        if not applications:
            return

        def decide(work: UnitOfWork) -> Answer[Recorded]:
            self.stage(work, reader, operation, applications)
            return lambda: Recorded(len(applications))

        # The rows need no lock. The shard of the first customer spreads them over the shards.
        await self._context.writer.submit(ReadSet(near=applications[0].row.customer_index), decide)

    async def record_polled(
        self, reader: Principal, operation: str, applications: Sequence[DecryptedApplication]
    ) -> None:
        """Record as `record` does, for a list that pages ask for every few seconds.

        What this node has recorded within the last ten minutes is the same look, as a stream of events would be one.
        """
        now_ms = self._context.clock()
        if len(self._polled) > MAX_POLLED:
            # This only means that some looks are recorded again.
            self._polled.clear()
        names = {(reader.key, operation, each.application_id): each for each in applications}
        new = {name: each for name, each in names.items() if self._polled.get(name, 0) <= now_ms - SAME_LOOK_MS}
        await self.record(reader, operation, tuple(new.values()))
        self._polled.update(dict.fromkeys(new, now_ms))

    def stage(
        self,
        work: UnitOfWork,
        reader: Principal,
        operation: str,
        applications: Iterable[DecryptedApplication],
        why: Why | None = None,
    ) -> None:
        """Record as part of a command, so that the command and its record are durable together."""
        for each in {each.application_id: each for each in applications}.values():
            look = _look(work, reader, operation, each.application_id)
            sealed = None if why is None else work.seal(each, look.look_id, _encode_why(why))
            work.looks.add(replace(look, sealed=sealed))

    async def search(self, auditor: Principal, asked: SearchLooks) -> Looks:
        """A page of the looks that match, newest first.

        Each search is itself a look: at each application that it names or is answered a reason about. The id may be
        that of an erased or unknown application. A search without an application is recorded without one.
        """
        reading = self._context.reading
        named = await self._named(asked)
        reader = "" if asked.staff_id is None else f"staff:{asked.staff_id}"
        after = _FIRST if asked.since is None else look_at(to_ms(asked.since))
        before = _AFTER_ALL if asked.until is None else look_at(to_ms(asked.until))
        if asked.cursor is not None:
            before = min(before, asked.cursor)
        found = await self._between(after, before, asked.limit + 1, reader, named)
        page = found[: asked.limit]
        known = await reading.applications({each.application_id for each in page if each.sealed is not None})
        await self._record_search(auditor, {*(named or ()), *known} or {NO_APPLICATION})
        views = tuple(_view(each, known.get(each.application_id)) for each in page)
        return Looks(views, page[-1].look_id if len(found) > asked.limit else None)

    async def _record_search(self, auditor: Principal, application_ids: Iterable[str]) -> None:
        looked_at = sorted(application_ids)

        def decide(work: UnitOfWork) -> Answer[Recorded]:
            for each in looked_at:
                work.looks.add(_look(work, auditor, "search_looks", each))
            return lambda: Recorded(len(looked_at))

        await self._context.writer.submit(ReadSet(), decide)

    async def _named(self, asked: SearchLooks) -> list[str] | None:
        """The ids of the applications that a search is about, or None if it names neither customer nor application.

        The looks at an erased application stay, so its id is found without its customer.
        """
        wanted = asked.application_id
        if asked.customer_id is None:
            return None if wanted is None else [wanted]
        index = self._context.customer_index(asked.customer_id)
        theirs = await self._context.reading.applications_of_customer(index, asked.customer_id)
        return [each.application_id for each in theirs if wanted in (None, each.application_id)]

    async def mine(self, customer: Principal, cursor: str | None, limit: int) -> MyLooks:
        """A page of the looks at the customer's own applications, newest first."""
        index = self._context.customer_index(customer.id)
        theirs = await self._context.reading.applications_of_customer(index, customer.id)
        own = {each.application_id: each for each in theirs}
        found = await self._between(_FIRST, cursor or _AFTER_ALL, limit + 1, "", own)
        page = found[:limit]
        views = tuple(_mine(each, own[each.application_id], customer) for each in page)
        return MyLooks(views, page[-1].look_id if len(found) > limit else None)

    async def _between(
        self, after: str, before: str, limit: int, reader: str, application_ids: Iterable[str] | None
    ) -> list[LookRow]:
        """The newest looks between two ids, of a reader and at applications, if they are given.

        Raises Tampered for a row that does not verify: a list that leaves a look out would be a false answer.
        """
        fetch = self._context.storage.fetch
        rows: list[Row] = []
        if application_ids is not None:
            application_ids = tuple(application_ids)
            for each in application_ids:
                rows += await fetch(look_records.LOOKS_OF_APPLICATION, each, after, before, reader, limit)
        elif reader:
            rows += await fetch(look_records.LOOKS_OF_READER, reader, after, before, limit)
        else:
            rows += await fetch(look_records.LOOKS_BETWEEN, after, before, limit)
        looks = [self._context.authenticator.read(LOOKS, row) for row in rows]
        for look in looks:
            of_these = application_ids is None or look.application_id in application_ids
            if not (after <= look.look_id < before and reader in ("", look.reader) and of_these):
                raise self._context.authenticator.found("looks")
        return sorted(looks, key=lambda look: look.look_id, reverse=True)[:limit]


def _look(work: UnitOfWork, reader: Principal, operation: str, application_id: str) -> LookRow:
    """A new row."""
    roles = " ".join(sorted(reader.roles))
    return LookRow(work.new_id("look"), f"{reader.kind}:{reader.id}", roles, operation, application_id, work.now_ms)


def _reader(look: LookRow) -> Reader:
    kind, _, named = look.reader.partition(":")
    return Reader("staff" if kind == "staff" else "system", named, tuple(look.roles.split()))


def _why(look: LookRow, application: DecryptedApplication | None) -> Why | None:
    if look.sealed is None or application is None:
        return None
    return _decode_why(unseal(application.keys.sealing, look.look_id, look.sealed))


def _view(look: LookRow, application: DecryptedApplication | None) -> LookView:
    why = _why(look, application)
    return LookView(
        look_id=look.look_id,
        at=from_ms(look.looked_at),
        reader=_reader(look),
        operation=look.operation,
        application_id=None if look.application_id == NO_APPLICATION else look.application_id,
        reason=None if why is None else why.reason,
    )


def _mine(look: LookRow, application: DecryptedApplication, customer: Principal) -> MyLook:
    reader = _reader(look)
    officer = application.registration.assigned(reader.id) if reader.kind == "staff" else None
    why = _why(look, application)
    present = None if why is None else why.customer_id == customer.id
    details = application.may(customer.id, "details")
    return MyLook(
        look_id=look.look_id,
        at=from_ms(look.looked_at),
        reader=reader,
        name=None if officer is None else officer.name,
        branch=None if officer is None else officer.branch,
        application_id=application.application_id if details else None,
        reference=application.loan.reference if details else None,
        words=shown_by(look.operation, details=details, present=present),
        reason=why.reason if why is not None and present else None,
    )
