"""Functions that the commands share: reading the settings, running the event loop, and ending a failed command.

A failed command prints one sentence, and has the exit status 1.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, TypeVar

import click
import msgspec

from verifier.core.errors import VerifierError

if TYPE_CHECKING:
    from verifier.config import Config

Result = TypeVar("Result")
# The statement timeout of a command that reads or writes the whole database.
SLOW_S = 3600


class Commands(click.Group):
    """A group of commands. If a setting, a file or the network is wrong, a command prints one sentence and ends."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except VerifierError as error:
            raise click.ClickException(error.detail) from error
        except OSError as error:
            # If the program that reads our output has gone, raise the error. click then ends the command quietly.
            if error.errno == errno.EPIPE:
                raise
            of_file = f"{error.filename}: " if error.filename else ""
            raise click.ClickException(f"{of_file}{error.strerror or error}") from error


def run(main: Coroutine[object, object, Result]) -> Result:
    """Run a coroutine. Uses uvloop if it is installed."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(main)


def load_config() -> Config:
    """Read all settings from the environment. Raises BadSettings."""
    from verifier.config import load

    return load(os.environ)


def load_setting(name: str, default: str | None = None) -> str:
    """Read one setting from the environment. If `default` is given, it replaces the default. Raises BadSettings."""
    from verifier.config import load_one

    return load_one(os.environ, name, default)


def refused(error: Exception) -> click.ClickException:
    """Make the exception that ends a command because the evidence is not valid.

    A file that cannot be read also counts as not valid evidence. The message has a slug of specs/protocol.md section
    8.1, and the reason.
    """
    return click.ClickException(
        f"NOT VALID: {getattr(error, 'slug', 'invalid_evidence')}: {getattr(error, 'detail', error)}"
    )


def print_claims(claims: msgspec.Struct) -> None:
    """Print the claims of a statement as indented JSON."""
    click.echo(msgspec.json.format(msgspec.json.encode(claims)).decode())


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
