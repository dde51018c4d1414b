"""Sequences of events of a telephone exchange: transfers, renamed channels, reused ids, and counters (law L5)."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from callback_verification.pbx import DialPlan, Exchange, from_ami, from_ari, from_dialog_info, from_esl
from callback_verification.pbx.exchange import MAX_CHANNELS, MAX_LEGS
from callback_verification.pbx.reading import Reading
from callback_verification.shapes import LegByNumber

SAMPLES = Path(__file__).parent / "pbx"
NUMBER, DESK = "+8613800138000", "+861082345678"
CARRIER = DialPlan("86", "0", "00", trunks=("PJSIP/carrier-", "sofia/external/"), officers={"4412": "E-4412"})
NOW = datetime(2026, 11, 23, 4, 1, tzinfo=UTC)
LEG, CLICKED, UUID = "pbx1-1795406400.411", "pbx1-1795406404.503", "b02c4a7e-9a44-4a0f-b1a7-7d2f9e6f3c02"


def ami(name: str) -> list[dict[str, str]]:
    """The events of a sample file, parsed as AMI libraries do."""
    blocks = (SAMPLES / name).read_text().strip().split("\n\n")
    return [dict(tuple(line.split(": ", 1)) for line in each.splitlines()) for each in blocks]


def told(name: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = json.loads((SAMPLES / name).read_text())
    return events


def at(second: float) -> datetime:
    return datetime.fromtimestamp(1795406400 + second, UTC)


def times_of_leg(
    read: Callable[..., Reading], events: Iterable[object], leg_id: str, plan: DialPlan = CARRIER
) -> list[float]:
    """When a leg was connected and when its end was first reported, in seconds from the start of the sample."""
    exchange: Exchange[Any] = Exchange(read, plan)
    every = [leg for event in events for leg in exchange.read(event, NOW).legs]
    assert all(leg.leg_id.startswith("pbx1-") or len(leg.leg_id) == 36 for leg in every)
    heard = [leg for leg in every if leg.leg_id == leg_id]
    assert heard[0].event == "connected"
    assert heard[0].number == NUMBER
    assert {leg.event for leg in heard[1:]} == {"ended"}
    return [round((leg.at - at(0)).total_seconds(), 1) for leg in heard[:2]]


def as_ari(events: list[dict[str, str]]) -> list[dict[str, Any]]:
    """The dials and channel ends of an AMI sample, as ARI events."""

    def channel(event: dict[str, str], of: str = "") -> dict[str, Any]:
        number, shown = {"number": event[f"{of}CallerIDNum"]}, {"number": event[f"{of}ConnectedLineNum"]}
        return {"id": event[f"{of}Uniqueid"], "name": event[f"{of}Channel"], "caller": number, "connected": shown}

    heard: list[dict[str, Any]] = []
    for event in events:
        when = at(float(event["Timestamp"]) - 1795406400).isoformat()
        if event["Event"] == "DialEnd":
            caller = {"caller": channel(event)} if "Uniqueid" in event else {}
            told_of = {"dialstatus": event["DialStatus"], "peer": channel(event, "Dest"), **caller}
            heard.append({"type": "Dial", "timestamp": when, **told_of})
        elif event["Event"] == "Hangup":
            heard.append({"type": "ChannelDestroyed", "timestamp": when, "channel": channel(event)})
    return heard


@pytest.mark.shows("CVP-P1-2", "CVP-P3-1")
@pytest.mark.parametrize("name", ["async-goto", "parked", "surrogate"])
def test_a_leg_whose_channel_is_renamed_ends_with_its_own_channel_id(name: str) -> None:
    """The old channel then has a name that belongs to no trunk. The customer's call continues under another id."""
    events = ami(f"asterisk-ami-{name}.txt")
    heard = [leg for event in events for leg in from_ami(event, CARRIER).legs if leg.leg_id == LEG]
    assert [(leg.event, leg.at) for leg in heard] == [("connected", at(7.302118)), ("ended", at(30.104422))]


