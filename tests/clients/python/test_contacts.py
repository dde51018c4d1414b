"""The contacts of a loan in the Python SDK: both forms of a registration, and verdicts on calls to other contacts."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from callback_verification import Verdict, applications, calls, confirmations, legs, me
from callback_verification.shapes import (
    Borrower,
    CalledContact,
    Consents,
    Contact,
    Customer,
    Officer,
    RegisteredNumber,
    Registration,
)

from tests.clients.python.conftest import DESK, Clients
from tests.clients.test_python_sdk import CALL, VERDICT, stated

ON_FILE = RegisteredNumber(number="+8613800004444", added_at=datetime(2026, 1, 5, tzinfo=UTC))
OFFICERS = (Officer(id="4412", name="李伟", branch="北京中关村支行"),)
CALLED = {"role": "finance", "name": "周敏"}


def test_both_forms_of_a_registration_name_their_borrower_and_their_people() -> None:
    alone = Registration(
        customer=Customer("cust-1", "赵敏"), numbers=(ON_FILE,), officers=OFFICERS, product="个人住房贷款"
    )
    assert alone.owner == Borrower("cust-1", "赵敏", "person")
    rights = ("called", "confirm", "details")
    assert alone.people == (Contact("赵敏", "borrower", rights, "cust-1", numbers=(ON_FILE,), consents=Consents()),)
    company = Borrower("9133", "东海机械有限公司", "company")
    finance = Contact("周敏", "finance", ("called",), numbers=(ON_FILE,))
    several = Registration(borrower=company, contacts=(finance,), officers=OFFICERS, product="流动资金贷款")
    assert (several.owner, several.people) == (company, (finance,))
    assert "周敏" not in repr(several)
    sent = msgspec.json.decode(msgspec.json.encode(several))
    assert {"customer", "numbers", "consents"}.isdisjoint(sent), "the service refuses a mixture of both forms"
    nobody = Registration(officers=OFFICERS, product="x")
    with pytest.raises(ValueError, match="a borrower or a customer"):
        _ = nobody.owner
    with pytest.raises(ValueError, match="contacts, or a customer"):
        _ = nobody.people


def test_a_company_is_read_as_it_was_registered_and_its_calls_name_the_called_contact(clients: Clients) -> None:
    finance = Contact("周敏", "finance", ("called", "confirm", "details"), "cust-0002", numbers=(ON_FILE,))
    customer = Contact("王芳", "legal_representative", ("confirm", "details"), "cust-0001")
    registration = Registration(
        borrower=Borrower("9133", "东海机械有限公司", "company"),
        contacts=(finance, customer),
        officers=OFFICERS,
        product="流动资金贷款",
    )
    clients.loans.send(applications.put("WC-SDK", registration))
    assert clients.loans.send(applications.read("WC-SDK")).registration == registration
    asked = calls.issue("WC-SDK", purpose="terms", number=ON_FILE.number, caller_number=DESK)
    call_id = clients.officer.send(asked).call.call_id
    clients.pbx.send(legs.connected(call_id, leg_id="1", number=ON_FILE.number))
    verdict = clients.customer.send(confirmations.confirm(clients.officer.send(calls.code(call_id)).digits))
    called = CalledContact("finance", "周敏")
    assert verdict.is_genuine
    assert verdict.call is not None
    assert verdict.call.called == called
    listed = clients.customer.send(me.calls()).calls
    assert [each.called for each in listed if each.call_id == call_id] == [called]
    mine = clients.customer.send(me.applications()).applications
    assert {each.application_id: each.borrower for each in mine}["WC-SDK"] == "东海机械有限公司"
    clients.pbx.send(legs.ended(call_id, leg_id="1", number=ON_FILE.number))


@pytest.mark.parametrize("member", ["purpose", "number"])
def test_a_verdict_hides_its_facts_only_of_a_call_to_another_contact(member: str) -> None:
    hidden = {**CALL, member: None}
    verdict = msgspec.convert(stated({**VERDICT, "call": {**hidden, "called": CALLED}}), Verdict)
    assert verdict.is_genuine
    assert verdict.call is not None
    assert (getattr(verdict.call, member), verdict.call.called) == (None, CalledContact("finance", "周敏"))
    for call in (hidden, {**hidden, "called": {"role": "stranger", "name": "周敏"}}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(stated({**VERDICT, "call": call}), Verdict)
