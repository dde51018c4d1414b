"""Delivery of leg events and signs of life: their order, failures, and an exchange that is lost (laws L5, L6, L13)."""

from __future__ import annotations

import json
import logging
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest
from callback_verification import Bearer, CannotCheck, Client, Problem, SystemKey, me
from callback_verification.pbx import Reading, Reporter
from callback_verification.pbx.reporter import RINGING
from callback_verification.sending import Timeouts
from callback_verification.shapes import LegByNumber

from tests.api.conftest import RunningBank

NUMBER = "+8613800138000"
NOW = datetime(2026, 11, 23, 4, 1, tzinfo=UTC)
TAKEN = {"result": "matched", "call": None}


class Answers:
    """Answers of the service. `refuses` is asked for the status of each request, and `heard` has all requests."""

    def __init__(self, silence_s: int = 60) -> None:
        self.silence_s = silence_s
        self.refuses: Callable[[str], int] = lambda _: 200
        self.heard: list[str] = []
        self._lock = threading.Lock()

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        alive = request.url.path == "/v1/legs/alive"
        name = "alive" if alive else json.loads(request.content)["event"]
        with self._lock:
            self.heard.append(name)
        status = self.refuses(name)
        if status == 200:
            said = {"at": "2026-11-23T04:01:00Z", "silence_seconds": self.silence_s} if alive else TAKEN
            return httpx2.Response(200, json=said)
        body = json.dumps({"slug": "unavailable" if status == 503 else "invalid_field", "title": "", "detail": ""})
        return httpx2.Response(status, content=body, headers={"Content-Type": "application/problem+json"})

    def client(self) -> Client:
        return Client("http://bank.example", transport=httpx2.MockTransport(self))

    def waits_for(self, name: str, times: int = 1, within_s: float = 5.0) -> None:
        until = time.monotonic() + within_s
        while self.heard.count(name) < times:
            assert time.monotonic() < until, self.heard
            time.sleep(0.01)


def told(*events: str) -> Reading:
    return Reading(tuple(LegByNumber(event, "leg-1", NOW, NUMBER) for event in events))  # type: ignore[arg-type]


@pytest.mark.shows("CVP-P6-1")
def test_an_exchange_is_alive_at_once_and_three_times_in_the_time_of_silence() -> None:
    answers = Answers(silence_s=3)
    with Reporter(answers.client()) as reporter:
        answers.waits_for("alive", within_s=0.5)
        began = time.monotonic()
        answers.waits_for("alive", 4)
        assert 2.5 < time.monotonic() - began < 4.5
    assert reporter.counts["alive"] >= 4


@pytest.mark.shows("CVP-P6-2")
def test_after_the_connection_is_lost_there_is_no_sign_of_life() -> None:
    answers = Answers(silence_s=3)
    with Reporter(answers.client()) as reporter:
        answers.waits_for("alive")
        sent = reporter.report(told("ringing", "connected", "ended"))
    # The events that were read before are all delivered.
    assert [each.result().result for each in sent] == ["matched"] * 3
    with pytest.raises(RuntimeError):
        reporter.report(told("connected"))
    before = answers.heard.count("alive")
    time.sleep(1.3)
    assert answers.heard.count("alive") == before


@pytest.mark.shows("CVP-P6-2")
def test_an_exchange_that_sends_nothing_is_not_alive_until_it_is_heard_again() -> None:
    answers = Answers(silence_s=3)
    with Reporter(answers.client(), quiet_s=0.2) as reporter:
        answers.waits_for("alive")
        time.sleep(2.2)
        assert answers.heard == ["alive"]
        until = time.monotonic() + 5
        while answers.heard.count("alive") < 2 and time.monotonic() < until:
            reporter.report(Reading())  # an irrelevant event shows that the connection is up
            time.sleep(0.05)
        assert answers.heard.count("alive") == 2


@pytest.mark.shows("CVP-P6-3")
def test_the_exchange_is_not_alive_while_an_event_cannot_be_delivered() -> None:
    """The service must say that it cannot check: it does not know what happened at the exchange."""
    answers = Answers(silence_s=3)
    answers.refuses = lambda name: 200 if name == "alive" else 503
    with Reporter(answers.client()) as reporter:
        answers.waits_for("alive")
        (sent,) = reporter.report(told("connected"))
        time.sleep(2.2)
        assert answers.heard.count("alive") == 1
        answers.refuses = lambda _: 200
        assert sent.result(10).result == "matched"
        answers.waits_for("alive", 2)


