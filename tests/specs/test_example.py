"""Checks the worked example of specs/protocol.md against the code."""

from __future__ import annotations

import hmac
import json
import re
from base64 import urlsafe_b64decode
from typing import Any

import callback_verification as sdk
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tests.requirements import ROOT
from verifier.core import damm
from verifier.core.checkpoint import encode_proof, parse_proof, vkey
from verifier.core.code import derive_code, hotp, show_code
from verifier.core.evidence import CLAIMS, Evidence, Trust, verify_evidence, verify_statement
from verifier.core.merkle import Tree, leaf_hash, node_hash
from verifier.core.octets import base64url
from verifier.core.statements import RECEIPT, TICKET, commitment, digest, encode_claims

TEXT = (ROOT / "specs/protocol.md").read_text(encoding="utf-8")
APPLICATION_KEY, STATEMENT_KEY, LOG_SEED = bytes(range(0x20)), bytes(range(0x20, 0x40)), bytes(range(0x40, 0x60))
REFERENCE, CUSTOMER = "LN-2026-0001", "cust-0001"


def block(label: str) -> str:
    """The fenced block with this label after its language. Broken lines are joined."""
    (found,) = re.findall(rf"^```\w+ {label}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    return str(found).replace("↵\n", "")


def values(label: str) -> list[str]:
    """The text after each equals sign of a block, in order."""
    return re.findall(r"= (\S.*)$", block(label), re.MULTILINE)


STATEMENTS = {"ticket": block("ticket").strip(), "receipt": block("receipt").strip()}
TRUST = json.loads(block("trust"))


def payload(statement: str) -> bytes:
    body = statement.split(".")[1]
    return urlsafe_b64decode(body + "=" * (-len(body) % 4))


def test_the_keys_match_the_text() -> None:
    point = derive_private_key(int.from_bytes(STATEMENT_KEY), SECP256R1()).public_key().public_numbers()
    (jwk,) = TRUST["jwks"]["keys"]
    assert (jwk["x"], jwk["y"]) == (base64url(point.x.to_bytes(32)), base64url(point.y.to_bytes(32)))
    log_key = Ed25519PrivateKey.from_private_bytes(LOG_SEED).public_key().public_bytes_raw()
    assert TRUST["log"]["keys"] == [vkey(TRUST["log"]["origin"], log_key)]


@pytest.mark.parametrize(("name", "typ"), [("ticket", TICKET), ("receipt", RECEIPT)])
def test_the_claims_shown_match_the_signed_ones(name: str, typ: str) -> None:
    shown = block(f"{name}-claims").strip().encode()
    assert payload(STATEMENTS[name]) == shown
    found, claims = verify_statement(STATEMENTS[name], msgspec.convert(TRUST, Trust), typ)
    assert found == typ
    assert encode_claims(claims) == shown
    assert encode_claims(msgspec.json.decode(shown, type=CLAIMS[typ])) == shown


@pytest.mark.shows("CVP-4-7")
def test_the_pseudonym_of_the_application_matches_the_text() -> None:
    mac = hmac.digest(APPLICATION_KEY, b"pseudonym\0" + REFERENCE.encode(), "sha256")
    assert json.loads(block("ticket-claims"))["application"] == base64url(mac[:16])


@pytest.mark.shows("CVP-5-1")
def test_each_step_of_the_code_derivation_matches_the_text() -> None:
    call_id = json.loads(block("ticket-claims"))["jti"]
    info, derived, key, mac, truncated, word, otp, interim, code = values("code")[1:]
    assert info == digest(STATEMENTS["ticket"]).hex()
    assert f'salt = "{call_id}"' in derived
    assert key == HKDF(SHA256(), 32, call_id.encode(), bytes.fromhex(info)).derive(APPLICATION_KEY).hex()
    octets = hmac.digest(bytes.fromhex(key), (1).to_bytes(8), "sha256")
    assert mac == octets.hex()
    place = octets[-1] & 0xF
    assert truncated.startswith(f"octets {place} to {place + 3},")
    number = int.from_bytes(octets[place : place + 4]) & 0x7FFFFFFF
    assert word == f"{number:08x} = {number}"
    assert otp == hotp(bytes.fromhex(key), 1) == str(number)[-8:]
    assert interim.split()[:9] == [damm.check_digit(otp[:n]) for n in range(9)]
    digits = derive_code(APPLICATION_KEY, call_id, STATEMENTS["ticket"], 1)
    assert code == f"{digits[:8]} ‖ {digits[8]}, shown {show_code(digits)}"


@pytest.mark.shows("CVP-4-9")
def test_the_commitments_match_the_customer_and_the_code() -> None:
    claims = json.loads(block("receipt-claims"))
    digits = re.sub(r"\D", "", values("code")[-1].rpartition("shown")[2])
    assert claims["customer"] == commitment(claims["salt"], CUSTOMER)
    assert claims["code"] == commitment(claims["salt"], digits)
    assert claims["call"]["ticket"] == base64url(digest(STATEMENTS["ticket"]))


@pytest.mark.shows("CVP-8.2-1", "CVP-4-4")
def test_the_log_and_proof_match_the_text() -> None:
    ticket, receipt, other, *hashes = (bytes.fromhex(value.split()[-1]) for value in values("log"))
    assert (ticket, receipt) == (digest(STATEMENTS["ticket"]), digest(STATEMENTS["receipt"]))
    leaves = [leaf_hash(entry) for entry in (ticket, receipt, other)]
    tree, _ = Tree(0, {}).extend(leaves)
    assert hashes == [*leaves, node_hash(*leaves[:2]), tree.root()]
    proof = parse_proof(block("proof"))
    assert encode_proof(1, tree.inclusion_proof(1), proof.checkpoint) == block("proof")


@pytest.mark.shows("CVP-8.1-8")
def test_the_receipt_verifies_in_the_service_and_the_sdk() -> None:
    kept: dict[str, Any] = {"statement": STATEMENTS["receipt"], "proof": block("proof")}
    checked = verify_evidence(Evidence(**kept), msgspec.convert(TRUST, Trust), RECEIPT)
    assert (checked.claims.verdict, checked.checkpoint.size) == ("genuine", 3)
    trust = sdk.Trust.read(json.dumps(TRUST).encode())
    assert sdk.verify(sdk.read_evidence(json.dumps(kept).encode()), trust, RECEIPT).checkpoint.size == 3
    with pytest.raises(sdk.EvidenceError):
        sdk.verify(sdk.Evidence(STATEMENTS["ticket"], block("proof")), trust)
