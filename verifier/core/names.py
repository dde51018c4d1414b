"""Checks names that are shown or spoken: no links, and no invisible marks. Implements specs/protocol.md section 3.1.

The API and the import check each new registration with `check_names`. The types do not check names. So a registration
that was stored before these rules can still be read.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import UNSET

from verifier.core.application import Registration
from verifier.core.errors import FieldError, InvalidField
from verifier.core.text import link, marked

LINK = "must not hold a link, the name of a host, or what looks like one"
MARK = "must not hold a control character, or a mark that hides or turns text"


def fault(name: str) -> str | None:
    """Say what is wrong with a name. Returns None if nothing is wrong. The text does not repeat the name."""
    if marked(name):
        return MARK
    return LINK if link(name) else None


def check_names(registration: Registration) -> None:
    """Raise InvalidField if a registration has names that are not allowed. The error lists each such name."""
    found = tuple(FieldError(pointer, what) for pointer, what in _faults(registration))
    if found:
        raise InvalidField(found[0].detail, errors=found)


def _faults(registration: Registration) -> Iterator[tuple[str, str]]:
    names = {"/product": registration.product}
    # Ids are shown and spoken too, so they must not have invisible marks. But an id may look like a link, because it
    # may be an e-mail address.
    ids = {}
    if registration.customer is not UNSET:
        names["/customer/name"], ids["/customer/id"] = registration.customer.name, registration.customer.id
    if registration.borrower is not UNSET:
        names["/borrower/name"], ids["/borrower/id"] = registration.borrower.name, registration.borrower.id
    for place, contact in enumerate(() if registration.contacts is UNSET else registration.contacts):
        names[f"/contacts/{place}/name"], ids[f"/contacts/{place}/id"] = contact.name, contact.id or ""
    if registration.reference is not UNSET:
        names["/reference"] = registration.reference
    for place, officer in enumerate(registration.officers):
        names |= {f"/officers/{place}/name": officer.name, f"/officers/{place}/branch": officer.branch}
        ids[f"/officers/{place}/id"] = officer.id
    for pointer, name in names.items():
        if what := fault(name):
            yield pointer, what
    for pointer, each in ids.items():
        if marked(each):
            yield pointer, MARK
