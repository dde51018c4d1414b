"""The tables whose rows carry an authenticator, each with the struct of its rows (law L16).

Implements specs/protocol.md section 10.2.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from verifier.core.call import Call, Channel
from verifier.core.messages.helpers import HelperSaw
from verifier.core.reconciliation import StrayKind
from verifier.ledger.rows import AnyTable, Table

SignalKind = Literal["impossible", "refused", "ended"]


class ApplicationRow(Struct, frozen=True):
    """A row of `applications`. After an erasure, the row keeps only the id, the call counter and the times.

    `customer_index` is the blind index of the borrower. `calls_today` counts the calls on `local_day`. `called_today`
    counts them for each contact (core/contact_counts.py). It is None for a loan of one person. `opted_out` is a refusal
    of marketing calls from an earlier release. Now they are rows of `marketing_refusals`.
    """

    application_id: str
    customer_index: bytes | None
    kek_id: str | None
    wrapped_key: bytes | None
    sealed: bytes | None
    call_counter: int
    local_day: int
    calls_today: int
    open_call_id: str | None
    created_at: int
    updated_at: int
    erased_at: int | None
    opted_out: int = 0
    called_today: str | None = None


class Leg(Struct, frozen=True):
    """A row of `legs`: the events of one leg of one call. `leg_index` is the blind index of the leg id."""

    call_id: str
    leg_index: bytes
    on_file: int = 1
    connected_at: int | None = None
    ended_at: int | None = None
    expires_at: int = 0
    rang_at: int | None = None


class StrayLeg(Struct, frozen=True):
    """A row of `stray_legs`: a leg without a call, or a leg that does not match the ticket of its call.

    `call_id` is empty if there is no call. A stray leg becomes a discrepancy once it has been connected. From then on
    `sealed` holds the telephone exchange's own leg id, for the investigation. If the leg may be about several
    applications, `among` lists their ids, each with a space before and after it.
    """

    stray_id: str
    leg_index: bytes
    call_id: str
    kind: StrayKind
    application_id: str | None
    officer_id: str | None
    heard_at: int
    connected_at: int | None = None
    ended_at: int | None = None
    expires_at: int = 0
    sealed: bytes | None = None
    among: str | None = None
    rang_at: int | None = None


class ConfirmationRow(Struct, frozen=True):
    """A row of `confirmations`: the receipt of one contact for the code of a call, if the loan has several contacts.

    `contact` is the contact's pseudonym, and `leaf_index` the leaf of the receipt. The row is kept as long as the call.
    """

    call_id: str
    contact: str
    application_id: str
    leaf_index: int


class HelperRow(Struct, frozen=True):
    """A row of `helpers`: somebody whom a customer has invited to look at their calls.

    `customer_index` and `helper_index` are the blind indexes of both logins. `invitation` is the blind index of the
    invitation, until it is entered. `valid_until` is how long the helper may look, or the invitation may be entered or
    confirmed. `status_at` is the last look at the call status. `sealed` holds a `HelperFacts` (ledger/helpers.py).
    """

    helper_id: str
    customer_index: bytes
    helper_index: bytes | None
    invitation: bytes | None
    invited_at: int
    entered_at: int | None
    confirmed_at: int | None
    valid_until: int
    ended_at: int | None
    status_at: int | None
    expires_at: int
    sealed: bytes


class HelperLookRow(Struct, frozen=True):
    """A row of `helper_looks`: a verdict that a helper got, or that they read the call status."""

    look_id: str
    helper_id: str
    seen: HelperSaw
    seen_at: int
    expires_at: int


class ExceptionRow(Struct, frozen=True):
    """A row of `exceptions`. `rules` is a space-separated list. `call_id` is the call that used the exception."""

    exception_id: str
    application_id: str
    officer_id: str
    granted_by: str
    rules: str
    expires_at: int
    call_id: str | None


class RequestRow(Struct, frozen=True):
    """A row of `exception_requests`. A decided request without an `exception_id` was declined."""

    request_id: str
    application_id: str
    officer_id: str
    sealed: bytes | None
    asked_at: int
    expires_at: int
    decided_at: int | None
    exception_id: str | None


class LimitRow(Struct, frozen=True):
    """A row of `limits`: the theoretical arrival time of a limit (GCRA), in epoch milliseconds.

    In the row of a guess limit, `wrong` is the number of wrong codes that were tried against the call `call_id`.
    """

    limit_key: str
    tat: int
    call_id: str | None = None
    wrong: int = 0


class ReportRow(Struct, frozen=True):
    """A row of `reports`. `sealed` is the report's text, or None after the text has been deleted."""

    report_id: str
    application_id: str | None
    leaf_index: int
    created_at: int
    sealed: bytes | None


