"""Identity headers as RFC 3261 and RFC 8224 allow them, and claims as RFC 8225 and RFC 9795 allow them."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey, derive_private_key
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.certificates import certified
from verifier.cli import main
from verifier.core.errors import EvidenceError, InvalidClaims, InvalidSignature
from verifier.core.identity_header import MAX_HEADER, parse_header
from verifier.core.octets import base64url
from verifier.core.passport import Address, Addresses, Claims, check_identity
from verifier.core.statements import Tel, Tels

KEY = derive_private_key(8_224, SECP256R1())
NOW = 1_795_455_000
X5U = "https://certificates.bank.example/shaken.pem?v=1;r=2"
PLAIN: dict[str, Any] = {"orig": {"tn": "861082345678"}, "dest": {"tn": ["8613800138000"]}, "iat": NOW}
SHAKEN: dict[str, Any] = {**PLAIN, "attest": "A", "origid": "123e4567-e89b-12d3-a456-426655440000"}


def token(claims: Any, ppt: str | None = None, key: EllipticCurvePrivateKey = KEY, **more: Any) -> str:
    """A signed PASSporT with these claims, valid or not."""
    header = {"alg": "ES256", "typ": "passport", "x5u": X5U, **({"ppt": ppt} if ppt else {}), **more}
    parts = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in (header, claims)]
    signed = ".".join(map(base64url, parts))
    r, s = decode_dss_signature(key.sign(signed.encode(), ECDSA(SHA256())))
    return f"{signed}.{base64url(r.to_bytes(32) + s.to_bytes(32))}"


PASSPORT = token(SHAKEN, "shaken")
GOOD = [
    f"{PASSPORT};info=<{X5U}>;alg=ES256;ppt=shaken",
    f"{PASSPORT};info=<{X5U}>;ppt=shaken",
    f'{PASSPORT};info=<{X5U}>;alg="ES256";ppt="shaken"',
    f"{PASSPORT} ; info = <{X5U}> ; alg = ES256 ; ppt = shaken",
    f"{PASSPORT}\t;\tinfo\t=\t<{X5U}>\t;ppt=shaken",
    f"{PASSPORT};\r\n info=<{X5U}>;\r\n\tppt=shaken\r\n",
    f"  {PASSPORT};info=<{X5U}>;ppt=shaken ",
    f"{PASSPORT};ppt=shaken;alg=ES256;info=<{X5U}>",
    f"{PASSPORT};INFO=<{X5U}>;Alg=es256;PPT=Shaken",
    f"{PASSPORT};info=<{X5U}>;lr;ppt=shaken",
    f"{PASSPORT};flag;info=<{X5U}>;ppt=shaken;other",
    f'{PASSPORT};info=<{X5U}>;ppt=shaken;x=1.2!%*_+`\'~-;y=[2001:db8::1];z="a;b,\\"c"',
    f'{PASSPORT};info=<{X5U}>;ppt="sh\\aken"',
]


def checked(header: str) -> Claims:
    return check_identity(header, KEY.public_key(), NOW).claims


@pytest.mark.shows("CVP-6.4-3")
@pytest.mark.parametrize("header", GOOD)
def test_each_form_that_the_grammar_allows_is_read(header: str) -> None:
    assert checked(header).origid == SHAKEN["origid"]
    assert check_identity(header, KEY.public_key(), NOW).info == X5U


@pytest.mark.shows("CVP-6.4-3")
@pytest.mark.parametrize(
    "header",
    [
        "",
        ";",
        PASSPORT,
        f"{PASSPORT};info",
        f"{PASSPORT};info=<>",
        f"{PASSPORT};info=<{X5U}>;info=<{X5U}>",
        f"{PASSPORT};info=<{X5U}>;INFO=<{X5U}>",
        f"{PASSPORT};info=<{X5U}>;alg",
        f"{PASSPORT};info=<{X5U}>;alg=ES384",
        f"{PASSPORT};info=<{X5U}>;",
        f"{PASSPORT};;info=<{X5U}>",
        f"{PASSPORT};info=<{X5U}>;=x",
        f"{PASSPORT};info=<{X5U}>;x=",
        f"{PASSPORT};info=<{X5U}>;a b",
        f'{PASSPORT};info=<{X5U}>;x="',
        f"{PASSPORT};info=<{X5U};x",
        f"{PASSPORT};info=<{X5U}>\r\n;ppt=shaken",
        f"{PASSPORT},info=<{X5U}>",
        f"{PASSPORT};info=<{X5U}>;ppt=shaken,{PASSPORT};info=<{X5U}>;ppt=shaken",
        f"{PASSPORT};info=<{X5U}>;é=1",
        f"{PASSPORT}\u00a0;info=<{X5U}>",
        f"..{PASSPORT.rpartition('.')[2]};info=<{X5U}>",
        f"{PASSPORT}.a;info=<{X5U}>",
        f"{PASSPORT};info=<{X5U}>{' ' * MAX_HEADER}",
    ],
)
def test_a_header_outside_the_grammar_is_refused(header: str) -> None:
    with pytest.raises(InvalidSignature):
        checked(header)


def test_a_parameter_that_contradicts_the_signed_token_is_refused() -> None:
    for parameters in ("", ";ppt=rcd", ";ppt", ";ppt=div"):
        with pytest.raises(InvalidClaims):
            checked(f"{PASSPORT};info=<{X5U}>{parameters}")
    with pytest.raises(InvalidClaims):
        checked(f"{PASSPORT};info=<https://else.example>;ppt=shaken")


@pytest.mark.shows("CVP-6.4-4")
@pytest.mark.parametrize(
    "number", ["", " ", "+8613800138000", "86 138", "1-2", "abc", "1" * 16, "１２", "١", "1\n", None, 7]
)
def test_a_malformed_number_is_refused(number: Any) -> None:
    for changed in ({"orig": {"tn": number}}, {"dest": {"tn": [number]}}, {"dest": {"tn": ["1", number]}}):
        if changed == {"orig": {"tn": None}}:
            continue
        with pytest.raises(InvalidClaims):
            checked(f"{token({**PLAIN, **changed})};info=<{X5U}>")


@pytest.mark.shows("CVP-6.4-4")
def test_the_caller_and_the_called_party_may_be_uris() -> None:
    alice, bob = "sip:alice@bank.example", "urn:uuid:123e4567-e89b-12d3-a456-426655440000"
    claims = checked(f"{token({**PLAIN, 'orig': {'uri': alice}, 'dest': {'uri': [bob]}})};info=<{X5U}>")
    assert (claims.orig, claims.dest) == (Address(alice), Addresses((), (bob,)))
    claims = checked(f"{token({**PLAIN, 'dest': {'tn': ['110'], 'uri': [bob]}})};info=<{X5U}>")
    assert (claims.orig, claims.dest) == (Tel("861082345678"), Addresses(("110",), (bob,)))
    assert checked(f"{token(PLAIN)};info=<{X5U}>").dest == Tels(("8613800138000",))


@pytest.mark.shows("CVP-6.4-4")
@pytest.mark.parametrize(
    "changed",
    [
        {"orig": {}},
        {"orig": {"tn": "1", "uri": "sip:a@b"}},
        {"orig": {"uri": ""}},
        {"orig": {"uri": "alice"}},
        {"orig": {"uri": "sip:a b"}},
        {"orig": {"uri": "sip:a\n"}},
        {"orig": "1"},
        {"dest": {}},
        {"dest": {"tn": []}},
        {"dest": {"uri": []}},
        {"dest": {"uri": "sip:a@b"}},
        {"dest": {"tn": "1"}},
        {"iat": "now"},
        {"iat": True},
        {"rcd": "x"},
    ],
)
def test_claims_with_a_malformed_caller_called_party_or_time_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(InvalidClaims):
        checked(f"{token({**PLAIN, **changed})};info=<{X5U}>")


@pytest.mark.shows("CVP-6.4-4")
def test_rich_call_data_may_hold_a_card_or_its_address() -> None:
    card = ["vcard", [["version", {}, "text", "4.0"], ["fn", {}, "text", "示范银行"]]]
    for rcd in (
        {"nam": "示范银行", "jcd": card},
        {"nam": "示范银行", "jcl": "https://bank.example/card.json"},
        {"nam": "示范银行", "apn": "861095588", "icn": "https://bank.example/logo.png"},
    ):
        given = {**PLAIN, "rcd": rcd, "crn": "loan", "rcdi": {"/jcd": "sha256-AAAA"}, "mky": [{"alg": "sha-256"}]}
        claims = checked(f"{token(given, 'rcd')};info=<{X5U}>;ppt=rcd")
        assert (claims.rcd, claims.crn) == (rcd, "loan")


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b"[" * 7_000 + b"]" * 7_000,
        b'{"iat":1,"iat":1}',
        json.dumps(PLAIN).encode()[:-1] + b',"x":"\\ud800"}',
        json.dumps(PLAIN).encode()[:-1] + b',"x":"\xff"}',
        b"\xef\xbb\xbf" + json.dumps(PLAIN).encode(),
    ],
    ids=["nothing", "cut", "nested", "twice", "surrogate", "not UTF-8", "mark"],
)
def test_claims_that_are_not_strict_json_are_refused(payload: bytes) -> None:
    with pytest.raises(EvidenceError):
        checked(f"{token(payload)};info=<{X5U}>")


def test_parsing_takes_time_linear_in_the_length() -> None:
    for piece in (" ", ";", ";a", "=", '"', '\\"', "\r\n ", "; ", ";a ", ";a= ", "<", ";a=<", "a.", "\t"):
        for start in ("", "a.b.c", "a.b.c;info=<x>", 'a.b.c;info=<x>;x="'):
            header = (start + piece * MAX_HEADER)[:MAX_HEADER]
            began = time.process_time()
            with contextlib.suppress(InvalidSignature):
                parse_header(header)
            assert time.process_time() - began < 1, (start, piece)


def test_the_command_prints_the_claims_or_the_slug_of_the_error(tmp_path: Path) -> None:
    certified(tmp_path, "SHAKEN 1234")
    key = load_pem_private_key((tmp_path / "key.pem").read_bytes(), None)
    assert isinstance(key, EllipticCurvePrivateKey)
    claims = {**PLAIN, "iat": int(time.time()), "orig": {"uri": "sip:alice@bank.example"}}
    certificate = ["--certificate", str(tmp_path / "certificate.pem")]
    header = f"{token(claims, key=key)} ; info = <{X5U}>"
    told = CliRunner().invoke(main, ["identity", "check", header, *certificate])
    assert (told.exit_code, told.output.startswith("VALID plain\n")) == (0, True), told.output
    assert '"uri": "sip:alice@bank.example"' in told.output
    refused = CliRunner().invoke(main, ["identity", "check", f"{header},{header}", *certificate])
    assert (refused.exit_code, refused.output.startswith("Error: NOT VALID: invalid_signature: ")) == (1, True)
    (tmp_path / "certificate.pem").write_text("none")
    unread = CliRunner().invoke(main, ["identity", "check", header, *certificate])
    assert "NOT VALID: invalid_evidence: the certificate cannot be read" in unread.output


@pytest.mark.needs("secsipidx")
def test_headers_made_by_secsipidx_are_accepted(tmp_path: Path) -> None:
    certified(tmp_path, "SHAKEN 1234")
    command = ["secsipidx", "-sign-full", "-orig-tn", "861082345678", "-dest-tn", "8613800138000", "-attest", "A"]
    command += ["-x5u", "https://bank.example/c.pem", "-fprvkey", str(tmp_path / "key.pem")]
    made = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout.strip()
    key = load_pem_private_key((tmp_path / "key.pem").read_bytes(), None)
    assert isinstance(key, EllipticCurvePrivateKey)
    told = check_identity(made, key.public_key(), int(time.time()))
    assert (told.kind, told.claims.orig, told.claims.dest) == ("shaken", Tel("861082345678"), Tels(("8613800138000",)))
