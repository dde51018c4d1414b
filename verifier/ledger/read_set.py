"""The read set of a command: the rows that it declares before its batch is loaded.

Implements specs/protocol.md section 10 (CVP-10-16).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from verifier.core.call import Channel


class Entered(Struct, frozen=True):
    """Digits that can be no code, as a person has entered them. The members are those of `tables.SignalRow`."""

    person: bytes
    code_hash: bytes
    request: bytes | None
    since: int


class ReadSet(Struct, frozen=True):
    """The rows that a command may read. Each field adds rows:

    - `application_id`: this application and its open call.
    - `same_borrower`: the other applications on which the borrower of `application_id` is borrower or contact.
    - `same_people`: the other applications of the borrower and the contacts of `application_id`.
    - `customer_index`: the applications of the person with this login, as borrower or contact, and their open calls.
    - `number_index`: the applications with this number on file, and their open calls.
    - `call_ids`: these calls, each with its application, ticket and legs.
    - `cap`: the daily cap of the customer or number, and a decoy for each of their applications without an open call.
    - `clerk_index`: the daily cap of a clerk at the counter. `cap` is `counter`, and `staff_ids` names the clerk.
    - `calls_between`: of each application of the customer or number, the calls issued between these times, in epoch
      milliseconds, and the call before and the call after them.
    - `confirmations`: the receipts that contacts have got for the codes of the customer's or number's open calls, and
      of `call_ids`.
    - `closed`: the newest closed calls of the customer's or number's applications, with decoys for missing ones.
    - `entered`: what the same person has entered before that can be no code: since `since`, or the same digits.
    - `unexamined`: signals that were not examined yet, and the signals of the same codes at about the same time.
    - `channel`: the guess limits of the customer's or number's applications.
    - `leg_index`: the stray leg with this leg id. With `leg_owner`, also the call that the leg was last matched with.
    - `staff_ids`: for each person, the suspension in force. If none is in force, the latest suspension.
    - `exchange_id`: when this telephone exchange was last heard.
    - `marketing`: the refusals of marketing calls of the people of `application_id`, and of `customer_index`.
    - `whole`: every row of the application with this id, and the call histories of its contacts.
    - `staying`: the contacts of `application_id`, and the call histories of all of them but these people.
    - `expired`: legs, stray legs and signals that have expired.
    - `limits_before`, `requests_before`, `looks_before`: limits, requests or looks that are older than this time, in
      epoch milliseconds.
    - `bulk`: these looks of this reader, by id, and the bulk readings of the reader around them.
    - `near`: adds no rows. The command locks the shard of this customer, although it reads none of their rows.
    - `helpers`: the helpers of the customer `customer_index`. With `same_people`, also of the people of
      `application_id`.
    - `helping`: the helpers who are this login. The daily cap is theirs, even if `customer_index` is also given.
    - `invitation`: the helper whose invitation has this blind index.
    - `everywhere`: adds no rows. The command locks every shard, because it writes rows of many customers.
    """

    application_id: str | None = None
    same_borrower: bool = False
    same_people: bool = False
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
    exchange_id: str | None = None
    cap: Literal["verdicts", "reports", "call_checks", "counter", "invitations", "entered_invitations"] | None = None
    clerk_index: bytes | None = None
    calls_between: tuple[int, int] | None = None
    confirmations: bool = False
    closed: bool = False
    entered: Entered | None = None
    unexamined: bool = False
    report_ids: tuple[str, ...] = ()
    marketing: bool = False
    whole: str | None = None
    staying: tuple[bytes, ...] | None = None
    expired: bool = False
    limits_before: int | None = None
    requests_before: int | None = None
    looks_before: int | None = None
    bulk: tuple[str, tuple[str, ...]] | None = None
    near: bytes | None = None
    helpers: bool = False
    helping: bytes | None = None
    invitation: bytes | None = None
    everywhere: bool = False

    @property
    def person(self) -> bytes | None:
        """The blind index of the login, or of the calling number, of the person who asks."""
        return self.helping or self.customer_index or self.number_index


def cap_keys(reads: ReadSet, customers: Iterable[bytes | None]) -> tuple[str, ...]:
    """The keys of the daily caps of a command. `customers` are the borrowers that its calling number belongs to.

    A number has a separate cap for each of these borrowers. So each row of `limits` belongs to exactly one shard.
    """
    if reads.cap is None:
        return ()
    if reads.clerk_index is not None:
        return (f"{reads.cap}:staff:{reads.clerk_index.hex()}",)
    login = reads.helping or reads.customer_index
    if login is not None:
        return (f"{reads.cap}:login:{login.hex()}",)
    if reads.number_index is None:
        return ()
    key = f"{reads.cap}:number:{reads.number_index.hex()}"
    return tuple(f"{key}:{each.hex()}" for each in distinct(customers)) or (key,)


def distinct(customers: Iterable[bytes | None]) -> list[bytes]:
    """The distinct customers, sorted, without None."""
    return sorted({each for each in customers if each is not None})
