"""`verifier keys`: makes, rotates and lists the keys of the key ring file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from verifier.cli.running import load_config, load_setting, run

if TYPE_CHECKING:
    from verifier.keys import Key, Use


@click.group()
def keys() -> None:
    """Manage the key ring in the file that VERIFIER_KEY_RING names."""


@keys.command("new")
def keys_new() -> None:
    """Make a new key ring. An existing key ring is never overwritten."""
    from verifier import keys as ring
    from verifier.app import now_ms

    path = Path(load_setting("key_ring"))
    _print_keys(ring.create(path, now_ms()))
    click.echo(f"wrote {path}; keep it secret, and keep a copy: without it nobody can read the database")


@keys.command("rotate")
@click.argument("use", type=click.Choice(["statement", "log", "encryption"]))
@click.option("--force", is_flag=True, help="Rotate even if the next key was published less than a day ago.")
def keys_rotate(use: Use, force: bool) -> None:
    """Make the next key active, and retire the active key. Running nodes use the new key within seconds."""
    from verifier import keys as ring
    from verifier.app import now_ms

    _print_keys(ring.rotate(Path(load_setting("key_ring")), use, now_ms(), force=force))


@keys.command("list")
def keys_list() -> None:
    """Show the id, use and state of every key."""
    from verifier import keys as ring

    _print_keys(ring.read(Path(load_setting("key_ring"))))


@keys.command("uses")
def keys_uses() -> None:
    """Show how often all nodes together have used each key-encryption key."""
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
        advice = verdict(uses) if kid == active else "not active"
        click.echo(f"{kid}  {uses} uses" + (f": {advice}" if advice else ""))


def _print_keys(keys: Iterable[Key]) -> None:
    from verifier.core.times import from_ms

    for key in keys:
        click.echo(f"{key.use:<11} {key.state:<8} {key.kid}  made {from_ms(key.created_at):%Y-%m-%d %H:%M}")
