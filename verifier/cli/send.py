"""`verifier send`: sends one signed request by hand."""

from __future__ import annotations

from pathlib import Path

import click

from verifier.cli.running import run


@click.command()
@click.argument("method", type=click.Choice(["GET", "PUT", "POST", "DELETE"]))
@click.argument("url")
@click.option("--key-id", required=True, help="The system's id in the systems file.")
@click.option(
    "--key",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The file with the system's Ed25519 private key in PEM.",
)
@click.option("--data", default="", help="The JSON body.")
@click.option("--issuer", default="", help="The service's VERIFIER_ISSUER. Needed if URL does not begin with it.")
def send(method: str, url: str, key_id: str, key: Path, data: str, issuer: str) -> None:
    """Send one signed request (RFC 9421) as a bank system, and print the answer.

    The signature covers the service's public address, VERIFIER_ISSUER. If URL is a node behind a proxy, set --issuer.
    """
    from verifier.demo.client import send_signed
    from verifier.files import read_bounded

    try:
        pem = read_bounded(key, 65_536)
    except ValueError as error:
        raise click.ClickException(f"{key}: {error}") from error
    status, body = run(send_signed(method, url, key_id, pem, data.encode(), issuer))
    click.echo(body)
    if status >= 400:
        raise SystemExit(1)