@pytest.mark.shows("CVP-P1-2")
@pytest.mark.parametrize(
    "name",
    [
        *(
            "AsyncGoto/PJSIP/carrier-0000019b<ZOMBIE>",
            "Parked/PJSIP/carrier-0000019b",
            "Surrogate/PJSIP/carrier-0000019b",
        ),
        *("PJSIP/carrier-0000019b<MASQ>", "Bridge/PJSIP/carrier-0000019b", "Local/4413@officers-00000001;2"),
        *("Message/ast_msg_queue", "PJSIP/4412-0000019a<ZOMBIE>", ""),
    ],
)
def test_the_end_of_a_channel_is_reported_for_any_channel_name(name: str) -> None:
    hangup = {**ami("asterisk-ami-blind-transfer.txt")[-1], "Channel": name}
    assert from_ami(hangup, CARRIER).legs == (LegByNumber("ended", LEG, at(95.701822)),)
    destroyed = told("asterisk-ari-blind-transfer.json")[-1]
    destroyed["channel"]["name"] = name
    assert [leg.leg_id for leg in from_ari(destroyed, CARRIER).legs] == [LEG]
    ended = {**told("freeswitch-esl-blind-transfer.json")[-1], "Channel-Name": name, "Call-Direction": "inbound"}
    assert [leg.leg_id for leg in from_esl(ended, CARRIER).legs] == [UUID]


@pytest.mark.shows("CVP-P1-6")
def test_a_blind_transfer_ends_the_leg_while_the_customer_talks_on() -> None:
    assert times_of_leg(from_ami, ami("asterisk-ami-blind-transfer.txt"), LEG) == [7.3, 30.1]
    assert times_of_leg(from_ari, told("asterisk-ari-blind-transfer.json"), LEG) == [7.3, 30.1]
    assert times_of_leg(from_esl, told("freeswitch-esl-blind-transfer.json"), UUID) == [7.3, 30.1]


@pytest.mark.shows("CVP-P1-6")
def test_a_transfer_ends_the_leg_for_an_adapter_that_just_started() -> None:
    """The transfer event names the customer's channel, so the adapter needs no earlier events."""
    transfer = ami("asterisk-ami-blind-transfer.txt")[3]
    assert LEG in [leg.leg_id for leg in from_ami(transfer, CARRIER).legs if leg.event == "ended"]
    transfer = told("asterisk-ari-blind-transfer.json")[2]
    assert LEG in [leg.leg_id for leg in from_ari(transfer, CARRIER).legs if leg.event == "ended"]
    parked = {"Event": "ParkedCall", "ParkeeUniqueid": LEG, "ParkeeChannel": "PJSIP/carrier-0000019b"}
    assert [leg.leg_id for leg in from_ami(parked, CARRIER, NOW).legs] == [LEG]


@pytest.mark.shows("CVP-P1-6")
def test_a_leg_ends_when_the_officers_channel_ends_without_a_transfer_event() -> None:
    """For example after an AMI Redirect: the officer's channel ends, and the customer's stays."""
    events = [event for event in ami("asterisk-ami-blind-transfer.txt") if event["Event"] != "BlindTransfer"]
    assert times_of_leg(from_ami, events, LEG) == [7.3, 30.1]


@pytest.mark.shows("CVP-P1-6")
def test_a_click_to_call_leg_ends_when_the_officer_transfers() -> None:
    """A click-to-call rings the officer through a Local channel. The transfer event names one half of it."""
    events = ami("asterisk-ami-click-then-attended-transfer.txt")
    assert times_of_leg(from_ami, events, CLICKED) == [7.3, 30.1]
    assert times_of_leg(from_ami, [event for event in events if event["Event"] != "AttendedTransfer"], CLICKED) == [
        7.3,
        30.1,
    ]
    assert times_of_leg(from_ari, as_ari(events), CLICKED) == [7.3, 30.1]


