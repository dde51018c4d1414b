"""A genuine verdict names the loan: product and reference in writing and in the receipt, the product by telephone."""

from __future__ import annotations

import json

import msgspec
import pytest

from tests.world import Person, World, another_code, staff
from verifier.core.application import Loan, Registration
from verifier.core.messages.confirmations import Verdict
from verifier.core.sealing import unseal
from verifier.ledger.decrypted import DecryptedApplication

PRODUCT, REFERENCE = "个人住房贷款", "贷 2026/0417"
LOAN = {"product": PRODUCT, "reference": REFERENCE}


async def registered(world: World, person: Person) -> DecryptedApplication:
    return await world.context.reading.application(person.application_id)


@pytest.mark.shows("CVP-4-10", "CVP-7.4-2", "CVP-3.1-13")
@pytest.mark.parametrize("reference", [REFERENCE, None])
async def test_a_genuine_verdict_and_its_receipt_name_the_loan(world: World, reference: str | None) -> None:
    person = Person(1)
    await world.register(person, **({"reference": reference} if reference else {}))
    expected = {"product": PRODUCT, "reference": reference or person.application_id}
    _, code = await world.live_call(person)
    verdict = await world.confirm(person, code)
    assert verdict["call"]["loan"] == expected
    assert world.check(verdict["receipt"]).call.loan == Loan(**expected)
    for said in verdict["words"]:
        assert PRODUCT in said["text"]
        assert expected["reference"] in said["text"]
    assert (await world.confirm(person, code))["call"]["loan"] == expected
    (mine,) = (await world.service.me.applications(person.principal)).applications
    assert (mine.product, mine.reference) == (PRODUCT, expected["reference"])


@pytest.mark.shows("CVP-4-10")
async def test_the_verdict_names_the_loan_whose_call_it_is(world: World, wang: Person) -> None:
    other = Person(7)
    other.customer_id, other.principal = wang.customer_id, wang.principal
    await world.register(other, product="汽车贷款", reference="车 88")
    _, home = await world.live_call(wang)
    _, car = await world.live_call(other)
    for code, loan in ((car, Loan("汽车贷款", "车 88")), (home, Loan(PRODUCT, wang.application_id))):
        verdict = await world.confirm(wang, code)
        assert verdict["call"]["loan"] == msgspec.to_builtins(loan)
        assert world.check(verdict["receipt"]).call.loan == loan


@pytest.mark.shows("CVP-4-10", "CVP-7.4-2")
async def test_by_telephone_the_product_is_said_and_the_receipt_has_both(world: World) -> None:
    person = Person(1)
    await world.register(person, reference=REFERENCE)
    call_id, code = await world.live_call(person)
    await world.leg(call_id, "ended", person.number)
    spoken = await world.ring_in(person.number, code)
    assert spoken["verdict"] == "genuine"
    assert PRODUCT in spoken["words"]["text"]
    assert REFERENCE not in json.dumps(spoken, ensure_ascii=False)
    receipt = await world.service.receipts.read(person.principal, spoken["receipt_id"])
    assert world.check(msgspec.to_builtins(receipt.receipt)).call.loan == Loan(PRODUCT, REFERENCE)


@pytest.mark.shows("CVP-7.4-2")
async def test_a_dialogue_says_the_product_and_no_reference(world: World) -> None:
    person = Person(1)
    await world.register(person, reference=REFERENCE)
    _, code = await world.live_call(person)
    session = (await world.begin_dialogue(person.number))["session_id"]
    for keys in (f"{code}#", "*", "*9"):
        told = await world.press(session, keys)
        (who,) = [each["text"] for each in told["say"] if each["name"] == "who"]
        assert PRODUCT in who
        assert REFERENCE not in json.dumps(told, ensure_ascii=False)


@pytest.mark.shows("CVP-7-4")
async def test_a_refusal_names_no_loan(world: World) -> None:
    person = Person(1)
    await world.register(person, reference=REFERENCE)
    _, code = await world.live_call(person)
    refused = await world.confirm(person, another_code(code))
    assert refused["verdict"] == "not_genuine"
    claims = world.check(refused["receipt"])
    assert PRODUCT not in json.dumps(refused, ensure_ascii=False) + repr(claims)


async def test_facts_without_a_reference_are_stored_as_the_last_release_stored_them(world: World, wang: Person) -> None:
    """A node of the last release refuses a member that it does not know, so it must not be written as null."""
    application = await registered(world, wang)
    assert application.row.sealed is not None
    stored = json.loads(unseal(application.keys.sealing, wang.application_id, application.row.sealed))
    assert "reference" not in stored
    assert msgspec.json.decode(msgspec.json.encode(stored), type=Registration) == application.registration


async def test_an_answer_that_the_last_release_kept_can_be_repeated(world: World, wang: Person) -> None:
    """Such an answer has no loan. After the call, a retry of it is decoded, changed and encoded again."""
    _, code = await world.live_call(wang)
    kept = await world.confirm(wang, code)
    del kept["call"]["loan"]
    again = msgspec.json.decode(msgspec.json.encode(kept), type=Verdict)
    assert again.call is not None
    assert again.call.loan is None


@pytest.mark.shows("CVP-7.5-4")
async def test_an_officer_finds_an_application_by_the_customers_reference(world: World) -> None:
    person = Person(1)
    await world.register(person, reference=REFERENCE)
    for query, found in ((REFERENCE, 1), (person.application_id, 1), ("贷 2026/0418", 0)):
        assert len((await world.service.desk.applications(staff("4412"), query, None, 9)).applications) == found
