"""The life cycle of a call, as pure transitions: issued, live, confirmed, ended; expired, revoked, locked.

Implements specs/protocol.md section 6.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec.structs import replace

State = Literal["issued", "live", "confirmed", "ended", "expired", "revoked", "locked"]
LegMode = Literal["required", "observed", "off"]
Channel = Literal["app", "ivr"]

OPEN: frozenset[str] = frozenset({"issued", "live", "confirmed"})


class CallRules(msgspec.Struct, frozen=True):
    """The bounds a deployment sets, within those of specs/protocol.md section 6.2. All times in milliseconds."""

    leg_mode: LegMode = "required"
    code_lifetime_ms: int = 600_000
    grace_ms: int = 120_000
    max_call_ms: int = 7_200_000
    max_wrong: int = 3


class Call(msgspec.Struct, frozen=True):
    """One outbound call. Instants are epoch milliseconds, None where the thing has not happened.

    `due_at` is when the next transition by time alone is due, None once the call is closed.
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

    @property
    def open(self) -> bool:
        return self.state in OPEN

    @property
    def connected(self) -> bool:
        """The PBX says that the officer's leg is connected to the number on file."""
        return self.connected_at is not None and self.leg_ended_at is None


def settle(call: Call, now_ms: int, rules: CallRules) -> Call:
    """The call after every transition that time alone has brought about by `now_ms`.

    Applied whenever a call is read for a decision, so a late sweep never widens what a code can do.
    """
    if not call.open:
        return call
    if call.state == "confirmed":
        # Without a leg nobody says when the call ends, so its code's lifetime bounds it.
        latest = call.expires_at if call.connected_at is None else call.connected_at + rules.max_call_ms
        if call.leg_ended_at is not None:
            # What was heard has happened, though the exchange's clock or another node's may be ahead of this one.
            return _close(call, "ended", min(latest, call.leg_ended_at))
        return _close(call, "ended", latest) if now_ms >= latest else _due(call, latest)
    grace_end = call.expires_at if call.leg_ended_at is None else call.leg_ended_at + rules.grace_ms
    if grace_end < call.expires_at:
        return _close(call, "ended", grace_end) if now_ms >= grace_end else _due(call, grace_end)
    return _close(call, "expired", call.expires_at) if now_ms >= call.expires_at else _due(call, call.expires_at)


def reveal_allowed(call: Call) -> bool:
    """Law L5: may the officer see the code now?"""
    return call.open and (call.leg_mode != "required" or call.connected)


def on_the_phone(call: Call) -> bool:
    """May the customer be told that the bank is on the phone with him now? `call` has been settled."""
    return reveal_allowed(call) and call.leg_ended_at is None


def confirm_allowed(call: Call, wrong: int, rules: CallRules) -> bool:
    """May a right code be answered with `genuine`, after so many wrong ones on its channel? `call` has been settled.

    With the leg required it must have been connected. `settle` has closed the call if the leg ended too
    long ago: beyond the grace that lets a customer hang up and ring the IVR, or at all once the code was used.
    """
    if not call.open or wrong >= rules.max_wrong:
        return False
    return call.leg_mode != "required" or call.connected_at is not None


def reveal(call: Call, now_ms: int) -> Call:
    """The officer was shown the code; the first time is kept."""
    return call if call.revealed_at is not None else replace(call, revealed_at=now_ms)


def confirm(call: Call, now_ms: int, receipt_leaf: int, rules: CallRules) -> Call:
    """The code was consumed; a call whose leg has already ended closes with it."""
    return settle(replace(call, state="confirmed", confirmed_at=now_ms, receipt_leaf=receipt_leaf), now_ms, rules)


def after_wrong(call: Call, app_wrong: int, ivr_wrong: int, now_ms: int, rules: CallRules) -> Call:
    """The call after so many wrong codes on each channel: one that no channel can confirm any more is locked."""
    if call.state != "confirmed" and call.open and min(app_wrong, ivr_wrong) >= rules.max_wrong:
        return _close(call, "locked", now_ms)
    return call


def revoke(call: Call, now_ms: int) -> Call:
    """An officer or supervisor withdrew the call."""
    return _close(call, "revoked", now_ms)


def follow_leg(call: Call, connected_at: int | None, ended_at: int | None, now_ms: int, rules: CallRules) -> Call:
    """The call after what the PBX has said of its leg so far, in whatever order it was said."""
    if call.connected_at == connected_at and call.leg_ended_at == ended_at:
        return call
    state = call.state
    if state in ("issued", "live"):
        # A leg that turns out to lead elsewhere takes back what it brought about.
        state = "issued" if connected_at is None else "live"
    return settle(replace(call, state=state, connected_at=connected_at, leg_ended_at=ended_at), now_ms, rules)


def _close(call: Call, state: State, at: int) -> Call:
    return replace(call, state=state, ended_at=at, due_at=None)


def _due(call: Call, at: int) -> Call:
    return call if call.due_at == at else replace(call, due_at=at)