@pytest.mark.shows("CVP-P1-6")
def test_a_local_channel_that_asterisk_optimizes_away_ends_no_leg() -> None:
    events = ami("asterisk-ami-through-local.txt")
    assert times_of_leg(from_ami, events, LEG) == [7.3, 30.1]
    assert times_of_leg(from_ari, as_ari(events), LEG) == [7.3, 30.1]


@pytest.mark.shows("CVP-P1-6")
def test_the_first_local_channel_of_a_click_to_call_ends_no_leg() -> None:
    """The click creates this channel. It ends as soon as officer and customer talk."""
    events = ami("asterisk-ami-click-then-attended-transfer.txt")
    (first,) = [each for each in events if each["Event"] == "Hangup" and each["Channel"].endswith(";1")]
    early = {**first, "Timestamp": "1795406407.400000"}
    assert times_of_leg(from_ami, [*events[:3], early, *events[3:]], CLICKED) == [7.3, 30.1]


@pytest.mark.shows("CVP-P1-6")
@pytest.mark.parametrize("change", [{"Result": "Fail"}, {"Result": "Success", "DestType": "Threeway"}])
def test_a_failed_transfer_or_a_three_way_call_ends_no_leg(change: dict[str, str]) -> None:
    transfer = ami("asterisk-ami-click-then-attended-transfer.txt")[4]
    assert from_ami({**transfer, **change}, CARRIER).irrelevant
    legs = {"transferer_first_leg": {"id": "1"}, "transferee": {"id": "2"}, "type": "BridgeAttendedTransfer"}
    mode = {"result": change["Result"], "destination_type": change.get("DestType", "bridge").lower()}
    assert from_ari({**legs, **mode}, CARRIER, NOW).irrelevant


@pytest.mark.shows("CVP-P1-6")
def test_a_consulted_colleague_who_hangs_up_does_not_end_the_leg() -> None:
    talk = ami("asterisk-ami-click-then-attended-transfer.txt")
    declined = {**talk[7], "Timestamp": "1795406450.000000"}
    assert times_of_leg(from_ami, [*talk[:4], declined, *talk[8:]], CLICKED) == [7.3, 95.7]
    answered = ami("asterisk-ami-blind-transfer.txt")
    asked = {**answered[7], "Uniqueid": "pbx1-1795406400.410", "Channel": "PJSIP/4412-0000019a"}
    declined = {**answered[8], "Timestamp": "1795406450.000000"}
    assert times_of_leg(from_ami, [answered[0], asked, declined, answered[9]], LEG) == [7.3, 95.7]
    events = told("freeswitch-esl-blind-transfer.json")
    bridged = {**events[1], "Bridge-B-Unique-ID": events[5]["Unique-ID"]}
    declined = {**events[6], "Event-Date-Timestamp": "1795406450000000"}
    assert times_of_leg(from_esl, [*events[:2], bridged, declined, *events[8:]], UUID) == [7.3, 95.8]


@pytest.mark.shows("CVP-P1-6")
def test_the_officer_is_found_behind_several_local_channels() -> None:
    events = ami("asterisk-ami-click-then-attended-transfer.txt")
    further = {
        name: value.replace("Local/4412@click-00000010", "Local/4412@desk-00000011")
        for name, value in events[0].items()
    }
    between = {**events[0], "DestChannel": "Local/4412@desk-00000011;1", "DestUniqueid": "pbx1-1795406400.510"}
    nested = [further, between, *events[1:4], *events[5:]]
    assert times_of_leg(from_ami, nested, CLICKED) == [7.3, 30.1]
    assert times_of_leg(from_ari, as_ari(nested), CLICKED) == [7.3, 30.1]


@pytest.mark.shows("CVP-P4-1")
def test_in_freeswitch_the_other_leg_is_the_officers_unless_it_is_a_loopback() -> None:
    events = told("freeswitch-esl-blind-transfer.json")
    unbridged = [event for event in events if event["Event-Name"] != "CHANNEL_BRIDGE"]
    assert times_of_leg(from_esl, unbridged, UUID) == [7.3, 30.1]
    looped = [{**event, "Channel-Name": "loopback/013800138000-b"} for event in unbridged[2:4]]
    assert times_of_leg(from_esl, [unbridged[0], *looped, *unbridged[4:]], UUID) == [7.3, 95.8]


