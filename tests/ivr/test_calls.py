"""Calls by sipp to the gateway, with real sound that the tests listen to (laws L4, L6, L7, L12)."""

from __future__ import annotations

import contextlib
import socket
import tempfile
import time
import wave
from array import array
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.conftest import RunningBank
from tests.customers import BRANCH, Customer
from tests.ivr.conftest import RunningGateway
from tests.ivr.markers import Markers
from tests.ivr.rtp import likeness, loudness
from tests.ivr.telephones import SippPhone
from tests.world import another_code
from verifier.core.application import Loan, Officer
from verifier.core.purposes import ASKS
from verifier.core.words import About, who
from verifier.demo.bank import DemoBank

pytestmark = pytest.mark.needs("espeak-ng", "sip-tester")

LOAN = Loan("个人住房贷款", "LN-7001")
WELCOME = ("greeting", "other_language/en", "ask", "keys")
SORRY = ("unavailable", "unavailable/en")


@pytest.fixture
def customer(bank: DemoBank) -> Customer:
    return Customer(bank)


@contextlib.contextmanager
def another_gateway(bank: DemoBank, url: str = "", **settings: str) -> Iterator[RunningGateway]:
    with tempfile.TemporaryDirectory(prefix="gateway-") as folder:
        running = RunningGateway(Path(folder), bank, url, **settings)
        try:
            yield running
        finally:
            running.stop()


def envelope(path: Path) -> list[float]:
    with wave.open(str(path), "rb") as file:
        return loudness(array("h", file.readframes(file.getnframes())), file.getframerate())


def asks(phone: SippPhone, code: str) -> float:
    """Key a code while the greeting is spoken."""
    phone.hears("greeting")
    return phone.sound.press(code + "#")


@pytest.mark.shows("CVP-7.9-3")
@pytest.mark.parametrize("transport", ["u1", "t1"])
def test_a_customer_calls_enters_the_code_hears_the_verdict_and_is_put_through(
    gateway: RunningGateway, customer: Customer, transport: str
) -> None:
    code = customer.is_rung()
    phone = gateway.rung_by(customer.number, ends="refer", transport=transport)
    phone.hears(*WELCOME)
    asked = phone.sound.press(code + "#")
    phone.hears("genuine", since=asked)
    assert phone.is_put_through_to("4412")


@pytest.mark.shows("CVP-7.9-5")
def test_the_verdict_names_the_officer_of_the_call(gateway: RunningGateway, customer: Customer, tmp_path: Path) -> None:
    code = customer.is_rung()
    phone = gateway.rung_by(customer.number)
    phone.hears(*WELCOME)
    asked = phone.sound.press(another_code(code) + "#")
    phone.hears("not_genuine", "after_refusal", since=asked)
    asked = phone.sound.press(code + "#")
    phone.hears("genuine", "speech", "never_asks", "after_genuine", since=asked, within=60)
    heard = loudness(Markers.speech(phone.samples(asked)))
    # Imported here because the gateway and its PJSIP are optional.
    from callback_verification.shapes import Say
    from voice_gateway.prompts import Voice

    voice = Voice(None, tmp_path)
    about = About("documents", ASKS["documents"], LOAN)
    officers = (Officer("4412", "李伟", BRANCH), Officer("20897", "欧阳建国", "上海分行"))
    spoken = [
        envelope(
            voice.sound(
                Say("who", who("zh-CN", each, about, spoken=True), "zh-CN"),
                slow=False,
            ).path
        )
        for each in officers
    ]
    likenesses = [likeness(heard, each) for each in spoken]
    assert likenesses[0] > 0.9 > likenesses[1], likenesses
    assert (gateway.folder / "cache").is_dir()
    assert not list((gateway.folder / "cache").glob("temporary-*")), "speech that names an officer is not cached"
    again = [voice.sound(Say("who", "李伟", "zh-CN"), slow=False) for _ in range(2)]
    assert again[0].path != again[1].path
    assert all(each.temporary for each in again)
    assert voice.sound(Say("calls_made", "三次", "zh-CN"), slow=False).temporary


@pytest.mark.shows("CVP-7.9-2")
def test_keys_are_accepted_during_a_prompt_and_stop_it(gateway: RunningGateway, customer: Customer) -> None:
    customer.is_rung()
    phone = gateway.rung_by(customer.number)
    asked = asks(phone, "12")
    phone.hears("slip", "ask", since=asked)


def test_after_a_mistyped_code_the_right_code_is_genuine(gateway: RunningGateway, customer: Customer) -> None:
    code = customer.is_rung()
    phone = gateway.rung_by(customer.number, ends="refer")
    asked = asks(phone, code[:-1] + str((int(code[-1]) + 1) % 10))
    phone.hears("ask_to_repeat", "ask", since=asked)
    asked = phone.sound.press("###" + code + "#")
    phone.hears("genuine", since=asked)
    assert phone.is_put_through_to("4412")


