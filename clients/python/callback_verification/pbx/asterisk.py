"""Asterisk: turns ARI and AMI events into leg events. Implements specs/pbx.md section 3.

Only the status of a dial shows that an outbound call rings or was answered. The state of a channel does not show it: an
inbound channel is "up" too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

from msgspec import Struct

from callback_verification.pbx.dial_plan import DialPlan, folded, text
from callback_verification.pbx.reading import IRRELEVANT, Reading, is_joint, joint, unread
from callback_verification.shapes import LegByNumber

_AMI_DIALS = ("DialState", "DialEnd")
_SECONDS = re.compile(r"[0-9]{1,11}(\.[0-9]{1,9})?")
# Early media (PROGRESS) counts as ringing: only ANSWER shows that somebody answered.
_EVENTS: dict[str, Literal["ringing", "connected"]] = {
    "RINGING": "ringing",
    "PROGRESS": "ringing",
    "ANSWER": "connected",
}
# For each event that ends legs: the fields with the ids of the channels that have left their call.
_AMI_ENDS: dict[str, tuple[str, ...]] = {
    "Hangup": ("uniqueid",),
    "ParkedCall": ("parkeeuniqueid",),
    "BlindTransfer": ("transfereruniqueid", "transfereeuniqueid"),
    "AttendedTransfer": (
        "origtransfereruniqueid",
        "secondtransfereruniqueid",
        "transfereeuniqueid",
        "transfertargetuniqueid",
    ),
}
_ARI_ENDS: dict[str, tuple[str, ...]] = {
    "ChannelDestroyed": ("channel",),
    "BridgeBlindTransfer": ("channel", "transferee"),
    "BridgeAttendedTransfer": ("transferer_first_leg", "transferer_second_leg", "transferee", "transfer_target"),
}


class _Dial(Struct, frozen=True):
    """The status of one dial.

    `channel` and `name` are the id and the name of the dialled channel. `caller` and `caller_name` are the id and the
    name of the calling channel. `officers` are names to look up in `DialPlan.officers`.
    """

    status: str
    channel: str
    name: str
    dialled: str
    caller_number: str
    caller: str
    caller_name: str
    officers: tuple[str, str]


def from_ari(event: Mapping[str, object], plan: DialPlan, received_at: datetime | None = None) -> Reading:
    """Read an ARI event. `Dial` with the status RINGING or PROGRESS reports a ringing leg, and with ANSWER a connected
    one. `ChannelDestroyed` or a transfer ends the leg.

    If an ARI application originates a dial, the event has no calling channel and no dialled number. Such an event is
    irrelevant. The ARI application knows the number, and must report the leg itself.
    """
    kind = text(event, "type")
    if kind != "Dial" and kind not in _ARI_ENDS:
        return IRRELEVANT if kind else unread("no_kind")
    at = _instant(text(event, "timestamp")) or received_at
    if at is None:
        return unread("no_time")
    if kind == "Dial":
        if event.get("dialstatus") == "":
            return IRRELEVANT  # the dial has only begun
        dial = _Dial(
            text(event, "dialstatus"),
            text(event, "peer", "id"),
            text(event, "peer", "name"),
            text(event, "peer", "caller", "number"),
            text(event, "peer", "connected", "number"),
            text(event, "caller", "id"),
            text(event, "caller", "name"),
            (text(event, "caller", "caller", "number"), text(event, "caller", "accountcode")),
        )
        return _dialled(dial, plan, at)
    if kind != "ChannelDestroyed" and (held := _no_transfer(event, "destination_type")):
        return held
    return _ended([text(event, each, "id") for each in _ARI_ENDS[kind]], plan, at)


def from_ami(event: Mapping[str, object], plan: DialPlan, received_at: datetime | None = None) -> Reading:
    """Read an AMI event. `DialState` with the status RINGING or PROGRESS reports a ringing leg, and `DialEnd` with the
    status ANSWER a connected one. `Hangup`, a transfer or parking ends the leg.

    Events have a time only with `timestampevents = yes` in manager.conf. Without that setting, pass `received_at`.
    """
    fields = folded(event)
    kind = text(fields, "event")
    if kind not in _AMI_DIALS and kind not in _AMI_ENDS:
        return IRRELEVANT if kind else unread("no_kind")
    stamp = text(fields, "timestamp")
    at = datetime.fromtimestamp(float(stamp), UTC) if _SECONDS.fullmatch(stamp) else received_at
    if at is None:
        return unread("no_time")
    if kind == "DialState" and fields.get("dialstatus") == "ANSWER":
        return IRRELEVANT  # only DialEnd reports the answer
    if kind in _AMI_DIALS:
        dial = _Dial(
            text(fields, "dialstatus"),
            text(fields, "destuniqueid"),
            text(fields, "destchannel"),
            text(fields, "destcalleridnum"),
            text(fields, "destconnectedlinenum"),
            text(fields, "uniqueid"),
            text(fields, "channel"),
            (text(fields, "calleridnum"), text(fields, "accountcode")),
        )
        return _dialled(dial, plan, at)
    if "Transfer" in kind and (held := _no_transfer(fields, "desttype")):
        return held
    return _ended([text(fields, each) for each in _AMI_ENDS[kind]], plan, at)


def _dialled(dial: _Dial, plan: DialPlan, at: datetime) -> Reading:
    event = _EVENTS.get(dial.status)
    if event is None:
        return IRRELEVANT if dial.status else unread("no_outcome")
    if not dial.caller:
        return IRRELEVANT
    if not dial.channel:
        return unread("no_id")
    outside = plan.leads_outside(dial.name) and (bool(plan.trunks) or not _is_local(dial.name))
    number = plan.e164(dial.dialled) if outside else None
    caller = _channel_or_joint(dial.caller, dial.caller_name, plan)
    if number is None:
        if outside and (plan.trunks or not plan.is_extension(dial.dialled)):
            return unread("no_number")
        # A telephone of the bank. While it only rings, nobody is known to be at it.
        answered = event == "connected"
        dialled = _channel_or_joint(dial.channel, dial.name, plan)
        return Reading(beside=_internal_dial(caller, dialled)) if answered else IRRELEVANT
    if plan.comes_from_outside(dial.caller_name):
        return IRRELEVANT
    leg = plan.leg_id(dial.channel)
    told = LegByNumber(event, leg, at, number, plan.e164(dial.caller_number), plan.officer(*dial.officers))
    return Reading((told,), beside=((leg, caller),))


def _internal_dial(caller: str, dialled: str) -> tuple[tuple[str, str], ...]:
    """Return the `beside` pairs of a dial inside the bank.

    If the dial goes through a Local channel, the officer may be at either end of it.
    """
    there, back = (caller, dialled), (dialled, caller)
    if is_joint(dialled):
        return (there, back) if is_joint(caller) else (back,)
    return (there,)


def _channel_or_joint(unique: str, name: str, plan: DialPlan) -> str:
    """Return the leg id of a channel. For a half of a Local channel, return the id of the joint of both halves.

    The name of the joint is the name of the channel without `;1` or `;2`.
    """
    return joint(name.rpartition(";")[0]) if _is_local(name) else plan.leg_id(unique)


def _ended(channels: list[str], plan: DialPlan, at: datetime) -> Reading:
    """Return a reading that ends all channels of the event, whatever their names.

    Asterisk may rename a channel to Parked/… or …<ZOMBIE>, so a name does not show whether the channel was a leg.
    """
    gone = tuple(plan.leg_id(unique) for unique in channels if unique)
    return Reading(tuple(LegByNumber("ended", leg, at) for leg in gone), gone=gone) if gone else unread("no_id")


def _no_transfer(event: object, destination: str) -> Reading | None:
    """Return a reading without legs if the transfer failed, or if the officer stays in the call.

    Otherwise return None.
    """
    result = text(event, "result")
    if result == "Success" and text(event, destination).lower() != "threeway":
        return None
    return IRRELEVANT if result else unread("no_outcome")


def _is_local(name: str) -> bool:
    return name.startswith("Local/")


def _instant(stamp: str) -> datetime | None:
    try:
        instant = datetime.fromisoformat(stamp)
        return instant.astimezone(UTC) if instant.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
