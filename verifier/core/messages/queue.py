"""The calls that an officer has announced, as their work of the day. Implements specs/protocol.md section 7.5."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

from verifier.core.purposes import Purpose

QueueState = Literal["due", "later", "missed", "called"]


class QueuedCall(Struct, frozen=True):
    """A call that was announced to the customer for now, or for a time within 24 hours before or after now.

    `called`: the customer was on the phone with the bank since `not_before`. Otherwise the call is `later` before its
    time, `due` within it, and `missed` after it. `tried_at` is when the newest call since `not_before` was issued, or
    null.
    """

    application_id: str
    name: str
    product: str
    purpose: Purpose
    not_before: datetime
    not_after: datetime
    state: QueueState
    tried_at: datetime | None
    open_call_id: str | None


class Queue(Struct, frozen=True):
    """The announced calls, in the order in which to make them. At most 200."""

    calls: tuple[QueuedCall, ...]
