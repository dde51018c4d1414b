"""The life cycle of a call, as pure functions that return the call in its new state.

The states are issued, ringing, live, confirmed, ended, expired, revoked and locked.

Implements specs/protocol.md section 6.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec
from msgspec.structs import replace

State = Literal["issued", "ringing", "live", "confirmed", "ended", "expired", "revoked", "locked"]
LegMode = Literal["required", "observed", "off"]
Channel = Literal["app", "ivr"]
Progress = Literal["expected", "ringing", "connected"]

OPEN: frozenset[str] = frozenset({"issued", "ringing", "live", "confirmed"})
# A leg rings for at most this time.
MAX_RING_MS = 180_000


class LegTimes(NamedTuple):
    """The times of the leg of a call, in epoch milliseconds. None for an event that has not happened."""

    rang_at: int | None = None
    connected_at: int | None = None
    ended_at: int | None = None


class CallRules(msgspec.Struct, frozen=True):
    """The settings of a deployment for its calls. Times are in milliseconds.

    specs/protocol.md section 6.2 has the bounds of each setting.
    """

    leg_mode: LegMode = "required"
    code_lifetime_ms: int = 600_000
    grace_ms: int = 120_000
    max_call_ms: int = 7_200_000
    max_wrong: int = 3


class Call(msgspec.Struct, frozen=True):
    """One outbound call. Times are in epoch milliseconds. The time of an event is None until the event happens.

    `due_at` is when the call will change its state if no event comes first. It is None once the call is closed. The
    times of the leg (`rang_at`, `connected_at`, `leg_ended_at`) follow its events even after the call is closed, unless
    it was revoked.
    """

    call_id: str
    application_id: str
    officer_id: str
    leaf_index: int
    call_counter: int
    leg_mode: LegMode
    issued_at: int
    expires_at: int
    state: State = "issued"
    connected_at: int | None = None
    leg_ended_at: int | None = None
    revealed_at: int | None = None
    confirmed_at: int | None = None
    ended_at: int | None = None
    receipt_leaf: int | None = None
    due_at: int | None = None
    rang_at: int | None = None

    @property
    def open(self) -> bool:
        return self.state in OPEN

    @property
    def connected(self) -> bool:
        """Whether the telephone exchange reports that the officer's leg is connected to the number on file."""
        return self.connected_at is not None and self.leg_ended_at is None

    @property
    def rings(self) -> bool:
        """Whether the telephone exchange reports that a leg to the number on file rings and is not connected.

        After an earlier leg has ended, the officer may ring again.
        """
        again = self.connected_at is None or (self.rang_at or 0) > self.connected_at
        return self.rang_at is not None and again and not self.connected


def settle(call: Call, now_ms: int, rules: CallRules) -> Call:
    """Apply all transitions that are due at `now_ms`, and return the call.

    Settle a call before each decision about it. So a code expires on time, even if the periodic sweep is late.
    """
    if not call.open:
        return call
    if call.state == "confirmed":
        # A confirmed call without leg events ends when its code expires.
        latest = call.expires_at if call.connected_at is None else call.connected_at + rules.max_call_ms
        if call.leg_ended_at is not None:
            # Close the call even if the end of the leg seems to be in the future. The clock of the telephone exchange
            # may be ahead.
            return _close(call, "ended", min(latest, call.leg_ended_at))
        return _close(call, "ended", latest) if now_ms >= latest else _due(call, latest)
    grace_end = call.expires_at if call.leg_ended_at is None else call.leg_ended_at + rules.grace_ms
    if grace_end < call.expires_at:
        return _close(call, "ended", grace_end) if now_ms >= grace_end else _due(call, grace_end)
    return _close(call, "expired", call.expires_at) if now_ms >= call.expires_at else _due(call, call.expires_at)


def reveal_allowed(call: Call) -> bool:
    """Whether the officer may see the code now (law L5)."""
    return call.open and (call.leg_mode != "required" or call.connected)


def rings_now(call: Call, now_ms: int) -> bool:
    """Whether the leg rings. After MAX_RING_MS, the event that ended it must have been lost."""
    return call.rings and now_ms < (call.rang_at or 0) + MAX_RING_MS


