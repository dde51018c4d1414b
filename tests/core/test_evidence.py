"""Statements checked offline: published JWS vectors, and changed receipts (law L8)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.world import ISSUER, NOON, ORIGIN
from verifier import keys
from verifier.core.checkpoint import Checkpoint, encode_proof
from verifier.core.errors import EvidenceError, InvalidSignature
from verifier.core.evidence import Evidence, LogKey, Trust, open_jws, verify_evidence, verify_statement
from verifier.core.merkle import Tree, leaf_hash
from verifier.core.statements import RECEIPT, Receipt, digest
from verifier.keys import FileKeyRing

RFC_7515_KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}
RFC_7515_JWS = (
    "eyJhbGciOiJFUzI1NiJ9"
    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[FileKeyRing, Trust, Evidence]:
    """A key ring, the trust file of its deployment, and a good receipt in a log of three leaves."""
    path: Path = tmp_path_factory.mktemp("ring") / "ring.json"
    keys.create(path, NOON)
    ring = FileKeyRing(path, ORIGIN)
    return ring, Trust(ISSUER, ring.jwks(), LogKey(ORIGIN, ring.log_keys())), _receipt(ring)


def _receipt(ring: FileKeyRing, issuer: str = ISSUER, typ: str = RECEIPT) -> Evidence:
    claims = Receipt(issuer, "rcpt_1", NOON // 1000, "not_genuine", "app", "c", "d", None, (), "salt")
    statement = ring.sign(typ, msgspec.json.encode(claims))
    leaves = [b"a" * 32, digest(statement), b"b" * 32]
    tree, _ = Tree(0, {}).extend([leaf_hash(each) for each in leaves])
    note = ring.sign_checkpoint(Checkpoint(ORIGIN, 3, tree.root()).text())
    return Evidence(statement, encode_proof(1, tree.inclusion_proof(1), note))


@pytest.mark.shows("CVP-8.1-4")
def test_the_jws_of_rfc_7515_appendix_a_3_verifies_but_is_no_statement() -> None:
    assert b'"iss":"joe"' in open_jws(RFC_7515_JWS, RFC_7515_KEY)
    with pytest.raises(InvalidSignature):
        open_jws(RFC_7515_JWS[:-2] + "0A", RFC_7515_KEY)
    trust = Trust("joe", {"keys": [RFC_7515_KEY]}, LogKey(ORIGIN, ()))
    with pytest.raises(InvalidSignature, match="missing required field"):
        verify_statement(RFC_7515_JWS, trust)


@pytest.mark.shows("CVP-8.1-3")
@pytest.mark.parametrize("jwks", [{}, {"keys": None}, {"keys": {}}, {"keys": [None, 7, [], {}]}])
def test_a_malformed_key_set_holds_no_key(made: tuple[FileKeyRing, Trust, Evidence], jwks: dict[str, Any]) -> None:
    with pytest.raises(InvalidSignature, match="none of the trusted keys"):
        verify_evidence(made[2], msgspec.structs.replace(made[1], jwks=jwks))


@given(data=st.data())
def test_evidence_with_one_changed_character_is_refused(
    made: tuple[FileKeyRing, Trust, Evidence], data: st.DataObject
) -> None:
    _, trust, evidence = made
    statement = data.draw(st.booleans())
    text = evidence.statement if statement else evidence.proof
    place = data.draw(st.integers(0, len(text) - 1))
    character = data.draw(st.characters(min_codepoint=10, max_codepoint=126))
    changed = text[:place] + character + text[place + 1 :]
    if changed == text:
        return
    spoiled = Evidence(changed, evidence.proof) if statement else Evidence(evidence.statement, changed)
    with pytest.raises(EvidenceError):
        verify_evidence(spoiled, trust)


@given(st.text(max_size=400), st.text(max_size=400))
def test_arbitrary_text_is_refused_as_evidence(made: tuple[FileKeyRing, Trust, Evidence], one: str, two: str) -> None:
    with pytest.raises(EvidenceError):
        verify_evidence(Evidence(one, two), made[1])
