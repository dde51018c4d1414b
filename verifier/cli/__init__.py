"""The command line. Other modules of this package hold the larger commands."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
import msgspec

from verifier import __version__
from verifier.cli.authenticating import authenticate
from verifier.cli.check import check
from verifier.cli.importing import import_
from verifier.cli.running import Commands, load_config, run
from verifier.cli.systems import systems
from verifier.core.errors import VerifierError


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="verifier")
def main() -> None:
    """Callback verification for banks: the customer learns that the officer on the phone is genuine.

    Settings come from the environment, VERIFIER_*; the README lists them.
    """


@main.command()
def serve() -> None:
    """Run the service until SIGTERM."""
    from verifier import app
    from verifier.journal import configure_logging

    config = load_config()
    configure_logging(config.log_level)
    run(app.serve(config))


@main.command()
def migrate() -> None:
    """Bring the database to this version's schema. Safe to run again, also while another does."""
    from verifier.storage import open_storage
    from verifier.storage.migrate import LOCK_S
    from verifier.storage.migrate import migrate as apply

    async def do() -> list[str]:
        # A statement over a table that has grown large takes its time; but not that of all who wait behind it.
        storage = await open_storage(load_config().database, patience_s=3600, lock_s=LOCK_S)
        try:
            return await apply(storage)
        finally:
            await storage.close()

    applied = run(do())
    click.echo("\n".join(f"applied {name}" for name in applied) or "the schema is up to date")


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
def backup(file: Path) -> None:
    """Copy the SQLite database to FILE while the node works, and check the copy. Never overwrites FILE."""
    from verifier.storage.backup import backup as copy

    size = copy(load_config().database, file)
    click.echo(f"written to {file}, {size} bytes; it is of no use without the key ring, which belongs elsewhere")


@main.group()
def keys() -> None:
    """The key ring in the file VERIFIER_KEY_RING."""


@keys.command("new")
def keys_new() -> None:
    """Make a new key ring. Never overwrites one."""
    from verifier import keys as ring
    from verifier.app import now_ms

    path = Path(os.environ.get("VERIFIER_KEY_RING", "keys/ring.json"))
    _print_keys(ring.create(path, now_ms()))
    click.echo(f"written to {path}; keep it secret, and keep a copy: nothing at rest can be read without it")


@keys.command("rotate")
@click.argument("use", type=click.Choice(["statement", "log", "encryption"]))
@click.option("--force", is_flag=True, help="Even if the next key was published less than a day ago.")
def keys_rotate(use: Any, force: bool) -> None:
    """Make the next key the active one. Running nodes follow within seconds."""
    from verifier import keys as ring
    from verifier.app import now_ms

    path = Path(os.environ.get("VERIFIER_KEY_RING", "keys/ring.json"))
    _print_keys(ring.rotate(path, use, now_ms(), force=force))


@keys.command("list")
def keys_list() -> None:
    """Show every key's id, use and state."""
    from verifier import keys as ring

    _print_keys(ring.read(Path(os.environ.get("VERIFIER_KEY_RING", "keys/ring.json"))))


@keys.command("uses")
def keys_uses() -> None:
    """Show how often each key-encryption key has been used, by all nodes."""
    from verifier.app import open_service
    from verifier.core.key_uses import verdict

    async def do() -> tuple[str, dict[str, int]]:
        service = await open_service(load_config())
        try:
            return service.context.ring.encrypting(), await service.key_uses.totals()
        finally:
            await service.context.storage.close()

    active, totals = run(do())
    for kid, uses in {active: 0, **totals}.items():
        said = verdict(uses) if kid == active else "not active"
        click.echo(f"{kid}  {uses} uses" + (f": {said}" if said else ""))


def _print_keys(found: Any) -> None:
    from verifier.core.times import from_ms

    for key in found:
        click.echo(f"{key.use:<11} {key.state:<8} {key.kid}  made {from_ms(key.created_at):%Y-%m-%d %H:%M}")


@main.group()
def receipt() -> None:
    """Receipts and tickets, offline."""


@receipt.command("verify")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--trust",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The bank's /.well-known/callback-verification, kept from a time you trust.",
)
def receipt_verify(file: Path, trust: Path) -> None:
    """Check a receipt or ticket FILE and its log proof: no network, no database."""
    from verifier.core.evidence import verify_evidence
    from verifier.receipt_files import read_receipt, read_trust

    try:
        trusted = read_trust(trust)
        checked = verify_evidence(read_receipt(file), trusted)
    except (VerifierError, OSError, ValueError) as error:
        raise _not_valid(error) from error
    click.echo(f"VALID {checked.typ}, in the log {checked.checkpoint.origin} of size {checked.checkpoint.size}")
    click.echo(msgspec.json.format(msgspec.json.encode(checked.claims)).decode())


def _not_valid(error: Exception) -> click.ClickException:
    """The slug of section 8.1, and why. A file that cannot be read shows nothing to be valid."""
    return click.ClickException(
        f"NOT VALID: {getattr(error, 'slug', 'invalid_evidence')}: {getattr(error, 'detail', error)}"
    )


@main.group()
def identity() -> None:
    """SIP identity (RFC 8224)."""


