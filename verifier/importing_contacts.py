"""Replaces the contacts of registered applications by those of a file. Implements specs/protocol.md section 3.1."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import UNSET
from msgspec.structs import replace

from verifier.core.application import Registration
from verifier.core.errors import InvalidField, NotFound, Unavailable, VerifierError
from verifier.core.names import check_names
from verifier.import_files import Bad, ContactLine, ContactsFile, Superseded
from verifier.importing import Account, count, same_facts
from verifier.ledger.contact_bounds import check_full, full_names
from verifier.service import Service
from verifier.service.applications import check, check_customer


async def import_contacts(
    service: Service,
    file: ContactsFile,
    report: Callable[[Bad | Superseded], None] = lambda row: None,
    progress: Callable[[int], None] = lambda octets: None,
    *,
    dry_run: bool = False,
) -> Account:
    """Replace the contacts of each application in the file, all of them or none. Everything else stays as registered.

    Raises what `import_file` raises, and works like it.
    """
    account = Account()
    lines: list[ContactLine] = []

    async def flush() -> None:
        if not lines:
            return
        changed: set[int] = set()
        try:
            if await _replace(service, lines, dry_run=dry_run):
                changed = {each.line.number for each in lines}
        except Unavailable:
            raise
        except VerifierError as error:
            for bad in file.refused(lines, error):
                count(account, bad, changed)
                report(bad)
        else:
            for each in lines:
                count(account, each, changed)
        lines.clear()

    for row in file.rows(progress):
        if isinstance(row, ContactLine):
            if lines and lines[0].application_id != row.application_id:
                await flush()
            lines.append(row)
            continue
        await flush()
        count(account, row, set())
        if isinstance(row, Bad | Superseded):
            report(row)
    await flush()
    return account


async def _replace(service: Service, lines: Sequence[ContactLine], *, dry_run: bool) -> bool:
    """Replace the contacts of an application. Returns False if it has them already. Raises VerifierError."""
    application_id = lines[0].application_id
    known = await service.applications.registered([application_id])
    if application_id not in known:
        raise NotFound("the application is not registered, or cannot be read")
    held = known[application_id]
    registration = with_contacts(held, lines)
    check_customer(held, registration)
    check_names(registration)
    now_ms = service.context.clock()
    check(registration, now_ms)
    if same_facts(held, registration, now_ms):
        return False
    if dry_run:
        context = service.context
        check_full(await full_names(context.storage, context.ring, registration), registration, held)
    else:
        await service.key_uses.reserve()
        await service.applications.register(application_id, registration, held)
    return True


def with_contacts(held: Registration | None, lines: Sequence[ContactLine]) -> Registration:
    """The registration with the contacts and the borrower of these lines. Raises InvalidField."""
    borrowers = [each.borrower for each in lines if each.borrower is not None]
    if not borrowers:
        raise InvalidField.at("/borrower", "is missing on every line of the application")
    if any(each != borrowers[0] for each in borrowers):
        raise InvalidField.at("/borrower", "differs from another line of the application")
    contacts = tuple(each.contact for each in lines)
    flat = {"customer": UNSET, "numbers": UNSET, "consents": UNSET}
    if held is None:
        # It was erased. `check_customer` says so.
        held = Registration(officers=(), product="", borrower=borrowers[0], contacts=contacts)
    return replace(held, **flat, borrower=borrowers[0], contacts=contacts)
