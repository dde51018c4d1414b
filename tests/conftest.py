"""Shared fixtures: databases, a test bank on each, and the selection of fast tests."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests import node
from tests.components import is_fast, is_slow_file, require, require_packages
from tests.postgres import Postgres, memory
from tests.sharing import Sharing
from tests.world import Person, World
from verifier.ports import Storage
from verifier.storage import open_storage
from verifier.storage.migrate import migrate

# Examples have no deadline, since the machine may be busy.
settings.register_profile("verifier", deadline=None)
settings.register_profile("fast", deadline=None, max_examples=15)
settings.load_profile("verifier")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fast", action="store_true", help="only what needs no program beside Python and takes no time")
    parser.addoption("--share", metavar="FOLDER", help="run only the files that no process with this folder has taken")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--fast"):
        settings.load_profile("fast")
    if config.getoption("--share"):
        config.pluginmanager.register(Sharing(Path(config.getoption("--share"))))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """In the fast run, do not import files whose tests are all left out."""
    if config.getoption("--fast") and collection_path.name.startswith("test_"):
        return True if is_slow_file(collection_path.read_text(encoding="utf-8")) else None
    return None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--fast"):
        left_out = [item for item in items if not is_fast(item)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if is_fast(item)]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    require_packages(item)


@pytest.fixture(scope="session")
def npm() -> str:
    """npm, with the packages of clients/typescript installed."""
    require("npm", node.installed())
    return node.program("npm")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL for the whole session. It is killed at the end, since its data is not needed again."""
    with tempfile.TemporaryDirectory(prefix="postgres-", dir=memory()) as folder:
        server = Postgres(Path(folder))
        server.start()
        yield server
        server.kill()


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A PostgreSQL that the test may kill."""
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        server = Postgres(Path(folder))
        server.start()
        yield server
        server.stop()


# Parameters for a fixture that runs with each kind of database.
SQLITE = pytest.param("sqlite")
POSTGRES = pytest.param("postgres", marks=pytest.mark.needs("postgresql"))
SHARDS = pytest.param("shards", marks=pytest.mark.needs("postgresql"))


@pytest.fixture(params=[SQLITE, POSTGRES])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database with the current schema. Each kind of database in turn."""
    return new_database(request, tmp_path)


@pytest.fixture(params=[SQLITE, POSTGRES])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database without tables. Each kind of database in turn."""
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'verifier.sqlite3'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_database()


def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a copy of the migrated database of the kind that the parameter names."""
    if request.param == "sqlite":
        return f"sqlite:{shutil.copy(request.getfixturevalue('migrated_file'), tmp_path / 'verifier.sqlite3')}"
    server: Postgres = request.getfixturevalue("postgres")
    address = server.new_database(request.getfixturevalue("migrated_database"))
    request.addfinalizer(lambda: server.drop_database(address))
    return address


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the current schema. Tests copy it, since migrating takes longer than most tests."""
    path = tmp_path_factory.mktemp("migrated") / "verifier.sqlite3"
    asyncio.run(_migrate(f"sqlite:{path}"))
    return path


@pytest.fixture(scope="session")
def migrated_database(postgres: Postgres) -> str:
    """A PostgreSQL database with the current schema. Tests copy it."""
    address = postgres.new_database()
    asyncio.run(_migrate(address))
    return address


async def _migrate(address: str) -> None:
    storage = await open_storage(address)
    await migrate(storage)
    await storage.close()


@pytest.fixture
def shards() -> int:
    """The number of shards of the log."""
    return 1


@pytest.fixture
async def storage(database: str, shards: int, tmp_path: Path) -> AsyncIterator[Storage]:
    """An open database with the current schema."""
    opened = await open_storage(database)
    await migrate(opened)
    if shards > 1:
        await World(opened, tmp_path / "ring.json").context.writer.split(shards)
    yield opened
    await opened.close()


@pytest.fixture
async def world(storage: Storage, tmp_path: Path) -> AsyncIterator[World]:
    """A running test bank with the default leg mode, `required`."""
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
