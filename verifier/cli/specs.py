"""`verifier openapi` and `settings`: print the two files of specs/ that are generated from the code."""

from __future__ import annotations

import click


@click.command()
def openapi() -> None:
    """Print the OpenAPI description, as in specs/openapi.yaml."""
    from verifier.api.openapi import text

    click.echo(text(), nl=False)


@click.command()
def settings() -> None:
    """Print every setting with its default and meaning, as in specs/settings.md."""
    from verifier.settings_text import text

    click.echo(text(), nl=False)
