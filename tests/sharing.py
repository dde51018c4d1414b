"""Several pytest processes share the tests. Each takes the next free file, until none is left.

`--share FOLDER` names the folder where the processes note the files that they have taken. They also note there which
requirements their tests showed, for `python -m tests.requirements FOLDER`.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

import pytest


class Sharing:
    """The pytest plugin of one process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._outcomes = folder / f"{os.getpid()}.outcomes"

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Run the files that this process takes, like pytest's own loop. Leave collection errors to that loop."""
        if session.testsfailed or session.config.option.collectonly:
            return None
        mine = self.taken(session.items)
        item = next(mine, None)
        while item is not None:
            # Take the next item before running this one, since it decides which fixtures are kept.
            following = next(mine, None)
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
            if session.shouldstop:
                raise session.Interrupted(session.shouldstop)
            item = following
        return True

    def taken(self, items: Sequence[pytest.Item]) -> Iterator[pytest.Item]:
        """The tests of each file that no other process has taken."""
        files: dict[Path, list[pytest.Item]] = {}
        for item in items:
            files.setdefault(item.path, []).append(item)
        for path, tests in files.items():
            # All processes run the same checkout, so the path identifies the file.
            note = self._folder / f"{str(path).replace(os.sep, '+')}.taken"
            try:
                note.open("x").close()
            except FileExistsError:
                continue
            yield from tests

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        numbers = [str(number) for mark in item.iter_markers("shows") for number in mark.args]
        if numbers and (report.when == "call" or not report.passed):
            with self._outcomes.open("a") as outcomes:
                outcomes.writelines(f"{number} {report.outcome} {item.nodeid}\n" for number in numbers)
        return report
