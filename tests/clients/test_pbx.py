"""What exchanges tell, as leg events: the samples of tests/clients/pbx, and whatever else may come (law L5)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from callback_verification.pbx import DialPlan, from_ami, from_ari, from_dialog_info, from_esl
from callback_verification.pbx.dialog_info import MAX_DOCUMENT
from callback_verification.requests import instant
from callback_verification.shapes import LegByNumber
from hypothesis import given
from hypothesis import strategies as st

SAMPLES = Path(__file__).parent / "pbx"
NUMBER, DESK = "+8613800138000", "+861082345678"
CHINA = DialPlan("86", "0", "00", officers={"4412": "E-4412"})
CARRIER = DialPlan("86", "0", "00", trunks=("PJSIP/carrier-", "sofia/external/"), officers={"4412": "E-4412"})
NOW = datetime(2026, 11, 23, 4, 1, tzinfo=UTC)


def ami() -> list[dict[str, str]]:
    """The blocks of the sample, read as every AMI library does."""
    blocks = (SAMPLES / "asterisk-ami.txt").read_text().strip().split("\n\n")
    return [
        dict(line.split(": ", 1) if ": " in line else (line.rstrip(": "), "") for line in each.splitlines())
        for each in blocks
    ]


def told(name: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = json.loads((SAMPLES / name).read_text())
    return events


def at(second: int, microsecond: int) -> datetime:
    return datetime(2026, 11, 23, 4, 0, second, microsecond, tzinfo=UTC)


def xml(name: str) -> bytes:
    return (SAMPLES / f"dialog-info-{name}.xml").read_bytes()


def connected(leg_id: str, when: datetime, officer_id: str | None = "E-4412", caller: str | None = DESK) -> LegByNumber:
    return LegByNumber("connected", leg_id, when, NUMBER, caller, officer_id)


@pytest.mark.shows("CVP-P1-3", "CVP-P2-4", "CVP-P3-1")
def test_of_asterisk_over_ari_the_answered_dial_and_the_end_of_its_leg_are_told() -> None:
    legs = [from_ari(event, CARRIER) for event in told("asterisk-ari.json")]
    leg_id = "pbx1-1795406400.411"
    assert [leg for leg in legs if leg] == [
        connected(leg_id, at(7, 302_000)),
        LegByNumber("ended", leg_id, at(41, 882_000)),
    ]


@pytest.mark.shows("CVP-P3-1")
def test_of_asterisk_over_ami_the_answered_dial_and_the_end_of_its_leg_are_told() -> None:
    legs = [from_ami(event, CARRIER) for event in ami()]
    leg_id = "pbx1-1795406400.411"
    assert [leg for leg in legs if leg] == [
        connected(leg_id, at(7, 302_118)),
        LegByNumber("ended", leg_id, at(41, 882_450)),
    ]


@pytest.mark.shows("CVP-P1-3", "CVP-P4-1")
def test_of_freeswitch_the_answer_and_the_end_of_the_leg_it_began_are_told() -> None:
    legs = [from_esl(event, CARRIER) for event in told("freeswitch-esl.json")]
    leg_id = "b02c4a7e-9a44-4a0f-b1a7-7d2f9e6f3c02"
    assert [leg for leg in legs if leg] == [
        connected(leg_id, at(7, 301_220)),
        LegByNumber("ended", leg_id, at(41, 881_800)),
        LegByNumber("ended", leg_id, at(41, 882_450)),
    ]


@pytest.mark.shows("CVP-P5-1")
def test_of_a_dialog_the_watched_extension_began_confirmation_and_end_are_told() -> None:
    leg_id = "sip:4412@pbx.bank.example a84b4c76e66710"
    legs = [from_dialog_info(xml(name), CHINA, NOW) for name in ("early", "confirmed", "terminated", "full")]
    told_of = connected(leg_id, NOW, caller=None)
    assert legs == [(), (told_of,), (LegByNumber("ended", leg_id, NOW),), (told_of,)]


@pytest.mark.shows("CVP-P1-2")
@pytest.mark.parametrize("plan", [CHINA, CARRIER], ids=["any channel", "the trunks"])
def test_somebody_who_rings_in_never_looks_like_a_leg_from_the_bank(plan: DialPlan) -> None:
    """Who rings in from the customer's number, or pretends to, must not make the officer's code appear."""
    inbound = [from_ari(event, plan) for event in told("asterisk-ari.json")[8:10]]
    inbound += [from_ami(ami()[4], plan)]
    inbound += [from_esl(event, plan) for event in told("freeswitch-esl.json")[6:]]
    inbound += from_dialog_info(xml("rung-up"), plan, NOW)
    assert not [leg for leg in inbound if leg is not None and leg.number == NUMBER]


@pytest.mark.shows("CVP-P2-2")
def test_without_the_trunks_of_the_exchange_a_call_that_comes_in_may_read_as_one_to_the_banks_own_number() -> None:
    """Why specs/pbx.md asks for them: such a leg is kept as one to a number that is not on file."""
    leg = from_ami(ami()[4], CHINA)
    assert leg is not None
    assert leg.number == "+861095588"
    assert from_ami(ami()[4], CARRIER) is None


@pytest.mark.shows("CVP-P1-2")
def test_a_dial_that_is_not_answered_or_has_no_calling_channel_says_nothing() -> None:
    assert [from_ari(event, CHINA) for event in told("asterisk-ari.json")[10:]] == [None, None]
    assert [from_ami(event, CHINA) for event in ami()[5:]] == [None, None]


@pytest.mark.shows("CVP-P1-2")
def test_a_direction_that_is_not_given_is_not_taken_for_outbound() -> None:
    assert from_dialog_info(xml("confirmed").replace(b' direction="initiator"', b""), CHINA, NOW) == ()
    (leg,) = from_dialog_info(xml("terminated").replace(b' direction="initiator"', b""), CHINA, NOW)
    assert leg.event == "ended"
    event = {**told("freeswitch-esl.json")[1], "Call-Direction": ""}
    assert from_esl(event, CHINA) is None


@pytest.mark.shows("CVP-P1-4")
def test_field_names_may_be_in_small_letters_and_times_may_be_missing() -> None:
    event = {name.lower(): value for name, value in ami()[1].items() if name != "Timestamp"}
    assert from_ami(event, CHINA) is None
    assert from_ami(event, CHINA, NOW) == connected("pbx1-1795406400.411", NOW)


@pytest.mark.shows("CVP-P2-1", "CVP-P2-4")
@pytest.mark.parametrize(
    ("plan", "dialled", "number"),
    [
        (CHINA, "013800138000", NUMBER),
        (CHINA, "13800138000", NUMBER),
        (CHINA, "+86 138-0013-8000", NUMBER),
        (CHINA, "008613800138000", NUMBER),
        (CHINA, "01082345678", DESK),
        (CHINA, "00442079460000", "+442079460000"),
        (CHINA, "4412", None),
        (CHINA, "82345678", None),
        (CHINA, "", None),
        (CHINA, "anonymous", None),
        (CHINA, "<unknown>", None),
        (CHINA, "+0138", None),
        (CHINA, "１３８００１３８０００", None),
        (CHINA, "0" * 300, None),
        (DialPlan(), "013800138000", None),
        (DialPlan(), NUMBER, NUMBER),
        (DialPlan("86", "0", "00", "9"), "9013800138000", NUMBER),
        (DialPlan("86", "0", "00", "9"), "013800138000", None),
        (DialPlan("1", "1", "011"), "12125550100", "+12125550100"),
        (DialPlan("1", "1", "011"), "2125550100", "+12125550100"),
        (DialPlan("39", "", "00", shortest_national=6), "0612345678", "+390612345678"),
    ],
)
def test_numbers_are_understood_as_the_exchange_dials_them(plan: DialPlan, dialled: str, number: str | None) -> None:
    assert plan.e164(dialled) == number


@pytest.mark.shows("CVP-P1-5")
def test_a_name_of_a_leg_that_is_too_long_or_odd_becomes_its_digest() -> None:
    event = told("asterisk-ari.json")[6]
    names = []
    for name in ("x" * 128, "x" * 129, "x" * 130, "腿"):
        leg = from_ari({**event, "channel": {**event["channel"], "id": name}}, CHINA)
        assert leg is not None
        names.append(leg.leg_id)
    assert names[0] == "x" * 128
    assert [len(name) for name in names[1:]] == [64] * 3
    assert len(set(names)) == 4


# --- whatever else may come -------------------------------------------------------------------------------


@pytest.mark.shows("CVP-P5-3")
@pytest.mark.parametrize(
    "document",
    [
        xml("entities"),
        xml("confirmed")[:-20],
        xml("confirmed").replace(b"<dialog-info", b"<!DOCTYPE dialog-info><dialog-info", 1),
        xml("confirmed").replace(b"urn:ietf", b"urn:other"),
        xml("confirmed").replace(b"</dialog-info>", b" " * MAX_DOCUMENT + b"</dialog-info>"),
        xml("confirmed").replace(b"UTF-8", b"x-none"),
        b"<a>" * 5000,
        b"",
        "\ud800",
        "not XML",
    ],
    ids=["entities", "cut", "doctype", "namespace", "too long", "encoding", "deep", "empty", "surrogate", "text"],
)
def test_a_document_that_is_dangerous_or_no_dialog_info_has_no_legs(document: bytes | str) -> None:
    assert from_dialog_info(document, CHINA, NOW) == ()


@pytest.mark.shows("CVP-P5-3")
def test_no_entity_is_expanded_and_no_file_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.open", lambda *_: pytest.fail("a file was opened"))
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "lol"}">' for n in range(10))
    assert from_dialog_info(f"<!DOCTYPE d [{laughs}]><d>&l9;</d>", CHINA, NOW) == ()


FIELDS = [
    *("type", "timestamp", "dialstatus", "caller", "peer", "channel", "id", "number", "name", "connected"),
    *(name for name in {*ami()[1], *ami()[2], *told("freeswitch-esl.json")[1]}),
]
WORDS = [
    *(
        "Dial",
        "ANSWER",
        "DialEnd",
        "Hangup",
        "ChannelDestroyed",
        "CHANNEL_ANSWER",
        "CHANNEL_HANGUP",
        "outbound",
        NUMBER,
    ),
    *(
        "013800138000",
        "2026-11-23T04:00:07.302+0000",
        "9999-12-31T23:59:59-2359",
        "1795406407.302118",
        "9" * 17,
        "9" * 11,
    ),
]
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from(WORDS) | st.text() | st.none() | st.booleans() | st.integers() | st.floats() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS) | st.text(), inner, max_size=6),
    max_leaves=20,
)
EVENTS = st.dictionaries(st.sampled_from(FIELDS) | st.text(), VALUES, max_size=25)


def _sound(leg: LegByNumber | None) -> None:
    """A leg event that the service would take as far as its form goes."""
    if leg is None:
        return
    assert 1 <= len(leg.leg_id) <= 128
    assert instant(leg.at).tzinfo is UTC
    assert leg.event == "ended" or leg.number is not None
    for number in (leg.number, leg.caller_number):
        assert number is None or (number.startswith("+") and number[1:].isascii() and number[1:].isdigit())


@given(event=EVENTS | VALUES)
def test_whatever_an_event_is_nothing_is_raised(event: Any) -> None:
    for read in (from_ari, from_ami, from_esl):
        for received_at in (None, NOW):
            _sound(read(event, CHINA, received_at))


@given(data=st.data())
def test_whatever_is_changed_in_a_sample_nothing_is_raised(data: st.DataObject) -> None:
    read, events = data.draw(
        st.sampled_from(
            [(from_ari, told("asterisk-ari.json")), (from_ami, ami()), (from_esl, told("freeswitch-esl.json"))]
        )
    )
    event: dict[str, Any] = dict(data.draw(st.sampled_from(events)))
    for name in data.draw(st.lists(st.sampled_from(sorted(event)), max_size=4)):
        event[name] = data.draw(VALUES)
    _sound(read(event, CHINA, NOW))


@given(document=st.binary(max_size=400) | st.text(max_size=400))
def test_whatever_a_document_is_nothing_is_raised(document: bytes | str) -> None:
    assert from_dialog_info(document, CHINA, NOW) == ()


@given(data=st.data())
def test_whatever_is_changed_in_a_document_nothing_is_raised(data: st.DataObject) -> None:
    whole = bytearray(xml("full"))
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=5)):
        whole[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    for leg in from_dialog_info(bytes(whole), CHINA, NOW):
        _sound(leg)