def progress(call: Call, now_ms: int, rules: CallRules) -> Progress | None:
    """What the customer may be told about the call without a code (law L13). None if there is nothing to tell.

    `call` must be settled. Only legs that are required prove more than that a call is expected. A leg goes on after its
    code has expired, and the customer is told so.
    """
    if call.state == "revoked":
        return None
    leg: Progress | None = None
    if call.connected and now_ms < (call.connected_at or 0) + rules.max_call_ms:
        leg = "connected"
    elif rings_now(call, now_ms):
        leg = "ringing"
    if leg is not None and call.leg_mode == "required":
        return leg
    # An open call whose leg has ended may ring again, and the event of that may be late.
    return "expected" if call.open or leg is not None else None


def confirm_allowed(call: Call, wrong: int, rules: CallRules) -> bool:
    """Whether the right code gets the verdict `genuine`. `call` must be settled.

    `wrong` is the number of wrong codes so far on the same channel.

    If a leg is required, it must have been connected, but it may have ended. After the leg has ended, a customer can
    call the IVR and use the code. `settle` closes the call once the code is used, or after the grace period.
    """
    if not call.open or wrong >= rules.max_wrong:
        return False
    return call.leg_mode != "required" or call.connected_at is not None


def code_was_known(call: Call) -> bool:
    """Whether the right code of a call that is over gets the verdict `ended`. `call` must be settled.

    The officer has seen the code, and it could have been confirmed. The bank vouches for no call that it has revoked or
    locked. If a leg is required but was never connected, nobody can have heard the code from the officer.
    """
    if call.state not in ("ended", "expired") or call.revealed_at is None:
        return False
    return call.leg_mode != "required" or call.connected_at is not None


def began(call: Call) -> int:
    """When the call began: when its leg was connected. Without a leg event, when the call was issued."""
    return call.issued_at if call.connected_at is None else call.connected_at


def goes_on_until(call: Call, now_ms: int, rules: CallRules) -> int | None:
    """When the call and its leg were over. None while the call is open or its leg is connected.

    `call` must be settled. A leg may go on after its code has expired.
    """
    if call.open or call.ended_at is None:
        return None
    if call.connected and call.state != "revoked":
        latest = (call.connected_at or 0) + rules.max_call_ms
        return max(call.ended_at, latest) if now_ms >= latest else None
    return max(call.ended_at, call.leg_ended_at or 0)


def was_over(call: Call) -> int:
    """When a closed call was over: when its leg ended. Without that event, when the call was closed."""
    assert call.ended_at is not None  # noqa: S101 - the call is closed
    return call.ended_at if call.leg_ended_at is None else call.leg_ended_at


def reveal(call: Call, now_ms: int) -> Call:
    """Record that the officer saw the code. Only the time of the first reveal is kept."""
    return call if call.revealed_at is not None else replace(call, revealed_at=now_ms)


def confirm(call: Call, now_ms: int, receipt_leaf: int, rules: CallRules) -> Call:
    """Record that the customer used the code. If the leg has already ended, the call is closed at once."""
    return settle(replace(call, state="confirmed", confirmed_at=now_ms, receipt_leaf=receipt_leaf), now_ms, rules)


def after_wrong(call: Call, app_wrong: int, ivr_wrong: int, now_ms: int, rules: CallRules) -> Call:
    """The call after this many wrong codes on each channel.

    If no channel can confirm the call any more, it is locked.
    """
    if call.state != "confirmed" and call.open and min(app_wrong, ivr_wrong) >= rules.max_wrong:
        return _close(call, "locked", now_ms)
    return call


def revoke(call: Call, now_ms: int) -> Call:
    """Revoke the call."""
    return _close(call, "revoked", now_ms)


def follow_leg(call: Call, times: LegTimes, now_ms: int, rules: CallRules) -> Call:
    """Update the call with the times from all leg events so far. The events may have arrived in any order.

    A closed call keeps its state.
    """
    if (call.rang_at, call.connected_at, call.leg_ended_at) == times:
        return call
    call = replace(call, rang_at=times.rang_at, connected_at=times.connected_at, leg_ended_at=times.ended_at)
    if call.state in ("issued", "ringing", "live"):
        # A live call becomes `issued` again if a later event shows that its leg is connected to another number.
        before_live: State = "ringing" if call.rings else "issued"
        call = replace(call, state=before_live if call.connected_at is None else "live")
    return settle(call, now_ms, rules)


def _close(call: Call, state: State, at: int) -> Call:
    return replace(call, state=state, ended_at=at, due_at=None)


def _due(call: Call, at: int) -> Call:
    return call if call.due_at == at else replace(call, due_at=at)
