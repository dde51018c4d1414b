"""`verifier check`: finds what is wrong with a deployment, or missing in it, before a node starts."""

from __future__ import annotations

import os

import click

from verifier.cli.running import run


@click.command()
def check() -> None:
    """Try the settings, database, key ring, ports, issuers and systems file, as `serve` would.

    The exit status is 1 if anything is wrong. What is missing does not stop a node from starting.
    """
    from verifier.preflight import preflight

    async def do() -> int:
        wrong = 0
        async for finding in preflight(os.environ):
            wrong += finding.result == "wrong"
            click.echo(f"{finding.result:<8} {finding.part}: {finding.detail}")
        return wrong

    if run(do()):
        raise SystemExit(1)
