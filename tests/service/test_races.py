"""Two hundred concurrent requests use a code once and count only the allowed wrong codes (laws L4, L7)."""

from __future__ import annotations

import asyncio
import random

import pytest

from tests.world import Person, World, another_code
from verifier.core.errors import RateLimited

CROWD = 200


@pytest.mark.shows("CVP-7-6")
async def test_two_hundred_right_confirmations_by_app_and_ivr_use_the_code_once(world: World, wang: Person) -> None:
    _, code = await world.live_call(wang)
    before = await world.counts("leaves")
    answers = await asyncio.gather(
        *(world.confirm(wang, code) if n % 2 else world.ring_in(wang.number, code) for n in range(CROWD))
    )
    assert [answer["verdict"] for answer in answers] == ["genuine"] * CROWD
    assert sum(not answer["given_before"] for answer in answers) == 1
    assert len({answer["receipt_id"] for answer in answers}) == 1
    assert len({answer["receipt"]["statement"] for answer in answers if "receipt" in answer}) == 1
    assert await world.counts("leaves") == (before[0] + 1,)
    assert not (await world.audit()).findings


@pytest.mark.shows("CVP-3.2-4")
async def test_two_hundred_retries_with_one_key_get_one_answer(world: World, wang: Person) -> None:
    _, code = await world.live_call(wang)
    answers = await asyncio.gather(*(world.confirm(wang, code, key="same") for _ in range(CROWD)))
    assert len({str(answer) for answer in answers}) == 1
    assert answers[0]["given_before"] is False


@pytest.mark.shows("CVP-3.2-4")
async def test_two_hundred_issues_with_one_key_make_one_call(world: World, wang: Person) -> None:
    answers = await asyncio.gather(*(world.issue(wang, key="same") for _ in range(CROWD)))
    assert len({answer["call"]["call_id"] for answer in answers}) == 1
    assert await world.counts("calls", "leaves") == (1, 1)


async def test_a_code_from_two_hundred_other_customers_is_never_genuine_and_costs_no_attempt(
    world: World, wang: Person
) -> None:
    call_id, code = await world.live_call(wang)
    strangers = [Person(1000 + n) for n in range(CROWD)]
    await asyncio.gather(*(world.register(stranger) for stranger in strangers[::2]))
    answers = await asyncio.gather(
        *(world.confirm(s, code) if n % 4 < 2 else world.ring_in(s.number, code) for n, s in enumerate(strangers))
    )
    assert not [answer for answer in answers if answer["verdict"] == "genuine"]
    row = await world.call_row(call_id)
    assert (row["state"], row["app_wrong"], row["ivr_wrong"]) == ("live", 0, 0)
    assert (await world.confirm(wang, code))["verdict"] == "genuine"


@pytest.mark.shows("CVP-6.2-2")
async def test_of_two_hundred_wrong_codes_exactly_the_allowed_number_is_counted(world: World, wang: Person) -> None:
    call_id, code = await world.live_call(wang)
    results = await asyncio.gather(
        *(
            world.confirm(wang, another_code(code, n)) if n % 2 else world.ring_in(wang.number, another_code(code, n))
            for n in range(1, CROWD + 1)
        ),
        return_exceptions=True,
    )
    by_phone, on_the_app = results[1::2], results[0::2]
    verdicts = [result for result in results if isinstance(result, dict)]
    assert {verdict["verdict"] for verdict in verdicts} == {"not_genuine"}
    # By telephone, the guess limit counts only what the call counts. Reaching it must not reveal that a call is open.
    assert all(isinstance(result, dict) for result in by_phone)
    assert sum(isinstance(result, dict) for result in on_the_app) == world.settings.guess_limit.burst
    assert all(isinstance(result, RateLimited) for result in results if not isinstance(result, dict))
    row = await world.call_row(call_id)
    assert (row["app_wrong"], row["ivr_wrong"], row["state"]) == (3, 3, "locked")


@pytest.mark.shows("CVP-7-6")
async def test_a_right_code_among_wrong_ones_is_used_at_most_once(world: World, wang: Person) -> None:
    rng = random.Random(4)
    for _ in range(5):
        _, code = await world.live_call(wang)
        codes = [another_code(code, n) for n in range(1, 4)] + [code] * 8
        rng.shuffle(codes)
        results = await asyncio.gather(*(world.confirm(wang, each) for each in codes), return_exceptions=True)
        genuine = [r for r in results if isinstance(r, dict) and r["verdict"] == "genuine"]
        assert sum(not each["given_before"] for each in genuine) <= 1
        assert len({each["receipt_id"] for each in genuine}) <= 1
        world.clock.advance(86_400)
