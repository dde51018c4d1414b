"""`verifier demo`: runs a small bank on loopback."""

from __future__ import annotations

from pathlib import Path

import click

from verifier.cli.running import load_setting, run


@click.command()
@click.option(
    "--script", is_flag=True, help="Play the whole story by itself. The exit status is 0 only if every step passes."
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder for the receipts of --script. Without --script: the folder for the demo's data.",
)
@click.option(
    "--port",
    default=8080,
    show_default=True,
    type=click.IntRange(1, 65_532),
    help="The first of four loopback ports in a row. With --script, any free ports are used.",
)
def demo(script: bool, out: Path | None, port: int) -> None:
    """Run a small bank on loopback, with sample applications and ready-made logins."""
    from verifier.demo import play

    if load_setting("env", default="development") == "production":
        raise click.ClickException("the demo has a built-in identity provider and does not run in production")
    raise SystemExit(run(play.demo(script=script, out=out, port=port)))
