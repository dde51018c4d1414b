"""The client sends exactly what it signed, and reads answers within limits."""

from __future__ import annotations

import asyncio
import gzip
import socket
import threading
import time
from typing import Any

import httpx2
import msgspec
import pytest
from callback_verification import (
    AsyncClient,
    Bearer,
    CannotCheck,
    Client,
    NoAnswer,
    Problem,
    SpokenVerdict,
    SystemKey,
    Unauthenticated,
    Verdict,
    applications,
    confirmations,
    ivr,
)
from callback_verification.errors import NotFound
from callback_verification.sending import Timeouts
from callback_verification.verdicts import Word
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.clients.misbehaving import http, misbehaving, problem
from tests.clients.python.conftest import APPLICATION, Clients
from tests.clients.test_python_sdk import VERDICT, stated
from verifier.api.signed_requests import sign_request

ONCE = Timeouts(try_s=0.5, connect_s=0.5, total_s=1.0, tries=1)
CODE = "482177302"
SPOKEN: dict[str, Any] = {
    "verdict": "genuine",
    "at": "2026-11-23T04:00:00Z",
    "given_before": False,
    "words": {"language": "en", "text": "yes"},
    "receipt_id": "rcpt_" + "0" * 32,
    "transfer_to": "4412",
}


@pytest.mark.parametrize("spelling", ["http://{}", "HTTP://{}", "http://{}/", "http://{}//"])
def test_a_signature_verifies_for_every_spelling_of_the_base_url(clients: Clients, spelling: str) -> None:
    address = spelling.format(clients.bank.url.removeprefix("http://"))
    with Client(address, clients.key("loan-origination")) as loans:
        assert loans.send(applications.read(APPLICATION)).application_id == APPLICATION


@pytest.mark.parametrize(
    "application_id", ["LN~1", "a b", "é", "%2e", "%2F", "a+b", "王", "a;b=c", "x'(*)!", "a:b@c", "a/b", "../b"]
)
def test_a_signature_verifies_for_any_id_in_the_path(clients: Clients, application_id: str) -> None:
    with pytest.raises(Problem) as refused:
        clients.loans.send(applications.read(application_id))
    # The service refused the id itself, and not the signature.
    assert refused.value.slug in ("not_found", "invalid_field"), refused.value


def test_an_id_is_encoded_as_one_path_segment() -> None:
    seen: list[bytes] = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.url.raw_path)
        return httpx2.Response(404)

    with Client("http://bank.example", transport=httpx2.MockTransport(handle)) as client:
        for each in ("a/b", "../b", "a?b#c", "%2e"):
            with pytest.raises(CannotCheck):
                client.send(applications.read(each))
    paths = (b"a%2Fb", b"..%2Fb", b"a%3Fb%23c", b"%252e")
    assert seen == [b"/v1/applications/" + each for each in paths]


def test_the_default_port_is_not_part_of_the_signed_url() -> None:
    seen: list[Any] = []

    class Spy:
        def headers(self, method: str, url: str, headers: Any, body: Any, now: float) -> dict[str, str]:
            seen.append(url)
            raise ValueError("enough")

    for address in ("https://Bank.Example:443/verifier/", "http://bank.example:80/verifier"):
        with pytest.raises(ValueError, match="enough"):
            Client(address, Spy()).send(applications.read("LN"))
    assert seen == [f"{each}://bank.example/verifier/v1/applications/LN" for each in ("https", "http")]


