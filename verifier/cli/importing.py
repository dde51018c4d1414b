"""`verifier import`: imports a file of applications and prints the result. Implements specs/protocol.md section 3.1."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from verifier.cli.running import load_config, run
from verifier.core.errors import VerifierError

if TYPE_CHECKING:
    from verifier.config import Config
    from verifier.import_files import Bad, ImportFile, Reading, Rejects, Superseded
    from verifier.importing import Account

_STOPPED = "The import stopped. The lines that were registered stay; it is safe to import the file again."


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--region", default="CN", show_default=True, help="The country (ISO 3166) of numbers without a country code."
)
@click.option(
    "--encoding", default="utf-8", show_default=True, help="The encoding of the file, such as gb18030 or utf-16."
)
@click.option(
    "--map",
    "mapped",
    multiple=True,
    metavar="COLUMN=HEADER",
    help="Read COLUMN from the column of the file that has this HEADER. Repeatable.",
)
@click.option(
    "--ignore", multiple=True, metavar="HEADER", help="Ignore the column of the file that has this HEADER. Repeatable."
)
@click.option(
    "--contacts", is_flag=True, help="FILE has the contacts of registered applications, one on each line (.csv)."
)
@click.option("--dry-run", is_flag=True, help="Check everything against the database, but write nothing to it.")
@click.option(
    "--reject",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the refused lines and their reasons to this file. Correct the lines there, then import this file.",
)
def import_(
    file: Path,
    region: str,
    encoding: str,
    mapped: tuple[str, ...],
    ignore: tuple[str, ...],
    contacts: bool,
    dry_run: bool,
    reject: Path | None,
) -> None:
    """Register the applications in FILE, which a bank has exported as .csv or .jsonl.

    It is safe to import a file twice.

    Each line has one application. If a line is wrong, its number, column and reason are printed, and the other lines
    are imported. The exit status is 0 if no line was refused, and 3 if some lines were refused. It is 1 or 2 if the
    import could not begin or did not finish.
    """
    from verifier.app import now_ms
    from verifier.import_files import Bad, ContactsFile, ImportFile, Rejects, UnreadableFile

    kind = ContactsFile if contacts else ImportFile
    reading, config = _reading(kind, region, encoding, mapped, ignore), load_config()
    name = click.format_filename(file.name)
    rejects: Rejects | None = None
    with click.progressbar(length=2 * file.stat().st_size, label=f"Importing {name}", file=sys.stderr) as bar:

        def report(row: Bad | Superseded) -> None:
            if rejects is not None and isinstance(row, Bad):
                rejects.add(row)
            _print_row(name, row)

        try:
            source = kind(file, now_ms(), reading, bar.update)
            rejects = Rejects(reject, source) if reject is not None else None
        except (UnreadableFile, OSError) as error:
            raise click.ClickException(f"{name}: {_words(error)}\nNothing was imported.") from error
        try:
            account = _import(config, source, report, bar.update, dry_run)
            if rejects is not None:
                rejects.keep()
        except (UnreadableFile, OSError, VerifierError) as error:
            raise click.ClickException(f"{name}: {_words(error)}\n{_STOPPED}") from error
        finally:
            if rejects is not None:
                rejects.drop()
    click.echo(f"{name}, {account.lines} lines: {_totals(account, dry_run)}")
    if account.refused:
        if reject is not None:
            click.echo(f"the refused lines are in {reject}: correct them there, and import that file", err=True)
        raise SystemExit(3)


def _reading(
    kind: type[ImportFile], region: str, encoding: str, mapped: tuple[str, ...], ignored: tuple[str, ...]
) -> Reading:
    from verifier.import_files import ENCODINGS, REASON, REGIONS, Reading

    columns = kind.header_type.required + kind.header_type.optional

    if region.upper() not in REGIONS:
        raise click.BadParameter("not an ISO 3166 country with telephone numbers, like CN or GB", param_hint="--region")
    try:
        known = codecs.lookup(encoding).name in {codecs.lookup(each).name for each in ENCODINGS}
    except LookupError:
        known = False
    if not known:
        raise click.BadParameter(f"must be one of {', '.join(ENCODINGS)}", param_hint="--encoding")
    names: dict[str, str] = {}
    for each in mapped:
        column, _, header = (part.strip() for part in each.partition("="))
        if column not in columns or header in ("", REASON, *names.values()) or column in names:
            wrong = f"{each!r}: must be COLUMN=HEADER, each of them once; COLUMN is one of {', '.join(columns)}"
            raise click.BadParameter(wrong, param_hint="--map")
        names[column] = header
    if both := set(names.values()) & {each.strip() for each in ignored}:
        raise click.BadParameter(f"{sorted(both)[0]!r} is both mapped and ignored", param_hint="--ignore")
    return Reading(region.upper(), codecs.lookup(encoding).name, names, frozenset(each.strip() for each in ignored))


def _import(
    config: Config,
    source: ImportFile,
    report: Callable[[Bad | Superseded], None],
    progress: Callable[[int], None],
    dry_run: bool,
) -> Account:
    from verifier.app import open_service
    from verifier.import_files import ContactsFile
    from verifier.importing import import_file
    from verifier.importing_contacts import import_contacts

    async def do() -> Account:
        try:
            service = await open_service(config)
        except VerifierError as error:
            raise click.ClickException(f"{error.detail}\nNothing was imported.") from error
        try:
            if not dry_run:
                await service.start()
            if isinstance(source, ContactsFile):
                return await import_contacts(service, source, report, progress, dry_run=dry_run)
            return await import_file(service, source, report, progress, dry_run=dry_run)
        finally:
            if not dry_run:
                await service.stop()
            await service.context.storage.close()

    return run(do())


def _print_row(name: str, row: Bad | Superseded) -> None:
    from verifier.import_files import Superseded

    reason = f"superseded by line {row.by}" if isinstance(row, Superseded) else row.reason
    parts = (f"{name}:{row.line.number}", row.column, reason)
    # The progress bar is on the current line of the terminal. Clear this line. The bar is drawn again on the next line.
    click.echo("\r\033[K" * sys.stderr.isatty() + ": ".join(filter(None, parts)), err=True)


def _totals(account: Account, dry_run: bool) -> str:
    totals = [
        f"{account.registered} {'to be registered' if dry_run else 'registered'}",
        f"{account.unchanged} unchanged",
        f"{account.refused} refused",
        f"{account.superseded} superseded",
        f"{account.blank} blank",
        *([f"{account.header} header"] if account.header else []),
    ]
    return ", ".join(totals) + (" (nothing was written: --dry-run)" if dry_run else "")


def _words(error: Exception) -> str:
    if isinstance(error, VerifierError):
        return error.detail
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}"
    return str(error)
