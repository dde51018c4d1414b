"""The peer's tables, and its group commit: all requests that wait at one moment are one transaction."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import sqlalchemy as sa
from fastapi import HTTPException
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", "cache_size = -16384", "wal_autocheckpoint = 4000")

metadata = sa.MetaData()
applications = sa.Table(
    "applications",
    metadata,
    sa.Column("application_id", sa.String, primary_key=True),
    sa.Column("customer_id", sa.String, index=True),
    sa.Column("number", sa.String),
    sa.Column("officer_id", sa.String),
    sa.Column("officer_name", sa.String),
    sa.Column("branch", sa.String),
    sa.Column("key", sa.LargeBinary),
)
calls = sa.Table(
    "calls",
    metadata,
    sa.Column("call_id", sa.String, primary_key=True),
    sa.Column("application_id", sa.ForeignKey("applications.application_id"), index=True),
    sa.Column("purpose", sa.String),
    sa.Column("ticket", sa.Text),
    sa.Column("issued_at", sa.Integer),
    sa.Column("expires_at", sa.Integer),
    sa.Column("wrong_codes", sa.Integer, server_default="0"),
    sa.Column("receipt", sa.Text),
)
log = sa.Table(
    "log",
    metadata,
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("statement_id", sa.String),
    sa.Column("statement", sa.Text),
)
answers = sa.Table(
    "answers",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("request", sa.LargeBinary),
    sa.Column("answer", sa.Text),
    sa.Column("answered_at", sa.Integer),
)
for change in ("UPDATE", "DELETE"):
    only = f"CREATE TRIGGER log_{change} BEFORE {change} ON log BEGIN SELECT RAISE(ABORT, 'the log only grows'); END"
    sa.event.listen(log, "after_create", sa.DDL(only))

_kept = sa.select(answers).where(answers.c.name.in_(sa.bindparam("names", expanding=True)))
_keep = sa.insert(answers)


def open_engine(path: str) -> AsyncEngine:
    """An engine whose transactions survive a power cut once they are committed."""
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}")

    @sa.event.listens_for(engine.sync_engine, "connect")
    def connect(connection: Any, _: Any) -> None:
        # Without this, sqlite3 would begin a transaction only before the first statement that writes.
        connection.isolation_level = None
        cursor = connection.cursor()
        for each in PRAGMAS:
            cursor.execute(f"PRAGMA {each}")
        cursor.close()

    @sa.event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


class Group:
    """One transaction. Its rows are written in the end, all rows of one statement at once."""

    def __init__(self, db: AsyncConnection) -> None:
        self.db = db
        self._staged: dict[sa.Executable, list[dict[str, Any]]] = defaultdict(list)

    def stage(self, statement: sa.Executable, /, **values: Any) -> None:
        self._staged[statement].append(values)

    async def write(self) -> None:
        for statement, rows in self._staged.items():
            await self.db.execute(statement, rows)


class Waiting(NamedTuple):
    """A request. `decide` stages rows and returns the answer as JSON, or raises HTTPException before it stages any.

    `name` is its idempotency key with the person's id, and `about` the application or customer that it changes.
    """

    name: str
    about: str
    request: bytes
    decide: Callable[[Group], Awaitable[str]]
    answer: asyncio.Future[str]


class Writer:
    """Runs the requests, at most `most` in one transaction. In a group each has another name and another `about`."""

    def __init__(self, engine: AsyncEngine, most: int) -> None:
        self._engine, self._most = engine, most
        self._queue: asyncio.Queue[Waiting] = asyncio.Queue()
        self._left: Waiting | None = None

    async def submit(self, name: str, about: str, request: bytes, decide: Callable[[Group], Awaitable[str]]) -> str:
        """Return the answer once it is durable. A known name gets its first answer again."""
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait(Waiting(name, about, request, decide, answer))
        return await answer

    async def run(self) -> None:
        async with self._engine.connect() as db:
            while True:
                group = await self._next()
                results: list[str | Exception]
                try:
                    async with db.begin():
                        results = await self._transact(Group(db), group)
                except Exception as error:
                    results = [error for _ in group]
                for each, result in zip(group, results, strict=True):
                    if each.answer.done():
                        continue  # its client has gone
                    if isinstance(result, Exception):
                        each.answer.set_exception(result)
                    else:
                        each.answer.set_result(result)

    async def _next(self) -> list[Waiting]:
        first = self._left or await self._queue.get()
        self._left = None
        group, taken = [first], {first.name, first.about}
        while len(group) < self._most and not self._queue.empty():
            each = self._queue.get_nowait()
            if each.name in taken or each.about in taken:
                self._left = each
                break
            group.append(each)
            taken |= {each.name, each.about}
        return group

    async def _transact(self, group: Group, waiting: list[Waiting]) -> list[str | Exception]:
        found = await group.db.execute(_kept, {"names": [each.name for each in waiting]})
        kept = {row.name: row for row in found}
        results: list[str | Exception] = []
        for each in waiting:
            try:
                results.append(await self._answer(group, each, kept.get(each.name)))
            except HTTPException as refused:
                results.append(refused)
        await group.write()
        return results

    async def _answer(self, group: Group, each: Waiting, kept: Any) -> str:
        if kept is None:
            answer = await each.decide(group)
            group.stage(_keep, name=each.name, request=each.request, answer=answer, answered_at=int(time.time()))
            return answer
        if kept.request != each.request:
            raise HTTPException(422, "this idempotency key names another request")
        return str(kept.answer)