@pytest.mark.parametrize(
    "address",
    ["", "bank.example", "https://", "https://a:b@bank.example", "https://:b@bank.example", "https://bank.example?x",
     "https://bank.example#x", "https://bank.example:99999", "https://bank.example/?", "file:///etc", "https://a b"],
)  # fmt: skip
def test_an_invalid_base_url_is_refused_at_once(address: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        Client(address)


@pytest.mark.shows("CVP-2-5")
def test_a_signed_request_has_the_headers_that_the_service_would_make() -> None:
    key = Ed25519PrivateKey.generate()
    for headers, body in (({}, None), ({"Idempotency-Key": "k"}, b'{"a":1}')):
        ours = SystemKey("pbx", key).headers("POST", "http://x/v1/y?a=b", dict(headers), body, 1_700_000_000.9)
        theirs = sign_request(
            "POST", "http://x/v1/y?a=b", headers, body or b"", key_id="pbx", private_key=key, created=1_700_000_000
        )
        assert ours.keys() == theirs.keys()
        assert ours.get("Content-Digest") == theirs.get("Content-Digest")


def test_a_retry_is_signed_again_under_the_same_idempotency_key() -> None:
    answers = [problem("unavailable", 503, Retry_After="1"), http(200, VERDICT)]
    key = SystemKey("pbx", Ed25519PrivateKey.generate())
    with misbehaving(*answers) as server, Client(server.url, key) as client:
        client.send(confirmations.confirm(CODE))
        first, second = server.asked
    assert first["idempotency-key"] == second["idempotency-key"]
    assert first["content-digest"] == second["content-digest"]
    assert first["signature"] != second["signature"]


def test_cookies_are_neither_kept_nor_sent() -> None:
    answer = http(200, VERDICT, Set_Cookie="session=1")
    with misbehaving(answer, answer) as server, Client(server.url) as client:
        client.send(confirmations.confirm(CODE))
        client.send(confirmations.confirm(CODE))
        assert "cookie" not in server.asked[1]


def test_proxies_from_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with misbehaving(http(200, VERDICT)) as server, Client(server.url) as client:
        assert client.send(confirmations.confirm(CODE)).is_genuine


def test_a_compressed_answer_is_refused() -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    with (
        misbehaving(http(200, bomb, Content_Encoding="gzip")) as server,
        Client(server.url, timeouts=ONCE) as client,
        pytest.raises(CannotCheck, match="encoded"),
    ):
        client.send(confirmations.confirm(CODE))
    assert server.asked[0]["accept-encoding"] == "identity"


@pytest.mark.parametrize("status", [500, 501, 502, 504, 599])
def test_every_5xx_answer_means_cannot_check(status: int) -> None:
    for answer in (problem("internal_error", status), problem("policy_refused", status)):
        with misbehaving(answer) as server, Client(server.url, timeouts=ONCE) as client, pytest.raises(CannotCheck):
            client.send(confirmations.confirm(CODE))


@pytest.mark.parametrize(
    "changes",
    [
        {"words": []},
        {"receipt_id": ""},
        {"receipt": {"statement": "", "proof": "p"}},
        {"at": "2026-11-23T04:00:00"},
        {"given_before": "no"},
        {"verdict": "not_genuine"},
    ],
    ids=str,
)
def test_an_incomplete_verdict_is_invalid(changes: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**VERDICT, **changes}, Verdict)


@pytest.mark.shows("CVP-7.2-3")
@pytest.mark.parametrize(
    "other",
    [
        {**VERDICT, "receipt_id": "rcpt_" + "1" * 32},
        {**VERDICT, "call": {**VERDICT["call"], "call_id": "call_" + "1" * 32}},
        {**VERDICT, "verdict": "not_genuine", "call": None},
    ],
    ids=["another id", "another call", "a refusal"],
)
def test_a_verdict_with_a_receipt_that_disagrees_is_not_understood(other: dict[str, Any]) -> None:
    answer = {**VERDICT, "receipt": stated(other)["receipt"]}
    with (
        misbehaving(http(200, answer)) as server,
        Client(server.url, timeouts=ONCE) as client,
        pytest.raises(CannotCheck, match="do not agree"),
    ):
        client.send(confirmations.confirm(CODE))


@pytest.mark.shows("CVP-7.12-4")
def test_an_ended_verdict_is_not_genuine_and_has_its_call_and_receipt() -> None:
    """The receipt still says `genuine`, which was true when it was signed."""
    with misbehaving(http(200, {**VERDICT, "verdict": "ended"})) as server, Client(server.url) as client:
        ended = client.send(confirmations.confirm(CODE))
    assert (ended.is_genuine, ended.is_ended) == (False, True)
    assert ended.call is not None
    assert ended.call.officer.id == "4412"
    assert ended.receipt == msgspec.convert(VERDICT, Verdict).receipt
    assert "ended" not in repr(ended)
    with pytest.raises(TypeError):
        bool(ended)


@pytest.mark.shows("CVP-7.12-4")
@pytest.mark.parametrize(
    "changes",
    [
        {"call": None},
        {"call": {}},
        {"receipt": None},
        {"receipt_id": ""},
        {"receipt_id": "rcpt_" + "1" * 32},
        {"words": []},
        {"call": {**VERDICT["call"], "call_id": "call_" + "1" * 32}},
        {"call": {**VERDICT["call"], "leg": {**VERDICT["call"]["leg"], "connected_at": None}}},
        {"receipt": stated({**VERDICT, "verdict": "ended"})["receipt"]},
        {"receipt": stated({**VERDICT, "verdict": "not_genuine", "call": None})["receipt"]},
        {"verdict": "Ended"},
        {"verdict": "ended "},
        {"verdict": ["ended"]},
    ],
    ids=str,
)
def test_an_incomplete_or_contradictory_ended_verdict_is_not_understood(changes: dict[str, Any]) -> None:
    answer = http(200, {**VERDICT, "verdict": "ended", **changes})
    with misbehaving(answer) as server, Client(server.url, timeouts=ONCE) as client, pytest.raises(CannotCheck):
        client.send(confirmations.confirm(CODE))


