"""What a command looks at, and whose that is: it has to be alone in the shards of those customers.

Implements specs/protocol.md section 10 (CVP-10-10).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from verifier.core.call import Channel


class ReadSet(Struct, frozen=True):
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


def cap_keys(reads: ReadSet, owners: Iterable[bytes | None]) -> tuple[str, ...]:
    """The names of the limits that are a daily cap. `owners` are those of the number.

    A number that is on file has one for each of its customers, so that a limit is always written in one shard.
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
    return sorted({owner for owner in owners if owner is not None})
