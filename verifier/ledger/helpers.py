"""Helpers, as verified and decrypted rows. Implements specs/protocol.md section 7.18."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from verifier.core.contacts import Contact
from verifier.core.messages.helpers import HelperState
from verifier.ledger import records, tables
from verifier.ledger.rows import Authenticator
from verifier.ledger.tables import HelperLookRow, HelperRow
from verifier.ports import KeyRing, Reader


class HelperFacts(Struct, frozen=True):
    """What is sealed of a helper, under the key ring: it belongs to a person, not to an application.

    `customer_id` and `login` are the logins of the customer and the helper. `name` is what the customer calls the
    helper, `said_name` how the helper called themselves, and `person` what the helper calls the customer. What only the
    helper knows is null until they have entered the invitation.
    """

    customer_id: str
    name: str
    login: str | None = None
    said_name: str | None = None
    person: str | None = None


class DecryptedHelper(Struct, frozen=True):
    """A helper with their decrypted facts."""

    row: HelperRow
    facts: HelperFacts

    def state(self, now_ms: int) -> HelperState:
        """Whether the helper may look, or how far they are."""
        row = self.row
        if row.ended_at is not None:
            return "ended"
        if now_ms >= row.valid_until:
            return "expired"
        if row.confirmed_at is not None:
            return "active"
        return "invited" if row.entered_at is None else "entered"

    @property
    def contact(self) -> Contact:
        """The helper as a contact. They may confirm codes, and nothing else. They must have entered the invitation."""
        assert self.facts.said_name is not None  # noqa: S101
        return Contact(name=self.facts.said_name, role="helper", rights=("confirm",), id=self.facts.login)


_decode = msgspec.json.Decoder(HelperFacts).decode


def seal_facts(ring: KeyRing, helper_id: str, customer_index: bytes, facts: HelperFacts) -> bytes:
    """Seal what is personal of a helper. The seal is bound to the row and its customer."""
    return ring.seal(_context(helper_id, customer_index), msgspec.json.encode(facts))


def decrypt_helper(ring: KeyRing, row: HelperRow) -> DecryptedHelper:
    """Decrypt the facts of a verified row."""
    return DecryptedHelper(row, _decode(ring.unseal(_context(row.helper_id, row.customer_index), row.sealed)))


def _context(helper_id: str, customer_index: bytes) -> str:
    return f"{helper_id}:{customer_index.hex()}"


class HelperReading:
    """Reads committed helpers, outside of a batch. Every method raises Tampered for a row that does not verify."""

    def __init__(self, reader: Reader, ring: KeyRing, authenticator: Authenticator) -> None:
        self._reader = reader
        self._ring = ring
        self._authenticator = authenticator

    async def of_customer(self, customer_index: bytes) -> list[DecryptedHelper]:
        """The helpers of a customer, newest first."""
        found = await self._read(records.HELPERS_OF, customer_index)
        if any(each.row.customer_index != customer_index for each in found):
            raise self._authenticator.found("helpers")
        return found

    async def of_helper(self, helper_index: bytes) -> list[DecryptedHelper]:
        """The rows in which this login is the helper, newest first."""
        found = await self._read(records.HELPED_BY, helper_index)
        if any(each.row.helper_index != helper_index for each in found):
            raise self._authenticator.found("helpers")
        return found

    async def _read(self, sql: str, index: bytes) -> list[DecryptedHelper]:
        rows = [self._authenticator.read(tables.HELPERS, row) for row in await self._reader.fetch_in(sql, [index])]
        rows.sort(key=lambda row: row.helper_id, reverse=True)
        return [decrypt_helper(self._ring, row) for row in rows]

    async def looks(self, helper_id: str, limit: int) -> Sequence[HelperLookRow]:
        """The newest looks of a helper, newest first."""
        rows = await self._reader.fetch(records.LOOKS_OF_HELPER, helper_id, limit)
        found = [self._authenticator.read(tables.HELPER_LOOKS, row) for row in rows]
        if any(each.helper_id != helper_id for each in found):
            raise self._authenticator.found("helper_looks")
        return found
