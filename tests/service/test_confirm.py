"""Confirmations: which are genuine and which are not (laws L1, L4, L5, L7, L8, L12)."""

from __future__ import annotations

import pytest

from tests.world import NOON, Person, World, another_code, failing_commit, staff
from verifier.core import words
from verifier.core.application import RegisteredNumber
from verifier.core.call import CallRules
from verifier.core.code import derive_code
from verifier.core.errors import (
    CallClosed,
    IdempotencyKeyReused,
    LegNotConnected,
    MalformedCode,
    NotFound,
    RateLimited,
    Unavailable,
)
from verifier.core.octets import base64url
from verifier.core.statements import commitment, digest
from verifier.core.times import from_ms
from verifier.ledger import decoys


@pytest.mark.shows("CVP-4.3-1", "CVP-4.3-2", "CVP-7-3")
async def test_the_right_code_on_a_connected_call_is_genuine(world: World, wang: Person) -> None:
    call_id, code = await world.live_call(wang)
    verdict = await world.confirm(wang, f"{code[:3]} {code[3:6]} {code[6:]}")
    assert verdict["verdict"] == "genuine"
    assert verdict["given_before"] is False
    details = verdict["call"]
    assert details["call_id"] == call_id
    assert details["officer"] == {"id": "4412", "name": "李伟", "branch": "北京中关村支行"}
    assert details["number"] == wang.number
    assert details["asks"] == ["document_copies", "employer", "appointment"]
    assert "one_time_code" in details["never_asks"]
    assert details["leg"]["connected_at"] is not None
    assert (await world.call_row(call_id))["state"] == "confirmed"


@pytest.mark.shows("CVP-1-2", "CVP-4-9")
async def test_a_genuine_receipt_verifies_offline_and_names_its_ticket(world: World, wang: Person) -> None:
    issued = await world.issue(wang)
    await world.leg(issued["call"]["call_id"], "connected", wang.number)
    code = await world.reveal(issued["call"]["call_id"])
    verdict = await world.confirm(wang, code)
    claims = world.check(verdict["receipt"])
    assert claims.verdict == "genuine"
    assert claims.call.ticket == base64url(digest(issued["ticket"]["statement"]))
    assert claims.customer == commitment(claims.salt, wang.customer_id)
    assert claims.code == commitment(claims.salt, code)
    assert claims.iat == NOON // 1000


@pytest.mark.shows("CVP-1-2", "CVP-7-4")
async def test_a_negative_verdict_carries_a_receipt_that_verifies_offline(world: World, wang: Person) -> None:
    verdict = await world.confirm(wang, another_code("000000000"))
    assert verdict["verdict"] == "not_genuine"
    claims = world.check(verdict["receipt"])
    assert (claims.verdict, claims.call) == ("not_genuine", None)
    assert claims.customer == commitment(claims.salt, wang.customer_id)


@pytest.mark.shows("CVP-1-2")
async def test_a_customer_without_an_application_gets_a_negative_receipt(world: World) -> None:
    verdict = await world.confirm(Person(77), another_code("000000000"))
    assert verdict["verdict"] == "not_genuine"
    assert world.check(verdict["receipt"]).verdict == "not_genuine"


@pytest.mark.shows("CVP-3.2-4", "CVP-10-3")
async def test_a_retry_with_the_same_key_gets_the_same_bytes(world: World, wang: Person) -> None:
    _, code = await world.live_call(wang)
    first = await world.confirm(wang, code, key="lost")
    world.clock.advance(3600)
    assert await world.confirm(wang, code, key="lost") == first


@pytest.mark.shows("CVP-3.2-4")
async def test_a_reused_key_with_another_body_is_refused_and_changes_nothing(world: World, wang: Person) -> None:
    call_id, code = await world.live_call(wang)
    await world.confirm(wang, another_code(code), key="one")
    with pytest.raises(IdempotencyKeyReused):
        await world.confirm(wang, code, key="one")
    assert (await world.call_row(call_id))["state"] == "live"


@pytest.mark.shows("CVP-7-3")
async def test_a_second_confirmation_of_a_live_call_gets_the_same_receipt(world: World, wang: Person) -> None:
    _, code = await world.live_call(wang)
    first = await world.confirm(wang, code)
    leaves = await world.counts("leaves")
    again = await world.confirm(wang, code)
    by_phone = await world.ring_in(wang.number, code)
    assert again["given_before"] is True
    assert by_phone["given_before"] is True
    assert first["receipt_id"] == again["receipt_id"] == by_phone["receipt_id"]
    assert again["receipt"] == first["receipt"]
    assert await world.counts("leaves") == leaves


