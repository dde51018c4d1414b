"""Answers to randomly generated requests match the committed OpenAPI description."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.described import DESCRIPTION
from verifier.api.signed_requests import sign_request
from verifier.demo.bank import DemoBank

pytestmark = pytest.mark.slow

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]

SYSTEM_OF = {"applications": "loan-origination", "calls": "loan-origination", "legs": "pbx", "ivr": "ivr"}

schema = schemathesis.openapi.from_dict(DESCRIPTION).exclude(operation_id="my_events")


@pytest.mark.shows("CVP-3-1")
@schema.parametrize()
@settings(max_examples=20, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_described_and_none_is_a_5xx(case: Any, running_bank: DemoBank) -> None:
    response = _call(case, running_bank)
    case.validate_response(response, checks=CHECKS)


def _call(case: Any, bank: DemoBank) -> requests.Response:
    """Send a generated request as a caller who has the required grant. A system signs it."""
    prepared = requests.Request(**case.as_transport_kwargs(base_url=bank.url)).prepare()
    grants = (case.operation.definition.raw.get("description") or "").removeprefix("For: ").rstrip(".").split(", ")
    if "customer" in grants:
        prepared.headers["Authorization"] = f"Bearer {bank.customer('cust-0001')}"
    elif any(each.startswith("staff:") for each in grants):
        prepared.headers["Authorization"] = f"Bearer {bank.officer('4412', 'officer', 'supervisor')}"
    elif grants != [""]:
        _sign(prepared, bank, SYSTEM_OF[grants[0].split(":")[1]])
    with requests.Session() as session:
        return session.send(prepared, timeout=30)


def _sign(prepared: requests.PreparedRequest, bank: DemoBank, name: str) -> None:
    body = prepared.body.encode() if isinstance(prepared.body, str) else prepared.body or b""
    relevant = {k: v for k, v in prepared.headers.items() if k.lower() == "idempotency-key"}
    headers = sign_request(
        str(prepared.method),
        str(prepared.url),
        relevant,
        body,
        key_id=name,
        private_key=bank.system_keys[name],
        created=time.time(),
    )
    prepared.headers.update(headers)