@pytest.mark.shows("CVP-P4-1")
def test_a_leg_keeps_its_number_when_uuid_bridge_swaps_the_numbers() -> None:
    events = told("freeswitch-esl-uuid-bridge.json")
    (leg,) = from_esl(events[2], CARRIER).alone
    assert (leg.number, leg.caller_number) == (NUMBER, None)
    assert times_of_leg(from_esl, events, UUID) == [7.3, 30.1]
    unknown = {name: value for name, value in events[2].items() if name != "variable_sip_destination_url"}
    for destination in ("4412", "013900139000", NUMBER):
        flipped = {**unknown, "Caller-Destination-Number": destination}
        assert from_esl(flipped, CARRIER) == Reading(not_understood=("flipped_number",))


@pytest.mark.shows("CVP-P4-2")
def test_a_customers_answer_is_no_leg_before_it_is_bridged() -> None:
    bridge, answer = told("freeswitch-esl-uuid-bridge.json")[1:3]
    exchange: Exchange[Any] = Exchange(from_esl, CARRIER)
    assert exchange.read(answer, NOW).legs == ()
    assert from_esl(answer, CARRIER).legs == ()
    (leg,) = exchange.read(bridge, NOW).legs
    assert (leg.event, leg.number, leg.at) == ("connected", NUMBER, NOW)
    gone: Exchange[Any] = Exchange(from_esl, CARRIER)
    gone.read(answer, NOW)
    gone.read({**answer, "Event-Name": "CHANNEL_HANGUP"}, NOW)
    assert gone.read(bridge, NOW).legs == ()


@pytest.mark.shows("CVP-P4-1", "CVP-P2-3")
@pytest.mark.parametrize("plan", [CARRIER, DialPlan("86", "0", "00", officers={"4412": "E-4412", "4413": "E-4413"})])
def test_a_leg_bridged_to_an_officers_telephone_names_the_officer(plan: DialPlan) -> None:
    """Neither side dialled the other, so the event of the leg itself names no officer."""
    officer, bridge, answer = told("freeswitch-esl-uuid-bridge.json")[:3]
    for events in ((officer, bridge, answer), (officer, answer, bridge), (answer, officer, bridge)):
        exchange: Exchange[Any] = Exchange(from_esl, plan)
        (leg,) = [leg for event in events for leg in exchange.read(event, NOW).legs]
        assert (leg.event, leg.officer_id) == ("connected", "E-4412")
    # Without the event of the telephone, or with two telephones, the officer is unknown.
    unknown: Exchange[Any] = Exchange(from_esl, plan)
    assert [leg.officer_id for event in (answer, bridge) for leg in unknown.read(event, NOW).legs] == [None]
    two: Exchange[Any] = Exchange(from_esl, DialPlan("86", "0", "00", officers={"4412": "E-4412", "4413": "E-4413"}))
    other = {**officer, "Unique-ID": "another", "Caller-Destination-Number": "4413"}
    beside = {**bridge, "Bridge-B-Unique-ID": "another"}
    events = (officer, other, beside, bridge, answer)
    assert [leg.officer_id for event in events for leg in two.read(event, NOW).legs] == [None]


@pytest.mark.shows("CVP-P2-6")
def test_an_inbound_call_that_is_forwarded_out_is_no_leg() -> None:
    dial = ami("asterisk-ami-blind-transfer.txt")[0]
    assert from_ami(dial, CARRIER).legs
    outsider = {**dial, "Channel": "PJSIP/carrier-00000001", "CallerIDNum": "4412"}
    assert from_ami(outsider, CARRIER) == Reading()
    answer = told("freeswitch-esl-blind-transfer.json")[0]
    assert from_esl(answer, CARRIER).legs
    assert from_esl({**answer, "Other-Leg-Channel-Name": "sofia/external/4412"}, CARRIER) == Reading()


