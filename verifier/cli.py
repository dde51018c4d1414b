"""The command line: serve, migrate, import, keys, receipt, log, demo."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from verifier import __version__
from verifier.core.errors import VerifierError

Result = TypeVar("Result")


def run(main: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine on the fast event loop where there is one; an error of ours becomes one line and exit 1."""
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(main)
    except VerifierError as error:
        raise click.ClickException(error.detail) from error


def _loop_factory() -> Any:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
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

    config = _config()
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
        storage = await open_storage(_config().database, patience_s=3600, lock_s=LOCK_S)
        try:
            return await apply(storage)
        finally:
            await storage.close()

    applied = run(do())
    click.echo("\n".join(f"applied {name}" for name in applied) or "the schema is up to date")


@main.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--region", default="CN", show_default=True, help="Country of numbers without a country code.")
def import_(file: Path, region: str) -> None:
    """Register the applications of a bank's export, FILE.csv or FILE.jsonl. Safe to run twice."""
    from verifier.app import open_service
    from verifier.importing import import_export

    async def do() -> tuple[int, list[tuple[int, str]]]:
        service = await open_service(_config())
        await service.start()
        try:
            with click.progressbar(length=file.stat().st_size, label=f"Importing {file.name}", file=sys.stderr) as bar:
                return await import_export(service, file, region, bar.update)
        finally:
            await service.stop()
            await service.context.storage.close()

    try:
        good, bad = run(do())
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    for line, reason in bad:
        click.echo(f"{file.name}:{line}: {reason}", err=True)
    click.echo(f"{good} applications registered, {len(bad)} rows refused")
    if bad:
        raise SystemExit(2)


@main.group()
def keys() -> None:
    """The key ring in the file VERIFIER_KEY_RING."""


@keys.command("new")
def keys_new() -> None:
    """Make a new key ring. Never overwrites one."""
    from verifier import keys as ring
    from verifier.app import now_ms

    path = Path(os.environ.get("VERIFIER_KEY_RING", "keys/ring.json"))
    _print_keys(_in_words(lambda: ring.create(path, now_ms())))
    click.echo(f"written to {path}; keep it secret, and keep a copy: nothing at rest can be read without it")


@keys.command("rotate")
@click.argument("use", type=click.Choice(["statement", "log", "encryption"]))
@click.option("--force", is_flag=True, help="Even if the next key was published less than a day ago.")
def keys_rotate(use: Any, force: bool) -> None:
    """Make the next key the active one. Running nodes follow within seconds."""
    from verifier import keys as ring
    from verifier.app import now_ms

    path = Path(os.environ.get("VERIFIER_KEY_RING", "keys/ring.json"))
    _print_keys(_in_words(lambda: ring.rotate(path, use, now_ms(), force=force)))


@keys.command("list")
def keys_list() -> None:
    """Show every key's id, use and state."""
    from verifier import keys as ring

    _print_keys(_in_words(lambda: ring.read(Path(os.environ.get("VERIFIER_KEY_RING", "keys/ring.json")))))


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
    from verifier.core.evidence import Trust, verify_evidence
    from verifier.receipt_files import read_receipt

    try:
        trusted = msgspec.json.decode(trust.read_bytes(), type=Trust)
        checked = verify_evidence(read_receipt(file), trusted)
    except (VerifierError, msgspec.MsgspecError, ValueError) as error:
        raise click.ClickException(f"NOT VALID: {getattr(error, 'detail', error)}") from error
    click.echo(f"VALID {checked.typ}, in the log {checked.checkpoint.origin} of size {checked.checkpoint.size}")
    click.echo(msgspec.json.format(msgspec.json.encode(checked.claims)).decode())


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
    except (VerifierError, ValueError) as error:
        raise click.ClickException(f"NOT VALID: {getattr(error, 'detail', error)}") from error
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
    """Walk the log: leaves, tree, checkpoints, and that each ticket and receipt has its leaf.

    Where the log has several shards, the checkpoints of --from and --keep are FILE, FILE.1, FILE.2 and so on.
    """
    from verifier.app import open_service
    from verifier.audit import audit_log
    from verifier.config import LEGS_KEPT_DAYS

    if start is None and keep is not None and keep.exists():
        start = keep
    notes = [_note(path) for path in seen]
    checked = [] if start is None else [_note(path) for path in _of_shards(start) if path.exists()]

    async def do() -> Any:
        # The calls of years are looked through in one statement.
        service = await open_service(_config(), patience_s=3600)
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
        f"{audited.statements} statements verified, {audited.erased} erased, {audited.forgotten} forgotten"
    )
    if start is not None:
        click.echo(f"{audited.before} of the leaves were taken as checked before, by {start}")
    for finding in audited.findings:
        click.echo(f"FINDING: {finding}", err=True)
    if audited.findings:
        raise SystemExit(1)
    if keep is not None:
        for path, note in zip(_of_shards(keep), audited.latest.values(), strict=False):
            _replace(path, note)
    click.echo("the log is whole")


@log.command("split")
@click.argument("shards", type=int)
def log_split(shards: int) -> None:
    """Have so many SHARDS, for more calls a second than one log carries. Never fewer again; nodes follow at once."""
    from verifier.app import open_service

    async def do() -> None:
        service = await open_service(_config())
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


def _replace(path: Path, text: str) -> None:
    """Whoever reads the file meanwhile, or after a power cut, finds the old text or the new."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with fresh.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


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
def send(method: str, url: str, key_id: str, key: Path, data: str) -> None:
    """Send one signed request (RFC 9421) as a bank system, and print the answer."""
    from verifier.demo.client import send_signed

    status, body = run(send_signed(method, url, key_id, key.read_bytes(), data.encode()))
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
    "--port", default=8080, show_default=True, help="First of three loopback ports (with --script: any free)."
)
def demo(script: bool, out: Path | None, port: int) -> None:
    """Everything on loopback, with a seeded bank and ready-made logins."""
    from verifier.demo import play

    if os.environ.get("VERIFIER_ENV") == "production":
        raise click.ClickException("the demo has a built-in identity provider and does not run in production")
    raise SystemExit(run(play.demo(script=script, out=out, port=port)))


def _config() -> Any:
    from verifier.config import load

    return _in_words(lambda: load(os.environ))


def _in_words(do: Any) -> Any:
    try:
        return do()
    except VerifierError as error:
        raise click.ClickException(error.detail) from error


if __name__ == "__main__":
    main()
