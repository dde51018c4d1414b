"""The Python SDK against a real bank and misbehaving servers. It never gives a genuine verdict by mistake."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import tempfile
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
from callback_verification import (
    AsyncClient,
    Bearer,
    CallOpen,
    CannotCheck,
    Client,
    Evidence,
    EvidenceError,
    Forbidden,
    LegNotConnected,
    MalformedCode,
    NoAnswer,
    NotFound,
    PolicyRefused,
    Problem,
    RateLimited,
    SpokenVerdict,
    SystemKey,
    Trust,
    Unauthenticated,
    Unavailable,
    Verdict,
    applications,
    calls,
    confirmations,
    counter,
    ivr,
    legs,
    log,
    me,
    read_evidence,
    receipts,
    reconciliation,
    registrations,
    reports,
    shapes,
    verify,
)
from callback_verification.errors import CallClosed, Erased, IdempotencyKeyReused
from callback_verification.sending import MAX_ANSWER, Timeouts
from callback_verification.shapes import Customer, Officer, RegisteredNumber, Registration
from hypothesis import given
from hypothesis import strategies as st

from tests.api.conftest import RunningBank
from tests.clients.misbehaving import Answer, http, misbehaving, problem
from tests.clients.receipts import collect
from tests.described import DESCRIPTION
from tests.world import another_code
from verifier.demo.bank import DemoBank

NUMBER, DESK, HOTLINE = "+8613800138000", "+861082345678", "+861095588"
SPECS = Path(__file__).parents[2] / "specs"
AT_ONCE = Timeouts(try_s=0.5, connect_s=0.5, total_s=3.0, tries=3)
CALL: dict[str, Any] = {
    "call_id": "call_" + "0" * 32,
    "officer": {"id": "4412", "name": "李伟", "branch": "北京"},
    "purpose": "documents",
    "asks": [],
    "never_asks": [],
    "number": NUMBER,
    "caller_number": DESK,
    "leg": {"mode": "required", "connected_at": "2026-11-23T03:59:00Z", "ended_at": None},
}
VERDICT: dict[str, Any] = {
    "verdict": "genuine",
    "at": "2026-11-23T04:00:00Z",
    "given_before": False,
    "words": [{"language": "zh-CN", "text": "是"}, {"language": "en", "text": "yes"}],
    "call": CALL,
    "receipt_id": "rcpt_" + "0" * 32,
    "receipt": {"statement": "", "proof": "p"},
}


def stated(verdict: dict[str, Any]) -> dict[str, Any]:
    """The verdict with an unsigned receipt that matches it."""
    call = verdict["call"] and {
        **{name: verdict["call"][name] for name in ("call_id", "officer", "asks")},
        "purpose": verdict["call"]["purpose"] or "",
        "ticket": "",
        "orig": {"tn": DESK[1:]},
        "dest": {"tn": [NUMBER[1:]]},
        "leg": {"mode": "required", "connected_at": 1, "ended_at": None},
    }
    claims = {"iss": "", "jti": verdict["receipt_id"], "iat": 1, "verdict": verdict["verdict"], "channel": "app"}
    claims |= {"customer": "", "code": "", "call": call, "never_asks": [], "salt": ""}
    payload = urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return {**verdict, "receipt": {"statement": f"e30.{payload}.AA", "proof": "p"}}


VERDICT = stated(VERDICT)


@pytest.fixture(scope="module")
def bank() -> Iterator[DemoBank]:
    with tempfile.TemporaryDirectory(prefix="bank-") as folder, RunningBank(Path(folder)) as running:
        yield running


def system(bank: DemoBank, name: str) -> Client:
    return Client(bank.url, SystemKey(name, (bank.folder / f"{name}.pem").read_bytes()))


def live_call(bank: DemoBank) -> tuple[str, str]:
    """Issue a call whose leg is connected to Wang Fang. Return its id and code."""
    with Client(bank.url, Bearer(bank.officer("4412"))) as officer, system(bank, "pbx") as pbx:
        issued = officer.send(calls.issue("LN-2026-0001", purpose="documents", number=NUMBER, caller_number=DESK))
        pbx.send(legs.connected(issued.call.call_id, leg_id="1", number=NUMBER))
        return issued.call.call_id, officer.send(calls.code(issued.call.call_id)).digits


def hang_up(bank: DemoBank, call_id: str) -> None:
    with system(bank, "pbx") as pbx:
        pbx.send(legs.ended(call_id, leg_id="1", number=NUMBER))


# --- the story ------------------------------------------------------------------------------------------------


def test_a_call_is_issued_confirmed_and_its_receipt_verified_offline(bank: DemoBank) -> None:
    officer, customer = (
        Client(bank.url, Bearer(token)) for token in (bank.officer("4412"), bank.customer("cust-0001"))
    )
    pbx = system(bank, "pbx")
    asked = calls.issue("LN-2026-0001", purpose="documents", number=NUMBER, caller_number=DESK)
    issued = officer.send(asked)
    assert issued.code is None
    assert officer.send(asked) == issued, "the same request gives the same answer"
    call_id = issued.call.call_id
    with pytest.raises(LegNotConnected):
        officer.send(calls.code(call_id))
    assert pbx.send(legs.connected(call_id, leg_id="1", number=NUMBER)).state == "live"
    assert customer.send(me.call_status()).on_call is True
    code = officer.send(calls.code(call_id))
    assert code.digits not in repr(code)
    verdict = customer.send(confirmations.confirm(code.shown))
    assert verdict.is_genuine
    assert verdict.call is not None
    assert "4412" in verdict.text("en")
    trust = customer.send(log.description())
    assert verify(verdict.receipt, trust).claims.jti == verdict.receipt_id
    assert verify(issued.ticket, trust, "call-ticket+jwt").claims.jti == call_id
    assert customer.send(receipts.read(verdict.receipt_id)).receipt.statement == verdict.receipt.statement
    assert customer.send(log.checkpoint()).startswith(trust.log.origin)
    hang_up(bank, call_id)
    assert officer.send(calls.read(call_id)).state == "ended"
    assert not customer.send(confirmations.confirm(code.digits)).is_genuine
    past = customer.send(me.calls(limit=1)).calls[0]
    assert (past.call_id, past.receipt_id) == (call_id, verdict.receipt_id)
    asked_at = datetime.now(UTC)
    checked = customer.send(me.check_calls(begins=asked_at - timedelta(hours=1), ends=asked_at, caller_number=DESK))
    assert checked.from_number is True
    history = verify(checked.receipt, trust, "call-history+jwt").claims
    assert call_id in [each.call_id for each in history.calls] == [each.call_id for each in checked.calls]
    assert (history.begins, history.ends) == (checked.begins.timestamp(), checked.ends.timestamp())
    assert customer.send(receipts.read(checked.receipt_id)).receipt.statement == checked.receipt.statement
    said = reports.send(at=asked_at, said="I did not get it", call_id=call_id)
    assert verify(customer.send(said).receipt, trust).typ == "report-receipt+jwt"
    with pytest.raises(CallClosed):
        officer.send(calls.revoke(call_id))
    for each in (officer, customer, pbx):
        each.close()


@pytest.mark.shows("CVP-8.5-2")
def test_a_clerk_asks_for_a_customer_and_what_is_printed_verifies(bank: DemoBank) -> None:
    call_id, code = live_call(bank)
    reason, now = "asks about a call", datetime.now(UTC)
    with Client(bank.url, Bearer(bank.officer("5101", "counter"))) as clerk:
        assert clerk.send(counter.find(reason=reason, number="+8613800138000")).name == "王芳"
        with pytest.raises(NotFound):
            clerk.send(counter.find(reason=reason, application_id="LN-0"))
        verdict = clerk.send(counter.confirm(code, reason=reason, application_id="LN-2026-0001"))
        assert verdict.is_genuine
        window = {"begins": now - timedelta(hours=1), "ends": now + timedelta(minutes=1)}
        history = clerk.send(counter.check_calls(reason=reason, application_id="LN-2026-0001", **window))
        assert history.calls[0].call_id == call_id
        taken = clerk.send(counter.report(reason=reason, application_id="LN-2026-0001", at=now, said="a fee"))
        trust = clerk.send(log.description())
        for each in (verdict.receipt, history.receipt, taken.receipt):
            drawn = clerk.send(receipts.draw(each))
            read = read_evidence("\n".join(symbol.text for symbol in drawn.symbols).encode())
            assert read == each
            verify(read, trust)
    hang_up(bank, call_id)


async def test_the_asynchronous_client_sends_the_same_requests(bank: DemoBank) -> None:
    call_id, code = live_call(bank)
    async with AsyncClient(bank.url, Bearer(lambda: bank.customer("cust-0001"))) as customer:
        wrong = await customer.send(confirmations.confirm(another_code(code)))
        assert not wrong.is_genuine
        assert wrong.call is None
        assert (await customer.send(confirmations.confirm(code))).is_genuine
        with pytest.raises(MalformedCode):
            await customer.send(confirmations.confirm("12"))
    hang_up(bank, call_id)


def test_a_leg_is_reported_by_number_and_an_unmatched_one_is_listed(bank: DemoBank) -> None:
    call_id, _ = live_call(bank)
    at = datetime.now(timezone(timedelta(hours=8)))
    with system(bank, "pbx") as pbx:
        ended = pbx.send(legs.by_number(shapes.LegByNumber("ended", "1", at)))
        assert (ended.result, ended.call and ended.call.call_id) == ("matched", call_id)
        stray = shapes.LegByNumber("connected", f"sdk-{at.timestamp()}", at, "+8613700137000", DESK, "4412")
        assert "13700137000" not in repr(stray)
        assert pbx.send(legs.by_number(stray)).result == "unmatched"
    with Client(bank.url, Bearer(bank.officer("9001", "auditor"))) as auditor:
        asked = reconciliation.find(kind="leg_not_on_file", since=at - timedelta(hours=1), limit=1)
        found = auditor.send(asked).discrepancies[0]
    assert (found.leg_id, found.officer_id, found.call_id) == (stray.leg_id, "4412", None)


@pytest.mark.shows("CVP-7.6-1")
def test_the_ivr_confirms_and_transfers(bank: DemoBank) -> None:
    call_id, code = live_call(bank)
    with system(bank, "ivr") as client:
        spoken = client.send(ivr.confirm(code, dialled_number=HOTLINE, caller_number=NUMBER, language="en"))
        assert spoken.is_genuine
        assert spoken.transfer_to == "4412"
        withheld = client.send(ivr.confirm(code, dialled_number=HOTLINE, caller_number=None))
        assert (withheld.is_genuine, withheld.is_unavailable) == (False, True)
        taken = client.send(reports.send(at=datetime.now(UTC), said="低息贷款", reporter_number=NUMBER))
        assert taken.report_id.startswith("rprt_")
    hang_up(bank, call_id)


def test_an_application_is_registered_read_given_an_exception_and_erased(bank: DemoBank) -> None:
    registration = Registration(
        customer=Customer("cust-sdk", "Anna Berg", "en", "Europe/Berlin"),
        numbers=(RegisteredNumber("+4915112345678", datetime.now(UTC) - timedelta(hours=1)),),
        officers=(Officer("4850", "Grace Wong", "Hong Kong Central"),),
        product="Personal loan",
    )
    loans = system(bank, "loan-origination")
    assert loans.send(applications.put("SDK-1", registration)).open_call_id is None
    assert loans.send(applications.read("SDK-1")).registration == registration
    asked = calls.issue("SDK-1", purpose="terms", number="+4915112345678", caller_number=DESK, officer_id="4850")
    with pytest.raises(PolicyRefused) as refused:
        loans.send(asked)
    assert [(each.rule, each.exception) for each in refused.value.refusals] == [("number_cooling_off", True)]
    with Client(bank.url, Bearer(bank.officer("9001", "supervisor"))) as supervisor:
        lifted = supervisor.send(
            applications.grant_exception("SDK-1", officer_id="4850", rules=["number_cooling_off"], reason="seen")
        )
    issued = loans.send(
        calls.issue(
            "SDK-1",
            purpose="terms",
            number="+4915112345678",
            caller_number=DESK,
            officer_id="4850",
            exception_id=lifted.exception_id,
        )
    )
    with system(bank, "pbx") as pbx:
        pbx.send(legs.connected(issued.call.call_id, leg_id="1", number="+4915112345678"))
    with pytest.raises((CallOpen, PolicyRefused)):
        loans.send(asked)
    loans.send(applications.erase("SDK-1"))
    with pytest.raises(Erased):
        loans.send(applications.read("SDK-1"))
    loans.close()


def test_a_wrong_credential_is_refused(bank: DemoBank) -> None:
    call_id, code = live_call(bank)
    other = SystemKey("ivr", (bank.folder / "pbx.pem").read_bytes())
    for credential in (other, Bearer("a.b.c"), None):
        with Client(bank.url, credential) as client, pytest.raises(Unauthenticated) as refused:
            client.send(ivr.confirm(code, dialled_number=HOTLINE, caller_number=NUMBER))
        assert refused.value.request_id
    with Client(bank.url, Bearer(bank.customer("cust-0001"))) as client, pytest.raises(Forbidden):
        client.send(calls.code(call_id))
    hang_up(bank, call_id)


def test_an_idempotency_key_reused_for_another_request_is_refused(bank: DemoBank) -> None:
    key = secrets.token_hex(8)
    with Client(bank.url, Bearer(bank.customer("cust-0001"))) as client:
        client.send(confirmations.confirm("482177302", idempotency_key=key))
        with pytest.raises(IdempotencyKeyReused):
            client.send(confirmations.confirm(another_code("482177302"), idempotency_key=key))


# --- verdicts -------------------------------------------------------------------------------------------------


def test_a_verdict_has_no_truth_value_and_no_equality() -> None:
    verdict = msgspec.convert(VERDICT, Verdict)
    assert verdict.is_genuine
    for take in (
        lambda: bool(verdict),
        lambda: verdict and True,
        lambda: not verdict,
        lambda: verdict == "genuine",
        lambda: verdict != "not_genuine",
        lambda: verdict in ("genuine",),
    ):
        with pytest.raises(TypeError):
            take()
    assert "李伟" not in repr(verdict)


@pytest.mark.shows("CVP-7.2-2")
@pytest.mark.parametrize(
    "changes",
    [
        {"verdict": "GENUINE"},
        {"verdict": "genuine "},
        {"verdict": True},
        {"verdict": None},
        {"verdict": ["genuine"]},
        {"call": None},
        {"call": {}},
        {"verdict": "not_genuine"},
        {"receipt": None},
        {"at": "yesterday"},
    ],
    ids=str,
)
def test_a_contradictory_verdict_is_not_understood(changes: dict[str, Any]) -> None:
    answer = http(200, {**VERDICT, **changes})
    with misbehaving(answer) as server, Client(server.url, timeouts=AT_ONCE) as client, pytest.raises(CannotCheck):
        client.send(confirmations.confirm("482177302"))


def test_a_spoken_verdict_can_be_unavailable() -> None:
    spoken = {**VERDICT, "words": {"language": "en", "text": "…"}, "transfer_to": None}
    unavailable = msgspec.convert({**spoken, "verdict": "unavailable", "receipt_id": None}, SpokenVerdict)
    assert (unavailable.is_genuine, unavailable.is_unavailable) == (False, True)
    with pytest.raises(TypeError):
        bool(unavailable)
    for changes in ({"verdict": "unavailable"}, {"receipt_id": None}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({**spoken, **changes}, SpokenVerdict)


# --- failures -------------------------------------------------------------------------------------------------

GENUINE = http(200, VERDICT)
CUT = GENUINE[:-40]
FAILURES: dict[str, tuple[list[Answer], type[Exception], int]] = {
    "silence": ([2.0] * 3, NoAnswer, 3),
    "nothing at all": ([b""] * 3, NoAnswer, 3),
    "cut in the answer": ([CUT] * 3, NoAnswer, 3),
    "cut in the headers": ([GENUINE[:30]] * 3, NoAnswer, 3),
    "not HTTP": ([b"genuine\n"] * 3, NoAnswer, 3),
    "500 with HTML": ([http(500, b"<h1>genuine</h1>", "text/html")], CannotCheck, 1),
    "500 as a problem": ([problem("internal_error", 500)], Problem, 1),
    "200 with HTML": ([http(200, b"genuine", "text/html")], CannotCheck, 1),
    "200 that is a problem": ([http(200, VERDICT, "application/problem+json")], CannotCheck, 1),
    "204": ([http(204, b"")], CannotCheck, 1),
    "redirect": ([http(302, b"", Location="http://127.0.0.1:1/")], CannotCheck, 1),
    "truncated JSON": ([http(200, json.dumps(VERDICT).encode()[:-1])], CannotCheck, 1),
    "an array": ([http(200, [VERDICT])], CannotCheck, 1),
    "too long": ([http(200, b" " * (MAX_ANSWER + 1))], CannotCheck, 1),
    "nested too deep": ([http(200, b"[" * 100_000)], CannotCheck, 1),
    "503 for good": ([problem("unavailable", 503, Retry_After="0")] * 3, Unavailable, 3),
    "503 for a long time": ([problem("unavailable", 503, Retry_After="60")], Unavailable, 1),
    "429 for good": ([problem("rate_limited", 429, Retry_After="0")] * 3, RateLimited, 3),
    "429 without a problem": ([http(429, b"slow down", "text/plain")] * 3, CannotCheck, 3),
    "an unknown slug": ([problem("chat", 418)], Problem, 1),
}


@pytest.mark.shows("CVP-7.2-2", "CVP-9-2", "CVP-13-4")
@pytest.mark.parametrize("failure", FAILURES)
def test_no_failure_gives_a_verdict(failure: str) -> None:
    answers, expected, tries = FAILURES[failure]
    with misbehaving(*answers) as server, Client(server.url, timeouts=AT_ONCE) as client:
        with pytest.raises(expected) as raised:
            client.send(confirmations.confirm("482177302"))
        assert len(server.asked) == tries
        assert len({each.get("idempotency-key") for each in server.asked}) == 1
        assert "genuine" not in str(raised.value)


@pytest.mark.parametrize("failure", ["silence", "cut in the answer", "500 with HTML", "too long", "503 for good"])
async def test_no_failure_gives_a_verdict_in_the_asynchronous_client(failure: str) -> None:
    answers, expected, tries = FAILURES[failure]
    with misbehaving(*answers) as server:
        async with AsyncClient(server.url, timeouts=AT_ONCE) as client:
            with pytest.raises(expected):
                await client.send(confirmations.confirm("482177302"))
        assert len(server.asked) == tries


@pytest.mark.shows("CVP-P1-1")
@pytest.mark.parametrize(
    "first", [CUT, b"", problem("unavailable", 503), problem("rate_limited", 429, Retry_After="0")]
)
def test_a_temporary_failure_is_retried_with_the_same_idempotency_key(first: bytes) -> None:
    with misbehaving(first, GENUINE) as server, Client(server.url, timeouts=AT_ONCE) as client:
        assert client.send(confirmations.confirm("482177302")).is_genuine
        assert len({each["idempotency-key"] for each in server.asked}) == 1
        assert len({each["x-request-id"] for each in server.asked}) == 1


def test_retry_after_is_respected() -> None:
    slept: list[float] = []
    busy = problem("unavailable", 503, Retry_After="2")
    with misbehaving(busy, GENUINE) as server:
        client = Client(server.url, timeouts=Timeouts(try_s=1, total_s=20), sleep=slept.append)
        assert client.send(confirmations.confirm("482177302")).is_genuine
    assert len(slept) == 1
    assert 2.0 <= slept[0] <= 2.25


def test_a_body_sent_byte_by_byte_does_not_extend_the_timeout() -> None:
    def drip() -> Iterator[bytes]:
        for octet in json.dumps(VERDICT).encode():
            time.sleep(0.1)
            yield bytes([octet])

    def handle(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"Content-Type": "application/json"}, content=drip())

    client = Client(
        "http://service", timeouts=Timeouts(try_s=0.3, total_s=0.5, tries=1), transport=httpx2.MockTransport(handle)
    )
    with client, pytest.raises(NoAnswer):
        client.send(confirmations.confirm("482177302"))


def test_an_unreachable_server_gives_no_verdict() -> None:
    with Client("http://127.0.0.1:1", timeouts=AT_ONCE, sleep=lambda _: None) as client, pytest.raises(NoAnswer):
        client.send(confirmations.confirm("482177302"))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Client("ftp://bank.example"),
        lambda: Client("https://user@bank.example"),
        lambda: SystemKey("two words", b""),
        lambda: SystemKey("pbx", b"not a key"),
        lambda: calls.read(""),
        lambda: calls.read(".."),
        lambda: confirmations.confirm("1", idempotency_key=""),
        lambda: confirmations.confirm("1", idempotency_key="a\nb"),
        lambda: confirmations.confirm("1", idempotency_key='"quoted"'),
        lambda: confirmations.confirm("1", idempotency_key="a\\b"),
        lambda: legs.ended("c", leg_id="1", number="+1", at=datetime(2026, 1, 1)),
        lambda: legs.by_number(shapes.LegByNumber("ended", "1", datetime(2026, 1, 1))),
        lambda: reconciliation.find(until=datetime(2026, 1, 1)),
        lambda: Client("https://bank.example", Bearer("a\r\nb")).send(me.call_status()),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_sent(wrong: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        wrong()


def test_an_id_cannot_change_the_path() -> None:
    assert calls.read("../applications?x#y").path == "/v1/calls/..%2Fapplications%3Fx%23y"


# --- evidence -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kept(bank: DemoBank) -> tuple[Evidence, Trust]:
    good, trust = collect(bank)
    return msgspec.convert(good["genuine"], Evidence), Trust.read(json.dumps(trust).encode())


@given(data=st.data())
def test_no_single_changed_character_survives(kept: tuple[Evidence, Trust], data: st.DataObject) -> None:
    receipt, trust = kept
    whole = receipt.statement + "\0" + receipt.proof
    place = data.draw(st.integers(0, len(whole) - 1))
    letter = data.draw(st.characters(codec="utf-8").filter(lambda each: each != whole[place]))
    statement, _, proof = (whole[:place] + letter + whole[place + 1 :]).partition("\0")
    with pytest.raises(EvidenceError):
        verify(Evidence(statement, proof), trust)


def test_a_receipt_is_not_taken_for_another_kind(kept: tuple[Evidence, Trust]) -> None:
    with pytest.raises(EvidenceError, match="invalid_claims"):
        verify(*kept, "call-ticket+jwt")


@pytest.mark.slow
def test_the_command_says_valid_or_why_not(kept: tuple[Evidence, Trust], bank: DemoBank, tmp_path: Path) -> None:
    receipt, _ = kept
    trust = tmp_path / "trust.json"
    with Client(bank.url) as client:
        trust.write_bytes(msgspec.json.encode(client.send(log.description())))

    def told(content: bytes) -> tuple[int, str]:
        path = tmp_path / "receipt.json"
        path.write_bytes(content)
        command = [sys.executable, "-m", "callback_verification", str(path), str(trust)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        return done.returncode, " ".join(done.stdout.split()[:2])

    assert told(msgspec.json.encode(receipt)) == (0, "valid call-receipt+jwt,")
    assert told(msgspec.json.encode({"receipt": receipt})) == (0, "valid call-receipt+jwt,")
    assert told(msgspec.json.encode(Evidence(receipt.statement + "A", receipt.proof))) == (
        1,
        "invalid invalid_signature:",
    )
    assert told(b"{}") == (1, "invalid invalid_evidence:")
    assert told(b"\xff") == (1, "invalid invalid_evidence:")


def test_the_sdk_needs_nothing_of_the_service() -> None:
    command = [sys.executable, "-c", "import sys, callback_verification; sys.exit('verifier' in sys.modules)"]
    assert subprocess.run(command, timeout=30, check=False).returncode == 0


DESCRIBED = {
    "Application": "ApplicationView",
    "Call": "CallView",
    "ErasedApplication": "ErasedView",
    "Leg": "LegView",
    "Receipt": "ReceiptView",
}
SCHEMAS = DESCRIPTION["components"]["schemas"]
HERE = (shapes.__name__, registrations.__name__)
STRUCTS = [each for each in vars(shapes).values() if isinstance(each, type) and each.__module__ in HERE]


@pytest.mark.parametrize("struct", [*STRUCTS, Verdict, SpokenVerdict], ids=lambda struct: struct.__name__)
def test_each_shape_has_the_members_that_the_description_gives_it(struct: type) -> None:
    properties = SCHEMAS[DESCRIBED.get(struct.__name__, struct.__name__)]["properties"]
    assert [each.encode_name for each in msgspec.structs.fields(struct)] == list(properties)
