"""Runs each service test on SQLite, on PostgreSQL, and on PostgreSQL with a log of several shards."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import POSTGRES, SHARDS, SQLITE, new_database


@pytest.fixture(params=[SQLITE, POSTGRES, SHARDS])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database. `shards` is PostgreSQL with a log of several shards."""
    return new_database(request, tmp_path)


@pytest.fixture
def shards(request: pytest.FixtureRequest) -> int:
    return 4 if request.node.callspec.params.get("database") == "shards" else 1