PAST = stated(
    {
        **VERDICT,
        "verdict": "ended",
        "call": {**VERDICT["call"], "began_at": "2026-11-23T03:00:00Z", "ended_at": "2026-11-23T03:05:00Z"},
    }
)


@pytest.mark.shows("CVP-7.13-6")
def test_the_code_of_a_past_call_is_neither_genuine_nor_a_refusal() -> None:
    with misbehaving(http(200, PAST)) as server, Client(server.url) as client:
        ended = client.send(confirmations.confirm(CODE))
    assert (ended.is_genuine, ended.is_ended) == (False, True)
    assert ended.call is not None
    assert ended.call.began_at is not None
    assert ended.call.ended_at is not None
    spoken = msgspec.convert({**SPOKEN, "verdict": "ended", "transfer_to": None}, SpokenVerdict)
    assert (spoken.is_genuine, spoken.is_ended) == (False, True)


@pytest.mark.shows("CVP-7.13-6")
@pytest.mark.parametrize(
    "changes",
    [
        {"verdict": "genuine"},
        {"call": VERDICT["call"]},
        {"receipt": VERDICT["receipt"]},
        {"verdict": "not_genuine", "call": None},
    ],
    ids=["genuine", "without times", "times with a genuine receipt", "a refusal"],
)
def test_a_contradictory_answer_about_a_past_call_is_not_understood(changes: dict[str, Any]) -> None:
    with (
        misbehaving(http(200, {**PAST, **changes})) as server,
        Client(server.url, timeouts=ONCE) as client,
        pytest.raises(CannotCheck),
    ):
        client.send(confirmations.confirm(CODE))


@pytest.mark.shows("CVP-7.12-4")
def test_a_refusal_with_a_genuine_receipt_is_not_understood() -> None:
    refusal = {**VERDICT, "verdict": "not_genuine", "call": None}
    with (
        misbehaving(http(200, refusal)) as server,
        Client(server.url, timeouts=ONCE) as client,
        pytest.raises(CannotCheck, match="do not agree"),
    ):
        client.send(confirmations.confirm(CODE))


def test_a_retried_confirmation_after_the_call_is_ended_with_the_same_receipt(clients: Clients) -> None:
    call_id, code = clients.live_call()
    asked = confirmations.confirm(code)
    first = clients.customer.send(asked)
    assert first.is_genuine
    assert clients.customer.send(asked).is_genuine
    clients.hang_up(call_id)
    again = clients.customer.send(asked)
    assert (again.is_genuine, again.is_ended) == (False, True)
    assert (again.receipt_id, again.receipt, again.at) == (first.receipt_id, first.receipt, first.at)
    assert again.call is not None
    assert again.call.call_id == call_id
    assert again.text("en").startswith("The call you checked was from us, and it is over now.")


@pytest.mark.parametrize("statement", ["a.b.c", "", "..", "e30.e30.e30", "\ud800.\ud800", "é.é.é"])
def test_a_verdict_with_a_malformed_receipt_is_invalid(statement: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**VERDICT, "receipt": {"statement": statement, "proof": "p"}}, Verdict)


def test_a_required_leg_that_was_never_connected_is_not_genuine() -> None:
    leg = {"mode": "required", "connected_at": None, "ended_at": None}
    for mode, understood in (("required", False), ("observed", True), ("off", True)):
        answer = {**VERDICT, "call": {**VERDICT["call"], "leg": {**leg, "mode": mode}}}
        if understood:
            assert msgspec.convert(answer, Verdict).is_genuine
        else:
            with pytest.raises(msgspec.ValidationError):
                msgspec.convert(answer, Verdict)


def test_a_code_entered_twice_gets_the_same_receipt_marked_given_before(clients: Clients) -> None:
    call_id, code = clients.live_call()
    first, second = (clients.customer.send(confirmations.confirm(code)) for _ in range(2))
    clients.hang_up(call_id)
    assert (first.given_before, second.given_before) == (False, True)
    assert first.is_genuine
    assert second.is_genuine
    assert first.receipt_id == second.receipt_id