@identity.command("check")
@click.argument("header")
@click.option("--certificate", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--fresh", default=60, show_default=True, help="How old it may be, in seconds.")
def identity_check(header: str, certificate: Path, fresh: int) -> None:
    """Check the Identity HEADER of an incoming call against a CERTIFICATE you trust; nothing is fetched."""
    from verifier.app import now_ms
    from verifier.core.passport import check_identity
    from verifier.identity import certificate_key

    try:
        checked = check_identity(header, certificate_key(certificate.read_bytes()), now_ms() // 1000, fresh)
    except (VerifierError, OSError, ValueError) as error:
        raise _not_valid(error) from error
    click.echo(f"VALID {checked.kind}")
    click.echo(msgspec.json.format(msgspec.json.encode(checked.claims)).decode())


@main.group()
def log() -> None:
    """The transparency log."""


@log.command("verify")
@click.option(
    "--seen",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A checkpoint kept elsewhere, as it was served at /log/checkpoint: the log must still contain it.",
)
@click.option(
    "--from",
    "start",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The checkpoint of an earlier audit that found nothing, which --keep wrote: only what follows is checked.",
)
@click.option(
    "--keep",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Like --from, if FILE is there; and when nothing is found, FILE becomes the latest checkpoint.",
)
@click.option(
    "--forgotten",
    is_flag=True,
    help="Statements may have been forgotten, though VERIFIER_RETENTION_DAYS is not set any more.",
)
def log_verify(seen: tuple[Path, ...], start: Path | None, keep: Path | None, forgotten: bool) -> None:
    """Walk the log: leaves, tree, checkpoints, each ticket and receipt with its leaf; and every row that decides.

    Where the log has several shards, the checkpoints of --from and --keep are FILE, FILE.1, FILE.2 and so on.
    """
    from verifier.app import open_service
    from verifier.config import LEGS_KEPT_DAYS
    from verifier.files import replace_file
    from verifier.ledger.audit import audit_log

    if start is None and keep is not None and keep.exists():
        start = keep
    notes = [_note(path) for path in seen]
    checked = [] if start is None else [_note(path) for path in _of_shards(start) if path.exists()]

    async def do() -> Any:
        # The calls of years are looked through in one statement.
        service = await open_service(load_config(), patience_s=3600)
        context = service.context
        # However long statements are kept today, it may have been more or less before, but never less than this.
        forgets = forgotten or context.settings.retention_ms is not None
        since = context.clock() - LEGS_KEPT_DAYS * 86_400_000 if forgets else None
        try:
            return await audit_log(context.storage, context.ring, context.trust(), notes, checked, since)
        finally:
            await context.storage.close()

    audited = run(do())
    click.echo(
        f"{audited.leaves} leaves, {audited.checkpoints} checkpoints, "
        f"{audited.statements} statements verified, {audited.erased} erased, {audited.forgotten} forgotten, "
        f"{audited.rows} rows verified"
    )
    if start is not None:
        click.echo(f"{audited.before} of the leaves were taken as checked before, by {start}")
    for finding in audited.findings:
        click.echo(f"FINDING: {finding}", err=True)
    if audited.findings:
        raise SystemExit(1)
    if keep is not None:
        for path, note in zip(_of_shards(keep), audited.latest.values(), strict=False):
            replace_file(path, note.encode(), mode=0o644)
    click.echo("the log is whole")


@log.command("split")
@click.argument("shards", type=int)
def log_split(shards: int) -> None:
    """Have so many SHARDS, for more calls a second than one log carries. Never fewer again; nodes follow at once."""
    from verifier.app import open_service

    async def do() -> None:
        service = await open_service(load_config())
        try:
            await service.context.writer.split(shards)
        finally:
            await service.context.storage.close()

    run(do())
    click.echo(f"the log has {shards} shards")


def _of_shards(path: Path) -> list[Path]:
    from verifier.core.shards import MAX_SHARDS

    return [path, *(path.with_name(f"{path.name}.{shard}") for shard in range(1, MAX_SHARDS))]


def _note(path: Path) -> str:
    """A checkpoint's text; what is longer than a note can be is cut, and does not verify."""
    from verifier.core.checkpoint import MAX_NOTE

    with path.open("rb") as file:
        return file.read(MAX_NOTE + 1).decode(errors="replace")


@main.command()
def openapi() -> None:
    """Print the OpenAPI description, as committed in specs/openapi.yaml."""
    from verifier.api.openapi import text

    click.echo(text(), nl=False)


@main.command()
@click.argument("method", type=click.Choice(["GET", "PUT", "POST", "DELETE"]))
@click.argument("url")
@click.option("--key-id", required=True, help="The system's id in the systems file.")
@click.option(
    "--key", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path), help="PEM, Ed25519."
)
@click.option("--data", default="", help="The JSON body.")
@click.option("--issuer", default="", help="The service's VERIFIER_ISSUER, where URL leads to a node behind its proxy.")
def send(method: str, url: str, key_id: str, key: Path, data: str, issuer: str) -> None:
    """Send one signed request (RFC 9421) as a bank system, and print the answer.

    The address is signed, so URL begins with the service's VERIFIER_ISSUER, or --issuer names it.
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


@main.command()
@click.option(
    "--script", is_flag=True, help="Play the whole story without a person; exit 0 only if all went as it must."
)
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Where to write receipts (and keep data)."
)
@click.option(
    "--port",
    default=8080,
    show_default=True,
    type=click.IntRange(1, 65_532),
    help="First of four loopback ports (with --script: any free).",
)
def demo(script: bool, out: Path | None, port: int) -> None:
    """Everything on loopback, with a seeded bank and ready-made logins."""
    from verifier.demo import play

    if os.environ.get("VERIFIER_ENV") == "production":
        raise click.ClickException("the demo has a built-in identity provider and does not run in production")
    raise SystemExit(run(play.demo(script=script, out=out, port=port)))


main.add_command(authenticate)
main.add_command(check)
main.add_command(import_)
main.add_command(systems)
