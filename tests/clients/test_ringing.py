"""Ringing in the events of telephone exchanges: only the customer's telephone counts, and early media is no answer.

Implements specs/pbx.md (laws L5, L13).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from callback_verification.pbx import DialPlan, Exchange, Reading, from_ami, from_ari, from_dialog_info, from_esl
from callback_verification.shapes import LegByNumber

SAMPLES = Path(__file__).parent / "pbx"
NUMBER = "+8613800138000"
OFFICERS = {"4412": "E-4412", "4413": "E-4413"}
CARRIER = DialPlan("86", "0", "00", trunks=("PJSIP/carrier-", "sofia/external/"), officers=OFFICERS)
ANY_CHANNEL = DialPlan("86", "0", "00", officers=OFFICERS)
NOW = datetime(2026, 11, 23, 4, 1, tzinfo=UTC)
LEG, CLICKED, UUID = "pbx1-1795406400.411", "pbx1-1795406404.503", "b02c4a7e-9a44-4a0f-b1a7-7d2f9e6f3c02"
AMI = sorted(path.name for path in SAMPLES.glob("asterisk-ami-*.txt"))
Event = dict[str, Any]


def sample(name: str) -> list[Event]:
    """The events of a sample file."""
    content = (SAMPLES / name).read_text()
    if name.endswith(".json"):
        events: list[Event] = json.loads(content)
        return events
    blocks = [each.splitlines() for each in content.strip().split("\n\n")]
    return [{line.partition(": ")[0]: line.partition(": ")[2] for line in each} for each in blocks]


def with_ringing(events: list[Event], status: str = "RINGING") -> list[Event]:
    """The events of a sample of Asterisk, with each dialled telephone ringing before its dial is answered."""
    heard: list[Event] = []
    for event in events:
        if event.get("Event") == "DialEnd":
            heard.append({**event, "Event": "DialState", "DialStatus": status})
        if event.get("type") == "Dial":
            heard.append({**event, "dialstatus": status})
        heard.append(event)
    return heard


def with_progress(events: list[Event], name: str = "CHANNEL_PROGRESS") -> list[Event]:
    """The events of a sample of FreeSWITCH, with each dialled telephone ringing before it is answered."""
    heard: list[Event] = []
    for event in events:
        if event["Event-Name"] == "CHANNEL_ANSWER" and event["Call-Direction"] == "outbound":
            heard.append({**event, "Event-Name": name, "Answer-State": "ringing"})
        heard.append(event)
    return heard


def heard_of(
    read: Callable[..., Reading], events: Iterable[object], leg_id: str | None = None, plan: DialPlan = CARRIER
) -> list[LegByNumber]:
    """The leg events of one leg, or of all."""
    exchange: Exchange[Any] = Exchange(read, plan)
    found = [leg for event in events for leg in exchange.read(event, NOW).legs]
    return [leg for leg in found if leg_id in (None, leg.leg_id)]


def kinds(legs: list[LegByNumber]) -> list[str]:
    """The kinds of the leg events, without repetitions of the one before."""
    return [leg.event for place, leg in enumerate(legs) if place == 0 or legs[place - 1].event != leg.event]


@pytest.mark.shows("CVP-P3-1", "CVP-P4-1")
@pytest.mark.parametrize(
    ("read", "events", "leg_id"),
    [
        *((from_ami, with_ringing(sample(name)), CLICKED if "click" in name else LEG) for name in AMI),
        (from_ami, sample("asterisk-ami.txt")[:5], LEG),
        (from_ari, sample("asterisk-ari.json")[:8], LEG),
        (from_ari, with_ringing(sample("asterisk-ari-blind-transfer.json")), LEG),
        (from_esl, sample("freeswitch-esl.json"), UUID),
        (from_esl, with_progress(sample("freeswitch-esl-blind-transfer.json")), UUID),
        (from_esl, with_progress(sample("freeswitch-esl-uuid-bridge.json"), "CHANNEL_PROGRESS_MEDIA"), UUID),
    ],
    ids=[*AMI, "asterisk-ami", "asterisk-ari", "ari-transfer", "freeswitch", "freeswitch-transfer", "uuid-bridge"],
)
def test_a_leg_rings_is_connected_and_ends(read: Callable[..., Reading], events: list[Event], leg_id: str) -> None:
    legs = heard_of(read, events, leg_id)
    assert kinds(legs) == ["ringing", "connected", "ended"]
    # A ringing leg has the same facts as a connected one, so that the service matches both with the same call.
    rings, connected = (next(leg for leg in legs if leg.event == event) for event in ("ringing", "connected"))
    assert (rings.number, rings.caller_number, rings.officer_id) == (
        connected.number,
        connected.caller_number,
        connected.officer_id,
    )
    assert rings.number == NUMBER


@pytest.mark.shows("CVP-P5-1")
def test_an_early_dialog_rings() -> None:
    documents = [(SAMPLES / f"dialog-info-{name}.xml").read_bytes() for name in ("early", "confirmed", "terminated")]
    legs = heard_of(from_dialog_info, documents)
    assert kinds(legs) == ["ringing", "connected", "ended"]
    assert len({leg.leg_id for leg in legs}) == 1
    rung = documents[0].replace(b'"initiator"', b'"recipient"')
    assert heard_of(from_dialog_info, [rung]) == []
    unknown = documents[0].replace(b' direction="initiator"', b"")
    assert from_dialog_info(unknown, CARRIER, NOW).not_understood == ("no_direction",)


@pytest.mark.shows("CVP-P5-4")
def test_the_end_of_an_early_dialog_without_a_call_id_ends_the_leg_with_one() -> None:
    early, terminated = ((SAMPLES / f"dialog-info-{name}.xml").read_text() for name in ("early", "terminated"))
    bare = terminated.replace('call-id="a84b4c76e66710@192.0.2.41" local-tag="1928301774" ', "")
    assert bare != terminated
    exchange = Exchange(from_dialog_info, CARRIER)
    (rings,) = exchange.read(early, NOW).legs
    assert LegByNumber("ended", rings.leg_id, NOW) in exchange.read(bare, NOW).legs


# --- the officer's own telephone --------------------------------------------------------------------------


@pytest.mark.shows("CVP-P1-8")
@pytest.mark.parametrize("plan", [CARRIER, ANY_CHANNEL], ids=["the trunks", "any channel"])
def test_the_officers_own_telephone_is_no_ringing_leg(plan: DialPlan) -> None:
    """A click on a number rings the officer first, and the customer's telephone only after the officer's answer."""
    clicked = with_ringing(sample("asterisk-ami-click-then-attended-transfer.txt"))
    # The second dial is that of the click itself. It has no calling channel.
    assert [(leg.event, leg.leg_id) for leg in heard_of(from_ami, clicked[:4], plan=plan)] == []
    assert [leg.leg_id for leg in heard_of(from_ami, clicked, plan=plan) if leg.event == "ringing"] == [CLICKED]
    bridged = with_progress(sample("freeswitch-esl-uuid-bridge.json"))
    assert heard_of(from_esl, bridged[:2], plan=plan) == []
    assert {leg.leg_id for leg in heard_of(from_esl, bridged, plan=plan) if leg.event == "ringing"} == {UUID}


@pytest.mark.shows("CVP-P1-6")
def test_a_second_telephone_of_the_officer_that_only_rang_ends_no_leg() -> None:
    """A click may ring several telephones of the officer. Those that are not answered are hung up."""
    events = sample("asterisk-ami-click-then-attended-transfer.txt")
    other = {**events[0], "Event": "DialState", "DialStatus": "RINGING", "DestUniqueid": "pbx1-1795406400.509"}
    hung_up = {**events[-1], "Uniqueid": "pbx1-1795406400.509", "Channel": "PJSIP/4412-000001b9"}
    legs = heard_of(from_ami, [other, *events[:3], hung_up], CLICKED)
    assert [leg.event for leg in legs] == ["connected"]


@pytest.mark.shows("CVP-P1-8")
def test_a_colleagues_telephone_that_rings_after_a_transfer_is_no_ringing_leg() -> None:
    for name in ("asterisk-ami-blind-transfer.txt", "asterisk-ami-through-local.txt"):
        legs = heard_of(from_ami, with_ringing(sample(name)))
        assert {leg.leg_id for leg in legs if leg.event == "ringing"} == {LEG}
    legs = heard_of(from_esl, with_progress(sample("freeswitch-esl-blind-transfer.json")))
    assert {leg.leg_id for leg in legs if leg.event == "ringing"} == {UUID}


@pytest.mark.shows("CVP-P1-2", "CVP-P2-6")
def test_an_inbound_call_that_rings_is_no_ringing_leg() -> None:
    dial = sample("asterisk-ari.json")[2]
    assert [leg.event for leg in from_ari(dial, CARRIER).legs] == ["ringing"]
    forwarded = {**dial, "caller": {**dial["caller"], "name": "PJSIP/carrier-00000001"}}
    assert from_ari(forwarded, CARRIER) == Reading()
    progress = sample("freeswitch-esl.json")[1]
    assert [leg.event for leg in from_esl(progress, CARRIER).legs] == ["ringing"]
    assert from_esl({**progress, "Call-Direction": "inbound"}, CARRIER) == Reading()
    assert from_esl({**progress, "Other-Leg-Channel-Name": "sofia/external/4412"}, CARRIER) == Reading()


# --- early media ------------------------------------------------------------------------------------------


@pytest.mark.shows("CVP-P1-9")
@pytest.mark.parametrize("status", ["RINGING", "PROGRESS", "PROCEEDING"])
def test_an_unanswered_dial_of_asterisk_is_never_connected(status: str) -> None:
    """The carrier may play an announcement or a voice mailbox before the answer, as early media."""
    rings = [] if status == "PROCEEDING" else ["ringing"]
    begun, _, answer, hangup = sample("asterisk-ami.txt")[:4]
    unanswered = [begun, *with_ringing([{**answer, "DialStatus": "NOANSWER"}], status), hangup]
    assert [leg.event for leg in heard_of(from_ami, unanswered, LEG)] == [*rings, "ended"]
    dial, destroyed = sample("asterisk-ari.json")[4], sample("asterisk-ari.json")[6]
    unanswered = [*with_ringing([{**dial, "dialstatus": "NOANSWER"}], status), destroyed]
    assert [leg.event for leg in heard_of(from_ari, unanswered, LEG)] == [*rings, "ended"]


@pytest.mark.shows("CVP-P1-9")
def test_no_dial_state_of_asterisk_is_an_answer() -> None:
    """AMI reports the end of a dial by DialEnd alone."""
    answer = sample("asterisk-ami.txt")[2]
    assert [leg.event for leg in from_ami(answer, CARRIER).legs] == ["connected"]
    assert from_ami({**answer, "Event": "DialState"}, CARRIER).irrelevant


@pytest.mark.shows("CVP-P1-9")
def test_early_media_of_freeswitch_is_never_connected() -> None:
    create, rings, media, _, _, hangup = sample("freeswitch-esl.json")[:6]
    assert [leg.event for leg in heard_of(from_esl, [create, media, rings, hangup], UUID)] == [
        *("ringing", "ringing", "ended")
    ]


@pytest.mark.shows("CVP-P1-9")
@pytest.mark.parametrize("state", ["trying", "proceeding", "early"])
def test_only_a_confirmed_dialog_is_connected(state: str) -> None:
    early, terminated = ((SAMPLES / f"dialog-info-{name}.xml").read_text() for name in ("early", "terminated"))
    legs = heard_of(from_dialog_info, [early.replace(">early<", f">{state}<"), terminated])
    assert kinds(legs) == [*(["ringing"] if state == "early" else []), "ended"]


# --- a customer who is rung before there is an officer ----------------------------------------------------


@pytest.mark.shows("CVP-P4-2")
def test_a_customer_rung_by_the_exchange_alone_rings_once_there_is_an_officer() -> None:
    officer, bridge, answer = sample("freeswitch-esl-uuid-bridge.json")[:3]
    rung = {**answer, "Event-Name": "CHANNEL_PROGRESS", "Event-Date-Timestamp": "1795406402000000"}
    assert heard_of(from_esl, [rung, officer]) == []
    legs = heard_of(from_esl, [rung, officer, bridge, answer], UUID)
    assert [(leg.event, leg.officer_id) for leg in legs] == [("ringing", "E-4412"), ("connected", "E-4412")]
    # It has rung since before the bridge.
    assert legs[0].at.timestamp() == 1795406402
    assert [leg.event for leg in heard_of(from_esl, [rung, officer, answer, bridge], UUID)] == ["connected"]


@pytest.mark.shows("CVP-P4-2")
def test_ringing_that_is_reported_late_does_not_replace_an_answer() -> None:
    officer, bridge, answer = sample("freeswitch-esl-uuid-bridge.json")[:3]
    late = {**answer, "Event-Name": "CHANNEL_PROGRESS_MEDIA"}
    assert [leg.event for leg in heard_of(from_esl, [officer, answer, late, bridge], UUID)] == ["connected"]
    gone = {**answer, "Event-Name": "CHANNEL_HANGUP"}
    assert [leg.event for leg in heard_of(from_esl, [late, gone, bridge], UUID)] == ["ended"]


@pytest.mark.shows("CVP-P4-2")
def test_a_leg_that_is_answered_with_its_officer_is_not_reported_as_ringing_afterwards() -> None:
    answer = sample("freeswitch-esl-blind-transfer.json")[0]
    alone = {name: value for name, value in answer.items() if not name.startswith("Other-Leg")}
    rung = {**alone, "Event-Name": "CHANNEL_PROGRESS"}
    assert [leg.event for leg in heard_of(from_esl, [rung, answer], UUID)] == ["connected"]
