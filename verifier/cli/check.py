"""`verifier check`: looks for problems in a deployment before a node starts."""

from __future__ import annotations

import os

import click

from verifier.cli.running import run


@click.command()
def check() -> None:
    """Check the settings, database, key ring, ports, issuers and systems file before `serve` uses them.

    The exit status is 1 if at least one finding is "wrong". A node can start in spite of a finding that is "missing".
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