@pytest.mark.shows("CVP-7.1-3")
@pytest.mark.parametrize(
    "changes",
    [
        {"verdict": "not_genuine"},
        {"verdict": "unavailable"},
        {"verdict": "unavailable", "receipt_id": None},
        {"transfer_to": None},
        {"transfer_to": ""},
        {"receipt_id": None},
        {"words": None},
        {"verdict": "ended", "receipt_id": None},
        {"verdict": "ended", "receipt_id": None, "transfer_to": None},
    ],
    ids=str,
)
def test_a_contradictory_spoken_verdict_is_not_understood(changes: dict[str, Any]) -> None:
    assert msgspec.convert(SPOKEN, SpokenVerdict).is_genuine
    with (
        misbehaving(http(200, {**SPOKEN, **changes})) as server,
        Client(server.url, timeouts=ONCE) as client,
        pytest.raises(CannotCheck),
    ):
        client.send(ivr.confirm(CODE, dialled_number="+1", caller_number=None))


@pytest.mark.shows("CVP-7.12-4")
def test_a_spoken_ended_verdict_is_not_genuine_and_transfers_to_the_officer() -> None:
    with misbehaving(http(200, {**SPOKEN, "verdict": "ended"})) as server, Client(server.url) as client:
        ended = client.send(ivr.confirm(CODE, dialled_number="+1", caller_number=None))
    assert (ended.is_genuine, ended.is_ended, ended.is_unavailable) == (False, True, False)
    assert ended.transfer_to == "4412"


def test_a_refusal_cannot_be_mistaken_for_genuine_by_a_string_comparison() -> None:
    refusal = msgspec.convert(stated({**VERDICT, "verdict": "not_genuine", "call": None}), Verdict)
    spoken = msgspec.convert({**SPOKEN, "verdict": "not_genuine", "transfer_to": None}, SpokenVerdict)
    for verdict in (refusal, spoken):
        assert "genuine" not in f"{verdict!r}{verdict}"
        assert verdict.verdict is Word.NOT_GENUINE
        assert verdict.verdict != Word.GENUINE
        assert verdict.is_genuine is False
        for take in (
            lambda v=verdict: "genuine" in v,
            lambda v=verdict: v > "",
            lambda v=verdict: v in ["genuine"],
            lambda v=verdict: "genuine" in v.verdict,
            lambda v=verdict: bool(v.verdict),
            lambda v=verdict: v.verdict != "not_genuine",
            lambda v=verdict: v.verdict == "genuine",
            lambda v=verdict: v.verdict in ("genuine", "GENUINE"),
        ):
            with pytest.raises(TypeError):
                take()
    assert refusal.text("en") == "yes"
    assert refusal.text("fr") == "是"  # type: ignore[arg-type]


def test_many_threads_share_a_client(clients: Clients) -> None:
    told: list[str] = []

    def ask(application_id: str) -> None:
        told.append(clients.loans.send(applications.read(application_id)).application_id)

    asked = [f"LN-2026-{number:04}" for number in range(1, 41)]
    threads = [threading.Thread(target=ask, args=(each,)) for each in asked]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(told) == asked


async def test_many_tasks_share_a_client(clients: Clients) -> None:
    async with AsyncClient(clients.bank.url, clients.key("loan-origination")) as loans:
        asked = [f"LN-2026-{number:04}" for number in range(1, 41)]
        told = await asyncio.gather(*(loans.send(applications.read(each)) for each in asked))
        assert [each.application_id for each in told] == asked
        with pytest.raises(NotFound):
            await loans.send(applications.read("LN-none"))


async def test_a_cancelled_task_leaves_the_client_usable(clients: Clients) -> None:
    with misbehaving(10.0) as server:
        async with AsyncClient(server.url, Bearer("a")) as client:
            waiting = asyncio.create_task(client.send(confirmations.confirm(CODE)))
            await asyncio.sleep(0.1)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
    async with AsyncClient(clients.bank.url, Bearer("a")) as client:
        with pytest.raises(Unauthenticated):
            await client.send(confirmations.confirm(CODE))


class Dripping:
    """A server that sends its headers one byte at a time, for ten seconds."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        connection, _ = self._socket.accept()
        with connection:
            connection.recv(65_536)
            try:
                for octet in b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 75:
                    connection.sendall(bytes([octet]))
                    time.sleep(0.1)
            except OSError:
                return

    def close(self) -> None:
        self._socket.close()


async def test_headers_sent_byte_by_byte_do_not_extend_the_timeout() -> None:
    server, started = Dripping(), time.monotonic()
    async with AsyncClient(server.url, timeouts=ONCE) as client:
        with pytest.raises(NoAnswer):
            await client.send(confirmations.confirm(CODE))
    assert time.monotonic() - started < 3
    server.close()