class SignalRow(Struct, frozen=True):
    """A row of `signals`: digits that somebody entered, and that were not the code of a live call of theirs.

    - `kind`: `impossible` digits have a wrong check digit. A `refused` code was not genuine. An `ended` code was
      that of a call that is over.
    - `code_hash`: the blind index of the digits.
    - `person`: the blind index of the login, or of the calling number.
    - `people`: the blind indexes of the customers who it can have been, one after another. For a number that is on file
      nowhere, the blind index of the number.
    - `request`: names the request, if it was answered by an error. So a retry gets the same error.
    - `sealed`: the number that rang, as the person reported it.
    - `campaign`: 1 if the row shows a campaign, 0 if not, None if it was not examined yet.
    """

    signal_id: str
    kind: SignalKind
    channel: Channel
    code_hash: bytes
    person: bytes
    people: bytes
    entered_at: int
    expires_at: int
    application_id: str | None = None
    request: bytes | None = None
    sealed: bytes | None = None
    campaign: int | None = None


class ExchangeRow(Struct, frozen=True):
    """A row of `exchanges`: when the service last heard of a telephone exchange, by the id of its system."""

    system_id: str
    heard_at: int


NO_APPLICATION = ""


class LookRow(Struct, frozen=True):
    """A row of `looks`: one read that has shown one application to staff or to a system (law L15).

    `reader` is the kind and id of the reader. `roles` is a space-separated list. `application_id` is NO_APPLICATION for
    a search that names none. `sealed` holds the reason, and which customer was present. `bulk` is 1 for the look that
    made a bulk reading.
    """

    look_id: str
    reader: str
    roles: str
    operation: str
    application_id: str
    looked_at: int
    sealed: bytes | None = None
    bulk: int | None = None


class DeletedHistory(Struct, frozen=True):
    """A row of `deleted_histories`: a call history whose statement the service has deleted from the log."""

    statement_id: str
    leaf_index: int
    deleted_at: int


class SuspensionRow(Struct, frozen=True):
    """A row of `suspensions`. A suspension is in force until it is lifted. `sealed` holds the reason."""

    suspension_id: str
    officer_id: str
    suspended_by: str
    suspended_at: int
    lifted_by: str | None
    lifted_at: int | None
    sealed: bytes


class MarketingRefusal(Struct, frozen=True):
    """A row of `marketing_refusals`: a person who refuses marketing calls. `person` is the blind index of the login.

    The row stays when every application of the person is erased.
    """

    person: bytes
    refused_at: int


APPLICATIONS = Table(
    "applications",
    ApplicationRow,
    ("application_id",),
    narrow=("call_counter", "local_day", "calls_today", "open_call_id", "called_today"),
    later=("called_today",),
)
CALLS = Table(
    "calls",
    Call,
    ("call_id",),
    narrow=(
        "state",
        "connected_at",
        "leg_ended_at",
        "revealed_at",
        "confirmed_at",
        "ended_at",
        "receipt_leaf",
        "due_at",
        "rang_at",
    ),
    later=("rang_at",),
)
LEGS = Table("legs", Leg, ("call_id", "leg_index"), later=("rang_at",))
STRAY_LEGS = Table("stray_legs", StrayLeg, ("stray_id",), later=("rang_at",))
CONFIRMATIONS = Table("confirmations", ConfirmationRow, ("call_id", "contact"))
HELPERS = Table(
    "helpers",
    HelperRow,
    ("helper_id",),
    narrow=("status_at",),
)
HELPER_LOOKS = Table("helper_looks", HelperLookRow, ("look_id",))
EXCEPTIONS = Table("exceptions", ExceptionRow, ("exception_id",), narrow=("call_id",))
REQUESTS = Table("exception_requests", RequestRow, ("request_id",), narrow=("decided_at", "exception_id", "expires_at"))
LIMITS = Table("limits", LimitRow, ("limit_key",))
REPORTS = Table("reports", ReportRow, ("report_id",))
SUSPENSIONS = Table("suspensions", SuspensionRow, ("suspension_id",), narrow=("lifted_by", "lifted_at"))
SIGNALS = Table("signals", SignalRow, ("signal_id",), narrow=("campaign",))
LOOKS = Table("looks", LookRow, ("look_id",), narrow=("sealed", "bulk"))
EXCHANGES = Table("exchanges", ExchangeRow, ("system_id",))
DELETED_HISTORIES = Table("deleted_histories", DeletedHistory, ("statement_id",))
REFUSALS = Table("marketing_refusals", MarketingRefusal, ("person",))
CHANNELS: tuple[Channel, ...] = ("app", "ivr")
# The tables whose rows carry an authenticator. `applications` comes first: an audit reads it before the other tables.
TABLES: tuple[AnyTable, ...] = (
    APPLICATIONS,
    CALLS,
    LEGS,
    STRAY_LEGS,
    EXCEPTIONS,
    REQUESTS,
    LIMITS,
    REPORTS,
    SUSPENSIONS,
    SIGNALS,
    LOOKS,
    EXCHANGES,
    CONFIRMATIONS,
    HELPERS,
    HELPER_LOOKS,
    REFUSALS,
    DELETED_HISTORIES,
)


def limit_key(application_id: str, channel: Channel) -> str:
    """The key of an application's guess limit on a channel."""
    return f"{application_id}:{channel}"


def limit_keys(application_id: str) -> list[str]:
    """The keys of an application's guess limits on all channels."""
    return [limit_key(application_id, channel) for channel in CHANNELS]