@pytest.mark.shows("CVP-P2-5")
def test_two_servers_with_the_same_channel_ids_have_different_legs() -> None:
    event = {**ami("asterisk-ami-blind-transfer.txt")[0], "DestUniqueid": "1795406400.12"}
    plans = [DialPlan("86", "0", "00", server=name) for name in ("", "north", "south")]
    assert [leg.leg_id for plan in plans for leg in from_ami(event, plan).legs] == [
        *("1795406400.12", "north 1795406400.12", "south 1795406400.12")
    ]
    dialog = (SAMPLES / "dialog-info-confirmed.xml").read_bytes()
    for read, told_of in ((from_esl, told("freeswitch-esl-blind-transfer.json")[0]), (from_dialog_info, dialog)):
        ids = {leg.leg_id for plan in plans for leg in read(told_of, plan, NOW).legs}  # type: ignore[operator]
        assert len(ids) == len(plans)
    assert DialPlan().leg_id("a b", "c") != DialPlan().leg_id("a", "b c")
    assert DialPlan(server="a").leg_id("b") != DialPlan().leg_id("a%20b")


@pytest.mark.shows("CVP-P2-5")
@pytest.mark.parametrize("server", ["n" * 65, "north 1", "north\n", "北"])
def test_a_long_or_non_ascii_server_name_is_refused(server: str) -> None:
    with pytest.raises(ValueError, match="server"):
        DialPlan(server=server)


# --- dialog-info ------------------------------------------------------------------------------------------


def dialog(state: str, marks: str = ' call-id="1@192.0.2.41" local-tag="7"', number: str = NUMBER) -> str:
    """A dialog-info document as Asterisk sends it: the dialog id is always the extension."""
    return (
        '<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="1" state="full" entity="sip:4412@pbx">'
        f'<dialog id="4412"{marks} direction="initiator"><state>{state}</state>'
        f"<remote><identity>sip:{number}@pbx.example</identity></remote></dialog></dialog-info>"
    )


@pytest.mark.shows("CVP-P5-4")
def test_a_reused_dialog_id_with_another_call_id_is_another_leg() -> None:
    ids = set()
    for marks in ("", ' call-id="1" local-tag="7"', ' call-id="2" local-tag="7"', ' call-id="2" local-tag="8"'):
        (leg,) = from_dialog_info(dialog("confirmed", marks), CARRIER, NOW).legs
        ids.add(leg.leg_id)
    assert len(ids) == 4


@pytest.mark.shows("CVP-P5-4")
@pytest.mark.parametrize("confirmed", ["", ' remote-tag="9"'])
@pytest.mark.parametrize("over", ["", ' remote-tag="9"'])
def test_the_leg_id_does_not_depend_on_the_remote_tag(confirmed: str, over: str) -> None:
    marks = ' call-id="1" local-tag="7"'
    legs = [
        from_dialog_info(dialog(state, marks + tag), CARRIER, NOW).legs[0].leg_id
        for state, tag in (("confirmed", confirmed), ("terminated", over))
    ]
    assert legs[0] == legs[1]


@pytest.mark.shows("CVP-P5-4")
def test_the_end_of_a_dialog_without_a_call_id_ends_the_leg_with_one() -> None:
    exchange = Exchange(from_dialog_info, CARRIER)
    (connected,) = exchange.read(dialog("confirmed"), NOW).legs
    ended = exchange.read(dialog("terminated", ""), NOW).legs
    assert LegByNumber("ended", connected.leg_id, NOW) in ended


# --- readings ---------------------------------------------------------------------------------------------


