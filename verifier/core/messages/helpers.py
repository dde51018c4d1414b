"""Helpers whom customers invite: what the customer sends and sees, and what the helper does.

Implements specs/protocol.md section 7.18.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from verifier.core.application import E164, Officer
from verifier.core.messages.confirmations import TypedCode, Words
from verifier.core.messages.customers import StatusState
from verifier.core.text import exact, line

HelperId = Annotated[str, exact("help_[0-9a-f]{32}")]
GivenName = Annotated[str, line(40)]
Invitation = Annotated[str, Meta(min_length=1, max_length=40, description="ten letters, as in BCDFG-HJKLM")]
HelperState = Literal["invited", "entered", "active", "ended", "expired"]
HelperSaw = Literal["genuine", "not_genuine", "ended", "call_status"]


class InviteHelper(Struct, frozen=True, forbid_unknown_fields=True):
    """Invites a helper. `name` is what the customer calls them."""

    name: GivenName


class Invited(Struct, frozen=True):
    """An invitation, to pass on to the helper. It is shown once. Until `expires_at`, one login can enter it."""

    helper_id: str
    invitation: str
    expires_at: datetime


class HelperLook(Struct, frozen=True):
    """A look of a helper: a verdict that they got, or that they read the call status."""

    seen: HelperSaw
    at: datetime


class Helper(Struct, frozen=True):
    """A helper, as the customer sees them.

    `name` is what the customer calls them. `said_name` is how they called themselves when they entered the invitation,
    and `login` is their subject at the bank's identity provider. Both are null until then.

    - `invited`: nobody has entered the invitation yet.
    - `entered`: somebody has, and the customer has not confirmed yet that it is their helper.
    - `active`: the helper can look, until `valid_until`.
    - `ended`, `expired`: the helper can look no more. Their looks stay to be seen for 31 days.

    `looks` has the newest 100 looks of the last 31 days, newest first.
    """

    helper_id: str
    name: str
    state: HelperState
    said_name: str | None
    login: str | None
    invited_at: datetime
    entered_at: datetime | None
    confirmed_at: datetime | None
    valid_until: datetime
    ended_at: datetime | None
    looks: tuple[HelperLook, ...] = ()


class Helpers(Struct, frozen=True):
    """The helpers of a customer, newest first. Invitations that came to nothing are left out."""

    helpers: tuple[Helper, ...]


class EnterInvitation(Struct, frozen=True, forbid_unknown_fields=True):
    """A helper enters an invitation. `name` is how they call themselves, and `person` whom they are going to help."""

    invitation: Invitation
    name: GivenName
    person: GivenName


class Helped(Struct, frozen=True):
    """A person whom a helper helps, as the helper sees them. `person` is what the helper calls them."""

    helper_id: str
    person: str
    state: HelperState
    valid_until: datetime


class Helping(Struct, frozen=True):
    """The people whom the caller helps, newest first."""

    people: tuple[Helped, ...]


class ConfirmForPerson(Struct, frozen=True, forbid_unknown_fields=True):
    """A code that a helper enters for the person they help. `caller_number` is the number that rang that person."""

    code: TypedCode
    caller_number: E164 | None = None


class HelpedCallStatus(Struct, frozen=True):
    """Whether the bank is calling the person whom the caller helps. `state` is as in `CallStatus`.

    `officers` are the officers of the calls that `state` is about. Nothing says what a call is about.
    """

    at: datetime
    state: StatusState
    officers: tuple[Officer, ...]
    words: tuple[Words, ...]
