"""What is older than a deployment keeps it is forgotten; the log and receipts stay good (laws L8, L11)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.world import Person, World, another_code
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
    """A call, confirmed, with a wrong code and a report; its id and receipt."""
    call_id, code = await world.live_call(person)
    await world.confirm(person, another_code(code))
    verdict = await world.confirm(person, code)
    await world.report(person, "somebody rang")
    await world.leg(call_id, "ended", person.number)
    return call_id, verdict["receipt"]


@pytest.mark.shows("CVP-6.3-3")
async def test_what_is_old_is_forgotten_and_the_log_and_receipts_verify_as_before(kept: World) -> None:
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


async def test_a_young_statement_that_is_gone_is_a_finding_all_the_same(kept: World) -> None:
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
async def test_a_receipt_that_is_kept_a_little_longer_than_its_call_is_no_finding(kept: World) -> None:
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


async def test_an_old_statement_that_is_gone_and_not_marked_as_forgotten_is_a_finding(kept: World) -> None:
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


async def test_without_a_setting_nothing_is_forgotten(world: World, wang: Person) -> None:
    await _lived(world, wang)
    world.clock.advance(10_000 * 86_400)
    assert await world.service.retention.forget() == 0


async def test_a_customer_whose_past_is_forgotten_is_called_and_confirms_as_ever(kept: World) -> None:
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
def test_what_is_needed_still_cannot_be_set_to_be_forgotten(days: str) -> None:
    with pytest.raises(BadSettings, match="RETENTION_DAYS"):
        load({"VERIFIER_ISSUER": "https://verify.bank.example", "VERIFIER_RETENTION_DAYS": days})
