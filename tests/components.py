"""The programs besides Python that some tests need, and the Debian package of each.

A test says `@pytest.mark.needs("postgresql")`, or uses a fixture of FIXTURES. If the program is missing, the test is
skipped with the name of the package. On CI it fails. `tests/run fast` deselects every such test.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import postgres

# Some programs are in folders for administrators.
_PATH = f"{os.environ['PATH']}:/usr/sbin:/usr/bin:/usr/local/bin"


def _program(*names: str) -> Callable[[], bool]:
    """A check for whether a program with one of these names is installed."""
    return lambda: any(shutil.which(name, path=_PATH) for name in names)


def _file(pattern: str) -> Callable[[], bool]:
    return lambda: any(Path("/usr").glob(pattern))


FOUND: dict[str, Callable[[], bool]] = {
    "baresip-core": _program("baresip"),
    "chromium": _program("chromium", "chromium-browser"),
    "default-jre-headless": _program("java"),
    "espeak-ng": _program("espeak-ng"),
    "etcd-server": _program("etcd"),
    "gcc": _program("gcc"),
    "golang-go": _program("go"),
    "golang-golang-x-mod-dev": _file("share/gocode/src/golang.org/x/mod/sumdb"),
    "libfaketime": _file("lib/*/faketime/libfaketimeMT.so.1"),
    "nginx-light": _program("nginx"),
    "oathtool": _program("oathtool"),
    "patroni": _program("patroni"),
    "pgbouncer": _program("pgbouncer"),
    "postgresql": postgres.installed,
    "secsipidx": _program("secsipidx"),
    "sip-tester": _program("sipp"),
    "valgrind": _program("valgrind"),
    "zbar-tools": _program("zbarimg"),
}

FIXTURES = {"postgres": "postgresql", "own_postgres": "postgresql", "browser": "chromium"}
# npm comes with the virtual environment, and downloads packages itself.
FETCHING = {"npm"}


def needed(item: pytest.Item) -> set[str]:
    """The Debian packages that a test needs."""
    marked = {str(package) for mark in item.iter_markers("needs") for package in mark.args}
    fixtures = getattr(item, "fixturenames", ())
    return marked | {package for fixture, package in FIXTURES.items() if fixture in fixtures}


def is_fast(item: pytest.Item) -> bool:
    """Whether a test is part of `tests/run fast`: it needs Python alone, and takes no longer than a second or two."""
    fetches = FETCHING.intersection(getattr(item, "fixturenames", ()))
    return not (needed(item) or fetches or any(item.iter_markers("slow")))


def is_slow_file(source: str) -> bool:
    """Whether the source of a file marks all of its tests as slow, or as in need of something."""
    return re.search(r"^pytestmark = pytest\.mark\.(slow$|needs\()", source, re.MULTILINE) is not None


def require(component: str, present: bool) -> None:
    """Skip the test if a component is missing. On CI fail instead, so that a missing install step is noticed."""
    if present:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"{component} is missing on CI")
    pytest.skip(f"{component} is not installed")


def require_packages(item: pytest.Item) -> None:
    """Skip a test if one of its packages is missing, and name the package."""
    for package in sorted(needed(item)):
        require(f"the Debian package {package}", FOUND[package]())
