"""The peer's tables, and its group commit: all requests that wait at one moment are one transaction."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from fastapi import HTTPException
from sqlalchemy import (
    DDL,
    Column,
    Executable,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    bindparam,
    event,
    insert,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", "cache_size = -16384", "wal_autocheckpoint = 4000")

metadata = MetaData()
applications = Table(
    "applications",
    metadata,
    Column("application_id", String, primary_key=True),
    Column("customer_id", String, nullable=False, index=True),
    Column("number", String, nullable=False),
    Column("officer_id", String, nullable=False),
    Column("officer_name", String, nullable=False),
    Column("branch", String, nullable=False),
    Column("key", LargeBinary, nullable=False),
)
calls = Table(
    "calls",
    metadata,
    Column("call_id", String, primary_key=True),
    Column("application_id", ForeignKey("applications.application_id"), nullable=False, index=True),
    Column("purpose", String, nullable=False),
    Column("ticket", Text, nullable=False),
    Column("issued_at", Integer, nullable=False),
    Column("expires_at", Integer, nullable=False),
    Column("wrong_codes", Integer, nullable=False, default=0),
    Column("receipt", Text),
)
log = Table(
    "log",
    metadata,
    Column("position", Integer, primary_key=True),
    Column("statement_id", String, nullable=False),
    Column("statement", Text, nullable=False),
)
answers = Table(
    "answers",
    metadata,
    Column("name", String, primary_key=True),
    Column("request", LargeBinary, nullable=False),
    Column("answer", Text, nullable=False),
    Column("answered_at", Integer, nullable=False),
)
for change in ("UPDATE", "DELETE"):
    only = f"CREATE TRIGGER log_{change} BEFORE {change} ON log BEGIN SELECT RAISE(ABORT, 'the log only grows'); END"
    event.listen(log, "after_create", DDL(only))

_kept = select(answers).where(answers.c.name.in_(bindparam("names", expanding=True)))
_keep = insert(answers)
APPEND = insert(log)


def open_engine(path: str) -> AsyncEngine:
    """An engine whose transactions begin with BEGIN, and survive a power cut once they are committed."""
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}")

    @event.listens_for(engine.sync_engine, "connect")
    def connect(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for each in PRAGMAS:
            cursor.execute(f"PRAGMA {each}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


class Group:
    """One transaction. Its rows are written in the end, all rows of one statement at once."""

    def __init__(self, db: AsyncConnection) -> None:
        self.db = db
        self._staged: dict[Executable, list[dict[str, Any]]] = defaultdict(list)

    def stage(self, statement: Executable, /, **values: Any) -> None:
        self._staged[statement].append(values)

    async def write(self) -> None:
        for statement, rows in self._staged.items():
            await self.db.execute(statement, rows)


class Waiting(NamedTuple):
    """A request. `decide` raises HTTPException before it stages anything, or returns the answer as JSON.

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
        answer = asyncio.get_running_loop().create_future()
        self._queue.put_nowait(Waiting(name, about, request, decide, answer))
        return await answer

    async def run(self) -> None:
        async with self._engine.connect() as db:
            while True:
                group = await self._next()
                try:
                    async with db.begin():
                        results = await self._run(Group(db), group)
                except Exception as error:
                    results = [error] * len(group)
                for each, result in zip(group, results, strict=True):
                    if each.answer.done():
                        continue
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
            if not taken.isdisjoint((each.name, each.about)):
                self._left = each
                break
            group.append(each)
            taken.update((each.name, each.about))
        return group

    async def _run(self, group: Group, waiting: list[Waiting]) -> list[str | Exception]:
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