@pytest.mark.shows("CVP-6.1-2")
async def test_a_used_code_is_not_genuine_but_ended_once_the_call_has_ended(world: World, wang: Person) -> None:
    call_id, code = await world.live_call(wang)
    await world.confirm(wang, code)
    await world.leg(call_id, "ended", wang.number)
    assert (await world.confirm(wang, code))["verdict"] == "ended"
    assert (await world.ring_in(wang.number, code))["verdict"] == "ended"
    assert (await world.call_row(call_id))["state"] == "ended"


@pytest.mark.shows("CVP-6.1-1", "CVP-6.1-2")
async def test_without_a_connected_leg_the_code_is_neither_shown_nor_genuine(world: World, wang: Person) -> None:
    issued = await world.issue(wang)
    assert issued["code"] is None
    call_id = issued["call"]["call_id"]
    with pytest.raises(LegNotConnected):
        await world.reveal(call_id)
    code = await _derived_code(world, call_id)
    assert (await world.confirm(wang, code))["verdict"] == "not_genuine"
    await world.leg(call_id, "connected", wang.number)
    assert (await world.confirm(wang, code))["verdict"] == "genuine"


@pytest.mark.shows("CVP-6-4")
async def test_a_leg_to_another_number_does_not_make_a_call_live(world: World, wang: Person) -> None:
    call_id = (await world.issue(wang))["call"]["call_id"]
    told = await world.leg(call_id, "connected", "+8613700137000")
    assert told["state"] == "issued"
    with pytest.raises(LegNotConnected):
        await world.reveal(call_id)


@pytest.mark.shows("CVP-6.1-1")
async def test_the_code_is_hidden_from_the_officer_after_the_leg_has_ended(world: World, wang: Person) -> None:
    call_id = (await world.issue(wang))["call"]["call_id"]
    await world.leg(call_id, "connected", wang.number)
    await world.leg(call_id, "ended", wang.number)
    with pytest.raises(LegNotConnected):
        await world.reveal(call_id)


@pytest.mark.shows("CVP-6.1-2", "CVP-7.1-3")
async def test_a_customer_may_hang_up_and_ring_the_bank_within_the_grace_period(world: World, wang: Person) -> None:
    call_id, code = await world.live_call(wang)
    await world.leg(call_id, "ended", wang.number)
    world.clock.advance(119)
    spoken = await world.ring_in(wang.number, code)
    assert (spoken["verdict"], spoken["transfer_to"]) == ("genuine", "4412")
    assert (await world.call_row(call_id))["state"] == "ended"


@pytest.mark.shows("CVP-6.1-2", "CVP-6.3-1")
async def test_a_code_expires_at_the_end_of_the_grace_period(world: World, wang: Person) -> None:
    call_id, code = await world.live_call(wang)
    await world.leg(call_id, "ended", wang.number)
    world.clock.advance(120)
    assert (await world.ring_in(wang.number, code))["verdict"] == "ended"


@pytest.mark.shows("CVP-6.2-1", "CVP-6.3-1")
async def test_a_code_expires_after_ten_minutes(world: World, wang: Person) -> None:
    _, code = await world.live_call(wang)
    world.clock.advance(600)
    assert (await world.confirm(wang, code))["verdict"] == "ended"


@pytest.mark.shows("CVP-6.1-3")
async def test_observed_mode_needs_no_leg_and_the_verdict_says_so(storage: object, tmp_path: object) -> None:
    async with World(storage, tmp_path / "ring.json", CallRules(leg_mode="observed")) as world:  # type: ignore[arg-type, operator]
        person = Person(1)
        await world.register(person)
        issued = await world.issue(person)
        verdict = await world.confirm(person, issued["code"]["digits"])
        assert verdict["verdict"] == "genuine"
        assert verdict["call"]["leg"] == {"mode": "observed", "connected_at": None, "ended_at": None}
        assert world.check(verdict["receipt"]).call.leg.mode == "observed"


@pytest.mark.shows("CVP-6.2-2", "CVP-7-5")
async def test_three_wrong_codes_lock_only_their_channel(world: World, wang: Person) -> None:
    call_id, code = await world.live_call(wang)
    for step in (1, 2, 3):
        assert (await world.confirm(wang, another_code(code, step)))["verdict"] == "not_genuine"
    assert (await world.confirm(wang, code))["verdict"] == "not_genuine"
    row = await world.call_row(call_id)
    assert (row["app_wrong"], row["ivr_wrong"], row["state"]) == (3, 0, "live")
    assert (await world.ring_in(wang.number, code))["verdict"] == "genuine"


