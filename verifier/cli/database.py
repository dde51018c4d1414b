"""`verifier migrate`, `backup` and `authenticate`: commands for the database.

`migrate` updates the schema. `backup` copies an SQLite database. `authenticate` adds authenticators to old rows.
"""

from __future__ import annotations

import os
from pathlib import Path

import click

from verifier.cli.running import SLOW_S, load_config, run


@click.command()
def migrate() -> None:
    """Update the database to the schema of this version.

    It is safe to run this command again, or in two places at once.
    """
    from verifier.storage import open_storage
    from verifier.storage.migrate import LOCK_S
    from verifier.storage.migrate import migrate as apply

    async def do() -> list[str]:
        # A statement on a large table may take long. But it must not wait long for a lock, because other statements
        # would then wait behind it.
        storage = await open_storage(load_config().database, timeout_s=SLOW_S, lock_s=LOCK_S)
        try:
            return await apply(storage)
        finally:
            await storage.close()

    applied = run(do())
    click.echo("\n".join(f"applied {name}" for name in applied) or "the schema is up to date")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
def backup(file: Path) -> None:
    """Copy the SQLite database to FILE while the node runs, and check the copy.

    An existing FILE is never overwritten.
    """
    from verifier.storage.backup import backup as copy

    size = copy(load_config().database, file)
    click.echo(f"wrote {file}, {size} bytes; nobody can use it without the key ring: keep that in another place")


@click.command()
def authenticate() -> None:
    """Add authenticators to the rows of a database from an older version. Stop every node, and run this command once.

    The command trusts the rows as they are. So first run `log verify` with the old version. Then run this command
    immediately.
    """
    from verifier.app import now_ms, open_service
    from verifier.ledger.authenticate_rows import authenticate as add_authenticators

    async def do() -> int:
        context = (await open_service(load_config(), timeout_s=SLOW_S)).context
        try:
            return await add_authenticators(context.storage, context.ring, os.urandom, now_ms())
        finally:
            await context.storage.close()

    click.echo(f"{run(do())} rows have their authenticators")
