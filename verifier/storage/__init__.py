"""The databases: SQLite in one file, or PostgreSQL. Both are a `verifier.ports.Storage`."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from verifier.ports import Storage
from verifier.storage.postgres import PostgresStorage
from verifier.storage.sqlite import SqliteStorage

TIMEOUT_S = 5.0


async def open_storage(
    url: str, timeout_s: float = TIMEOUT_S, lock_s: float | None = None, *, production: bool = False
) -> Storage:
    """Open `sqlite:PATH` or `postgresql://…`.

    On PostgreSQL, `timeout_s` is the longest time for a statement and `lock_s` the longest wait for a lock, by default
    a little less. In production a server that can lose commits is refused.

    Raises ValueError for any other address, and Unavailable if the database cannot be reached.
    """
    scheme, _, rest = url.partition(":")
    if scheme == "sqlite" and rest:
        return await SqliteStorage.open(rest)
    if scheme in ("postgresql", "postgres"):
        if production and {"prefer", "allow"} & set(parse_qs(urlsplit(url).query).get("sslmode", ())):
            raise ValueError(
                "sslmode=prefer and allow may not use TLS: use verify-full, or disable on a trusted network"
            )
        lock_s = timeout_s * 0.9 if lock_s is None else lock_s
        return await PostgresStorage.open(url, timeout_s, lock_s, production)
    raise ValueError("the database must be sqlite:PATH or postgresql://…")
