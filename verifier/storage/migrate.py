"""Numbered, forward-only migrations, the same text on both databases. Carries out specs/protocol.md section 10."""

from __future__ import annotations

from importlib.resources import files

from verifier.core.errors import VerifierError
from verifier.ports import Storage

_CREATE = "CREATE TABLE IF NOT EXISTS schema_versions (version BIGINT PRIMARY KEY, name TEXT NOT NULL)"
_APPLIED = "SELECT version FROM schema_versions ORDER BY version"
_APPLY = "INSERT INTO schema_versions (version, name) VALUES ($1, $2)"


class WrongSchema(VerifierError):
    """The database's schema is older or newer than this program's."""

    slug = "wrong_schema"
    title = "The database schema does not fit this version"


def migrations() -> list[tuple[int, str, str]]:
    """(version, file name, SQL) of every migration, in order."""
    found = [
        (int(each.name.split("_")[0]), each.name, each.read_text(encoding="utf-8"))
        for each in files("verifier.storage").joinpath("migrations").iterdir()
        if each.name.endswith(".sql")
    ]
    return sorted(found)


async def migrate(storage: Storage) -> list[str]:
    """Apply what is missing, each file in one transaction; return the names applied. Safe to run twice."""
    async with storage.transaction() as transaction:
        await transaction.execute_many(_CREATE, [()])
        applied = {row[0] for row in await transaction.fetch(_APPLIED)}
        missing = [each for each in migrations() if each[0] not in applied]
        for version, name, sql in missing:
            for statement in _statements(sql):
                await transaction.execute_many(statement, [()])
            await transaction.execute_many(_APPLY, [(version, name)])
    return [name for _, name, _ in missing]


async def check_schema(storage: Storage) -> None:
    """Raise WrongSchema unless exactly this program's migrations have been applied, Unavailable if nobody can tell."""
    known = {version for version, _, _ in migrations()}
    await storage.fetch("SELECT 1")
    try:
        applied = {row[0] for row in await storage.fetch(_APPLIED)}
    except Exception as error:
        raise WrongSchema("the database has no tables yet; run `verifier migrate`") from error
    if applied - known:
        raise WrongSchema(f"the database is at version {max(applied)}, newer than this program")
    if known - applied:
        raise WrongSchema(f"the database is at version {max(applied, default=0)}; run `verifier migrate`")


def _statements(sql: str) -> list[str]:
    lines = [line for line in sql.splitlines() if not line.lstrip().startswith("--")]
    return [part.strip() for part in "\n".join(lines).split(";") if part.strip()]
