"""Holds the instructions of each kind of request to the kept figures. A gain is kept too, so the test fails for it."""

from __future__ import annotations

import msgspec
import pytest

from tests.benchmarks.instructions import CONNECTIONS, INTERPRETER, WAVES, figures, measure

pytestmark = [pytest.mark.slow, pytest.mark.needs("valgrind")]
TOLERANCE = 0.02


def test_each_request_takes_as_many_instructions_as_the_kept_figures_say() -> None:
    kept = figures().get(INTERPRETER)
    if kept is None:
        pytest.skip(f"no figures for {INTERPRETER}: python tests/benchmarks/instructions.py --write")
    counted = msgspec.structs.asdict(measure(WAVES * CONNECTIONS))
    assert counted == pytest.approx(msgspec.structs.asdict(kept), rel=TOLERANCE)
