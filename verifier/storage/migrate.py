"""Numbered, forward-only migrations. Both databases run the same SQL. Implements specs/protocol.md section 10."""

from __future__ import annotations

from importlib.resources import files

from verifier.core.errors import Unavailable, VerifierError
from verifier.ports import Damaged, Storage

# A statement that changes a table waits for every transaction that uses the table. New transactions queue behind that
# statement, so it must give up soon.
LOCK_S = 2.0

_CREATE = "CREATE TABLE IF NOT EXISTS schema_versions (version BIGINT PRIMARY KEY, name TEXT NOT NULL)"
_APPLIED = "SELECT version FROM schema_versions ORDER BY version"
_APPLY = (
    "INSERT INTO schema_versions (version, name) VALUES ($1, $2) ON CONFLICT (version) DO NOTHING RETURNING version"
)


class WrongSchema(VerifierError):
    """The database's schema is older or newer than this program's."""

    slug = "wrong_schema"
    title = "The database schema does not fit this version"


def migrations() -> list[tuple[int, str, str]]:
    """The version, file name and SQL of every migration, in order."""
    found = [
        (int(each.name.split("_")[0]), each.name, each.read_text(encoding="utf-8"))
        for each in files("verifier.storage").joinpath("migrations").iterdir()
        if each.name.endswith(".sql")
    ]
    return sorted(found)


async def migrate(storage: Storage) -> list[str]:
    """Apply the missing migrations, each in its own transaction. Returns the file names of the applied migrations.

    It is safe to run this again after a failure, or to run it twice at the same time. Raises Unavailable. The detail of
    the error names the file that was not applied.
    """
    await _begin(storage)
    applied = {row[0] for row in await storage.fetch(_APPLIED)}
    missing = [each for each in migrations() if each[0] not in applied]
    return [name for version, name, sql in missing if await _apply(storage, version, name, sql)]


async def _begin(storage: Storage) -> None:
    try:
        async with storage.transaction() as transaction:
            await transaction.execute_many(_CREATE, [()])
    except Unavailable:
        raise
    except Exception:
        # If two runs create the table at the same moment, PostgreSQL may report an error to one run. Ignore the error
        # if the table now exists: then this read succeeds.
        await storage.fetch(_APPLIED)


async def _apply(storage: Storage, version: int, name: str, sql: str) -> bool:
    """Apply one migration. Returns False if another run has applied it meanwhile."""
    try:
        async with storage.transaction() as transaction:
            # Insert the version first: another run then has to wait until this transaction has ended.
            if not await transaction.fetch(_APPLY, version, name):
                return False
            for statement in _statements(sql):
                await transaction.execute_many(statement, [()])
    except Unavailable as error:
        raise Unavailable(f"{name} was not applied; it is safe to try again: {error.detail}") from error
    return True


async def check_schema(storage: Storage) -> None:
    """Raise WrongSchema unless exactly this program's migrations are applied.

    Raises Unavailable if the database cannot be read.
    """
    known = {version for version, _, _ in migrations()}
    await storage.fetch("SELECT 1")
    try:
        applied = {row[0] for row in await storage.fetch(_APPLIED)}
    except Damaged:
        raise
    except Exception as error:
        raise WrongSchema("the database has no tables yet; run `verifier migrate`") from error
    if applied - known:
        raise WrongSchema(f"the database is at version {max(applied)}, newer than this program")
    if known - applied:
        raise WrongSchema(f"the database is at version {max(applied, default=0)}; run `verifier migrate`")


def _statements(sql: str) -> list[str]:
    lines = [line for line in sql.splitlines() if not line.lstrip().startswith("--")]
    return [part.strip() for part in "\n".join(lines).split(";") if part.strip()]
