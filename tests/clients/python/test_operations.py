"""The SDK has every operation of specs/openapi.yaml, with its request and answer. Reprs and logs leak nothing."""

from __future__ import annotations

import inspect
import json
import logging
import pickle
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, get_type_hints

import callback_verification
import msgspec
import pytest
from callback_verification import (
    Bearer,
    CannotCheck,
    Client,
    Evidence,
    Forbidden,
    NotFound,
    Problem,
    Request,
    Suspended,
    applications,
    calls,
    confirmations,
    counter,
    exceptions,
    helpers,
    ivr,
    legs,
    log,
    looks,
    me,
    receipts,
    reconciliation,
    reports,
    staff,
)
from callback_verification.errors import EvidenceError, InternalError
from callback_verification.sending import Outgoing
from callback_verification.shapes import Customer, LegByNumber, Officer, RegisteredNumber, Registration
from msgspec.structs import replace

from tests.clients.python.conftest import APPLICATION, DESK, NUMBER, Clients
from tests.described import DESCRIPTION

SPEC = DESCRIPTION
# The SDK has no event streams.
STREAMS = {"call_events", "my_events"}
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LOAN = Registration(
    customer=Customer("c", "Anna"),
    numbers=(RegisteredNumber(NUMBER, NOW),),
    officers=(Officer("1", "Li", "Mitte"),),
    product="loan",
    reference="7",
    status="closed",
    closed_at=NOW,
)
ONE_PERSON, SEVERAL = {"customer", "numbers", "consents"}, {"borrower", "contacts"}
CALL, ASKED, HELPER = "call_" + "0" * 32, "excr_" + "0" * 32, "help_" + "0" * 32
ASKS: dict[str, Callable[[], Request[Any]]] = {
    "put_application": lambda: applications.put("LN", LOAN),
    "get_application": lambda: applications.read("LN"),
    "delete_application": lambda: applications.erase("LN"),
    "search_applications": lambda: applications.search("王", limit=3, cursor="LN"),
    "grant_exception": lambda: applications.grant_exception("LN", officer_id="1", rules=["daily_cap"], reason="r"),
    "request_exception": lambda: exceptions.ask(
        "LN", purpose="terms", number=NUMBER, rules=["daily_cap"], reason="seen"
    ),
    "list_exception_requests": exceptions.requests,
    "decide_exception": lambda: exceptions.decide(ASKED, granted=False, reason="no"),
    "issue_call": lambda: calls.issue(
        "LN", purpose="terms", number=NUMBER, caller_number=DESK, officer_id="1", exception_id="exc_" + "0" * 32
    ),
    "list_calls": lambda: calls.find(since=NOW, limit=1, cursor=CALL),
    "list_queue": calls.queue,
    "get_call": lambda: calls.read(CALL),
    "reveal_code": lambda: calls.code(CALL),
    "make_identity": lambda: calls.identity(CALL),
    "leg_event": lambda: legs.connected(CALL, leg_id="1", number=NUMBER, at=NOW, caller_number=DESK),
    "leg_by_number": lambda: legs.by_number(LegByNumber("connected", "1", NOW, NUMBER, DESK, "4412")),
    "exchange_alive": legs.alive,
    "list_exchanges": legs.exchanges,
    "list_discrepancies": lambda: reconciliation.find(kind="leg_ambiguous", since=NOW, until=NOW, limit=1, cursor=CALL),
    "revoke_call": lambda: calls.revoke(CALL, reason="r"),
    "get_staff_member": staff.me,
    "suspend_staff": lambda: staff.suspend("E 1/2", reason="r"),
    "lift_suspension": lambda: staff.lift("E 1/2"),
    "list_suspensions": lambda: staff.suspensions(limit=1, cursor="susp_" + "0" * 32),
    "search_looks": lambda: looks.search(
        staff_id="1", application_id="LN", customer_id="c", since=NOW, until=NOW, limit=1, cursor="look_" + "0" * 32
    ),
    "confirm": lambda: confirmations.confirm("482177306", application_id="LN", caller_number="+8617000000000"),
    "confirm_by_phone": lambda: ivr.confirm(
        "482177306", dialled_number=NUMBER, caller_number=NUMBER, application_id="LN", language="en"
    ),
    "begin_session": lambda: ivr.begin(dialled_number=NUMBER, caller_number=NUMBER, language="en"),
    "step_session": lambda: ivr.step("ivr_" + "0" * 32, "1"),
    "my_helpers": helpers.find,
    "invite_helper": lambda: helpers.invite(name="女儿"),
    "confirm_helper": lambda: helpers.accept(HELPER),
    "end_helper": lambda: helpers.end(HELPER),
    "people_i_help": helpers.people,
    "enter_invitation": lambda: helpers.enter("BCDFG-HJKLM", name="小美", person="妈妈"),
    "stop_helping": lambda: helpers.stop(HELPER),
    "confirm_for_person": lambda: helpers.confirm(HELPER, "482177306", caller_number="+8617000000000"),
    "helped_call_status": lambda: helpers.call_status(HELPER),
    "my_calls": lambda: me.calls(limit=1, cursor=CALL),
    "my_call_status": me.call_status,
    "verify_call": lambda: me.verify_call(caller_number=DESK, rang_at=NOW),
    "my_applications": me.applications,
    "my_receipts": lambda: me.receipts(limit=1, cursor="rcpt_" + "0" * 32),
    "my_looks": lambda: me.looks(limit=1, cursor="look_" + "0" * 32),
    "get_preferences": me.preferences,
    "put_preferences": lambda: me.put_preferences(marketing_calls=False),
    "find_customer": lambda: counter.find(reason="r", application_id="LN", number=NUMBER),
    "check_calls_at_counter": lambda: counter.check_calls(
        reason="r", begins=NOW, ends=NOW, application_id="LN", number=NUMBER, caller_number=DESK
    ),
    "confirm_at_counter": lambda: counter.confirm(
        "482177306", reason="r", application_id="LN", number=NUMBER, caller_number=DESK
    ),
    "report_at_counter": lambda: counter.report(
        reason="r", at=NOW, application_id="LN", number=NUMBER, said="x", call_id=CALL
    ),
    "draw_receipt": lambda: receipts.draw(Evidence("a", "b")),
    "check_calls": lambda: me.check_calls(begins=NOW, ends=NOW, caller_number=DESK),
    "report_call": lambda: reports.send(
        at=NOW, caller_number="1", said="s", code="1", reporter_number=NUMBER, call_id=CALL
    ),
    "get_receipt": lambda: receipts.read("rcpt_" + "0" * 32),
    "verify_receipt": lambda: receipts.check(Evidence("s", "p")),
    "log_checkpoint": log.checkpoint,
    "log_tile": lambda: log.tile("0/000"),
    "log_shard_checkpoint": lambda: log.checkpoint(3),
    "log_shard_tile": lambda: log.tile("0/000", 3),
    "log_consistency": lambda: log.consistency(old=1, new=2, shard=3),
    "jwks": log.jwks,
    "description": log.description,
}
OPERATIONS = {
    operation["operationId"]: (method.upper(), path, operation)
    for path, methods in SPEC["paths"].items()
    for method, operation in methods.items()
}


