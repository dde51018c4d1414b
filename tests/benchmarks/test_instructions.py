"""Holds the instructions of each kind of request to the kept figures. A gain is kept too, so the test fails for it."""

from __future__ import annotations

import msgspec
import pytest

from tests.benchmarks.instructions import CONNECTIONS, INTERPRETER, WAVES, figures, measure

pytestmark = [pytest.mark.slow, pytest.mark.needs("valgrind")]
TOLERANCE = 0.02
# A call status takes 988 or 1,026 thousand, for a reason that is not known yet. The kept number lies between them.
TOLERANCE_OF_STATUS = 0.03


def test_each_request_takes_as_many_instructions_as_the_kept_figures_say() -> None:
    kept = figures().get(INTERPRETER)
    if kept is None:
        pytest.skip(f"no figures for {INTERPRETER}: python tests/benchmarks/instructions.py --write")
    counted, wanted = (msgspec.structs.asdict(each) for each in (measure(WAVES * CONNECTIONS), kept))
    status = counted.pop("call_status"), wanted.pop("call_status")
    assert counted == pytest.approx(wanted, rel=TOLERANCE)
    assert status[0] == pytest.approx(status[1], rel=TOLERANCE_OF_STATUS)