@pytest.mark.shows("CVP-7.9-2")
@pytest.mark.parametrize(
    ("copies", "lose"),
    [(3, ()), (1, (0, 1, 2)), (1, (5, 6)), (2, (3, 7))],
    ids=["each packet thrice", "beginnings lost", "first ends lost", "some lost, some twice"],
)
def test_keys_survive_lost_and_duplicated_packets(
    gateway: RunningGateway, customer: Customer, copies: int, lose: tuple[int, ...]
) -> None:
    code = customer.is_rung()
    phone = gateway.rung_by(customer.number, ends="refer")
    phone.hears("greeting")
    asked = phone.sound.press(code + "#", copies=copies, lose=lose)
    phone.hears("genuine", since=asked)
    assert phone.is_put_through_to("4412")


def test_ninety_keys_count_as_a_typing_error_and_silence_repeats_the_question(
    gateway: RunningGateway, customer: Customer
) -> None:
    customer.is_rung()
    phone = gateway.rung_by(customer.number)
    phone.hears(*WELCOME)
    asked = phone.sound.press("7" * 90 + "#", gap_s=0.01)
    phone.hears("slip", "ask", since=asked)
    phone.hears("slip", "ask", "silence", "ask", "keys", since=asked)


def test_a_used_code_is_over_after_the_call(gateway: RunningGateway, customer: Customer) -> None:
    code = customer.is_rung()
    first = gateway.rung_by(customer.number)
    phone_asked = asks(first, code)
    first.hears("genuine", since=phone_asked)
    first.hang_up()
    customer.is_left()
    again = gateway.rung_by(customer.number, ends="refer")
    asked = asks(again, code)
    again.hears("speech", "code_over", since=asked)
    assert again.is_put_through_to("fraud")


def test_another_customers_reference_and_code_are_not_genuine(
    gateway: RunningGateway, bank: DemoBank, customer: Customer
) -> None:
    fraudster = Customer(bank)
    code = fraudster.is_rung()
    phone = gateway.rung_by(customer.number, ends="refer")
    asked = asks(phone, code)
    phone.hears("not_genuine", since=asked)
    assert phone.is_put_through_to("fraud")


@pytest.mark.shows("CVP-6.1-1")
def test_an_officer_who_is_lured_to_another_number_has_no_code_to_read(
    gateway: RunningGateway, bank: DemoBank, customer: Customer
) -> None:
    """The fraudster gets the officer to call them. Any code they then tell the customer is not genuine."""
    fraudster = Customer(bank)
    customer.is_about_to_be_rung()
    customer.picks_up(fraudster.number)
    refused = customer.officers_screen()
    assert (refused.status_code, refused.json()["slug"]) == (409, "leg_not_connected")
    phone = gateway.rung_by(customer.number, ends="refer")
    asked = asks(phone, another_code("000000000"))
    phone.hears("not_genuine", since=asked)
    assert phone.is_put_through_to("fraud")


@pytest.mark.shows("CVP-7.1-2")
@pytest.mark.shows("CVP-7.1-2")
def test_a_code_of_a_call_to_the_fraudsters_own_telephone_is_no_verdict(
    gateway: RunningGateway, bank: DemoBank, customer: Customer
) -> None:
    """The fraudster has registered the customer's number as their own (law L12)."""
    fraudster = Customer(bank, also_on_file=customer.number)
    code = fraudster.is_rung()
    phone = gateway.rung_by(customer.number, ends="refer")
    asked = asks(phone, code)
    phone.hears("other_number", "after_refusal", since=asked)
    assert phone.is_put_through_to("fraud")


@pytest.mark.parametrize(
    ("caller", "extra"),
    [
        ("anonymous", ""),
        ("+8613700000001", ""),
        ("{number}", "\n      Privacy: id"),
        ("{number}", "\n      P-Asserted-Identity: <sip:+8613700000001@carrier.example>"),
    ],
    ids=["withheld", "foreign", "private", "asserted to be another"],
)
def test_a_withheld_or_unknown_caller_number_gets_no_verdict(
    gateway: RunningGateway, customer: Customer, caller: str, extra: str
) -> None:
    customer.is_rung()
    phone = gateway.rung_by(caller.format(number=customer.number), extra=extra)
    phone.hears(*WELCOME)
    asked = phone.sound.press("482177302#")
    phone.hears("unregistered", "after_refusal", since=asked)


