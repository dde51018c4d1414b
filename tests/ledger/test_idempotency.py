"""A kept answer names the leaf that holds its statement and proof, and does not repeat them."""

from __future__ import annotations

import pytest

from tests.world import Person, World
from verifier.core.errors import InternalError

KEPT = "SELECT sealed, leaf_index, idempotency_id FROM idempotency ORDER BY leaf_index"


@pytest.mark.shows("CVP-10-3")
async def test_a_retry_gets_the_statement_and_the_proof_from_the_leaf(world: World, wang: Person) -> None:
    issued = await world.issue(wang, key="one")
    before = await world.audit()
    ((sealed, leaf_index, _),) = await world.storage.fetch(KEPT)
    evidence = issued["ticket"]
    assert leaf_index is not None
    assert len(sealed) < len(evidence["statement"])
    assert await world.issue(wang, key="one") == issued
    assert (await world.audit()).leaves == before.leaves


@pytest.mark.shows("CVP-10-3")
async def test_a_refused_code_is_answered_with_the_same_receipt_again(world: World, wang: Person) -> None:
    refused = await world.confirm(wang, "482177302", key="one")
    assert await world.confirm(wang, "482177302", key="one") == refused


async def test_an_answer_whose_leaf_was_exchanged_is_not_given(world: World, wang: Person) -> None:
    await world.confirm(wang, "482177302", key="one")
    await world.confirm(wang, "482177302", key="two")
    (_, first, _), (_, second, _) = await world.storage.fetch(KEPT)
    async with world.storage.transaction() as transaction:
        columns = ("statement_id", "sealed", "customer_index")
        rows = await transaction.fetch(
            f"SELECT {', '.join(columns)} FROM leaves WHERE leaf_index = $1",
            second,
        )
        sql = "UPDATE leaves SET statement_id = $2, sealed = $3, customer_index = $4 WHERE leaf_index = $1"
        # Two leaves cannot have the same statement id, so rename the second one first.
        await transaction.execute_many("UPDATE leaves SET statement_id = $2 WHERE leaf_index = $1", [(second, "x")])
        await transaction.execute_many(sql, [(first, *rows[0])])
    with pytest.raises(InternalError):
        await world.confirm(wang, "482177302", key="one")


async def test_an_answer_whose_leaf_lost_its_seal_is_not_given(world: World, wang: Person) -> None:
    await world.confirm(wang, "482177302", key="one")
    async with world.storage.transaction() as transaction:
        await transaction.execute_many("UPDATE leaves SET sealed = NULL WHERE leaf_index >= $1", [(0,)])
    with pytest.raises(InternalError, match="missing"):
        await world.confirm(wang, "482177302", key="one")
