"""`verifier identity`: checks the SIP identity of a call offline."""

from __future__ import annotations

from pathlib import Path

import click

from verifier.cli.running import print_claims, refused
from verifier.core.errors import VerifierError


@click.group()
def identity() -> None:
    """Check SIP identities (RFC 8224)."""


@identity.command("check")
@click.argument("header")
@click.option("--certificate", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--fresh", default=60, show_default=True, help="The maximum age of the header, in seconds.")
def identity_check(header: str, certificate: Path, fresh: int) -> None:
    """Check the Identity HEADER of an incoming call with a certificate that you trust. Nothing is fetched."""
    from verifier.app import now_ms
    from verifier.core.passport import check_identity
    from verifier.identity import certificate_key

    try:
        checked = check_identity(header, certificate_key(certificate.read_bytes()), now_ms() // 1000, fresh)
    except (VerifierError, OSError, ValueError) as error:
        raise refused(error) from error
    click.echo(f"VALID {checked.kind}")
    print_claims(checked.claims)
