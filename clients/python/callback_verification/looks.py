"""Who looked at whose data, for auditors. Implements specs/protocol.md section 7.17."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from callback_verification.quiet import Shape
from callback_verification.requests import Request, instant, post
from callback_verification.shapes import Instant, Words


class Reader(Shape, frozen=True):
    """Who looked: a member of staff or a system, and the roles or scopes that allowed it."""

    kind: Literal["staff", "system"]
    id: str
    roles: tuple[str, ...]


class Look(Shape, frozen=True):
    """One look at one application. `operation` is the id of the operation that showed it.

    `application_id` is None for a search for looks that names no application. `reason` is None if no reason was asked
    for, or if the application was erased.
    """

    look_id: str
    at: Instant
    reader: Reader
    operation: str
    application_id: str | None
    reason: str | None


class Looks(Shape, frozen=True):
    """A page of looks, newest first. `next_cursor` is None on the last page."""

    looks: tuple[Look, ...]
    next_cursor: str | None


class MyLook(Shape, frozen=True):
    """One look at one of the customer's loans. `words` say what was shown.

    `name` and `branch` are None unless the reader is assigned to the loan. `application_id` and `reference` are None
    for a contact without the right to details. They, and everybody but the customer whom a clerk has looked for, read
    general words. `reason` is None for everybody but that customer.
    """

    look_id: str
    at: Instant
    reader: Reader
    name: str | None
    branch: str | None
    application_id: str | None
    reference: str | None
    words: tuple[Words, ...]
    reason: str | None


class MyLooks(Shape, frozen=True):
    """A page of looks at the customer's loans, newest first. `next_cursor` is None on the last page."""

    looks: tuple[MyLook, ...]
    next_cursor: str | None


def search(
    *,
    staff_id: str | None = None,
    application_id: str | None = None,
    customer_id: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Request[Looks]:
    """Search for looks, page by page, newest first. Only auditors may do this.

    Arguments that are None do not narrow the search. Each search is itself recorded as a look.
    """
    body: dict[str, object] = {
        "staff_id": staff_id,
        "application_id": application_id,
        "customer_id": customer_id,
        "since": since and instant(since),
        "until": until and instant(until),
        "limit": limit,
        "cursor": cursor,
    }
    return post("/v1/looks/search", Looks, body, None)
