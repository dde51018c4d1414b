"""Runs a fuzz test on a hundred examples, and on further ones for FUZZ_SECONDS."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy

SECONDS = float(os.environ.get("FUZZ_SECONDS", "0"))


def fuzz(strategy: SearchStrategy[object], check: Callable[..., None], examples: int = 100) -> int:
    """Run `check` on examples of `strategy`, and return how many. Raises what `check` raises."""
    ran = 0
    ends = time.monotonic() + SECONDS

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=not SECONDS,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def once(example: object) -> None:
        nonlocal ran
        ran += 1
        check(example)

    once()
    while time.monotonic() < ends:
        once()
    return ran
