"""`verifier serve`: runs a node."""

from __future__ import annotations

import click

from verifier.cli.running import load_config, run


@click.command()
def serve() -> None:
    """Run a node until it gets SIGTERM or SIGINT."""
    from verifier import node
    from verifier.journal import configure_logging

    config = load_config()
    configure_logging(config.log_level)
    run(node.serve(config))
