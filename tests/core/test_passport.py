"""SIP identity: the published form, an independent checker, and changed headers."""

from __future__ import annotations

import base64
import json
import subprocess
import time
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from tests.certificates import certified
from verifier.core.errors import EvidenceError, InvalidClaims, InvalidSignature
from verifier.core.passport import Claims, Kind, check_identity, identity_header
from verifier.core.statements import Tel, Tels
from verifier.identity import FileIdentitySigner, certificate_key

X5U = "https://certificates.bank.example/shaken.pem"
NOW = 1_795_455_000
SHAKEN = Claims(Tels(("12155550131",)), 1443208345, Tel("12155550121"), "A", "123e4567-e89b-12d3-a456-426655440000")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A P-256 key, its certificate and its public key, as PEM files."""
    path = tmp_path_factory.mktemp("identity")
    certified(path, "SHAKEN 1234")
    return path


def made(folder: Path, kind: Kind, claims: Claims) -> str:
    signer = FileIdentitySigner(folder / "key.pem", X5U)
    return identity_header(kind, claims, signer.x5u, signer.sign)


def of_now(kind: Kind, iat: int = NOW) -> Claims:
    claims = msgspec.structs.replace(SHAKEN, iat=iat)
    if kind == "shaken":
        return claims
    rich = {"rcd": {"nam": "示范银行"}, "crn": "补充申请材料"} if kind == "rcd" else {"rcd": None, "crn": None}
    return msgspec.structs.replace(claims, attest=None, origid=None, **rich)


def test_the_passport_has_the_form_that_rfc_8588_publishes(folder: Path) -> None:
    token, *parameters = made(folder, "shaken", SHAKEN).split(";")
    header, payload, _ = (base64.urlsafe_b64decode(part + "==") for part in token.split("."))
    assert header.decode() == f'{{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"{X5U}"}}'
    assert payload.decode() == (
        '{"attest":"A","dest":{"tn":["12155550131"]},"iat":1443208345,'
        '"orig":{"tn":"12155550121"},"origid":"123e4567-e89b-12d3-a456-426655440000"}'
    )
    assert parameters == [f"info=<{X5U}>", "alg=ES256", "ppt=shaken"]


@pytest.mark.parametrize("kind", ["plain", "shaken", "rcd"])
def test_a_header_that_we_make_is_accepted(folder: Path, kind: Kind) -> None:
    key = certificate_key((folder / "certificate.pem").read_bytes())
    checked = check_identity(made(folder, kind, of_now(kind)), key, NOW + 30)
    assert (checked.kind, checked.claims, checked.info) == (kind, of_now(kind), X5U)


@pytest.mark.parametrize("kind", ["plain", "shaken"])
@pytest.mark.needs("secsipidx")
def test_secsipidx_accepts_our_headers_and_refuses_changed_ones(folder: Path, kind: Kind) -> None:
    header = made(folder, kind, of_now(kind, int(time.time())))

    def check(value: str) -> int:
        command = ["secsipidx", "-check", "-expire", "60", "-fpubkey", str(folder / "public.pem"), "-identity", value]
        return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode

    assert check(header) == 0
    start = header.index(".") + 5
    assert check(header[:start] + ("A" if header[start] != "A" else "B") + header[start + 1 :]) != 0
    assert check(made(folder, kind, of_now(kind, int(time.time()) - 600))) != 0


@given(data=st.data())
def test_a_token_with_one_changed_character_is_refused(folder: Path, data: st.DataObject) -> None:
    header = made(folder, "shaken", of_now("shaken"))
    token, _, rest = header.partition(";")
    place = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.characters(codec="utf-8").filter(lambda each: each != token[place]))
    key = certificate_key((folder / "certificate.pem").read_bytes())
    with pytest.raises(EvidenceError):
        check_identity(f"{token[:place]}{letter}{token[place + 1 :]};{rest}", key, NOW)


@pytest.mark.shows("CVP-6.4-2")
def test_a_token_must_be_fresh_complete_and_consistent_with_its_header(folder: Path) -> None:
    key = certificate_key((folder / "certificate.pem").read_bytes())
    good = made(folder, "shaken", of_now("shaken"))
    without = msgspec.structs.replace(of_now("shaken"), origid=None)
    for header, now_s in (
        (good, NOW + 61),
        (good, NOW - 61),
        (made(folder, "shaken", without), NOW),
        (good.replace(";ppt=shaken", ""), NOW),
        (good.replace("ppt=shaken", "ppt=div"), NOW),
        (good.replace(f"info=<{X5U}>", "info=<https://evil.example>"), NOW),
    ):
        with pytest.raises(InvalidClaims):
            check_identity(header, key, now_s)
    for header in (
        "",
        "..;info=<x>",
        good.replace("alg=ES256", "alg=none"),
        good.replace(f";info=<{X5U}>", ""),
        good + ";ppt=shaken",
        good + " x",
        good * 20,
        json.dumps(good),
    ):
        with pytest.raises(InvalidSignature):
            check_identity(header, key, NOW)


def test_a_key_that_is_not_on_p256_is_refused(tmp_path: Path) -> None:
    key = generate_private_key(SECP384R1())
    (tmp_path / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    for path, x5u in ((tmp_path / "key.pem", X5U), (tmp_path / "none.pem", X5U)):
        with pytest.raises(ValueError, match="key for SIP identity"):
            FileIdentitySigner(path, x5u)


def test_a_certificate_without_an_https_address_is_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match="https address"):
        FileIdentitySigner(folder / "key.pem", "http://certificates.bank.example")
