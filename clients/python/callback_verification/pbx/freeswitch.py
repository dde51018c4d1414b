"""FreeSWITCH: turns events of the event socket into leg events. Implements specs/pbx.md section 4."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import unquote

from callback_verification.pbx.dial_plan import DialPlan, folded, text, user
from callback_verification.pbx.reading import IRRELEVANT, Reading, unread
from callback_verification.shapes import LegByNumber

_MICROSECONDS = re.compile(r"[0-9]{1,17}")
# The second event is early media, which counts as ringing: only CHANNEL_ANSWER shows that somebody answered.
_RINGS = ("CHANNEL_PROGRESS", "CHANNEL_PROGRESS_MEDIA")
_ENDS = ("CHANNEL_HANGUP", "CHANNEL_HANGUP_COMPLETE")
Field = Callable[[str], str]


def from_esl(event: Mapping[str, object], plan: DialPlan, received_at: datetime | None = None) -> Reading:
    """Read an event. For an outbound channel, `CHANNEL_PROGRESS` or `CHANNEL_PROGRESS_MEDIA` reports a ringing leg, and
    `CHANNEL_ANSWER` a connected one. `CHANNEL_HANGUP` or `CHANNEL_HANGUP_COMPLETE` ends the leg.

    Values may be percent-encoded, as in text/event-plain, or already decoded.
    """
    fields = folded(event)

    def field(name: str) -> str:
        return unquote(text(fields, name))

    kind = field("event-name")
    if kind == "CHANNEL_BRIDGE":
        return _bridged(field, plan)
    if kind != "CHANNEL_ANSWER" and kind not in (*_RINGS, *_ENDS):
        return IRRELEVANT if kind else unread("no_kind")
    stamp = field("event-date-timestamp")
    at = datetime.fromtimestamp(int(stamp) / 1e6, UTC) if _MICROSECONDS.fullmatch(stamp) else received_at
    if at is None:
        return unread("no_time")
    if not field("unique-id"):
        return unread("no_id")
    leg = plan.leg_id(field("unique-id"))
    if kind in _ENDS:
        # FreeSWITCH may remove a loopback channel while its call goes on. So the end of a loopback channel does not end
        # other legs.
        gone = () if field("channel-name").startswith("loopback/") else (leg,)
        return Reading((LegByNumber("ended", leg, at),), gone=gone)
    return _dialled("connected" if kind == "CHANNEL_ANSWER" else "ringing", field, leg, plan, at)


def _dialled(event: Literal["ringing", "connected"], field: Field, leg: str, plan: DialPlan, at: datetime) -> Reading:
    if field("call-direction") != "outbound":
        return IRRELEVANT if field("call-direction") == "inbound" else unread("no_direction")
    if not plan.leads_outside(field("channel-name")):
        return _officers_telephone(field, leg, plan)
    dialled, invited = field("caller-destination-number"), plan.e164(user(field("variable_sip_destination_url")))
    # A transfer or uuid_bridge rewrites the numbers of a channel, but not the address of its INVITE.
    flipped = bool(field("caller-transfer-source") or field("variable_channel_cid_flipped"))
    number = invited or (None if flipped else plan.e164(dialled))
    if number is None and flipped:
        return unread("flipped_number")
    if number is None:
        inside = not plan.trunks and plan.is_extension(dialled)
        return _officers_telephone(field, leg, plan) if inside else unread("no_number")
    flipped = flipped or number != plan.e164(dialled)
    caller_number = None if flipped else plan.e164(field("caller-caller-id-number"))
    officer_id = plan.officer(field("other-leg-username"), field("other-leg-caller-id-number"))
    told = LegByNumber(event, leg, at, number, caller_number, officer_id)
    other = field("other-leg-unique-id")
    if not other:
        # The exchange itself originated the call, so there may be no officer yet.
        return Reading(alone=(told,))
    if plan.comes_from_outside(field("other-leg-channel-name")):
        return IRRELEVANT
    return Reading((told,), beside=((leg, plan.leg_id(other)),))


def _officers_telephone(field: Field, channel: str, plan: DialPlan) -> Reading:
    """Record the officer whose telephone was called. A leg may later be bridged to that channel."""
    officer_id = plan.officer(field("caller-destination-number"))
    return Reading(officers=((channel, officer_id),)) if officer_id is not None else IRRELEVANT


def _bridged(field: Field, plan: DialPlan) -> Reading:
    one, other = field("bridge-a-unique-id"), field("bridge-b-unique-id")
    if not one or not other:
        return IRRELEVANT
    pair = plan.leg_id(one), plan.leg_id(other)
    return Reading(beside=(pair, pair[::-1]))