def test_the_sdk_has_every_operation_of_the_api() -> None:
    assert set(ASKS) == set(OPERATIONS) - STREAMS


def _schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = SPEC["components"]["schemas"][name.rpartition("/")[2]]
    return found


@pytest.mark.parametrize("name", ASKS)
def test_each_request_matches_the_description(name: str) -> None:
    method, path, operation = OPERATIONS[name]
    request = ASKS[name]()
    asked, _, query = request.path.partition("?")
    # The last part of a tile's path contains slashes.
    shape = re.sub(r"\\\{path\\\}$", ".+", re.escape(path))
    pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", shape)
    assert request.method == method
    assert re.fullmatch(pattern, asked), asked
    # A repeated sign of life is a new one.
    assert (request.idempotency_key is not None) is (method == "POST" and name != "exchange_alive")
    given = {each.partition("=")[0] for each in query.split("&") if each}
    assert given == {each["name"] for each in operation.get("parameters", []) if each["in"] == "query"}
    body = operation.get("requestBody")
    assert (request.body is not None) is (body is not None)
    if body is not None and request.body is not None:
        described = _schema(body["content"]["application/json"]["schema"]["$ref"])
        sent = set(json.loads(request.body))
        # A registration has one of two forms.
        assert sent | (ONE_PERSON ^ SEVERAL if sent & ONE_PERSON else set()) >= set(described["properties"])
        assert sent <= set(described["properties"])


@pytest.mark.parametrize("name", ASKS)
def test_each_shape_has_the_members_of_the_description(name: str) -> None:
    content = next(
        answer["content"] for status, answer in OPERATIONS[name][2]["responses"].items() if status.startswith("2")
    )
    request = ASKS[name]()
    assert request.accept in content
    if request.accept != "application/json":
        return
    described = _schema(content["application/json"]["schema"]["$ref"])
    encoded = {each.encode_name for each in msgspec.structs.fields(request.answer)}
    # The SDK keeps only the parts of the trust file that a verifier needs.
    missing = set(described["properties"]) - encoded
    assert encoded <= set(described["properties"])
    assert not missing or name == "description"


def test_each_request_function_declares_its_answer_type() -> None:
    for module in (
        applications,
        calls,
        confirmations,
        exceptions,
        helpers,
        ivr,
        legs,
        log,
        looks,
        me,
        receipts,
        reports,
        staff,
    ):
        makers = [
            each for _, each in inspect.getmembers(module, inspect.isfunction) if each.__module__ == module.__name__
        ]
        for each in makers:
            assert each.__doc__ or each.__name__.startswith("_"), each
            assert get_type_hints(each)["return"].__origin__ is Request


