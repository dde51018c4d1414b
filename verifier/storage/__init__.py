"""Where records are kept: SQLite in one file, or PostgreSQL, behind `verifier.ports.Storage`."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from verifier.ports import Storage
from verifier.storage.postgres import PostgresStorage
from verifier.storage.sqlite import SqliteStorage

TIMEOUT_S = 5.0


async def open_storage(
    url: str, timeout_s: float = TIMEOUT_S, lock_s: float | None = None, *, production: bool = False
) -> Storage:
    """Open `sqlite:PATH` or `postgresql://…`; `timeout_s` is what a statement on PostgreSQL may take.

    `lock_s` is how long it may wait for a lock there, by default a little less. In production a server that can lose
    commits is refused.

    Raises ValueError for any other address, Unavailable when it is gone.
    """
    scheme, _, rest = url.partition(":")
    if scheme == "sqlite" and rest:
        return await SqliteStorage.open(rest)
    if scheme in ("postgresql", "postgres"):
        if production and {"prefer", "allow"} & set(parse_qs(urlsplit(url).query).get("sslmode", ())):
            raise ValueError(
                "sslmode=prefer and allow may go without TLS: use verify-full, or disable on a trusted path"
            )
        lock_s = timeout_s * 0.9 if lock_s is None else lock_s
        return await PostgresStorage.open(url, timeout_s, lock_s, production)
    raise ValueError("the database must be sqlite:PATH or postgresql://…")
