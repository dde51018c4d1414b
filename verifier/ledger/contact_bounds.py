"""How many applications one login may be a contact of, and one number may be on file for.

Implements specs/protocol.md section 3.3. A code is tried against all of these applications, so this bounds the work of
one refused code.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import UNSET

from verifier.core.application import Registration
from verifier.core.errors import InvalidField
from verifier.ledger import indexes, records
from verifier.ports import KeyRing, Reader

MOST_APPLICATIONS = 200
_TOO_MANY = f"has {MOST_APPLICATIONS} applications already, which are the most for one"


async def full_names(reader: Reader, ring: KeyRing, registration: Registration) -> frozenset[str]:
    """The logins and the numbers of a registration that have as many applications as they may.

    The committed rows are counted, so registrations of the same moment may exceed the bound together.
    """
    names = {
        records.LOGINS_COUNTED: {indexes.customer_index(ring, each): each for each in _logins(registration)},
        records.NUMBERS_COUNTED: {indexes.number_index(ring, each): each for each in _numbers(registration)},
    }
    found = set()
    for sql, by_index in names.items():
        for index, applications in await reader.fetch_in(sql, [*by_index]):
            if applications >= MOST_APPLICATIONS:
                found.add(by_index[bytes(index)])
    return frozenset(found)


def check_full(full: frozenset[str], registration: Registration, held: Registration | None) -> None:
    """Raise InvalidField if a registration adds one of these logins or numbers to an application.

    What the application has already stays, so that it can be updated. `held` are its facts, or None if it has none.
    """
    added = full - (set() if held is None else {*_logins(held), *_numbers(held)})
    if not added:
        return
    flat = registration.contacts is UNSET
    for position, contact in enumerate(registration.people):
        at = "" if flat else f"/contacts/{position}"
        if contact.id in added:
            raise InvalidField.at("/customer/id" if flat else f"{at}/id", f"this login {_TOO_MANY}")
        for place, each in enumerate(contact.numbers):
            if each.number in added:
                raise InvalidField.at(f"{at}/numbers/{place}/number", f"this number {_TOO_MANY}")


def _logins(registration: Registration) -> Iterable[str]:
    return (each.id for each in registration.people if each.id is not None)


def _numbers(registration: Registration) -> Iterable[str]:
    return (each.number for who in registration.people for each in who.numbers)