@pytest.mark.shows("CVP-P6-4")
def test_ringing_that_cannot_be_delivered_does_not_hold_up_the_events_after_it() -> None:
    answers = Answers()
    answers.refuses = lambda name: 503 if name == "ringing" else 200
    with Reporter(answers.client()) as reporter:
        began = time.monotonic()
        ringing, connected = reporter.report(told("ringing", "connected"))
        try:
            assert connected.result(10).result == "matched"
            assert time.monotonic() - began < RINGING.total_s
        finally:
            answers.refuses = lambda _: 200
    with pytest.raises(CannotCheck):
        ringing.result()
    assert [name for name in answers.heard if name != "alive"] == ["ringing"] * RINGING.tries + ["connected"]
    assert reporter.counts["lost"] == 1


@pytest.mark.shows("CVP-P1-1", "CVP-P6-4")
def test_a_refused_event_is_counted_and_the_next_one_is_sent(caplog: pytest.LogCaptureFixture) -> None:
    answers = Answers()
    answers.refuses = lambda name: 422 if name == "connected" else 200
    with caplog.at_level(logging.INFO), Reporter(answers.client()) as reporter:
        sent = reporter.report(told("connected", "ended"))
    with pytest.raises(Problem):
        sent[0].result()
    assert sent[1].result().result == "matched"
    assert [name for name in answers.heard if name != "alive"] == ["connected", "ended"]
    assert (reporter.counts["refused"], reporter.counts["matched"]) == (1, 1)
    lines = [record.getMessage() for record in caplog.records if record.name == "callback_verification.pbx"]
    assert len(lines) == 1
    assert lines[0].startswith("a request was refused, 1 so far")
    assert NUMBER not in caplog.text


@pytest.mark.slow
@pytest.mark.shows("CVP-P6-1", "CVP-P6-2")
def test_the_service_notices_that_an_adapter_has_lost_its_exchange() -> None:
    silence = {"leg_silence_seconds": 5}
    with tempfile.TemporaryDirectory(prefix="bank-") as folder, RunningBank(Path(folder), **silence) as bank:
        # The demo bank speaks for its exchange `pbx` itself. The service has not heard of this one yet.
        key = SystemKey("dialler", (bank.folder / "dialler.pem").read_bytes())
        login = Bearer(bank.customer("cust-0001"))
        with Client(bank.url, key) as client, Client(bank.url, login) as customer:
            with Reporter(client) as reporter:
                time.sleep(6)  # longer than the time of silence
                assert customer.send(me.call_status()).state == "none"
            assert reporter.counts["alive"] >= 4
            lost = time.monotonic()
            while customer.send(me.call_status()).state != "unknown":
                assert time.monotonic() - lost < 10
                time.sleep(0.1)
            assert time.monotonic() - lost > 2


@pytest.mark.parametrize("silence_s", [-1, 0, 1])
def test_a_short_time_of_silence_makes_no_busy_loop(silence_s: int) -> None:
    answers = Answers(silence_s)
    with Reporter(answers.client()):
        time.sleep(1.5)
    assert len(answers.heard) <= 2


def test_a_failing_service_is_asked_again_after_a_pause() -> None:
    answers = Answers(silence_s=3)
    answers.refuses = lambda _: 503
    with Reporter(answers.client()) as reporter:
        answers.waits_for("alive")
        time.sleep(0.5)
        assert answers.heard == ["alive"]
    assert reporter.counts == {"lost": 1}


def test_a_reporter_with_its_own_timeouts_gives_up_by_them() -> None:
    answers = Answers()
    answers.refuses = lambda _: 503
    with Reporter(answers.client(), timeouts=Timeouts(1.0, 1.0, 5.0, tries=2)) as reporter:
        (sent,) = reporter.report(told("connected"))
    with pytest.raises(CannotCheck):
        sent.result()
    assert answers.heard.count("connected") == 2
