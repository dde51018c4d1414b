"""`verifier log`: audits the transparency log, and splits it into shards."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from verifier.cli.running import SLOW_S, load_config, run
from verifier.core.times import DAY_MS

if TYPE_CHECKING:
    from verifier.ledger.audit import Audited

CHECKPOINT = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def log() -> None:
    """Audit the transparency log, or split it into shards."""


@log.command("verify")
@click.option(
    "--seen",
    multiple=True,
    type=CHECKPOINT,
    help="A file with a checkpoint that was saved from /log/checkpoint. The log must still contain it. Repeatable.",
)
@click.option(
    "--from",
    "start",
    type=CHECKPOINT,
    help="The file that --keep wrote in an earlier audit without findings. Only leaves added since are checked.",
)
@click.option(
    "--keep",
    type=click.Path(dir_okay=False, path_type=Path),
    help="If FILE exists, use it like --from. After an audit without findings, write the latest checkpoint to FILE.",
)
@click.option(
    "--forgotten",
    is_flag=True,
    help="Accept that old statements were deleted, although VERIFIER_RETENTION_DAYS is not set any more.",
)
def log_verify(seen: tuple[Path, ...], start: Path | None, keep: Path | None, forgotten: bool) -> None:
    """Check the whole log: leaves, tree, checkpoints, tickets and receipts.

    Also check every row that has an authenticator.

    If the log has several shards, their checkpoints for --from and --keep are in the files FILE, FILE.1, FILE.2 and so
    on.
    """
    from verifier.files import replace_file

    if start is None and keep is not None and keep.exists():
        start = keep
    notes = [_note(path) for path in seen]
    checked = [] if start is None else [_note(path) for path in _of_shards(start) if path.exists()]
    audited = _audit(notes, checked, forgotten)
    _print_audited(audited, start)
    if audited.findings:
        raise SystemExit(1)
    if keep is not None:
        for path, note in zip(_of_shards(keep), audited.latest.values(), strict=False):
            replace_file(path, note.encode(), mode=0o644)
    click.echo("the log is whole")


def _audit(notes: list[str], checked: list[str], forgotten: bool) -> Audited:
    from verifier.app import open_service
    from verifier.config import LEGS_KEPT_DAYS
    from verifier.ledger.audit import audit_log

    async def do() -> Audited:
        # The timeout is long, because one SQL statement may read the calls of many years.
        context = (await open_service(load_config(), timeout_s=SLOW_S)).context
        try:
            # The retention time may have been changed, but it was never shorter than `LEGS_KEPT_DAYS`.
            forgets = forgotten or context.settings.retention_ms is not None
            since = context.clock() - LEGS_KEPT_DAYS * DAY_MS if forgets else None
            return await audit_log(context.storage, context.ring, context.trust(), notes, checked, since)
        finally:
            await context.storage.close()

    return run(do())


def _print_audited(audited: Audited, start: Path | None) -> None:
    click.echo(
        f"{audited.leaves} leaves, {audited.checkpoints} checkpoints, "
        f"{audited.statements} statements verified, {audited.erased} erased, {audited.forgotten} forgotten, "
        f"{audited.rows} rows verified"
    )
    if start is not None:
        click.echo(f"{audited.before} of the leaves were checked before, by the audit that wrote {start}")
    for finding in audited.findings:
        click.echo(f"FINDING: {finding}", err=True)


@log.command("split")
@click.argument("shards", type=int)
def log_split(shards: int) -> None:
    """Split the log into this many SHARDS, so that it can record more calls a second. This cannot be undone.

    Running nodes use the new shards immediately.
    """
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
    """Read a checkpoint file. If its text is too long for a note, the text is cut, so that it does not verify."""
    from verifier.core.checkpoint import MAX_NOTE

    with path.open("rb") as file:
        return file.read(MAX_NOTE + 1).decode(errors="replace")
