"""Requests do the same work with and without an open call: statements, rows, octets and decryptions (law L7).

tests/benchmarks/timing.py compares the times.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.conftest import POSTGRES, SQLITE, new_database
from tests.world import IVR, Company, Person, World, another_code
from verifier.core import sealing
from verifier.core.messages.customers import ReportCall
from verifier.core.times import from_ms
from verifier.ports import Row, Storage, Transaction
from verifier.service.confirmations import confirm, past_calls
from verifier.storage import open_storage
from verifier.storage.migrate import migrate

Way = Callable[[World, Person, str], Awaitable[object]]
WRONG = another_code("482177300", 0)


class Work:
    """What a command did: its SQL statements with their rows and octets, decryptions, and derived codes."""

    def __init__(self) -> None:
        self.statements: list[tuple[str, int, int]] = []
        self.unsealed = 0
        self.derived = 0


class Watched:
    """A transaction that records its statements."""

    def __init__(self, transaction: Transaction, work: Work) -> None:
        self._transaction = transaction
        self._work = work

    async def fetch(self, sql: str, *args: Any) -> Sequence[Row]:
        rows = await self._transaction.fetch(sql, *args)
        self._work.statements.append((sql, len(rows), 0))
        return rows

    async def fetch_in(self, sql: str, keys: Iterable[Any]) -> Sequence[Row]:
        wanted = list(keys)
        rows = await self._transaction.fetch_in(sql, wanted)
        if wanted:  # without any key, no statement is sent
            self._work.statements.append((sql, len(rows), 0))
        return rows

    async def execute_many(self, sql: str, rows: Sequence[Row]) -> None:
        await self._transaction.execute_many(sql, rows)
        self._work.statements.append((sql, len(rows), sum(map(_octets, (each for row in rows for each in row)))))


def _octets(value: object) -> int:
    if isinstance(value, str):
        return len(value.encode())
    return len(value) if isinstance(value, bytes) else int(value is not None) * 8


async def work_of(world: World, ask: Awaitable[object], monkeypatch: pytest.MonkeyPatch) -> Work:
    work = Work()
    begin, derive = world.storage.transaction, confirm.derive_code

    @asynccontextmanager
    async def watched() -> AsyncIterator[Watched]:
        async with begin() as transaction:
            yield Watched(transaction, work)

    class Counted:
        def __init__(self, key: bytes) -> None:
            self._cipher = AESGCM(key)
            self.encrypt = self._cipher.encrypt

        def decrypt(self, *args: Any) -> bytes:
            work.unsealed += 1
            return self._cipher.decrypt(*args)

    def derived(*args: Any) -> str:
        work.derived += 1
        return derive(*args)

    with monkeypatch.context() as patched:
        patched.setattr(world.storage, "transaction", watched)
        patched.setattr(world.storage, "commit", partial(Storage.commit, world.storage))
        patched.setattr(sealing, "AESGCM", Counted)
        for module in (confirm, past_calls):
            patched.setattr(module, "derive_code", derived)
        await ask
    return work


async def _app(world: World, person: Person, session: str) -> object:
    return await world.confirm(person, WRONG)


async def _named(world: World, person: Person, session: str) -> object:
    return await world.confirm(person, WRONG, application_id=person.application_id)


async def _foreign(world: World, person: Person, session: str) -> object:
    return await world.confirm(person, WRONG, application_id="LN-foreign")


async def _phone(world: World, person: Person, session: str) -> object:
    return await world.ring_in(person.number, WRONG)


async def _foreign_by_phone(world: World, person: Person, session: str) -> object:
    return await world.ring_in(person.number, WRONG, application_id="LN-foreign")


async def _keyed(world: World, person: Person, session: str) -> object:
    return await world.press(session, WRONG)


async def _star(world: World, person: Person, session: str) -> object:
    return await world.press(session, "*")


async def _report(world: World, person: Person, session: str) -> object:
    asked = ReportCall(from_ms(world.clock()), reporter_number=person.number, said="x")
    return await world.service.reports.take(IVR, asked, world.key(IVR, asked))


async def _revoked(world: World, person: Person) -> None:
    call_id, _ = await world.live_call(person)
    await world.revoke(call_id)


async def _open(world: World, person: Person) -> None:
    await world.live_call(person)


async def _confirmed(world: World, person: Person) -> None:
    _, code = await world.live_call(person)
    await world.confirm(person, code)


async def _confirmed_and_over(world: World, person: Person) -> None:
    call_id, code = await world.live_call(person)
    await world.confirm(person, code)
    await world.leg(call_id, "ended", person.number)


WAYS: dict[str, Way] = {
    "app": _app,
    "own reference": _named,
    "foreign reference": _foreign,
    "phone": _phone,
    "foreign reference by phone": _foreign_by_phone,
    "dialogue": _keyed,
    "star": _star,
    "report": _report,
}


@pytest.fixture(params=[SQLITE, POSTGRES])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """Returns a function that makes an empty database in a new folder with the given name, and returns its URL."""
    # Migrate here, since a test that runs in a loop cannot.
    request.getfixturevalue("migrated_file" if request.param == "sqlite" else "migrated_database")

    def made(name: str) -> str:
        (tmp_path / name).mkdir()
        return new_database(request, tmp_path / name)

    return made


@pytest.mark.shows("CVP-7-2")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("some", "none"), [(_open, _revoked), (_confirmed, _confirmed_and_over)])
@pytest.mark.parametrize("applications", [1, 3, "company"])
async def test_the_work_does_not_reveal_whether_a_call_is_open(
    database: Callable[[str], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
    some: Any,
    none: Any,
    applications: int | str,
) -> None:
    """Compares two databases with the same history, except that in one of them the call is over."""
    works: list[list[Work]] = []
    count = applications if isinstance(applications, int) else 0
    for name, prepare in (("some", some), ("none", none)):
        storage = await open_storage(database(name))
        await migrate(storage)
        async with World(storage, tmp_path / "ring.json") as world:
            person = Person(1)
            if applications == "company":
                company = Company(10)
                await world.register(company)
                person = company.finance
                person.application_id = company.application_id
            for n in range(count):
                person.application_id = f"LN-{n}"
                await world.register(person)
            await prepare(world, person)
            session = (await world.begin_dialogue(person.number))["session_id"]
            # The first wrong code finds no row of the guess limit; the second does.
            works.append([await work_of(world, WAYS[way](world, person, session), monkeypatch) for _ in range(2)])
        await storage.close()
    for one, other in zip(*works, strict=True):
        assert one.statements == other.statements
        assert (one.unsealed, one.derived) == (other.unsealed, other.derived)
        assert one.unsealed >= max(count, 1) or way == "star"