async def test_a_call_locked_on_both_channels_is_locked(world: World, wang: Person) -> None:
    call_id, code = await world.live_call(wang)
    for step in (1, 2, 3):
        await world.confirm(wang, another_code(code, step))
        await world.ring_in(wang.number, another_code(code, step))
    assert (await world.call_row(call_id))["state"] == "locked"
    assert (await world.ring_in(wang.number, code))["verdict"] == "not_genuine"


@pytest.mark.shows("CVP-6.2-3", "CVP-7-1")
async def test_the_guess_limit_counts_across_calls_and_per_channel(world: World, wang: Person) -> None:
    burst = world.settings.guess_limit.burst
    for step in range(burst):
        await world.confirm(wang, another_code("000000000", step + 1))
    with pytest.raises(RateLimited) as caught:
        await world.confirm(wang, another_code("000000000", 99))
    assert 0 < (caught.value.retry_after or 0) <= 600
    assert (await world.ring_in(wang.number, another_code("000000000")))["verdict"] == "not_genuine"
    world.clock.advance(601)
    assert (await world.confirm(wang, another_code("000000000", 99)))["verdict"] == "not_genuine"


@pytest.mark.shows("CVP-5-5")
async def test_a_mistyped_code_costs_no_attempt_and_gets_no_receipt(world: World, wang: Person) -> None:
    call_id, code = await world.live_call(wang)
    before = await world.counts("leaves", "idempotency", "signals")
    for slip, signals in ((code[:8], 0), (f"{code}1", 0), (code[:8] + str((int(code[8]) + 1) % 10), 1)):
        with pytest.raises(MalformedCode) as caught:
            await world.confirm(wang, slip)
        assert caught.value.errors[0].pointer == "/code"
        assert await world.counts("leaves", "idempotency", "signals") == (*before[:2], signals)
    assert await world.guess_limits() == []
    assert (await world.call_row(call_id))["app_wrong"] == 0


@pytest.mark.shows("CVP-7-1", "CVP-7-5", "CVP-13-5")
async def test_another_customers_code_is_not_genuine_and_costs_them_no_attempt(
    world: World, wang: Person, mallory: Person
) -> None:
    call_id, code = await world.live_call(mallory)
    assert (await world.confirm(wang, code))["verdict"] == "not_genuine"
    assert (await world.confirm(wang, code, application_id=mallory.application_id))["verdict"] == "not_genuine"
    assert (await world.ring_in(wang.number, code))["verdict"] == "not_genuine"
    substituted = await world.ring_in(wang.number, code, application_id=mallory.application_id)
    assert substituted["verdict"] == "not_genuine"
    row = await world.call_row(call_id)
    assert (row["app_wrong"], row["ivr_wrong"], row["state"]) == (0, 0, "live")
    assert (await world.confirm(mallory, code))["verdict"] == "genuine"


@pytest.mark.shows("CVP-7.1-1", "CVP-7.1-3")
async def test_an_unknown_or_withheld_number_gets_no_verdict_and_costs_no_attempt(world: World, wang: Person) -> None:
    call_id, code = await world.live_call(wang)
    before = await world.counts("leaves")
    for number in ("+8613700137000", None):
        spoken = await world.ring_in(number, code)
        assert (spoken["verdict"], spoken["receipt_id"], spoken["transfer_to"]) == ("unavailable", None, None)
    assert await world.counts("leaves") == before
    assert await world.guess_limits() == []
    assert (await world.call_row(call_id))["ivr_wrong"] == 0


@pytest.mark.shows("CVP-7-1")
async def test_a_shared_number_leads_to_each_of_its_applications(world: World, wang: Person) -> None:
    spouse = Person(2)
    spouse.number = wang.number
    await world.register(spouse)
    _, code = await world.live_call(spouse)
    spoken = await world.ring_in(wang.number, code)
    assert spoken["verdict"] == "genuine"
    found = await world.service.receipts.read(spouse.principal, spoken["receipt_id"])
    claims = world.check({"statement": found.receipt.statement, "proof": found.receipt.proof})
    assert claims.customer == commitment(claims.salt, spouse.customer_id)
    with pytest.raises(NotFound):
        await world.service.receipts.read(wang.principal, spoken["receipt_id"])


