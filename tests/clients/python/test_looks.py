"""Who looked, by the Python SDK: auditors search, and customers are told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from callback_verification import Bearer, Client, Forbidden, applications, looks, me

from tests.clients.python.conftest import APPLICATION, Clients


@pytest.mark.shows("CVP-7.17-4", "CVP-7.17-5")
def test_an_auditor_searches_for_looks_and_the_customer_is_told(clients: Clients) -> None:
    clients.officer.send(applications.read(APPLICATION))
    clients.loans.send(applications.read(APPLICATION))
    begun = datetime.now(UTC) - timedelta(minutes=1)
    with pytest.raises(Forbidden):
        clients.supervisor.send(looks.search())
    with Client(clients.bank.url, Bearer(clients.bank.officer("9002", "auditor"))) as auditor:
        first = auditor.send(looks.search(application_id=APPLICATION, since=begun, limit=1))
        second = auditor.send(looks.search(application_id=APPLICATION, since=begun, limit=1, cursor=first.next_cursor))
        by_officer = auditor.send(looks.search(staff_id="4412", since=begun))
        assert auditor.send(looks.search(until=begun)).looks == ()
    found = [(each.reader.kind, each.reader.id, each.operation) for each in (*first.looks, *second.looks)]
    assert found == [("system", "loan-origination", "get_application"), ("staff", "4412", "get_application")]
    assert {each.reader.id for each in by_officer.looks} == {"4412"}
    told = clients.customer.send(me.looks(limit=4)).looks
    assert [each.reader.roles for each in told[2:]] == [("applications",), ("officer",)]
    assert (told[3].name, told[3].words[1].text) == ("李伟", "Opened the file of this loan")
    assert "李伟" not in repr(told)
