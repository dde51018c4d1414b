"""FreeSWITCH: events of the event socket as leg events. Carries out specs/pbx.md section 4."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import unquote

from callback_verification.pbx.dial_plan import DialPlan, folded, leg_id, text
from callback_verification.shapes import LegByNumber

_MICROSECONDS = re.compile(r"[0-9]{1,17}")
_ENDS = ("CHANNEL_HANGUP", "CHANNEL_HANGUP_COMPLETE")


def from_esl(event: Mapping[str, object], plan: DialPlan, received_at: datetime | None = None) -> LegByNumber | None:
    """`CHANNEL_ANSWER` and `CHANNEL_HANGUP` or `CHANNEL_HANGUP_COMPLETE` of a leg that the exchange began; else None.

    Values may be as text/event-plain writes them, percent-encoded, or decoded.
    """
    fields = folded(event)

    def field(name: str) -> str:
        return unquote(text(fields, name))

    kind, unique = field("event-name"), field("unique-id")
    stamp = field("event-date-timestamp")
    at = datetime.fromtimestamp(int(stamp) / 1e6, UTC) if _MICROSECONDS.fullmatch(stamp) else received_at
    outbound = field("call-direction") == "outbound" and plan.leads_outside(field("channel-name"))
    if at is None or not unique or not outbound:
        return None
    if kind in _ENDS:
        return LegByNumber("ended", leg_id(unique), at)
    number = plan.e164(field("caller-destination-number"))
    if kind != "CHANNEL_ANSWER" or number is None:
        return None
    caller_number = plan.e164(field("caller-caller-id-number"))
    officer_id = plan.officer(field("other-leg-username"), field("other-leg-caller-id-number"))
    return LegByNumber("connected", leg_id(unique), at, number, caller_number, officer_id)
