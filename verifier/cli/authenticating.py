"""`verifier authenticate`: the rows of an older database, once, at the upgrade."""

from __future__ import annotations

import os

import click

from verifier.cli.running import load_config, run


@click.command()
def authenticate() -> None:
    """Give the rows of an older database their authenticators. Once, with every node stopped.

    It believes the rows as they are: run `log verify` with the version before, and this right after.
    """
    from verifier.app import now_ms, open_service
    from verifier.ledger.authenticating import authenticate as give

    async def do() -> int:
        context = (await open_service(load_config(), patience_s=3600)).context
        try:
            return await give(context.storage, context.ring, os.urandom, now_ms())
        finally:
            await context.storage.close()

    click.echo(f"{run(do())} rows have their authenticators")
