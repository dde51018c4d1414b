"""How a command runs: its settings, its event loop, and one sentence and exit status 1 when it cannot."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

import click

from verifier.core.errors import VerifierError

if TYPE_CHECKING:
    from verifier.config import Config

Result = TypeVar("Result")


class Commands(click.Group):
    """Commands that end in one sentence when a setting, a file or the network is not as it should be."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except VerifierError as error:
            raise click.ClickException(error.detail) from error
        except OSError as error:
            # click ends quietly by itself when nobody reads its output any more.
            if error.errno == errno.EPIPE:
                raise
            of_file = f"{error.filename}: " if error.filename else ""
            raise click.ClickException(f"{of_file}{error.strerror or error}") from error


def run(main: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine on the fast event loop where there is one."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(main)


def load_config() -> Config:
    """The settings of the environment. Raises BadSettings."""
    from verifier.config import load

    return load(os.environ)


def _loop_factory() -> Any:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
