"""The core held against every vector of specs/vectors that concerns it; problems are read by clients."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tests.vectors.dialogues import played, shown
from tests.vectors.files import Json, vectors_of, whole
from verifier.core.checkpoint import Checkpoint, open_checkpoint, verify_proof
from verifier.core.code import derive_code, parse_code, show_code
from verifier.core.errors import VerifierError
from verifier.core.evidence import Evidence, Trust, verify_evidence


def check_digit(given: Json) -> Any:
    return parse_code(given["typed"])


def evidence(given: Json) -> Any:
    held = Evidence(whole(given["statement"]), whole(given["proof"]))
    checked = verify_evidence(held, msgspec.convert(given["trust"], Trust), given.get("typ"))
    claims = msgspec.json.decode(msgspec.json.encode(checked.claims))
    return {"typ": checked.typ, "claims": claims, "checkpoint": _said(checked.checkpoint)}


def checkpoint(given: Json) -> Any:
    return _said(open_checkpoint(whole(given["note"]), given["keys"], given["origin"]))


def proof(given: Json) -> Any:
    entry, text = bytes.fromhex(given["entry"]), whole(given["proof"])
    return _said(verify_proof(text, entry=entry, vkeys=given["keys"], origin=given["origin"]))


def _said(said: Checkpoint) -> Json:
    return {"origin": said.origin, "size": said.size, "root": base64.b64encode(said.root).decode()}


CHECKS: dict[str, Callable[[Json], Any]] = {
    "check-digit": check_digit,
    "tickets": evidence,
    "receipts": evidence,
    "checkpoints": checkpoint,
    "proofs": proof,
}


@pytest.mark.parametrize("subject", CHECKS)
def test_every_vector_comes_to_what_it_says(subject: str) -> None:
    file, vectors = vectors_of(subject)
    for each in vectors:
        given = {**file, **each, "trust": {**file.get("trust", {}), **each.get("trust", {})}}
        try:
            told = CHECKS[subject](given)
        except VerifierError as error:
            told = error.slug
        assert told == each.get("outcome", each.get("error")), each["id"]


def test_a_code_is_derived_as_every_vector_says_and_nothing_else_gives_the_same() -> None:
    file, vectors = vectors_of("code")
    codes = []
    for each in vectors:
        given = {**file, **each}
        key = bytes.fromhex(given["application_key"])
        codes.append(derive_code(key, given["call_id"], given["ticket"], given["counter"]))
        assert codes[-1] == each["outcome"]["code"], each["id"]
        assert show_code(codes[-1]) == each["outcome"]["shown"]
    assert len(set(codes)) == len(codes)
    changed = [set(each) & {"application_key", "call_id", "ticket", "counter"} for each in vectors]
    assert [len(each) for each in changed] == [0, *[1] * (len(vectors) - 1)]
    assert set.union(*changed) == {"application_key", "call_id", "ticket", "counter"}


def test_every_dialogue_goes_as_its_vector_says() -> None:
    file, vectors = vectors_of("dialogues")
    for each in vectors:
        turns = played(each["events"])
        assert [shown(turn) for turn in turns] == each["outcome"], each["id"]
        assert all(say.text == file["words"][say.name][say.language] for turn in turns for say in turn.say), each["id"]
