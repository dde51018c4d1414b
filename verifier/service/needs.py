"""What a command looks at, and whose that is: it has to be alone in the shards of those customers.

Carries out specs/protocol.md section 10 (CVP-10-10).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

from msgspec import Struct

from verifier.core.call import Channel
from verifier.core.shards import shard_of
from verifier.ports import Reader
from verifier.service import records


class Needs(Struct, frozen=True):
    """Which rows a command will look at, as far as it can say before they are read.

    Applications bring their open calls; calls bring their application, ticket and legs. `cap` brings the daily cap of
    the customer or number, and a decoy for each application that `customer_index` or `number_index` leads to and that
    has no open call; `channel` brings the guess limits of those applications. `leg_index` brings what strayed under
    that id, and with `leg_owner` the call that the leg was last matched with; `staff_ids` bring their latest
    suspensions. `whole` is an application all of whose rows are brought; `expired`, `limits_before` and
    `requests_before` bring rows past their keeping.

    `everywhere` is for what writes rows of many customers: it is alone in every shard.
    """

    application_id: str | None = None
    call_ids: tuple[str, ...] = ()
    customer_index: bytes | None = None
    number_index: bytes | None = None
    exception_ids: tuple[str, ...] = ()
    request_id: str | None = None
    session_id: str | None = None
    leg_index: bytes | None = None
    leg_owner: bool = False
    channel: Channel | None = None
    staff_ids: tuple[str, ...] = ()
    cap: Literal["verdicts", "reports"] | None = None
    report_ids: tuple[str, ...] = ()
    whole: str | None = None
    expired: bool = False
    limits_before: int | None = None
    requests_before: int | None = None
    everywhere: bool = False


class Owners(Struct, frozen=True):
    """Whose things are, by the customers' blind indexes; None where the application has been erased.

    Numbers may be on file for several; of a leg it is the call that is known.
    """

    applications: Mapping[str, bytes | None]
    numbers: Mapping[bytes, Sequence[bytes | None]]
    calls: Mapping[str, bytes | None]
    legs: Mapping[bytes, str]

    def shards(self, needs: Needs, shards: int) -> frozenset[int]:
        """Those, of so many, that a command has to be alone in; none when it looks at nobody's."""
        if needs.everywhere:
            return frozenset(range(shards))
        found = {shard_of(key, shards) for key in self._keys(needs) if key is not None}
        if not found and needs.session_id is not None:
            found.add(shard_of(_spread(needs.session_id), shards))
        return frozenset(found)

    def _keys(self, needs: Needs) -> Iterator[bytes | None]:
        yield needs.customer_index
        if needs.application_id is not None:
            # Of two that register one id at the same moment, for whomever, the second must find the first.
            yield self.applications.get(needs.application_id) or _spread(needs.application_id)
        if needs.number_index is not None:
            yield from _owners(self.numbers.get(needs.number_index, ())) or (needs.number_index,)
        for call_id in needs.call_ids:
            yield self.calls.get(call_id)
        yield from (_spread(each) for each in needs.staff_ids)
        if needs.leg_index is not None and needs.leg_owner:
            # What is said of one leg has one order, whether its call is known yet or not.
            yield needs.leg_index
            yield self.calls.get(self.legs.get(needs.leg_index, ""))


async def read_owners(reader: Reader, needs: Needs) -> Owners:
    """Whose the things are that a command will look at, as far as has been committed. Raises Unavailable."""
    leg = needs.leg_index if needs.leg_owner else None
    legs = {bytes(row[0]): row[1] for row in await reader.fetch_in(records.LEG_OWNERS, _given(leg))}
    numbers: dict[bytes, list[bytes | None]] = {}
    for number_index, owner in await reader.fetch_in(records.NUMBER_OWNERS, _given(needs.number_index)):
        numbers.setdefault(bytes(number_index), []).append(owner)
    applications = await reader.fetch_in(records.APPLICATION_OWNERS, _given(needs.application_id))
    calls = await reader.fetch_in(records.CALL_OWNERS, (*needs.call_ids, *legs.values()))
    return Owners({row[0]: row[1] for row in applications}, numbers, {row[0]: row[1] for row in calls}, legs)


def cap_keys(needs: Needs, owners: Iterable[bytes | None]) -> tuple[str, ...]:
    """The names of the limits that are a daily cap. `owners` are those of the number.

    A number that is on file has one for each of its customers, so that a limit is always written in one shard.
    """
    if needs.cap is None:
        return ()
    if needs.customer_index is not None:
        return (f"{needs.cap}:login:{needs.customer_index.hex()}",)
    if needs.number_index is None:
        return ()
    key = f"{needs.cap}:number:{needs.number_index.hex()}"
    return tuple(f"{key}:{owner.hex()}" for owner in _owners(owners)) or (key,)


def _owners(owners: Iterable[bytes | None]) -> list[bytes]:
    return sorted({owner for owner in owners if owner is not None})


def _given(value: object) -> tuple[object, ...]:
    return () if value is None else (value,)


def _spread(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()
