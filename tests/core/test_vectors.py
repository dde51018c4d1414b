"""Checks the core against the vectors of specs/vectors, except problems.json, which is for clients."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from msgspec.structs import astuple

from tests.vectors.dialogues import played, shown
from tests.vectors.files import Json, expected, file_of, vectors_of, whole, written
from tests.vectors.kept import octets
from verifier.core.checkpoint import open_checkpoint, verify_proof
from verifier.core.code import derive_code, impossible, parse_code, possible, show_code
from verifier.core.errors import VerifierError
from verifier.core.evidence import Evidence, Trust, verify_evidence
from verifier.core.octets import base64url
from verifier.receipt_files import evidence_in, trust_in


def check_digit(given: Json) -> Any:
    digits = parse_code(given["typed"])
    if not possible(digits):
        raise impossible("/code")
    return digits


def evidence(given: Json) -> Any:
    held = Evidence(whole(given["statement"]), whole(given["proof"]))
    checked = verify_evidence(held, msgspec.convert(given["trust"], Trust), given.get("typ"))
    claims = msgspec.json.decode(msgspec.json.encode(checked.claims))
    return {"typ": checked.typ, "claims": claims, "checkpoint": written(*astuple(checked.checkpoint))}


def checkpoint(given: Json) -> Any:
    return written(*astuple(open_checkpoint(whole(given["note"]), given["keys"], given["origin"])))


def proof(given: Json) -> Any:
    entry, text = bytes.fromhex(given["entry"]), whole(given["proof"])
    return written(*astuple(verify_proof(text, entry=entry, vkeys=given["keys"], origin=given["origin"])))


def kept(given: Json) -> Any:
    receipt, trust = (octets(whole(given[name]), given) for name in ("receipt", "trust_file"))
    try:
        trusted = trust_in(trust)
    except ValueError:
        return "no_trust"
    return {"typ": verify_evidence(evidence_in(receipt), trusted).typ}


CHECKS: dict[str, Callable[[Json], Any]] = {
    "check-digit": check_digit,
    "tickets": evidence,
    "receipts": evidence,
    "histories": evidence,
    "files": kept,
    "printed": kept,
    "contacts": evidence,
    "checkpoints": checkpoint,
    "proofs": proof,
}


@pytest.mark.shows(
    "CVP-4-8",
    "CVP-8.1-2",
    "CVP-8.1-3",
    "CVP-8.1-4",
    "CVP-8.1-5",
    "CVP-8.1-6",
    "CVP-8.1-7",
    "CVP-8.1-8",
    "CVP-8.1-9",
    "CVP-8.1-10",
    "CVP-8.1-12",
    "CVP-8.1-13",
    "CVP-8.1-14",
    "CVP-8.1-15",
    "CVP-8.1-16",
    "CVP-8.1-17",
    "CVP-8-3",
    "CVP-8-4",
    "CVP-8.5-1",
    "CVP-8.5-2",
)
@pytest.mark.parametrize("subject", CHECKS)
def test_each_vector_has_its_expected_outcome(subject: str) -> None:
    for each in vectors_of(subject):
        try:
            told = CHECKS[subject](each)
        except VerifierError as error:
            told = error.slug
        assert told == expected(each), each["id"]


@pytest.mark.shows("CVP-5-1")
def test_each_code_vector_has_its_expected_code_and_no_two_are_the_same() -> None:
    codes = []
    for each in vectors_of("code"):
        key = bytes.fromhex(each["application_key"])
        codes.append(derive_code(key, each["call_id"], each["ticket"], each["counter"]))
        assert codes[-1] == each["outcome"]["code"], each["id"]
        assert show_code(codes[-1]) == each["outcome"]["shown"]
    assert len(set(codes)) == len(codes)
    bound = {"application_key", "call_id", "ticket", "counter"}
    changed = [bound & set(each) for each in file_of("code")[1]]
    assert [len(each) for each in changed] == [0, *[1] * (len(codes) - 1)], "one thing in turn"
    assert set.union(*changed) == bound


@pytest.mark.shows("CVP-4-7", "CVP-4-9", "CVP-4-14", "CVP-7-8")
def test_the_pseudonyms_code_and_commitments_of_a_call_to_a_contact_come_from_what_the_file_gives() -> None:
    vectors = {each["id"]: each for each in vectors_of("contacts")}
    ticket = vectors["ticket"]
    claims = ticket["outcome"]["claims"]
    assert (
        derive_code(bytes.fromhex(ticket["code_key"]), claims["jti"], ticket["statement"], ticket["counter"])
        == (ticket["code"])
    )
    named = [each for each in vectors.values() if "contact" in each]
    for each in named:
        told = each["outcome"]["claims"]
        assert told["application"] == _pseudonym(each["pseudonym_key"], "pseudonym", each["reference"])
        assert told["contact"]["pseudonym"] == _pseudonym(each["pseudonym_key"], "contact", each["contact"])
    asked = [each for each in vectors.values() if "login" in each]
    for each in asked:
        told = each["outcome"]["claims"]
        assert (told["call"]["call_id"], told["call"]["ticket"]) == (claims["jti"], _hashed(ticket["statement"]))
        for name, value in (("customer", each["login"]), ("code", ticket["code"])):
            assert told[name] == _hashed(f"{told['salt']}\0{value}"), (each["id"], name)
    assert (len(named), len(asked)) == (2, 3)


@pytest.mark.shows("CVP-3.3-7")
def test_a_receipt_of_a_contact_without_details_names_neither_the_loan_nor_the_purpose() -> None:
    calls = {each["id"]: each["outcome"]["claims"]["call"] for each in vectors_of("contacts") if "login" in each}
    silent = calls.pop("no-details")
    assert all(call["loan"] and call["purpose"] and call["asks"] for call in calls.values())
    assert ("loan" in silent, silent["purpose"], silent["asks"]) == (False, "", [])


def _pseudonym(key: str, kind: str, value: str) -> str:
    return base64url(hmac.digest(bytes.fromhex(key), f"{kind}\0{value}".encode(), "sha256")[:16])


def _hashed(text: str) -> str:
    return base64url(hashlib.sha256(text.encode()).digest())


@pytest.mark.shows("CVP-7.7-1", "CVP-7.7-6")
def test_each_dialogue_vector_has_its_expected_turns() -> None:
    for each in vectors_of("dialogues"):
        turns = played(each["events"])
        assert [shown(turn) for turn in turns] == each["outcome"], each["id"]
        assert all(say.text == each["words"][say.name][say.language] for turn in turns for say in turn.say), each["id"]
