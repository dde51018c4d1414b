"""Fixtures: a world on each database. A component that is missing skips a test, and on CI fails it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests import node
from tests.postgres import Postgres, installed
from tests.world import Person, World
from verifier.ports import Storage
from verifier.storage import open_storage
from verifier.storage.migrate import migrate

# A busy machine is no defect: examples have no deadline.
settings.register_profile("verifier", deadline=None)
settings.load_profile("verifier")


def require(component: str, present: bool) -> None:
    """Skip the test where a component is missing; on CI that is a failure, so an install step cannot go missing."""
    if present:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"{component} is missing on CI")
    pytest.skip(f"{component} is not installed")


@pytest.fixture(scope="session")
def npm() -> str:
    """npm, with the packages of clients/typescript installed."""
    require("npm", node.installed())
    return node.program("npm")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL, started for the session."""
    require("PostgreSQL", installed())
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        server = Postgres(Path(folder))
        server.start()
        yield server
        server.stop()


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A PostgreSQL that a test may kill."""
    require("PostgreSQL", installed())
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        server = Postgres(Path(folder))
        server.start()
        yield server
        server.stop()


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database, of each kind in turn."""
    return empty_database(request, tmp_path)


def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a SQLite file that is not there yet where the parameter says so, else of a PostgreSQL's."""
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'verifier.sqlite3'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture
def shards() -> int:
    """How many shards the log has."""
    return 1


@pytest.fixture
async def storage(database: str, shards: int, tmp_path: Path) -> AsyncIterator[Storage]:
    """An open database at the current schema."""
    opened = await open_storage(database)
    await migrate(opened)
    if shards > 1:
        await World(opened, tmp_path / "ring.json").context.writer.split(shards)
    yield opened
    await opened.close()


@pytest.fixture
async def world(storage: Storage, tmp_path: Path) -> AsyncIterator[World]:
    """A running world with the leg required, the default."""
    async with World(storage, tmp_path / "ring.json") as made:
        yield made


@pytest.fixture
async def wang(world: World) -> Person:
    """A registered customer."""
    person = Person(1)
    await world.register(person)
    return person


@pytest.fixture
async def mallory(world: World) -> Person:
    """A registered customer who is a fraudster."""
    person = Person(666)
    await world.register(person)
    return person
