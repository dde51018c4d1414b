"""The key entry, caller numbers and settings of the gateway."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voice_gateway.callers import caller_number, host
from voice_gateway.keys import LONG_PAUSE_S, MAX_KEYS, SHORT_PAUSE_S, Keys
from voice_gateway.operator import described
from voice_gateway.prompts import spoken
from voice_gateway.settings import BadSettings, Settings, check_ports, of_process, read

GIVEN = {
    "GATEWAY_VERIFIER_URL": "https://verify.bank.example",
    "GATEWAY_KEY_ID": "ivr",
    "GATEWAY_KEY_FILE": "ivr.pem",
    "GATEWAY_TRUNKS": "192.0.2.10",
    "GATEWAY_OFFICER_URI": "sip:{officer}@pbx.bank.example",
    "GATEWAY_FRAUD_DESK_URI": "sip:fraud@pbx.bank.example",
    "GATEWAY_DIALLED_NUMBER": "+861095588",
}


def pressed(keys: str) -> Keys:
    made = Keys()
    for key in keys:
        made.press(key, 0.0)
    return made


@pytest.mark.shows("CVP-7.9-2")
def test_a_hash_ends_an_entry_and_is_ignored_without_one() -> None:
    keys = pressed("##482177302##")
    assert keys.take(0.0) == "482177302"
    assert keys.take(99.0) is None
    assert not keys.waiting


@pytest.mark.shows("CVP-7.9-2")
@pytest.mark.parametrize(("keys", "pause"), [("0", SHORT_PAUSE_S), ("*", SHORT_PAUSE_S), ("48", LONG_PAUSE_S)])
def test_a_pause_ends_an_entry(keys: str, pause: float) -> None:
    heard = pressed(keys)
    assert heard.take(pause - 0.01) is None
    assert heard.take(pause) == keys


def test_star_commands_need_no_pause() -> None:
    assert [pressed(each).take(0.0) for each in ("*8", "*9")] == ["*8", "*9"]


@given(st.lists(st.tuples(st.characters(codec="utf-8"), st.floats(0, 5)), max_size=300))
def test_any_entry_is_bounded_and_contains_only_keys(presses: list[tuple[str, float]]) -> None:
    keys, now = Keys(), 0.0
    for key, pause in presses:
        now += pause
        keys.press(key, now)
        entry = keys.take(now)
        assert entry is None or (0 < len(entry) <= MAX_KEYS and set(entry) <= set("0123456789*ABCD"))


def invite(*headers: str) -> str:
    return "\r\n".join(["INVITE sip:x@h SIP/2.0", *headers, "", "v=0"])


@pytest.mark.shows("CVP-7.9-1")
@pytest.mark.parametrize(
    ("headers", "number"),
    [
        (("From: <sip:+8613800138000@h>;tag=1",), "+8613800138000"),
        (("f: sip:+8613800138000@h;tag=1",), "+8613800138000"),
        (('From: "王 <sip:+1@x>" <sip:+8613800138000@h>',), None),
        (("From: <tel:+86-138-0013-8000>",), "+8613800138000"),
        (("From: <sip:13800138000@h>",), "+8613800138000"),
        (("From: <sip:013800138000@h>",), "+8613800138000"),
        (("From: <sip:8613800138000@h>",), "+8613800138000"),
        (("From: <sip:anonymous@anonymous.invalid>",), None),
        (("From: <sip:+8613800138000@h>", "P-Asserted-Identity: <sip:+8613900139000@h>"), "+8613900139000"),
        (("From: <sip:+8613800138000@h>", "Privacy: id;critical"), None),
        (("From: <sip:+0013800138000@h>",), None),
        ((), None),
    ],
)
def test_the_caller_number_is_read_from_the_invite(headers: tuple[str, ...], number: str | None) -> None:
    assert caller_number(invite(*headers), "86") == number


@given(st.text(max_size=400))
def test_any_from_header_gives_an_e164_number_or_none(text: str) -> None:
    found = caller_number(invite("From: " + text), "86")
    assert found is None or found.startswith("+")


def test_a_national_number_needs_a_country_code() -> None:
    assert caller_number(invite("From: <sip:13800138000@h>"), "") is None


@pytest.mark.parametrize(("source", "name"), [("192.0.2.1:5060", "192.0.2.1"), ("[2001:db8::1]:5060", "2001:db8::1")])
def test_the_log_names_the_peer_without_its_port(source: str, name: str) -> None:
    assert host(source) == name


def test_numbers_are_spoken_digit_by_digit_and_markup_is_removed() -> None:
    assert spoken("工号 4412，3 项", "zh-CN") == "工号 4 4 幺 2，3 项"
    assert spoken("staff number 4412", "en") == "staff number 4 4 1 2"
    assert "[[" not in spoken("[[h@]] <break/>", "en")


def test_settings_are_read_and_each_wrong_one_is_named() -> None:
    assert read(GIVEN, "GATEWAY_", Settings).processes == 1
    for name, value, named in (
        ("GATEWAY_PROCESSES", "0", "processes"),
        ("GATEWAY_TRUNKS", "", "trunks"),
        ("GATEWAY_TYPO", "1", "typo"),
        ("GATEWAY_OFFICER_URI", "sip:all@pbx.bank.example", "officer_uri"),
        ("GATEWAY_LISTEN", "here", "GATEWAY_LISTEN"),
        ("GATEWAY_LISTEN", "127.0.0.1:70000", "GATEWAY_LISTEN"),
        ("GATEWAY_DIALLED_NUMBER", "+861095588\n", "dialled_number"),
        ("GATEWAY_VERIFIER_URL", "http://verify.bank.example", "GATEWAY_VERIFIER_URL must be an https"),
        ("GATEWAY_VERIFIER_URL", "verify.bank.example", "GATEWAY_VERIFIER_URL"),
        ("GATEWAY_VERIFIER_URL", "http://[::1", "GATEWAY_VERIFIER_URL"),
        ("GATEWAY_TLS_LISTEN", "127.0.0.1:5061", "GATEWAY_TLS_CERTIFICATE"),
    ):
        with pytest.raises(BadSettings, match=named):
            read({**GIVEN, name: value}, "GATEWAY_", Settings)


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_a_port_in_use_is_reported_before_a_process_starts(kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            taken.listen()
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        settings = read({**GIVEN, "GATEWAY_LISTEN": listen}, "GATEWAY_", Settings)
        with pytest.raises(BadSettings, match=f"cannot listen on {listen}: Address already in use"):
            check_ports(settings)
    check_ports(settings)


def test_a_logged_error_does_not_repeat_what_a_caller_sent() -> None:
    def fail(sent: str) -> int:
        return int(sent)

    with pytest.raises(ValueError, match="8613800138000") as caught:
        fail("+8613800138000x")
    told = described(caught.value)
    assert told.startswith("ValueError in test_keys.py:")
    assert "138" not in told


def test_each_process_has_its_own_ports() -> None:
    settings = read({**GIVEN, "GATEWAY_LISTEN": "192.0.2.7:5060"}, "GATEWAY_", Settings)
    second = of_process(settings, 1)
    assert (second.listen, second.tls_listen, second.rtp_ports) == ("192.0.2.7:5061", "", 20_016)
