"""Every column of every table is tampered with: what sees it, as specs/tampering.md says (law L16).

python -m tests.service.test_tampering > specs/tampering.md
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from tests.requirements import ROOT
from tests.service.test_erasure import Remembering, columns, person, world
from tests.service.test_rows import changed, execute, whole_scene
from tests.world import COLLEAGUE, Person, World
from verifier.core.errors import InternalError, Tampered, Unavailable, VerifierError
from verifier.service.tables import TABLES
from verifier.storage.migrate import WrongSchema, check_schema

__all__ = ["person", "world"]

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

BOTH, REFUSED, AUDIT = "refused; audit", "refused", "audit"
EXPECTED: dict[str, dict[str, str]] = {}

ROWS = {table.name: table for table in TABLES}
DECOYS, ERASED = "leaves of decoys", "leaves of an erased application"
# Which rows of a table stand for the others, where one does not stand for all.
KINDS = {
    "calls": ("calls", ["leaf_index >= 0"]),
    "calls that are decoys": ("calls", ["leaf_index < 0"]),
    "leaves": (
        "leaves",
        [f"sealed IS NOT NULL AND leaf_index >= 0 AND typ LIKE '{typ}%'" for typ in ("call-t", "call-r", "rep", "pol")],
    ),
    ERASED: ("leaves", ["sealed IS NULL AND typ LIKE 'call-r%'"]),
    DECOYS: ("leaves", ["leaf_index = -1"]),
    "idempotency": ("idempotency", ["application_id IS NOT NULL"]),
    "ivr_sessions": ("ivr_sessions", ["application_id IS NOT NULL"]),
}
DELETED, OLD = "(a row deleted)", "(an old row put back)"


class Told(Struct, frozen=True):
    """A row as the database has it, and where."""

    table: str
    at: int
    values: dict[str, Any]


class Scene(Struct):
    """A world in which something is in every table, and what its tables are."""

    world: Remembering
    schema: dict[str, list[str]]
    keys: dict[str, list[str]]
    nullable: set[tuple[str, str]]

    async def row(self, table: str, where: str) -> Told:
        names = self.schema[table]
        sql = f"SELECT rowid, {', '.join(names)} FROM {table} WHERE {where} ORDER BY rowid DESC LIMIT 1"
        [found] = await self.world.storage.fetch(sql)
        return Told(table, found[0], dict(zip(names, found[1:], strict=True)))

    async def write(self, row: Told, values: dict[str, Any]) -> None:
        await execute(self.world, f"DELETE FROM {row.table} WHERE rowid = $1", row.at)
        names = ", ".join(("rowid", *values))
        places = ", ".join(f"${n}" for n in range(1, len(values) + 2))
        await execute(self.world, f"INSERT INTO {row.table} ({names}) VALUES ({places})", row.at, *values.values())

    async def others(self, row: Told, column: str) -> list[Any]:
        """Other values of a column: a new one, a smaller one, and that of another row."""
        value = row.values[column]
        if column in self.keys[row.table] and isinstance(value, int):
            return [value + 1_000_003]
        found: list[Any] = [7 if value is None else changed(value)]
        if column not in self.keys[row.table] and value is not None:
            found += [value - 1] if isinstance(value, int) and value > 0 else []
            sql = f"SELECT {column} FROM {row.table} WHERE {column} <> $1 ORDER BY rowid DESC LIMIT 1"
            found += [other[0] for other in await self.world.storage.fetch(sql, value)]
        return found

    async def seen(self, row: Told) -> tuple[bool, bool]:
        """Whether a row as it is now is refused where it is used, and whether the audit finds something."""
        return await refused(self, row), bool((await self.world.audit()).findings)

    async def old(self, table: str) -> list[tuple[Told, dict[str, Any]]]:
        """The rows that were changed once, each with what it was before."""
        names = self.schema[table]
        found = []
        for before in await self.world.storage.fetch(f"SELECT was, {', '.join(names)} FROM old_{table}"):
            values = dict(zip(names, before[1:], strict=True))
            with suppress(ValueError):
                now = await self.row(table, f"rowid = {before[0]}")
                if now.values != values:
                    found.append((now, values))
        return found[:4]


async def refused(scene: Scene, row: Told) -> bool:
    """Whether the service refuses to work with the row."""
    world, table = scene.world, row.table
    try:
        if table in ROWS:
            names = ROWS[table].columns
            for found in await world.storage.fetch(f"SELECT {names} FROM {table} WHERE rowid = $1", row.at):
                world.context.authenticator.read(ROWS[table], found)
        elif table == "messages":
            await world.service.messages.deliver(_untaken)
        elif table == "ivr_sessions":
            await world.press(row.values["session_id"], "*")
        elif table == "idempotency":
            for made in world.made:
                await world.service.confirmations.confirm(*made)
        elif table == "schema_versions":
            await check_schema(world.storage)
        elif table == "leaves":
            calls = await world.storage.fetch("SELECT call_id FROM calls WHERE leaf_index >= 0")
            await asyncio.gather(*(world.context.reading.call(each[0]) for each in calls))
        else:
            with suppress(VerifierError):
                await world.revoke("call_" + "f" * 32)
    except (InternalError, Unavailable, WrongSchema):
        return True
    except VerifierError:
        return False
    return False


async def _untaken(message: object) -> bool:
    return False
