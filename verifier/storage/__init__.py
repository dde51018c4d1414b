"""Where records are kept: SQLite in one file, or PostgreSQL, behind `verifier.ports.Storage`."""

from __future__ import annotations

from verifier.ports import Storage
from verifier.storage.postgres import PostgresStorage
from verifier.storage.sqlite import SqliteStorage


async def open_storage(url: str) -> Storage:
    """Open `sqlite:PATH` or `postgresql://…`. Raises ValueError for any other scheme, Unavailable when it is gone."""
    scheme, _, rest = url.partition(":")
    if scheme == "sqlite" and rest:
        return await SqliteStorage.open(rest)
    if scheme in ("postgresql", "postgres"):
        return await PostgresStorage.open(url)
    raise ValueError("the database must be sqlite:PATH or postgresql://…")