@pytest.mark.shows("CVP-P1-7")
@pytest.mark.parametrize(
    ("read", "event", "reason"),
    [
        (from_ami, {}, "no_kind"),
        (from_ami, {"Event": "Hangup"}, "no_id"),
        (from_ami, {"Event": "DialEnd", "Uniqueid": "1", "DestUniqueid": "2"}, "no_outcome"),
        (from_ami, {"Event": "DialEnd", "DialStatus": "ANSWER", "Uniqueid": "1"}, "no_id"),
        (from_ami, {**ami("asterisk-ami-blind-transfer.txt")[0], "DestCallerIDNum": "<unknown>"}, "no_number"),
        (from_ami, {"Event": "BlindTransfer", "TransfereeUniqueid": "1"}, "no_outcome"),
        (from_ari, {"type": 7}, "no_kind"),
        (from_ari, {"type": "ChannelDestroyed", "channel": "1"}, "no_id"),
        (from_ari, {"type": "Dial", "caller": {"id": "1"}, "peer": {"id": "2"}}, "no_outcome"),
        (from_esl, {"Unique-ID": "1"}, "no_kind"),
        (from_esl, {"Event-Name": "CHANNEL_HANGUP"}, "no_id"),
        (from_esl, {"Event-Name": "CHANNEL_ANSWER", "Unique-ID": "1"}, "no_direction"),
        (from_dialog_info, "<dialog-info/>", "no_document"),
        (from_dialog_info, dialog("confirmed", "", "<!---->"), "no_number"),
        (from_dialog_info, dialog(""), "no_outcome"),
    ],
)
def test_an_event_that_is_not_understood_has_a_reason(read: Callable[..., Reading], event: object, reason: str) -> None:
    assert read(event, CARRIER, NOW).not_understood == (reason,)


@pytest.mark.shows("CVP-P1-7")
@pytest.mark.parametrize(
    ("read", "event"),
    [
        (from_ami, {"Event": "Newchannel"}),
        (from_ami, {"Event": "DialEnd", "DialStatus": "BUSY"}),
        (from_ari, {"type": "StasisStart"}),
        (from_ari, {"type": "Dial", "dialstatus": "", "caller": {"id": "1"}}),
        (from_esl, {"Event-Name": "HEARTBEAT"}),
        (from_esl, {"Event-Name": "CHANNEL_ANSWER", "Unique-ID": "1", "Call-Direction": "inbound"}),
        (from_dialog_info, dialog("trying")),
        (from_dialog_info, dialog("confirmed", "", "4413")),
    ],
)
def test_an_event_that_does_not_concern_a_leg_is_irrelevant(read: Callable[..., Reading], event: object) -> None:
    assert read(event, CARRIER, NOW).irrelevant


@pytest.mark.shows("CVP-P1-7")
def test_readings_are_counted_and_events_not_understood_are_logged_by_reason(
    caplog: pytest.LogCaptureFixture,
) -> None:
    exchange = Exchange(from_ami, CARRIER)
    with caplog.at_level(logging.INFO, "callback_verification.pbx"):
        for event in ami("asterisk-ami-blind-transfer.txt"):
            exchange.read(event)
        for _ in range(9):
            exchange.read({"Event": "Hangup", "Channel": "PJSIP/+8613800138000"})
        exchange.read({"Event": "\x1b[31m" * 90})
    assert exchange.counts == {"connected": 1, "ended": 6, "irrelevant": 5, "no_id": 9, "no_kind": 1}
    lines = [record.getMessage() for record in caplog.records]
    assert lines == [
        *(f"an event was not understood: no_id, {times} so far" for times in (1, 2, 4, 8)),
        "an event was not understood: no_kind, 1 so far",
    ]


def test_the_memory_of_an_exchange_is_bounded() -> None:
    exchange = Exchange(from_esl, CARRIER)
    for number in range(MAX_LEGS + 100):
        one, other = str(number), "x" if number % 2 else str(number + 1)
        exchange.read({"Event-Name": "CHANNEL_BRIDGE", "Bridge-A-Unique-ID": one, "Bridge-B-Unique-ID": other})
    assert len(exchange._channels) <= MAX_LEGS
    assert max(map(len, exchange._channels.values())) <= MAX_CHANNELS
    assert {leg for legs in exchange._legs.values() for leg in legs} <= set(exchange._channels)
