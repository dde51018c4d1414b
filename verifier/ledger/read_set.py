"""The read set of a command: the rows that it declares before its batch is loaded.

Implements specs/protocol.md section 10 (CVP-10-16).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from verifier.core.call import Channel


class ReadSet(Struct, frozen=True):
    """The rows that a command may read.

    - `application_id`, `customer_index`, `number_index`: these applications, with their open calls.
    - `call_ids`: these calls, each with its application, ticket and legs.
    - `cap`: the daily cap of the customer or number. It also loads a decoy for each of their applications that has no
      open call.
    - `channel`: the guess limits of their applications on it.
    - `leg_index`: a stray leg with this id. With `leg_owner`, also the call that the leg was last matched with.
    - `staff_ids`: the suspension of each, in force or the latest.
    - `whole`: every row of this application.
    - `expired`, `limits_before`, `requests_before`: rows that have expired, times in epoch milliseconds.
    - `everywhere`: the command writes rows of many customers, and locks every shard.
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


def cap_keys(reads: ReadSet, owners: Iterable[bytes | None]) -> tuple[str, ...]:
    """The keys of a command's daily cap. `owners` are the customers of its number, by blind index.

    A number on file has one cap for each of its customers, so each limit is written in one shard only.
    """
    if reads.cap is None:
        return ()
    if reads.customer_index is not None:
        return (f"{reads.cap}:login:{reads.customer_index.hex()}",)
    if reads.number_index is None:
        return ()
    key = f"{reads.cap}:number:{reads.number_index.hex()}"
    return tuple(f"{key}:{owner.hex()}" for owner in distinct(owners)) or (key,)


def distinct(owners: Iterable[bytes | None]) -> list[bytes]:
    """The different customers among these, in order."""
    return sorted({owner for owner in owners if owner is not None})
