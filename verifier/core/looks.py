"""Who looked at a customer's data: what auditors search, and what the customer is told (law L15).

Implements specs/protocol.md section 7.17.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from verifier.core.application import ApplicationId, Instant, PrincipalId
from verifier.core.messages.confirmations import Words
from verifier.core.purposes import Language
from verifier.core.text import exact
from verifier.core.words import LANGUAGES

LookId = Annotated[str, exact("look_[0-9a-f]{32}")]
# What each operation shows of a loan, as its contacts read it. An operation of a later release is told as `OTHER`.
SHOWN: dict[str, dict[Language, str]] = {
    "get_application": {"zh-CN": "查看了这笔贷款的资料", "en": "Opened the file of this loan"},
    "search_applications": {"zh-CN": "在贷款列表中看到了这笔贷款", "en": "Saw this loan in a list of loans"},
    "list_calls": {
        "zh-CN": "在通话列表中看到了与这笔贷款有关的通话",
        "en": "Saw calls about this loan in a list of calls",
    },
    "list_queue": {"zh-CN": "在待拨电话列表中看到了这笔贷款", "en": "Saw this loan in a list of calls to make"},
    "get_call": {"zh-CN": "查看了与这笔贷款有关的一次通话", "en": "Looked at one call about this loan"},
    "call_events": {"zh-CN": "实时查看了与这笔贷款有关的一次通话", "en": "Followed one call about this loan"},
    "revoke_call": {"zh-CN": "撤销了与这笔贷款有关的一次来电", "en": "Withdrew one call about this loan"},
    "request_exception": {
        "zh-CN": "为这笔贷款的一次来电提交了破例申请",
        "en": "Asked to lift a rule for one call about this loan",
    },
    "decide_exception": {
        "zh-CN": "审批了这笔贷款一次来电的破例申请",
        "en": "Decided whether to lift a rule for one call about this loan",
    },
    "list_exception_requests": {
        "zh-CN": "在审批列表中看到了这笔贷款一次来电的破例申请",
        "en": "Saw a request to lift a rule for a call about this loan",
    },
    "search_looks": {"zh-CN": "查询了谁查看过这笔贷款", "en": "Checked who had looked at this loan"},
}
# What a clerk did at the counter of a branch, as the customer who was present reads it. Nobody else is told this.
SHOWN_TO_PRESENT: dict[str, dict[Language, str]] = {
    "find_customer": {"zh-CN": "在网点柜台查询了您的姓名", "en": "Looked up your name at the counter of a branch"},
    "check_calls_at_counter": {
        "zh-CN": "在网点柜台为您查询了我行的来电记录",
        "en": "Checked at the counter of a branch which calls we made to you",
    },
    "confirm_at_counter": {
        "zh-CN": "在网点柜台为您核实了一个核实码",
        "en": "Checked a code for you at the counter of a branch",
    },
    "report_at_counter": {
        "zh-CN": "在网点柜台为您登记了一通可疑来电",
        "en": "Took a report from you at the counter of a branch",
    },
}
OTHER: dict[Language, str] = {"zh-CN": "查看了这笔贷款的信息", "en": "Looked at data of this loan"}


class Why(Struct, frozen=True):
    """Why a clerk looked, and which customer was present. It is sealed in the record of the look."""

    reason: str
    customer_id: str


class SearchLooks(Struct, frozen=True, forbid_unknown_fields=True):
    """A search for looks, newest first. Members that are null do not narrow it.

    It is in the body, because proxies log addresses (law L11). `cursor` is the `next_cursor` of the page before.
    """

    staff_id: PrincipalId | None = None
    application_id: ApplicationId | None = None
    customer_id: PrincipalId | None = None
    since: Instant | None = None
    until: Instant | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    cursor: LookId | None = None


class Reader(Struct, frozen=True):
    """Who looked: a member of staff or a system, and the roles or scopes that allowed it."""

    kind: Literal["staff", "system"]
    id: str
    roles: tuple[str, ...]


class LookView(Struct, frozen=True):
    """One look at one application. `operation` is the id of the operation that showed it.

    `application_id` is null for a search for looks that names no application. `reason` is null if no reason was asked
    for, or if the application was erased.
    """

    look_id: str
    at: datetime
    reader: Reader
    operation: str
    application_id: str | None
    reason: str | None


class Looks(Struct, frozen=True):
    """A page of looks, newest first. `next_cursor` is null on the last page."""

    looks: tuple[LookView, ...]
    next_cursor: str | None


class MyLook(Struct, frozen=True):
    """One look at one of the customer's loans. `words` say what was shown.

    `name` and `branch` are null unless the reader is assigned to the loan. `application_id` and `reference` are null
    for a contact without the right to details. They, and everybody but the customer whom a clerk has looked for, read
    general words. `reason` is null for everybody but that customer.
    """

    look_id: str
    at: datetime
    reader: Reader
    name: str | None
    branch: str | None
    application_id: str | None
    reference: str | None
    words: tuple[Words, ...]
    reason: str | None


class MyLooks(Struct, frozen=True):
    """A page of the looks at the customer's loans, newest first. `next_cursor` is null on the last page."""

    looks: tuple[MyLook, ...]
    next_cursor: str | None


def shown_by(operation: str, *, details: bool, present: bool | None) -> tuple[Words, ...]:
    """What an operation has shown, in both languages, as one contact of the loan is told.

    - `details`: whether they may see the details of the loan. Without, they must not learn of calls to others.
    - `present`: whether they are the customer whom a clerk has looked for. It is None for all other looks.
    """
    if present is None:
        told = SHOWN.get(operation, OTHER) if details else OTHER
    else:
        told = SHOWN_TO_PRESENT.get(operation, OTHER) if present else OTHER
    return tuple(Words(each, told[each]) for each in LANGUAGES)
