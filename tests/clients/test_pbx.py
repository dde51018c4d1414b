"""Reads telephone exchange events as leg events: the samples of tests/clients/pbx, and malformed input (law L5)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from callback_verification.pbx import DialPlan, Reading, from_ami, from_ari, from_dialog_info, from_esl
from callback_verification.pbx.dialog_info import MAX_DOCUMENT
from callback_verification.shapes import LegByNumber

SAMPLES = Path(__file__).parent / "pbx"
NUMBER, DESK = "+8613800138000", "+861082345678"
CHINA = DialPlan("86", "0", "00", officers={"4412": "E-4412"})
CARRIER = DialPlan("86", "0", "00", trunks=("PJSIP/carrier-", "sofia/external/"), officers={"4412": "E-4412"})
NOW = datetime(2026, 11, 23, 4, 1, tzinfo=UTC)


def ami() -> list[dict[str, str]]:
    """The events of the sample file, parsed as AMI libraries do."""
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


def legs(readings: list[Reading]) -> list[LegByNumber]:
    return [leg for reading in readings for leg in reading.legs]


def ringing(leg_id: str, when: datetime, caller: str | None = DESK) -> LegByNumber:
    return LegByNumber("ringing", leg_id, when, NUMBER, caller, "E-4412")


def connected(leg_id: str, when: datetime, officer_id: str | None = "E-4412", caller: str | None = DESK) -> LegByNumber:
    return LegByNumber("connected", leg_id, when, NUMBER, caller, officer_id)


@pytest.mark.shows("CVP-P1-3", "CVP-P2-4", "CVP-P3-1")
def test_asterisk_ari_reports_a_dial_that_rings_and_is_answered_and_the_end_of_the_leg() -> None:
    heard = legs([from_ari(event, CARRIER) for event in told("asterisk-ari.json")])
    leg_id = "pbx1-1795406400.411"
    assert [leg for leg in heard if leg.leg_id == leg_id] == [
        ringing(leg_id, at(2, 640_000)),
        connected(leg_id, at(7, 302_000)),
        LegByNumber("ended", leg_id, at(41, 882_000)),
    ]


@pytest.mark.shows("CVP-P3-1")
def test_asterisk_ami_reports_a_dial_that_rings_and_is_answered_and_the_end_of_the_leg() -> None:
    heard = legs([from_ami(event, CARRIER) for event in ami()])
    leg_id = "pbx1-1795406400.411"
    assert [leg for leg in heard if leg.leg_id == leg_id] == [
        ringing(leg_id, at(2, 640_207)),
        connected(leg_id, at(7, 302_118)),
        LegByNumber("ended", leg_id, at(41, 882_450)),
    ]


@pytest.mark.shows("CVP-P1-3", "CVP-P4-1")
def test_freeswitch_reports_the_ringing_the_answer_and_the_end_of_an_outbound_leg() -> None:
    heard = legs([from_esl(event, CARRIER) for event in told("freeswitch-esl.json")])
    leg_id = "b02c4a7e-9a44-4a0f-b1a7-7d2f9e6f3c02"
    assert [leg for leg in heard if leg.leg_id == leg_id] == [
        ringing(leg_id, at(2, 640_114)),
        ringing(leg_id, at(2, 980_551)),
        connected(leg_id, at(7, 301_220)),
        LegByNumber("ended", leg_id, at(41, 881_800)),
        LegByNumber("ended", leg_id, at(41, 882_450)),
    ]


@pytest.mark.shows("CVP-P5-1")
def test_dialog_info_reports_ringing_confirmation_and_end_of_an_outbound_dialog() -> None:
    leg_id = "sip:4412@pbx.bank.example a84b4c76e66710 a84b4c76e66710@192.0.2.41 1928301774"
    heard = [from_dialog_info(xml(name), CHINA, NOW).legs for name in ("early", "confirmed", "terminated", "full")]
    told_of = connected(leg_id, NOW, caller=None)
    rings = ringing(leg_id, NOW, caller=None)
    assert heard == [(rings,), (told_of,), (LegByNumber("ended", leg_id, NOW),), (told_of,)]


@pytest.mark.shows("CVP-P1-2")
@pytest.mark.parametrize("plan", [CHINA, CARRIER], ids=["any channel", "the trunks"])
def test_an_inbound_call_never_looks_like_a_leg_from_the_bank(plan: DialPlan) -> None:
    """A caller who uses or fakes the customer's number must not make the officer's code appear."""
    inbound = [from_ari(event, plan) for event in told("asterisk-ari.json")[8:10]]
    inbound += [from_ami(ami()[5], plan)]
    inbound += [from_esl(event, plan) for event in told("freeswitch-esl.json")[8:]]
    inbound += [from_dialog_info(xml("rung-up"), plan, NOW)]
    assert not [leg for leg in legs(inbound) if leg.number == NUMBER]


@pytest.mark.shows("CVP-P2-2")
def test_without_configured_trunks_an_inbound_call_can_read_as_a_leg_to_the_bank() -> None:
    """This is why specs/pbx.md asks for the trunks. The service stores such a leg as one to a number not on file."""
    (leg,) = from_ami(ami()[5], CHINA).legs
    assert leg.number == "+861095588"
    assert from_ami(ami()[5], CARRIER).irrelevant


@pytest.mark.shows("CVP-P1-2")
def test_an_unanswered_dial_or_one_without_a_calling_channel_is_irrelevant() -> None:
    assert [from_ari(event, CHINA).irrelevant for event in told("asterisk-ari.json")[10:]] == [True, True]
    assert [from_ami(event, CHINA).irrelevant for event in ami()[6:]] == [True, True]


@pytest.mark.shows("CVP-P1-2")
def test_a_missing_direction_is_not_taken_for_outbound() -> None:
    assert from_dialog_info(xml("confirmed").replace(b' direction="initiator"', b""), CHINA, NOW) == Reading(
        not_understood=("no_direction",)
    )
    (leg,) = from_dialog_info(xml("terminated").replace(b' direction="initiator"', b""), CHINA, NOW).legs
    assert leg.event == "ended"
    event = {**told("freeswitch-esl.json")[3], "Call-Direction": ""}
    assert from_esl(event, CHINA) == Reading(not_understood=("no_direction",))


@pytest.mark.shows("CVP-P1-4")
def test_field_names_may_be_lower_case_and_a_missing_time_is_supplied_by_the_caller() -> None:
    event = {name.lower(): value for name, value in ami()[2].items() if name != "Timestamp"}
    assert from_ami(event, CHINA) == Reading(not_understood=("no_time",))
    assert from_ami(event, CHINA, NOW).legs == (connected("pbx1-1795406400.411", NOW),)


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
def test_dialled_numbers_are_converted_by_the_dial_plan(plan: DialPlan, dialled: str, number: str | None) -> None:
    assert plan.e164(dialled) == number


@pytest.mark.shows("CVP-P1-5")
def test_a_long_or_non_ascii_leg_id_is_replaced_by_its_digest() -> None:
    event = told("asterisk-ari.json")[6]
    names = []
    for name in ("x" * 128, "x" * 129, "x" * 130, "腿"):
        (leg,) = from_ari({**event, "channel": {**event["channel"], "id": name}}, CHINA).legs
        names.append(leg.leg_id)
    assert names[0] == "x" * 128
    assert [len(name) for name in names[1:]] == [64] * 3
    assert len(set(names)) == 4


# --- malformed documents ----------------------------------------------------------------------------------


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
def test_a_dangerous_or_invalid_document_has_no_legs(document: bytes | str) -> None:
    assert from_dialog_info(document, CHINA, NOW) == Reading(not_understood=("no_document",))


@pytest.mark.shows("CVP-P5-3")
def test_no_entity_is_expanded_and_no_file_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.open", lambda *_: pytest.fail("a file was opened"))
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "lol"}">' for n in range(10))
    assert from_dialog_info(f"<!DOCTYPE d [{laughs}]><d>&l9;</d>", CHINA, NOW).not_understood == ("no_document",)
