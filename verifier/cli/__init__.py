"""The command line. Each module has the commands on one subject.

A command imports the service only when it runs, so that other commands start fast.
"""

from __future__ import annotations

import click

from verifier import __version__
from verifier.cli.check import check
from verifier.cli.database import authenticate, backup, migrate
from verifier.cli.demo import demo
from verifier.cli.identity import identity
from verifier.cli.importing import import_
from verifier.cli.keys import keys
from verifier.cli.log import log
from verifier.cli.receipt import receipt
from verifier.cli.running import Commands
from verifier.cli.send import send
from verifier.cli.serve import serve
from verifier.cli.specs import openapi, settings
from verifier.cli.systems import systems


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="verifier")
def main() -> None:
    """Callback verification for banks: the customer learns that the officer on the phone is genuine.

    Settings are environment variables that begin with VERIFIER_. `verifier settings` lists them.
    """


for _command in (
    *(authenticate, backup, check, demo, identity, import_, keys, log),
    *(migrate, openapi, receipt, send, serve, settings, systems),
):
    main.add_command(_command)