@pytest.mark.shows("CVP-7.1-2", "CVP-13-5")
async def test_a_code_gets_no_verdict_from_a_number_that_was_not_called(
    world: World, wang: Person, mallory: Person
) -> None:
    """Mallory also registers the victim's number, is called at the first one, and reads that code to the victim."""
    own = RegisteredNumber(mallory.number, from_ms(NOON - 90 * 86_400_000))
    hers = RegisteredNumber(wang.number, own.added_at)
    await world.register(mallory, numbers=(own, hers))
    call_id, code = await world.live_call(mallory)
    before = await world.counts("leaves")
    for reference in (None, mallory.application_id):
        spoken = await world.ring_in(wang.number, code, application_id=reference)
        assert (spoken["verdict"], spoken["receipt_id"], spoken["transfer_to"]) == ("unavailable", None, None)
        assert spoken["words"]["text"] == words.OTHER_NUMBER["zh-CN"]
    assert await world.counts("leaves") == before
    assert await world.guess_limits() == []
    row = await world.call_row(call_id)
    assert (row["state"], row["ivr_wrong"]) == ("live", 0)
    assert (await world.ring_in(mallory.number, code))["verdict"] == "genuine"
    # After its use, the code still gets no verdict from another number while the call goes on.
    assert (await world.ring_in(wang.number, code))["verdict"] == "unavailable"
    await world.leg(call_id, "ended", mallory.number)
    assert (await world.ring_in(wang.number, code))["verdict"] == "not_genuine"


