"""The databases: SQLite in one file, or PostgreSQL. Both implement `verifier.ports.Storage`."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from verifier.ports import Storage
from verifier.storage.postgres import PostgresStorage
from verifier.storage.sqlite import SqliteStorage

TIMEOUT_S = 5.0


async def open_storage(
    url: str, timeout_s: float = TIMEOUT_S, lock_s: float | None = None, *, production: bool = False
) -> Storage:
    """Open a database by its address: `sqlite:PATH` or `postgresql://…`.

    These options apply to PostgreSQL only:

    - `timeout_s`: the timeout of a statement.
    - `lock_s`: how long a statement may wait for a lock. The default is a little less than `timeout_s`.
    - `production`: refuse a server that can lose commits, and an address with `sslmode=prefer` or `sslmode=allow`.

    Raises ValueError for any other address. Raises Unavailable if the database cannot be reached or is refused.
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
