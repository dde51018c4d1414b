"""The Python SDK against every vector of specs/vectors that specs/vectors/README.md assigns to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from callback_verification import (
    CannotCheck,
    Evidence,
    EvidenceError,
    InsufficientUserAuthentication,
    Problem,
    Trust,
    Unavailable,
    codes,
    me,
    read_evidence,
    verify,
)
from callback_verification.proofs import open_checkpoint, verify_proof
from callback_verification.sending import Sending, Timeouts
from msgspec.structs import astuple

from tests.vectors.files import Json, expected, vectors_of, whole, written
from tests.vectors.kept import octets


def check_digit(given: Json) -> Any:
    digits = codes.read(given["typed"])
    if not codes.possible(digits):
        raise ValueError("the check digit is wrong")
    return digits


def evidence(given: Json) -> Any:
    held = Evidence(whole(given["statement"]), whole(given["proof"]))
    checked = verify(held, Trust.read(msgspec.json.encode(given["trust"])), given.get("typ"))
    claims = msgspec.json.decode(msgspec.json.encode(checked.claims))
    return {"typ": checked.typ, "claims": claims, "checkpoint": written(*astuple(checked.checkpoint))}


def checkpoint(given: Json) -> Any:
    return written(*astuple(open_checkpoint(whole(given["note"]), given["keys"], given["origin"])))


def proof(given: Json) -> Any:
    return written(
        *astuple(verify_proof(whole(given["proof"]), bytes.fromhex(given["entry"]), given["keys"], given["origin"]))
    )


def kept(given: Json) -> Any:
    receipt, trust = (octets(whole(given[name]), given) for name in ("receipt", "trust_file"))
    try:
        trusted = Trust.read(trust)
    except ValueError:
        return "no_trust"
    return {"typ": verify(read_evidence(receipt), trusted).typ}


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
def test_every_vector_has_its_expected_result(subject: str) -> None:
    for each in vectors_of(subject):
        try:
            told = CHECKS[subject](each)
        except EvidenceError as error:
            told = error.slug
        except ValueError:
            told = "malformed_code"
        assert told == expected(each), each["id"]


def test_every_problem_is_understood_as_its_vector_says() -> None:
    for each in vectors_of("problems"):
        asked = Sending(me.call_status(), "http://x/v1/me", None, Timeouts(), lambda: 0.0, lambda: 0.0, lambda: 0.0)
        asked.outgoing()
        with pytest.raises((Problem, CannotCheck)) as caught:
            asked.answer(each["status"], each["headers"], each["body"].encode())
        told = each["outcome"] if each["valid"] else {"understood": "cannot_check"}
        assert _understood(caught.value) == told, each["id"]
        if each["try_again"]:
            assert asked.pause(caught.value) == (told.get("retry_after") or 0), each["id"]
        else:
            with pytest.raises(type(caught.value)):
                asked.pause(caught.value)


def _understood(error: Exception) -> Json:
    """What the SDK makes of an answer, in the terms of problems.json."""
    if isinstance(error, Unavailable):
        names = ("status", "detail", "request_id", "retry_after")
        return {"understood": "unavailable", **{name: getattr(error, name) for name in names}}
    # An internal error is both a Problem and a CannotCheck. CannotCheck takes precedence.
    if isinstance(error, CannotCheck) or not isinstance(error, Problem):
        return {"understood": "cannot_check"}
    names = ("slug", "status", "title", "detail", "request_id", "retry_after")
    members = ("errors", "refusals", *(("acr_values",) if isinstance(error, InsufficientUserAuthentication) else ()))
    lists = {name: msgspec.to_builtins(list(getattr(error, name))) for name in members}
    return {"understood": "problem", **{name: getattr(error, name) for name in names}, **lists}
