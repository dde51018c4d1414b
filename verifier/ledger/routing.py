"""Shard routing: finds the shards that a command must lock, from the borrowers whose rows the command reads.

Implements specs/protocol.md section 10 (CVP-10-10).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from msgspec import Struct

from verifier.core.shards import shard_of
from verifier.ledger import records
from verifier.ledger.read_set import ReadSet, distinct
from verifier.ports import Reader

T = TypeVar("T")


class ShardRouting(Struct, frozen=True):
    """Maps applications, people, numbers and calls to the blind indexes of the borrowers of their applications.

    The borrower of an erased application is None. `logins` has the people, by the blind index of their login: each may
    be a contact of several borrowers, and a number may belong to contacts of several. `same` has, for each application,
    its people, and the borrowers of the applications on which they are contacts. `legs` maps each leg to the call that
    the leg was last matched with. `inviters` maps the login of each helper, and each invitation, to the customers who
    have invited.
    """

    applications: Mapping[str, bytes | None]
    numbers: Mapping[bytes, Sequence[bytes | None]]
    calls: Mapping[str, bytes | None]
    legs: Mapping[bytes, str]
    logins: Mapping[bytes, Sequence[bytes | None]]
    same: Mapping[str, Sequence[bytes | None]]
    inviters: Mapping[bytes, Sequence[bytes]] = {}

    def shards(self, reads: ReadSet, count: int) -> frozenset[int]:
        """The shards that a command must lock. Empty if the command reads no customer's rows."""
        if reads.everywhere:
            return frozenset(range(count))
        found = {shard_of(key, count) for key in self._keys(reads) if key is not None}
        if not found and reads.session_id is not None:
            found.add(shard_of(_hashed(reads.session_id), count))
        return frozenset(found)

    def _keys(self, reads: ReadSet) -> Iterator[bytes | None]:
        yield reads.customer_index
        if reads.customer_index is not None:
            yield from self.logins.get(reads.customer_index, ())
        yield reads.near
        yield reads.helping
        for index in (reads.helping, reads.invitation):
            yield from self.inviters.get(index or b"", ())
        if reads.application_id is not None:
            # Two registrations of the same new id must lock the same shard, even if they name different borrowers.
            yield self.applications.get(reads.application_id) or _hashed(reads.application_id)
            if reads.same_borrower or reads.same_people:
                yield from self.same.get(reads.application_id, ())
        if reads.number_index is not None:
            yield from distinct(self.numbers.get(reads.number_index, ())) or (reads.number_index,)
        for call_id in reads.call_ids:
            yield self.calls.get(call_id)
        yield from (_hashed(each) for each in (*reads.staff_ids, *_given(reads.exchange_id)))
        if reads.bulk is not None:
            yield _hashed(reads.bulk[0])
        if reads.leg_index is not None and reads.leg_owner:
            # All events of one leg must lock the same shard, even before the leg's call is known.
            yield reads.leg_index
            yield self.calls.get(self.legs.get(reads.leg_index, ""))


async def read_routing(reader: Reader, reads: ReadSet) -> ShardRouting:
    """Read the borrowers of the committed rows that a command declares. Raises Unavailable."""
    leg = reads.leg_index if reads.leg_owner else None
    legs = {bytes(row[0]): row[1] for row in await reader.fetch_in(records.LEG_OWNERS, _given(leg))}
    numbers: dict[bytes, list[bytes | None]] = {}
    for number_index, owner in await reader.fetch_in(records.NUMBER_OWNERS, _given(reads.number_index)):
        numbers.setdefault(bytes(number_index), []).append(owner)
    logins: dict[bytes, list[bytes | None]] = {}
    for contact_index, owner in await reader.fetch_in(records.CONTACT_OWNERS, _given(reads.customer_index)):
        logins.setdefault(bytes(contact_index), []).append(owner)
    inviters: dict[bytes, list[bytes]] = {}
    for sql, index in ((records.HELPED_OWNERS, reads.helping), (records.INVITATION_OWNERS, reads.invitation)):
        for found, owner in await reader.fetch_in(sql, _given(index)):
            inviters.setdefault(bytes(found), []).append(bytes(owner))
    same: dict[str, list[bytes | None]] = {}
    for sql, wanted in (
        (records.SAME_BORROWER_OWNERS, reads.same_borrower),
        (records.SAME_PEOPLE_OWNERS, reads.same_people),
    ):
        for application_id, owner in await reader.fetch_in(sql, _given(reads.application_id) if wanted else ()):
            same.setdefault(application_id, []).append(owner)
    applications = await reader.fetch_in(records.APPLICATION_OWNERS, _given(reads.application_id))
    calls = await reader.fetch_in(records.CALL_OWNERS, (*reads.call_ids, *legs.values()))
    of_calls = {row[0]: row[1] for row in calls}
    return ShardRouting({row[0]: row[1] for row in applications}, numbers, of_calls, legs, logins, same, inviters)


def _given(value: T | None) -> tuple[T, ...]:
    return () if value is None else (value,)


def _hashed(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()