def test_no_repr_contains_a_code_name_number_or_token(clients: Clients) -> None:
    call_id, code = clients.live_call()
    shown, asked = clients.officer.send(calls.code(call_id)), confirmations.confirm(code)
    verdict = clients.customer.send(asked)
    going = Outgoing("POST", "http://x/v1", {"Authorization": "Bearer secret"}, asked.body, 1.0, 1.0)
    seen = [
        asked,
        verdict,
        verdict.call,
        clients.officer.send(calls.read(call_id)),
        shown,
        clients.officer.send(applications.search("王芳")),
        clients.customer.send(me.calls()),
        clients.loans.send(applications.read(APPLICATION)),
        applications.search("王芳"),
        going,
        LOAN,
    ]
    clients.hang_up(call_id)
    told = repr(seen) + str(seen)
    for secret in (code, "李伟", "王芳", "%E7%8E%8B", NUMBER, NUMBER[1:], "Anna", "secret"):
        assert secret not in told, secret
    assert call_id in told


def test_search_terms_never_reach_a_log(clients: Clients, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="httpx2"):
        clients.officer.send(applications.search("王芳"))
    assert not [each for each in caplog.records if each.name == "httpx2"]


def test_errors_can_be_pickled() -> None:
    problem = Problem("call_open", 409, "t", "d", request_id="r", retry_after=2)
    for error in (
        problem,
        InternalError("internal_error", 500, "t", "d"),
        CannotCheck("d", status=500),
        EvidenceError("s", "d"),
    ):
        again = pickle.loads(pickle.dumps(error))  # noqa: S301
        assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


@pytest.mark.shows("CVP-3-3")
def test_a_time_is_sent_in_utc_and_one_without_a_zone_is_refused() -> None:
    at = datetime(2026, 11, 23, 20, tzinfo=timezone(timedelta(hours=8)))
    for request in (legs.connected("c", leg_id="1", number="+1", at=at), reports.send(at=at)):
        assert json.loads(request.body or b"")["at"] == "2026-11-23T12:00:00Z"
    with pytest.raises(ValueError, match="time zone"):
        reports.send(at=datetime(2026, 11, 23))
    assert calls.find(since=at).path.startswith("/v1/calls?since=2026-11-23T12%3A00%3A00%2B00%3A00")


def test_the_package_names_what_it_exports() -> None:
    assert all(hasattr(callback_verification, each) for each in callback_verification.__all__)


def test_an_officer_requests_an_exception_and_a_supervisor_decides(clients: Clients) -> None:
    asked = exceptions.ask(APPLICATION, purpose="documents", number=NUMBER, rules=["daily_cap"], reason="asked to")
    request = clients.officer.send(asked)
    assert request.state == "waiting"
    assert request.request_id in {each.request_id for each in clients.supervisor.send(exceptions.requests()).requests}
    granted = clients.supervisor.send(exceptions.decide(request.request_id, granted=True, reason="yes"))
    assert granted.state == "granted"
    assert granted.exception_id is not None


def test_a_supervisor_suspends_an_officer_and_lifts_the_suspension(clients: Clients) -> None:
    supervisor = clients.supervisor
    suspended = supervisor.send(staff.suspend("4850/2", reason="left the bank"))
    assert (suspended.staff_id, suspended.lifted_at) == ("4850/2", None)
    theirs = Bearer(clients.bank.officer("4850/2"))
    with Client(clients.bank.url, theirs) as officer, pytest.raises(Suspended) as caught:
        officer.send(calls.find())
    assert isinstance(caught.value, Forbidden)
    listed = supervisor.send(staff.suspensions(limit=1))
    assert listed.suspensions == (suspended,)
    lifted = supervisor.send(staff.lift("4850/2"))
    assert (lifted.suspension_id, lifted.lifted_by) == (suspended.suspension_id, "staff:9001")
    assert "left the bank" not in repr(listed)


def test_customers_read_their_calls_and_decline_offers(clients: Clients) -> None:
    assert APPLICATION in {each.application_id for each in clients.customer.send(me.applications()).applications}
    before = clients.customer.send(me.preferences())
    assert clients.customer.send(me.put_preferences(marketing_calls=False)).marketing_calls is False
    assert clients.customer.send(me.put_preferences(marketing_calls=before.marketing_calls)) == before


