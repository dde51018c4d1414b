"""Fixtures of the page tests: a bank and a real browser."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.api.conftest import RunningBank
from tests.node import CLIENTS, SDK, program, run
from tests.pages.people import CHROMIUM, Customer, Exchange, Officer
from verifier.demo.bank import DemoBank


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All page tests share one browser, so they share one event loop."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and inspect.iscoroutinefunction(getattr(item, "function", None)):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture(scope="module")
def bank() -> Iterator[DemoBank]:
    with tempfile.TemporaryDirectory(prefix="bank-") as folder, RunningBank(Path(folder)) as running:
        yield running


@pytest.fixture
def exchange(bank: DemoBank) -> Iterator[Exchange]:
    made = Exchange(bank)
    yield made
    made.hang_up()


@pytest.fixture(scope="session", autouse=True)
def fresh_bundles(npm: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The pages run from their bundles. Old ones would show how the pages were before a change."""
    assert stale_bundles(tmp_path_factory.mktemp("built")) == [], "run `npm run bundle` in clients/typescript"


def stale_bundles(folder: Path, clients: Path = CLIENTS) -> list[str]:
    """The names of the kept bundles that differ from those of the modules, which `folder` gets."""
    done = run(program("node"), "bundle.js", str(folder), cwd=clients / "typescript")
    assert done.returncode == 0, done.stderr
    made, kept = ({path.name: path.read_bytes() for path in each.iterdir()} for each in (folder, clients / "built"))
    return sorted(name for name in made.keys() | kept.keys() if made.get(name) != kept.get(name))


@pytest.fixture(scope="session")
def axe(npm: str) -> str:
    """The script of axe-core."""
    return (SDK / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        await opened.close()


@pytest_asyncio.fixture(loop_scope="session")
async def officer(browser: Browser, bank: DemoBank) -> AsyncIterator[Officer]:
    """The officer Li Wei, signed in. Fails at the end if a policy was violated or a script failed."""
    person: Officer = await Officer.come(browser, bank)
    await person.sign_in("4412")
    yield person
    await person.context.close()
    assert person.defects() == []


@pytest_asyncio.fixture(loop_scope="session")
async def customer(browser: Browser, bank: DemoBank) -> AsyncIterator[Customer]:
    """The customer Wang Fang, signed in, with the same check at the end."""
    person: Customer = await Customer.come(browser, bank)
    await person.sign_in("cust-0001")
    yield person
    await person.context.close()
    assert person.defects() == []
