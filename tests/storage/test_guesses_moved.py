"""Migration 0009 moves the counts of wrong codes of open calls to the limits."""

from __future__ import annotations

import pytest

from verifier.storage import migrate as migrations
from verifier.storage import open_storage
from verifier.storage.migrate import migrate

CALL = (
    "INSERT INTO calls (call_id, application_id, officer_id, leaf_index, call_counter, leg_mode, issued_at, "
    "expires_at, state, app_wrong, ivr_wrong, due_at) "
    "VALUES ($1, $2, '4412', 0, 1, 'required', 5, 600005, 'live', $3, $4, $5)"
)


async def test_only_the_counts_of_open_calls_are_moved(empty_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = await open_storage(empty_database)
    before = [each for each in migrations.migrations() if each[0] < 9]
    with monkeypatch.context() as patched:
        patched.setattr(migrations, "migrations", lambda: before)
        await migrate(storage)
    async with storage.transaction() as transaction:
        calls = [("call_1", "LN-1", 2, 1, 9), ("call_2", "LN-2", 0, 3, 9), ("call_3", "LN-3", 3, 3, None)]
        await transaction.execute_many(CALL, calls)
        await transaction.execute_many("INSERT INTO limits (limit_key, tat) VALUES ($1, $2)", [("LN-1:app", 77)])
    assert "0009_guesses.sql" in await migrate(storage)
    rows = await storage.fetch("SELECT limit_key, tat, call_id, wrong FROM limits ORDER BY limit_key")
    assert [tuple(row) for row in rows] == [
        ("LN-1:app", 77, "call_1", 2),
        ("LN-1:ivr", 5, "call_1", 1),
        ("LN-2:ivr", 5, "call_2", 3),
    ]
    await storage.close()