def test_a_customer_invites_a_helper_who_enters_a_code(clients: Clients) -> None:
    with Client(clients.bank.url, Bearer(clients.bank.customer("daughter"))) as daughter:
        invited = clients.customer.send(helpers.invite(name="女儿"))
        with pytest.raises(NotFound):
            clients.customer.send(helpers.accept(invited.helper_id))
        entered = daughter.send(helpers.enter(invited.invitation, name="小美", person="妈妈"))
        assert (entered.helper_id, entered.state) == (invited.helper_id, "entered")
        assert clients.customer.send(helpers.accept(invited.helper_id)).state == "active"
        call_id, code = clients.live_call()
        verdict = daughter.send(helpers.confirm(invited.helper_id, code))
        assert verdict.is_genuine
        assert verdict.call is not None
        assert (verdict.call.purpose, verdict.call.loan) == (None, None)
        assert daughter.send(helpers.call_status(invited.helper_id)).state in ("connected", "unknown")
        [helper] = clients.customer.send(helpers.find()).helpers
        assert [each.seen for each in helper.looks] == ["call_status", "genuine"]
        assert "小美" not in repr(helper)
        assert [each.person for each in daughter.send(helpers.people()).people] == ["妈妈"]
        assert clients.customer.send(helpers.end(invited.helper_id)).state == "ended"
        with pytest.raises(NotFound):
            daughter.send(helpers.confirm(invited.helper_id, code))
        assert daughter.send(helpers.stop(invited.helper_id)).state == "ended"
        clients.hang_up(call_id)


@pytest.mark.shows("CVP-4.2-23")
def test_a_system_registers_an_enquiry_and_a_closed_loan_and_reads_what_they_allow(clients: Clients) -> None:
    number = RegisteredNumber("+8613800139911", datetime(2024, 1, 1, tzinfo=UTC))
    facts = Registration(
        customer=Customer("cust-0921", "Anna"),
        numbers=(number,),
        officers=(Officer("1", "Li", "Mitte"),),
        product="loan",
    )
    enquiry = replace(facts, status="enquiry")
    assert clients.loans.send(applications.put("LN-2026-0921", enquiry)).registration == enquiry
    read = clients.loans.send(applications.read("LN-2026-0921"))
    assert [each.purpose for each in read.purposes if not each.refusals] == ["progress", "appointment"]
    closed_at = datetime(2026, 5, 1, tzinfo=UTC)
    clients.loans.send(applications.put("LN-2026-0921", replace(facts, status="closed", closed_at=closed_at)))
    read = clients.loans.send(applications.read("LN-2026-0921"))
    assert read.registration.closed_at == closed_at
    refused = {each.purpose: [told.rule for told in each.refusals] for each in read.purposes}
    assert refused["documents"] == ["purpose"]
    assert refused["repayment"] == ["application_open"]
    assert "Anna" not in repr(read)


def test_a_page_leads_to_the_next(clients: Clients) -> None:
    for _ in range(2):
        clients.hang_up(clients.live_call()[0])
    first = clients.officer.send(calls.find(limit=1, since=datetime.now(UTC) - timedelta(hours=1)))
    second = clients.officer.send(calls.find(limit=1, cursor=first.next_cursor))
    assert first.calls[0].call_id > second.calls[0].call_id
    found = clients.officer.send(applications.search(limit=2))
    assert len(found.applications) == 2
    assert found.next_cursor is not None


def test_log_tiles_and_consistency_proofs_are_read(clients: Clients) -> None:
    clients.hang_up(clients.live_call()[0])
    trust = clients.anybody.send(log.description())
    assert clients.anybody.send(log.jwks()) == trust.jwks
    size = int(clients.anybody.send(log.checkpoint()).split("\n")[1])
    assert size < 256
    assert len(clients.anybody.send(log.tile(f"0/000.p/{size}"))) == 32 * size
    proof = clients.anybody.send(log.consistency(old=1, new=size))
    assert (proof.old, proof.new) == (1, size)


def test_each_shard_has_its_own_paths_and_shard_0_has_those_of_the_log() -> None:
    assert [log.checkpoint(each).path for each in (0, 7)] == ["/log/checkpoint", "/log/7/checkpoint"]
    assert [log.tile("0/x001/000.p/2", each).path for each in (0, 255)] == [
        "/log/tile/0/x001/000.p/2",
        "/log/255/tile/0/x001/000.p/2",
    ]
    asked = [log.consistency(old=1, new=2, shard=each).path for each in (0, 1)]
    assert asked == ["/v1/log/consistency?old=1&new=2", "/v1/log/consistency?old=1&new=2&shard=1"]


def test_the_result_of_an_online_receipt_check_has_no_truth_value(clients: Clients) -> None:
    call_id, code = clients.live_call()
    receipt = clients.customer.send(confirmations.confirm(code)).receipt
    clients.hang_up(call_id)
    told = clients.anybody.send(receipts.check(receipt))
    assert told.result == "valid"
    with pytest.raises(TypeError):
        bool(told)
    assert clients.anybody.send(receipts.check(Evidence(receipt.statement, "x"))).result == "invalid"