def test_a_refused_transfer_ends_the_call_with_an_apology(gateway: RunningGateway, customer: Customer) -> None:
    phone = gateway.rung_by(customer.number, ends="refer refused")
    phone.hears("greeting")
    asked = phone.sound.press("0")
    phone.hears("connecting", *SORRY, since=asked)
    phone.ended()


@pytest.mark.shows("CVP-7.7-4", "CVP-7.9-4")
def test_an_unreachable_service_is_announced_in_both_languages(bank: DemoBank, customer: Customer) -> None:
    with another_gateway(bank, url="http://127.0.0.1:9") as gateway:
        phone = gateway.rung_by(customer.number)
        phone.hears(*SORRY)
        phone.ended()


@pytest.mark.shows("CVP-7.7-4", "CVP-7.9-4")
def test_a_service_that_stops_during_a_call_never_gives_genuine(tmp_path: Path) -> None:
    running = RunningBank(tmp_path)
    with contextlib.ExitStack() as serving:
        bank = serving.enter_context(running)
        customer = Customer(bank)
        code = customer.is_rung()
        gateway = serving.enter_context(another_gateway(bank))
        phone = gateway.rung_by(customer.number)
        phone.hears("greeting")
        running.__exit__()
        asked = phone.sound.press(code + "#")
        phone.hears(*SORRY, since=asked, within=30)
        phone.ended()


@pytest.mark.shows("CVP-7.9-3")
def test_a_call_without_a_supported_codec_is_refused(gateway: RunningGateway, customer: Customer) -> None:
    gateway.rung_by(customer.number, codec="18 G729/8000", refuse=488).ended()


@pytest.mark.shows("CVP-7.9-1")
def test_calls_from_outside_the_trunks_are_refused(bank: DemoBank, customer: Customer) -> None:
    with another_gateway(bank, TRUNKS="192.0.2.1") as gateway:
        gateway.rung_by(customer.number, refuse=403).ended()


@pytest.mark.shows("CVP-7.9-3")
def test_at_the_limit_new_calls_are_refused_and_current_ones_continue(bank: DemoBank) -> None:
    with another_gateway(bank) as gateway:
        customers = [Customer(bank) for _ in range(3)]
        codes = [each.is_rung() for each in customers]
        phones = [gateway.rung_by(each.number) for each in customers]
        for phone in phones:
            phone.hears("greeting")
        for _ in range(8):
            gateway.rung_by(customers[0].number, refuse=503).ended()
        for phone, code in zip(phones, codes, strict=True):
            asked = phone.sound.press(code + "#")
            phone.hears("genuine", since=asked)


def test_a_caller_who_hangs_up_while_entering_a_code_uses_no_attempt(
    gateway: RunningGateway, customer: Customer
) -> None:
    code = customer.is_rung()
    gone = gateway.rung_by(customer.number, ends="own 2.5")
    gone.hears("greeting")
    gone.sound.press(code[:5])
    gone.ended()
    phone = gateway.rung_by(customer.number, ends="refer")
    asked = asks(phone, code)
    phone.hears("genuine", since=asked)
    assert phone.is_put_through_to("4412")


def test_malformed_messages_do_not_disturb_a_call(gateway: RunningGateway, customer: Customer) -> None:
    code = customer.is_rung()
    phone = gateway.rung_by(customer.number)
    phone.hears("greeting")
    start = f"INVITE sip:x@127.0.0.1:{gateway.port} SIP/2.0\r\n"
    via = "Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK-{n}\r\nMax-Forwards: 70\r\nTo: <sip:x@h>\r\n"
    rest = "From: <sip:a@h>;tag=1\r\nCall-ID: bad-{n}\r\nCSeq: 1 INVITE\r\nContact: <sip:a@127.0.0.1:9>\r\n"
    sdp = "Content-Type: application/sdp\r\nContent-Length: {length}\r\n\r\n{body}"
    bodies = ["v=0", "v=0\r\nm=audio", "m=audio 99999999 RTP/AVP 8\r\n" * 500, "\0" * 300, "v=0\r\n" + "a=" * 9000]
    junk: list[bytes] = [b"", b"\0" * 2000, b"\xff" * 60_000, start.encode(), (start + via + "\r\n").encode()]
    for n, body in enumerate(bodies):
        junk.append((start + (via + rest + sdp).format(n=n, length=len(body), body=body)).encode())
    junk.append((start + via.format(n=99) + "From: " + "<" * 5000 + "\r\n\r\n").encode())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for message in junk:
            sender.sendto(message, ("127.0.0.1", gateway.port))
    with socket.create_connection(("127.0.0.1", gateway.port)) as stream:
        stream.sendall(b"\0\r\n" * 5000)
    time.sleep(0.5)
    asked = phone.sound.press(code + "#")
    phone.hears("genuine", since=asked)
