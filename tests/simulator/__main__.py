"""`python -m tests.simulator SEED` shows the trace of one seed. `--seeds 10000` runs many, from 0 or `--from`."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from tests.simulator.run import Failed, run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulator", description=__doc__)
    parser.add_argument("seed", type=int, nargs="?", help="the one to show")
    parser.add_argument("--seeds", type=int, help="how many to try")
    parser.add_argument("--from", type=int, default=0, dest="first")
    asked = parser.parse_args()
    if (asked.seed is None) is (asked.seeds is None):
        parser.error("give a seed or --seeds")
    return _show(asked.seed) if asked.seeds is None else _try(range(asked.first, asked.first + asked.seeds))


def _show(seed: int) -> int:
    try:
        ran = run(seed)
    except Failed as failed:
        print("\n".join(failed.trace), f"\nseed {seed} failed: {failed}")
        return 1
    print("\n".join(ran.trace), f"\nseed {seed} holds, digest {ran.digest[:16]}")
    return 0


def _try(seeds: range) -> int:
    began, counts, failed = time.monotonic(), Counter[str](), 0
    for seed in seeds:
        try:
            counts.update(run(seed).counts)
        except Failed as error:
            failed += 1
            print(f"seed {seed} failed: {error}", flush=True)
    happened = ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))
    print(f"{len(seeds)} seeds in {time.monotonic() - began:.0f} s, {failed} failed: {happened}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
