"""Helpers whom a customer invites to look at their calls. Implements specs/protocol.md section 7.18.

The requests of the first half need the token of the customer, and those of the second half the token of the helper, who
is a customer too.
"""

from __future__ import annotations

from typing import Literal

from callback_verification.quiet import Shape
from callback_verification.requests import Request, delete, get, post, segment
from callback_verification.shapes import Instant, Officer, Words
from callback_verification.verdicts import Verdict

HelperState = Literal["invited", "entered", "active", "ended", "expired"]


class Invited(Shape, frozen=True):
    """An invitation of ten letters, to pass on to the helper. It is shown once, and expires after ten minutes."""

    helper_id: str
    invitation: str
    expires_at: Instant


class HelperLook(Shape, frozen=True):
    """A look of a helper: a verdict that they got, or that they read the call status."""

    seen: str
    at: Instant


class Helper(Shape, frozen=True):
    """A helper, as the customer sees them. `looks` has their newest looks, newest first.

    `said_name` and `login` say who has entered the invitation. In the state `entered`, the customer must check that
    this is their helper before they confirm.
    """

    helper_id: str
    name: str
    state: HelperState
    said_name: str | None
    login: str | None
    invited_at: Instant
    entered_at: Instant | None
    confirmed_at: Instant | None
    valid_until: Instant
    ended_at: Instant | None
    looks: tuple[HelperLook, ...] = ()


class Helpers(Shape, frozen=True):
    """The helpers of a customer, newest first."""

    helpers: tuple[Helper, ...]


class Helped(Shape, frozen=True):
    """A person whom a helper helps, as the helper sees them."""

    helper_id: str
    person: str
    state: HelperState
    valid_until: Instant


class Helping(Shape, frozen=True):
    """The people whom a helper helps, newest first."""

    people: tuple[Helped, ...]


class HelpedCallStatus(Shape, frozen=True):
    """Whether the bank is calling the person whom the helper helps, and who calls. It never says why."""

    at: Instant
    state: Literal["none", "expected", "ringing", "connected", "unknown"]
    officers: tuple[Officer, ...]
    words: tuple[Words, ...]


def find() -> Request[Helpers]:
    """List the customer's helpers, and when each of them looked."""
    return get("/v1/me/helpers", Helpers)


def invite(*, name: str, idempotency_key: str | None = None) -> Request[Invited]:
    """Invite a helper, whom the customer calls `name`. A customer has at most three helpers."""
    return post("/v1/me/helpers", Invited, {"name": name}, idempotency_key)


def accept(helper_id: str, *, idempotency_key: str | None = None) -> Request[Helper]:
    """Confirm that the person who entered the invitation is the helper, or let a helper look for 30 more days."""
    made = post(f"/v1/me/helpers/{segment(helper_id)}/confirmation", Helper, {}, idempotency_key)
    return Request(made.method, made.path, Helper, idempotency_key=made.idempotency_key)


def end(helper_id: str) -> Request[Helper]:
    """End a helper or an invitation at once."""
    return delete(f"/v1/me/helpers/{segment(helper_id)}", Helper)


def people() -> Request[Helping]:
    """List the people whom the caller helps."""
    return get("/v1/me/helping", Helping)


def enter(invitation: str, *, name: str, person: str, idempotency_key: str | None = None) -> Request[Helped]:
    """Enter an invitation. `name` is how the helper calls themselves, and `person` whom they are going to help."""
    body: dict[str, object] = {"invitation": invitation, "name": name, "person": person}
    return post("/v1/me/helping", Helped, body, idempotency_key)


def stop(helper_id: str) -> Request[Helped]:
    """Help a person no longer."""
    return delete(f"/v1/me/helping/{segment(helper_id)}", Helped)


def confirm(
    helper_id: str, code: str, *, caller_number: str | None = None, idempotency_key: str | None = None
) -> Request[Verdict]:
    """Ask for the verdict on a code that the person helped has heard. Only calls to that person can be genuine."""
    body: dict[str, object] = {"code": code, "caller_number": caller_number}
    return post(f"/v1/me/helping/{segment(helper_id)}/confirmations", Verdict, body, idempotency_key)


def call_status(helper_id: str) -> Request[HelpedCallStatus]:
    """Ask whether the bank is calling the person helped now. That person sees that the helper has looked."""
    return get(f"/v1/me/helping/{segment(helper_id)}/call-status", HelpedCallStatus)