@pytest.mark.shows("CVP-7-2", "CVP-7-4")
async def test_every_refusal_has_the_same_words_shape_and_work(
    world: World, wang: Person, mallory: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unknown, wrong, another customer's, another's that is over, revoked or locked: nothing tells which."""
    seen: dict[str, tuple[object, ...]] = {}

    async def refuse(reason: str, code: str) -> None:
        derived: list[str] = []
        with monkeypatch.context() as patched:
            _count_work(patched, derived)
            verdict = await world.confirm(wang, code)
        shape = {name: type(value).__name__ for name, value in verdict.items()}
        sizes = (len(verdict["receipt"]["statement"]), len(verdict["words"]))
        seen[reason] = (verdict["verdict"], verdict["words"], verdict["call"], shape, sizes, len(derived))

    await refuse("unknown", another_code("000000000"))
    call_id, code = await world.live_call(wang)
    await refuse("wrong", another_code(code))
    _, foreign = await world.live_call(mallory)
    await refuse("another customer's", foreign)
    await world.revoke(call_id)
    await refuse("revoked", code)
    world.clock.advance(3600)
    await refuse("another customer's, over", foreign)
    call_id, code = await world.live_call(wang)
    for step in (1, 2, 3):
        await world.confirm(wang, another_code(code, step))
        await world.ring_in(wang.number, another_code(code, step))
    assert (await world.call_row(call_id))["state"] == "locked"
    await refuse("locked", code)
    assert len({repr(each) for each in seen.values()}) == 1, seen


@pytest.mark.shows("CVP-7-2")
async def test_a_customer_without_an_application_is_refused_with_the_same_work(
    world: World, wang: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    derived: list[str] = []
    _count_work(monkeypatch, derived)
    await world.confirm(wang, another_code("000000000"))
    await world.confirm(Person(77), another_code("000000000"))
    assert len(derived) == 2 * (2 + 8), "twice against the open call or its decoy, and once against eight closed calls"


@pytest.mark.shows("CVP-7-5")
async def test_a_right_code_before_the_leg_connects_is_refused_and_not_counted(world: World, wang: Person) -> None:
    call_id = (await world.issue(wang))["call"]["call_id"]
    code = await _derived_code(world, call_id)
    for _ in range(10):
        assert (await world.confirm(wang, code))["verdict"] == "not_genuine"
        assert (await world.ring_in(wang.number, code))["verdict"] == "not_genuine"
    row = await world.call_row(call_id)
    assert (row["app_wrong"], row["ivr_wrong"]) == (0, 0)


@pytest.mark.shows("CVP-7-1")
async def test_a_reference_limits_the_search_to_that_application(world: World, wang: Person) -> None:
    second = Person(1)
    second.application_id = "LN-1-second"
    await world.register(second)
    _, code = await world.live_call(second)
    assert (await world.confirm(wang, code, application_id="LN-1"))["verdict"] == "not_genuine"
    assert (await world.ring_in(wang.number, code, application_id="LN-1"))["verdict"] == "not_genuine"
    assert (await world.confirm(wang, code))["verdict"] == "genuine"


async def test_a_call_keeps_the_time_its_code_was_first_shown(world: World, wang: Person) -> None:
    call_id, code = await world.live_call(wang)
    world.clock.advance(60)
    assert await world.reveal(call_id) == code
    assert (await world.service.calls.read(staff("4412"), call_id)).revealed_at == from_ms(NOON)


@pytest.mark.shows("CVP-7-4")
async def test_a_locked_call_is_refused_in_the_words_of_an_unknown_code(world: World, wang: Person) -> None:
    unknown = await world.confirm(wang, another_code("000000000"))
    _, code = await world.live_call(wang)
    for step in (1, 2, 3):
        await world.confirm(wang, another_code(code, step))
    locked = await world.confirm(wang, code)
    for verdict in (unknown, locked):
        for member in ("receipt_id", "receipt", "at"):
            del verdict[member]
    assert locked == unknown


@pytest.mark.shows("CVP-2-7", "CVP-6.1-1", "CVP-13-3")
async def test_a_confirmation_changes_only_the_state_that_the_officer_sees(world: World, wang: Person) -> None:
    """Law L1: the confirmation grants the officer nothing, and they can no longer reveal the code."""
    call_id, code = await world.live_call(wang)
    before = await world.service.calls.read(staff("4412"), call_id)
    await world.confirm(wang, code)
    after = await world.service.calls.read(staff("4412"), call_id)
    changed = {name for name in before.__struct_fields__ if getattr(before, name) != getattr(after, name)}
    assert changed == {"state", "confirmed_at"}
    with pytest.raises(CallClosed):
        await world.reveal(call_id)


@pytest.mark.shows("CVP-7.2-1", "CVP-10-1")
async def test_a_confirmation_whose_commit_fails_is_unavailable(
    world: World, wang: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law L6: a failed commit gives no verdict and uses no code."""
    call_id, code = await world.live_call(wang)

    with monkeypatch.context() as patched:
        patched.setattr(world.storage, "commit", failing_commit(world.storage))
        with pytest.raises(Unavailable):
            await world.confirm(wang, code, key="lost")
    assert (await world.call_row(call_id))["state"] == "live"
    assert (await world.confirm(wang, code, key="lost"))["verdict"] == "genuine"


@pytest.mark.shows("CVP-2-1")
async def test_an_officer_cannot_find_another_officers_call(world: World, wang: Person) -> None:
    call_id, _ = await world.live_call(wang)
    with pytest.raises(NotFound):
        await world.reveal(call_id, staff("4413"))
    with pytest.raises(NotFound):
        await world.service.calls.read(staff("4413"), call_id)
    assert (await world.service.calls.read(staff("9002", "auditor"), call_id)).state == "live"


async def _derived_code(world: World, call_id: str) -> str:
    """The code of a call, derived with the bank's keys although it may not be shown yet."""
    application, opened = await world.context.reading.call(call_id)
    return derive_code(application.keys.codes, call_id, opened.statement, opened.call.call_counter)


def _count_work(patched: pytest.MonkeyPatch, derived: list[str]) -> None:
    from verifier.service.confirmations import confirm, past_calls

    original = confirm.derive_code

    def counting(key: bytes, call_id: str, ticket: str, counter: int) -> str:
        derived.append(call_id)
        return original(key, call_id, ticket, counter)

    for module in (confirm, past_calls):
        patched.setattr(module, "derive_code", counting)


@pytest.mark.shows("CVP-7-2")
@pytest.mark.parametrize(
    "done",
    [
        f"DELETE FROM calls WHERE call_id < '{decoys.call_id(9)}'",
        "DELETE FROM leaves WHERE leaf_index < -3",
        f"UPDATE calls SET application_id = 'x' WHERE call_id = '{decoys.call_id(2)}'",
        "UPDATE leaves SET sealed = customer_index WHERE leaf_index = -2",
    ],
)
async def test_the_next_sweep_restores_missing_and_changed_decoys(world: World, done: str) -> None:
    """Decoys go missing when the oldest partition of a table is dropped."""
    async with world.storage.transaction() as transaction:
        await transaction.execute_many(done, [()])
    assert await decoys.missing(world.storage, world.context.authenticator)
    await world.service.housekeeping.sweep()
    assert not await decoys.missing(world.storage, world.context.authenticator)
    assert (await world.audit()).findings == []
