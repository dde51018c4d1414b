"""Registers the lines of an import file, many at a time. Implements specs/protocol.md section 3.1."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from msgspec import Struct

from verifier.core.application import Registration
from verifier.core.closings import unchanged
from verifier.core.errors import Unavailable, VerifierError
from verifier.import_files import Bad, Blank, Good, ImportFile, Row, Superseded
from verifier.ledger.contact_bounds import check_full, full_names
from verifier.service import Service
from verifier.service.applications import check_customer, with_contacts_dated

AT_ONCE = 64


class Account(Struct):
    """How many lines of the file had each outcome. Every line is counted once."""

    registered: int = 0
    unchanged: int = 0
    refused: int = 0
    superseded: int = 0
    blank: int = 0
    header: int = 0

    @property
    def lines(self) -> int:
        return self.registered + self.unchanged + self.refused + self.superseded + self.blank + self.header


async def import_file(
    service: Service,
    file: ImportFile,
    report: Callable[[Bad | Superseded], None] = lambda row: None,
    progress: Callable[[int], None] = lambda octets: None,
    *,
    dry_run: bool = False,
) -> Account:
    """Register every good line of the file, and call `report` with each bad or superseded line, in order.

    A line whose facts are already registered counts as unchanged, and is not written. With `dry_run`, nothing is
    written, and the account shows what an import would do. The service need not be started for a dry run.

    Raises UnreadableFile. Raises Unavailable if the database is gone. Lines that were registered before the error stay
    registered. It is safe to import the file again.
    """
    account = Account()
    waiting: list[Row] = []

    async def flush() -> None:
        if not dry_run:
            await service.key_uses.reserve()
        # No two good lines have the same application, so the lines may be registered concurrently.
        good = [row for row in waiting if isinstance(row, Good)]
        known = await service.applications.registered([row.application_id for row in good])
        now_ms = service.context.clock()
        new = [row for row in good if not same_facts(known.get(row.application_id), row.registration, now_ms)]
        errors = await asyncio.gather(*(_register(service, row, known, dry_run) for row in new))
        refused = {row.line.number: error for row, error in zip(new, errors, strict=True) if error is not None}
        changed = {row.line.number for row in new}
        for row in waiting:
            error = refused.get(row.line.number)
            outcome = row if error is None else file.bad(row.line, error)
            count(account, outcome, changed)
            if isinstance(outcome, Bad | Superseded):
                report(outcome)
        waiting.clear()

    for row in file.rows(progress):
        waiting.append(row)
        if len(waiting) >= AT_ONCE:
            await flush()
    await flush()
    return account


def same_facts(held: Registration | None, registration: Registration, now_ms: int) -> bool:
    """Whether an application has these facts already, with the times at which its contacts were added."""
    return held is not None and unchanged(held, with_contacts_dated(registration, held, now_ms))


async def _register(
    service: Service, row: Good, known: dict[str, Registration | None], dry_run: bool
) -> VerifierError | None:
    try:
        if dry_run:
            held = known.get(row.application_id)
            if row.application_id in known:
                check_customer(held, row.registration)
            context = service.context
            full = await full_names(context.storage, context.ring, row.registration)
            check_full(full, row.registration, held)
        else:
            await service.applications.register(row.application_id, row.registration)
    except VerifierError as error:
        if isinstance(error, Unavailable):
            raise
        return error
    return None


def count(account: Account, row: Row, changed: set[int]) -> None:
    """Count the outcome of a line. `changed` has the numbers of the lines that are registered."""
    if isinstance(row, Bad):
        account.refused += 1
    elif isinstance(row, Superseded):
        account.superseded += 1
    elif isinstance(row, Blank):
        account.header += row.header
        account.blank += not row.header
    elif row.line.number in changed:
        account.registered += 1
    else:
        account.unchanged += 1
