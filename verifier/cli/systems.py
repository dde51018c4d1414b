"""`verifier systems`: lists, adds and removes the bank systems that may call the API."""

from __future__ import annotations

from pathlib import Path

import click

from verifier.cli.running import load_setting
from verifier.core.principal import SYSTEM_SCOPES


def _file_or_setting(ctx: click.Context, param: click.Parameter, given: Path | None) -> Path:
    path = given or load_setting("systems")
    if not path:
        raise click.MissingParameter("Give it, or set VERIFIER_SYSTEMS.", ctx, param)
    return Path(path)


FILE = click.option(
    "--file",
    "path",
    callback=_file_or_setting,
    show_default="VERIFIER_SYSTEMS",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The path of the systems file.",
)


@click.group()
def systems() -> None:
    """Manage the bank's systems in the file that VERIFIER_SYSTEMS names. Running nodes use a change within seconds."""


@systems.command("add")
@click.argument("system_id", metavar="ID")
@click.option(
    "--scopes", required=True, help=f"What the system may do. A list with commas, of: {', '.join(SYSTEM_SCOPES)}."
)
@click.option(
    "--public-key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The file with the system's Ed25519 public key in PEM. Without this option, a key pair is made.",
)
@click.option(
    "--private-key",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write the new private key.  [default: ID.pem]",
)
@FILE
def systems_add(system_id: str, scopes: str, public_key: Path | None, private_key: Path | None, path: Path) -> None:
    """Allow the system ID to call the API.

    Without --public-key, a key pair is made, and the private key is written to ID.pem.
    """
    from verifier.api.systems import System, add_system, new_key
    from verifier.files import create_file

    if public_key is not None and private_key is not None:
        raise click.UsageError("--public-key and --private-key exclude each other")
    asked = tuple(part.strip() for part in scopes.split(",") if part.strip())
    key_file = private_key or Path(f"{system_id.replace('/', '_')}.pem")
    try:
        given, pem = new_key() if public_key is None else (_read_public_key(public_key), None)
        system = System(system_id, given, asked)
        if pem is not None:
            create_file(key_file, pem)
    except FileExistsError as error:
        raise click.ClickException(f"{key_file} exists already; name another file with --private-key") from error
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    try:
        add_system(path, system)
    except BaseException:
        if pem is not None:
            key_file.unlink()
        raise
    click.echo(f"{system_id} may now use: {', '.join(asked)}")
    if pem is not None:
        click.echo(f"its private key is in {key_file}; give it to that system and to nobody else")


def _read_public_key(path: Path) -> str:
    from verifier.files import read_bounded

    given = read_bounded(path, 4096).decode("ascii")
    if "PRIVATE KEY" in given:
        raise ValueError(f"{path} is a private key; openssl pkey -in {path} -pubout prints its public key")
    return given


@systems.command("list")
@FILE
def systems_list(path: Path) -> None:
    """Show the id and scopes of each system."""
    from verifier.api.systems import load_systems

    for system in load_systems(path):
        click.echo(f"{system.id:<24} {', '.join(system.scopes)}")


@systems.command("remove")
@click.argument("system_id", metavar="ID")
@FILE
def systems_remove(system_id: str, path: Path) -> None:
    """Stop the system ID from calling the API."""
    from verifier.api.systems import remove_system

    remove_system(path, system_id)
    click.echo(f"{system_id} may no longer call")
