"""Checks signed statements against specs/protocol.md section 4, with a parser independent of the service."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import msgspec
import pytest

from tests.world import DESK, ISSUER, NOON, OFFICER, Person, World, another_code, staff
from verifier.core.messages.policy_exceptions import GrantException
from verifier.core.sealing import unseal
from verifier.ledger.decrypted import DecryptedApplication

Json = dict[str, Any]


def decoded(part: str) -> bytes:
    octets = urlsafe_b64decode(part + "=" * (-len(part) % 4))
    assert base64url(octets) == part
    return octets


def base64url(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


def strict(octets: bytes) -> Json:
    """Parses JSON as in RFC 7493: UTF-8, no duplicate members, and whole numbers only."""

    def members(pairs: list[tuple[str, Any]]) -> Json:
        assert len({name for name, _ in pairs}) == len(pairs)
        return dict(pairs)

    def fraction(text: str) -> None:
        pytest.fail(f"{text} is not written in digits alone")

    return dict(json.loads(octets.decode("utf-8"), object_pairs_hook=members, parse_float=fraction))


async def application_of(world: World, person: Person) -> DecryptedApplication:
    return await world.context.reading.application(person.application_id)


async def one_of_each(world: World, person: Person) -> dict[str, str]:
    """A statement of each kind by its typ, and a second receipt, under `not genuine`."""
    asked = GrantException("4412", ("daily_cap", "contact_hours"), "checked in the branch")
    supervisor = staff("9001", "supervisor")
    key = world.key(supervisor, asked)
    granted = await world.service.policy_exceptions.grant(supervisor, person.application_id, asked, key)
    issued = await world.issue(person, exception_id=granted.value.exception_id)
    await world.leg(issued["call"]["call_id"], "connected", person.number)
    code = await world.reveal(issued["call"]["call_id"])
    refused = await world.confirm(person, another_code(code))
    return {
        "call-ticket+jwt": issued["ticket"]["statement"],
        "not genuine": refused["receipt"]["statement"],
        "call-receipt+jwt": (await world.confirm(person, code))["receipt"]["statement"],
        "report-receipt+jwt": (await world.report(person, "低息贷款"))["receipt"]["statement"],
        "policy-exception+jwt": granted.value.evidence.statement,
        "call-history+jwt": (await world.check_calls(person, world.clock() - 86_400_000))["receipt"]["statement"],
    }


@pytest.mark.shows("CVP-4-1", "CVP-4-2", "CVP-4-3", "CVP-4-4", "CVP-4-8", "CVP-3-3")
async def test_every_statement_has_the_specified_form(world: World, wang: Person) -> None:
    statements = await one_of_each(world, wang)
    kids = {key["kid"] for key in world.ring.jwks()["keys"]}
    salts = set()
    for typ, statement in statements.items():
        header, payload, signature = map(decoded, statement.split("."))
        kid = strict(header)["kid"]
        assert kid in kids
        assert strict(header) == {"alg": "ES256", "typ": typ.replace("not genuine", "call-receipt+jwt"), "kid": kid}
        claims = strict(payload)
        assert (claims["iss"], claims["iat"], len(signature)) == (ISSUER, NOON // 1000, 64)
        assert len(decoded(claims["salt"])) == 16
        salts.add(claims["salt"])
        entry = hashlib.sha256(statement.encode()).digest()
        found = await world.storage.fetch("SELECT statement_id FROM leaves WHERE entry = $1", entry)
        assert [row[0] for row in found] == [claims["jti"]]
        if "verdict" in claims:
            assert (claims["verdict"] == "genuine") is (claims["call"] is not None)
    assert len(salts) == len(statements)


@pytest.mark.shows("CVP-4-6", "CVP-4-7", "CVP-4.2-4", "CVP-3-4")
async def test_a_ticket_holds_the_requested_call_and_only_a_pseudonym_of_the_application(
    world: World, wang: Person
) -> None:
    ticket = strict(decoded((await one_of_each(world, wang))["call-ticket+jwt"].split(".")[1]))
    application = await application_of(world, wang)
    mac = hmac.digest(application.keys.pseudonyms, b"pseudonym\0" + wang.application_id.encode(), "sha256")
    assert ticket["application"] == base64url(mac[:16])
    assert (ticket["nbf"], ticket["exp"]) == (ticket["iat"], ticket["iat"] + 600)
    assert ticket["officer"] == {"id": OFFICER.id, "name": OFFICER.name, "branch": OFFICER.branch}
    assert (ticket["orig"], ticket["dest"]) == ({"tn": DESK[1:]}, {"tn": [wang.number[1:]]})
    assert (ticket["purpose"], ticket["asks"][0], ticket["policy"]) == ("documents", "document_copies", "2026-1")
    assert ticket["exceptions"] == ["contact_hours", "daily_cap"]


@pytest.mark.shows("CVP-7.6-2")
async def test_the_receipt_of_a_report_commits_to_the_whole_stored_report(world: World, wang: Person) -> None:
    taken = await world.report(wang, "低息贷款", code="123 456 789")
    claims = strict(decoded(taken["receipt"]["statement"].split(".")[1]))
    rows = await world.storage.fetch("SELECT sealed FROM reports WHERE report_id = $1", taken["report_id"])
    kept = unseal((await application_of(world, wang)).keys.sealing, taken["report_id"], bytes(rows[0][0]))
    assert claims["report"] == base64url(hashlib.sha256(kept).digest())
    assert strict(kept).keys() == {"report", "salt"}
    assert strict(kept)["salt"] == claims["salt"]
    assert strict(kept)["report"]["said"] == "低息贷款"


@pytest.mark.shows("CVP-5-2")
async def test_the_call_counter_of_an_application_starts_at_one_and_increases_by_one(
    world: World, wang: Person, mallory: Person
) -> None:
    for person in (wang, wang, mallory, wang):
        await world.issue(person)
    rows = await world.storage.fetch("SELECT application_id, call_counter FROM calls WHERE leaf_index >= 0")
    assert sorted(map(tuple, rows)) == sorted(
        [(wang.application_id, 1), (wang.application_id, 2), (wang.application_id, 3), (mallory.application_id, 1)]
    )


@pytest.mark.shows("CVP-4.1-4")
async def test_customers_and_numbers_are_found_by_keyed_indexes_of_sixteen_octets(world: World, wang: Person) -> None:
    ring = msgspec.json.decode(world.ring_file.read_bytes())
    key = decoded(next(each["jwk"]["k"] for each in ring["keys"] if each["use"] == "index"))
    rows = await world.storage.fetch("SELECT * FROM numbers")
    assert [tuple(map(bytes, row[:1])) for row in rows] == [
        (hmac.digest(key, b"number\0" + wang.number.encode(), "sha256")[:16],)
    ]
    row = (await application_of(world, wang)).row
    assert row.customer_index == hmac.digest(key, b"customer\0" + wang.customer_id.encode(), "sha256")[:16]
