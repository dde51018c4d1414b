"""Asterisk: events of ARI and of AMI as leg events. Carries out specs/pbx.md section 3.

Only the outcome of a dial shows that the exchange has rung somebody up; a channel of somebody who rings in is up too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from callback_verification.pbx.dial_plan import DialPlan, folded, leg_id, text
from callback_verification.shapes import LegByNumber

_SECONDS = re.compile(r"[0-9]{1,11}(\.[0-9]{1,9})?")


def from_ari(event: Mapping[str, object], plan: DialPlan, received_at: datetime | None = None) -> LegByNumber | None:
    """`Dial` with the status ANSWER, and `ChannelDestroyed`; every other event is None.

    A dial without a calling channel was originated by an ARI application, which knows the number; the event does not.
    """
    kind = text(event, "type")
    at = _instant(text(event, "timestamp")) or received_at
    if at is None:
        return None
    if kind == "Dial" and text(event, "dialstatus") == "ANSWER" and text(event, "caller", "id"):
        number = plan.e164(text(event, "peer", "caller", "number"))
        caller_number = plan.e164(text(event, "peer", "connected", "number"))
        officer_id = plan.officer(text(event, "caller", "caller", "number"), text(event, "caller", "accountcode"))
        channel = text(event, "peer", "id"), text(event, "peer", "name")
        return _connected(channel, plan, at, number, caller_number, officer_id)
    if kind == "ChannelDestroyed":
        return _ended((text(event, "channel", "id"), text(event, "channel", "name")), plan, at)
    return None


def from_ami(event: Mapping[str, object], plan: DialPlan, received_at: datetime | None = None) -> LegByNumber | None:
    """`DialEnd` with the status ANSWER, and `Hangup`; every other event is None.

    Events carry a time with `timestampevents = yes` in manager.conf only, so `received_at` should be given.
    """
    fields = folded(event)
    kind = text(fields, "event")
    stamp = text(fields, "timestamp")
    at = datetime.fromtimestamp(float(stamp), UTC) if _SECONDS.fullmatch(stamp) else received_at
    if at is None:
        return None
    if kind == "DialEnd" and text(fields, "dialstatus") == "ANSWER" and text(fields, "uniqueid"):
        number = plan.e164(text(fields, "destcalleridnum"))
        caller_number = plan.e164(text(fields, "destconnectedlinenum"))
        officer_id = plan.officer(text(fields, "calleridnum"), text(fields, "accountcode"))
        channel = text(fields, "destuniqueid"), text(fields, "destchannel")
        return _connected(channel, plan, at, number, caller_number, officer_id)
    if kind == "Hangup":
        return _ended((text(fields, "uniqueid"), text(fields, "channel")), plan, at)
    return None


def _connected(
    channel: tuple[str, str],
    plan: DialPlan,
    at: datetime,
    number: str | None,
    caller_number: str | None,
    officer_id: str | None,
) -> LegByNumber | None:
    unique, name = channel
    if not unique or number is None or not plan.leads_outside(name):
        return None
    return LegByNumber("connected", leg_id(unique), at, number, caller_number, officer_id)


def _ended(channel: tuple[str, str], plan: DialPlan, at: datetime) -> LegByNumber | None:
    unique, name = channel
    return LegByNumber("ended", leg_id(unique), at) if unique and plan.leads_outside(name) else None


def _instant(stamp: str) -> datetime | None:
    try:
        instant = datetime.fromisoformat(stamp)
        return instant.astimezone(UTC) if instant.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
