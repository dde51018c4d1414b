"""Anything a telephone exchange may send: no adapter raises, and every leg event is one that the service accepts."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import msgspec
from callback_verification import legs
from callback_verification.pbx import DialPlan, Exchange, Reading, from_ami, from_ari, from_dialog_info, from_esl
from callback_verification.pbx.reading import Reason
from hypothesis import strategies as st

from tests.fuzz.budget import fuzz
from verifier.core.legs import LegByNumber

SAMPLES = Path(__file__).parents[1] / "clients" / "pbx"
NOW = datetime(2026, 11, 23, 4, 1, tzinfo=UTC)
PLANS = [
    DialPlan("86", "0", "00", officers={"4412": "E-4412"}),
    DialPlan("86", "0", "00", trunks=("PJSIP/carrier-", "sofia/external/"), server="pbx1"),
    DialPlan(),
]


def samples(pattern: str) -> list[dict[str, Any]]:
    """Every event of the sample files that match this name."""
    found: list[dict[str, Any]] = []
    for path in sorted(SAMPLES.glob(pattern)):
        if path.suffix == ".json":
            found += json.loads(path.read_text())
        else:
            blocks = [each.splitlines() for each in path.read_text().strip().split("\n\n")]
            found += [{line.partition(": ")[0]: line.partition(": ")[2] for line in each} for each in blocks]
    return found


READERS: dict[Callable[..., Reading], list[dict[str, Any]]] = {
    from_ami: samples("asterisk-ami*"),
    from_ari: samples("asterisk-ari*"),
    from_esl: samples("freeswitch-esl*"),
}
DOCUMENTS = [path.read_bytes() for path in sorted(SAMPLES.glob("dialog-info-*.xml"))]
EVENTS = [event for each in READERS.values() for event in each]
FIELDS = sorted({name for event in EVENTS for name in event} | {"id", "number", "name", "caller", "connected"})
WORDS = [
    *sorted({value for event in EVENTS for value in event.values() if isinstance(value, str)}),
    *("9" * 11, "9" * 17, "9999-12-31T23:59:59-2359", "0001-01-01T00:00:00+2359", "+8613800138000", "%00%f0%9f%a6%b5"),
    *("sip:+8613800138000@x", "sip:%2B8613800138000", "tel:", "<ZOMBIE>", "\ud800", "\n", "\u202e", "x" * 257),
]
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from(WORDS) | st.text() | st.none() | st.booleans() | st.integers() | st.floats() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4),
    max_leaves=6,
)
MADE_UP = st.dictionaries(st.sampled_from(FIELDS) | st.text(), VALUES, max_size=8) | VALUES
CHANGED = st.tuples(
    st.sampled_from(EVENTS),
    st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=4),
    st.sets(st.sampled_from(FIELDS)),
).map(lambda drawn: {name: value for name, value in {**drawn[0], **drawn[1]}.items() if name not in drawn[2]})
# What a product says when a call is answered, and what it says about early media.
EARLY_MEDIA = {"ANSWER": "PROGRESS", "CHANNEL_ANSWER": "CHANNEL_PROGRESS_MEDIA"}
PATCHES = st.tuples(
    st.integers(0, 1100),
    st.integers(0, 60),
    st.binary(max_size=8) | st.sampled_from(WORDS).map(lambda word: word.encode("utf-8", "replace")),
)
XML = st.tuples(st.sampled_from(DOCUMENTS), st.lists(PATCHES, max_size=5))


def check_reading(reading: Reading) -> None:
    """Check that the reading is consistent, and that the service's own type accepts every leg event."""
    assert reading.irrelevant is (not reading.legs and not reading.not_understood)
    assert set(reading.not_understood) <= set(get_args(Reason))
    for leg in reading.legs:
        body = legs.by_number(leg).body
        taken = msgspec.json.decode(body, type=LegByNumber)
        assert taken.event == "ended" or taken.number is not None
        assert (taken.leg_id, taken.number, taken.officer_id) == (leg.leg_id, leg.number, leg.officer_id)
    assert all(1 <= len(name) <= 128 for name in reading.gone)
    assert all(1 <= len(name) <= 257 for pair in reading.beside for name in pair)


def check_event(event: object) -> None:
    for read in READERS:
        for plan in PLANS:
            for received_at in (None, NOW):
                check_reading(read(event, plan, received_at))


def test_any_event_is_read_without_an_error() -> None:
    assert fuzz(MADE_UP, check_event, examples=60) >= 60


def test_a_changed_sample_event_is_read_without_an_error() -> None:
    assert fuzz(CHANGED, check_event) >= 100


def test_any_document_is_read_without_an_error() -> None:
    def check(document: bytes | str) -> None:
        assert from_dialog_info(document, PLANS[0], NOW).not_understood == ("no_document",)

    assert fuzz(st.binary(max_size=400) | st.text(max_size=400), check) >= 100


def test_a_changed_sample_document_is_read_without_an_error() -> None:
    def check(drawn: tuple[bytes, list[tuple[int, int, bytes]]]) -> None:
        whole = bytearray(drawn[0])
        for place, length, put in drawn[1]:
            whole[place : place + length] = put
        for plan in PLANS:
            check_reading(from_dialog_info(bytes(whole), plan, NOW))

    assert fuzz(XML, check) >= 100


def unanswered(event: object) -> object:
    """The event, with early media in place of an answer."""
    if not isinstance(event, dict):
        return event
    return {name: EARLY_MEDIA.get(value, value) if isinstance(value, str) else value for name, value in event.items()}


def test_no_sequence_of_events_without_an_answer_makes_a_connected_leg() -> None:
    rang = 0

    def check(events: list[object]) -> None:
        nonlocal rang
        for read in READERS:
            for plan in PLANS:
                exchange: Exchange[Any] = Exchange(read, plan)
                heard = [leg.event for event in events for leg in exchange.read(unanswered(event), NOW).legs]
                assert "connected" not in heard
                rang += heard.count("ringing")

    assert fuzz(st.lists(CHANGED | MADE_UP, max_size=8), check) >= 100
    assert rang


def test_an_exchange_reads_events_in_any_order_and_counts_every_result() -> None:
    def check(events: list[object]) -> None:
        for read in READERS:
            exchange: Exchange[Any] = Exchange(read, PLANS[1])
            answers = 0
            for event in events:
                reading = exchange.read(event, NOW)
                check_reading(reading)
                answers += len(reading.legs) + len(reading.not_understood) + reading.irrelevant
            assert exchange.counts.total() == answers >= len(events)

    assert fuzz(st.lists(CHANGED | MADE_UP, max_size=6), check, examples=40) >= 40
