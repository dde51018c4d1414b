"""Statements are deleted after the retention time; the log and receipts still verify (laws L8, L11)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.world import Company, Person, World, another_code
from verifier.config import BadSettings, load
from verifier.core.errors import VerifierError
from verifier.ledger.audit import audit_log
from verifier.ports import Storage

DAY_MS = 86_400_000


@pytest.fixture
def kept(storage: Storage, tmp_path: Path) -> World:
    """A world that keeps statements for forty days."""
    return World(storage, tmp_path / "ring.json", retention_ms=40 * DAY_MS)


async def _lived(world: World, person: Person) -> tuple[str, dict[str, str]]:
    """Makes a call with a wrong code, a confirmation and a report. Returns its id and receipt."""
    call_id, code = await world.live_call(person)
    await world.confirm(person, another_code(code))
    verdict = await world.confirm(person, code)
    await world.report(person, "somebody rang")
    await world.leg(call_id, "ended", person.number)
    return call_id, verdict["receipt"]


@pytest.mark.shows("CVP-6.3-3")
async def test_what_is_known_of_the_receipts_of_contacts_goes_with_the_call(kept: World) -> None:
    company = Company(10)
    async with kept as world:
        await world.register(company)
        call_id, code = await world.live_call(company)
        for each in (company.finance, company.legal):
            await world.confirm(each, code)
        await world.leg(call_id, "ended", company.number)
        world.clock.advance(39 * 86_400)
        await world.service.housekeeping.sweep()
        assert await world.counts("calls", "confirmations") == (1, 2)
        world.clock.advance(2 * 86_400)
        await world.service.housekeeping.sweep()
        assert await world.service.retention.forget() == 3
        assert await world.counts("calls", "confirmations") == (0, 0)
        since = world.clock() - 40 * DAY_MS
        audited = await audit_log(world.storage, world.ring, world.context.trust(), kept_since=since)
        assert audited.findings == []


@pytest.mark.shows("CVP-6.3-3")
async def test_old_statements_are_deleted_and_the_log_and_receipts_still_verify(kept: World) -> None:
    old, young = Person(1), Person(2)
    async with kept as world:
        await world.register(old)
        await world.grant(old, "hours")
        call_id, receipt = await _lived(world, old)
        assert await world.service.retention.forget() == 0
        world.clock.advance(39 * 86_400)
        await world.register(young)
        later_id, _ = await _lived(world, young)
        world.clock.advance(2 * 86_400)
        await world.service.housekeeping.sweep()
        assert await world.service.retention.forget() == 5
        assert await world.service.retention.forget() == 0
        assert await world.counts("calls", "reports", "exceptions") == (1, 1, 0)
        with pytest.raises(VerifierError):
            await world.call_view(call_id)
        assert (await world.call_view(later_id)).state == "ended"
        assert world.check(receipt).verdict == "genuine"
        since = world.clock() - 40 * DAY_MS
        audited = await audit_log(world.storage, world.ring, world.context.trust(), kept_since=since)
        assert (audited.findings, audited.forgotten, audited.statements) == ([], 5, 4)
        assert (await world.audit()).findings != []


async def test_the_audit_reports_a_missing_recent_statement(kept: World) -> None:
    person = Person(1)
    async with kept as world:
        await world.register(person)
        await _lived(world, person)
        async with world.storage.transaction() as transaction:
            await transaction.execute_many("UPDATE leaves SET sealed = NULL WHERE leaf_index % $1 = 1", [(1 << 48,)])
        since = world.clock() - 40 * DAY_MS
        audited = await audit_log(world.storage, world.ring, world.context.trust(), kept_since=since)
        assert any("lost its statement" in each for each in audited.findings)


@pytest.mark.shows("CVP-8.3-1")
async def test_the_audit_accepts_a_receipt_whose_call_was_deleted_before_it(kept: World) -> None:
    person = Person(1)
    async with kept as world:
        await world.register(person)
        call_id, code = await world.live_call(person)
        world.clock.advance(60)
        await world.confirm(person, code)
        world.clock.advance(40 * 86_400 - 30)
        await world.service.housekeeping.sweep()
        assert await world.service.retention.forget() == 1
        assert await world.counts("calls") == (0,)
        since = world.clock() - 31 * DAY_MS
        audited = await audit_log(world.storage, world.ring, world.context.trust(), kept_since=since)
        assert (audited.findings, audited.forgotten, audited.statements) == ([], 1, 1)
        async with world.storage.transaction() as transaction:
            await transaction.execute_many("UPDATE log_head SET forgotten = 0", [()])
        audited = await audit_log(world.storage, world.ring, world.context.trust(), kept_since=since)
        assert [call_id in each for each in audited.findings if "genuine" in each] == [True]


async def test_the_audit_reports_a_missing_old_statement_that_is_not_marked_as_forgotten(kept: World) -> None:
    person = Person(1)
    async with kept as world:
        await world.register(person)
        await _lived(world, person)
        world.clock.advance(300 * 86_400)
        async with world.storage.transaction() as transaction:
            await transaction.execute_many("UPDATE leaves SET sealed = NULL", [()])
        since = world.clock() - 31 * DAY_MS
        audited = await audit_log(world.storage, world.ring, world.context.trust(), kept_since=since)
        assert sum("lost its statement" in each for each in audited.findings) == 4


async def test_without_a_retention_time_nothing_is_deleted(world: World, wang: Person) -> None:
    await _lived(world, wang)
    world.clock.advance(10_000 * 86_400)
    assert await world.service.retention.forget() == 0


async def test_a_customer_whose_past_calls_were_deleted_can_confirm_a_new_one(kept: World) -> None:
    person = Person(1)
    async with kept as world:
        await world.register(person)
        await _lived(world, person)
        world.clock.advance(41 * 86_400)
        await world.service.housekeeping.sweep()
        assert await world.service.retention.forget() == 4
        _, code = await world.live_call(person)
        assert (await world.confirm(person, code))["verdict"] == "genuine"


@pytest.mark.parametrize("days", ["1", "31", "-1"])
def test_a_retention_time_that_is_too_short_is_refused(days: str) -> None:
    with pytest.raises(BadSettings, match="RETENTION_DAYS"):
        load({"VERIFIER_ISSUER": "https://verify.bank.example", "VERIFIER_RETENTION_DAYS": days})
