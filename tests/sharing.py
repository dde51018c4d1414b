"""Several pytest processes share the tests: each takes the next file that no other has taken, until none is left.

`--share FOLDER` names the folder in which they note what they have taken. They note there as well which requirements
were shown, which `python -m tests.requirements FOLDER` then reads.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

import pytest


class Sharing:
    """The part of one process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._outcomes = folder / f"{os.getpid()}.outcomes"

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """As pytest's own loop, over the files that are taken. An error of collection is left to that one to tell."""
        if session.testsfailed or session.config.option.collectonly:
            return None
        mine = self.taken(session.items)
        item = next(mine, None)
        while item is not None:
            # The next item decides which fixtures stay, so it is taken before this one is run.
            following = next(mine, None)
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
            if session.shouldstop:
                raise session.Interrupted(session.shouldstop)
            item = following
        return True

    def taken(self, items: Sequence[pytest.Item]) -> Iterator[pytest.Item]:
        """The tests of each file that nobody had taken when its turn came."""
        files: dict[Path, list[pytest.Item]] = {}
        for item in items:
            files.setdefault(item.path, []).append(item)
        for path, tests in files.items():
            # The name is of this checkout, which all of them run.
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
