"""`verifier receipt`: checks receipts and tickets offline."""

from __future__ import annotations

from pathlib import Path

import click

from verifier.cli.running import print_claims, refused
from verifier.core.errors import VerifierError


@click.group()
def receipt() -> None:
    """Check receipts and tickets offline."""


@receipt.command("verify")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option(
    "--trust",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The trust file: a copy of the bank's /.well-known/callback-verification that you trust.",
)
def receipt_verify(file: Path, trust: Path) -> None:
    """Check the receipt or ticket in FILE and its log proof. Needs no network and no database.

    FILE may also hold what a scanner reads from a printed receipt: the text of each QR code on a line. `-` reads the
    standard input.
    """
    from verifier.core.evidence import verify_evidence
    from verifier.receipt_files import read_receipt, read_trust

    try:
        trusted = read_trust(trust)
        checked = verify_evidence(read_receipt(file), trusted)
    except (VerifierError, OSError, ValueError) as error:
        raise refused(error) from error
    click.echo(f"VALID {checked.typ}, in the log {checked.checkpoint.origin} of size {checked.checkpoint.size}")
    print_claims(checked.claims)
