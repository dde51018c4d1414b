"""The results of a run, as one JSON object or as a table."""

from __future__ import annotations

import math
import os
import platform
import statistics
import time
from pathlib import Path
from typing import Any

from msgspec import Struct

from tests.benchmarks.load import Slice

PHASES = ("bare", "issue", "confirm")
UNDISTURBED = 0.85


class Round(Struct, frozen=True):
    """One stretch of one phase, with the server's measurements."""

    load: Slice
    server_cpu_s: float
    batches: float = 0.0
    commands: float = 0.0


def figures(rounds: dict[str, list[Round]]) -> dict[str, Any]:
    """Rates are medians over the rounds, ratios are computed within each round, and latencies are pooled.

    `cpu_us` is the server's processor time per request. `cpu_ratio` compares these times. Other programs on the
    machine disturb it least.
    """
    found: dict[str, Any] = {}
    for phase in PHASES:
        of_phase = rounds[phase]
        seconds = sum(each.load.seconds for each in of_phase)
        latencies_ms = sorted(s * 1000 for each in of_phase for s in each.load.latencies_s)
        found[f"{phase}_rps"] = round(statistics.median(each.load.rps for each in of_phase), 1)
        found[f"{phase}_count"] = len(latencies_ms)
        found[f"{phase}_seconds"] = round(seconds, 2)
        for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0)):
            found[f"{phase}_{name}_ms"] = round(percentile(latencies_ms, share), 2)
        found[f"{phase}_cpu_us"] = round(1e6 * sum(each.server_cpu_s for each in of_phase) / len(latencies_ms), 1)
        found[f"{phase}_server_cpu"] = round(sum(each.server_cpu_s for each in of_phase) / seconds, 3)
        found[f"{phase}_client_cpu"] = round(sum(each.load.client_cpu_s for each in of_phase) / seconds, 3)
        if phase == "bare":
            continue
        ratios = [each.load.rps / bare.load.rps for each, bare in zip(of_phase, rounds["bare"], strict=True)]
        found[f"{phase}_ratio"] = round(statistics.median(ratios), 4)
        found[f"{phase}_cpu_ratio"] = round(found["bare_cpu_us"] / found[f"{phase}_cpu_us"], 4)
        found[f"{phase}_ratios"] = [round(each, 4) for each in ratios]
        batches = sum(each.batches for each in of_phase)
        found[f"{phase}_batch_mean"] = round(sum(each.commands for each in of_phase) / batches, 1) if batches else None
    found["disturbed"] = found["bare_server_cpu"] < UNDISTURBED
    return found


def percentile(ordered: list[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def surroundings(folder: Path, database: str) -> dict[str, Any]:
    """The environment that the results depend on."""
    return {
        "python": platform.python_version(),
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "database": database.partition(":")[0],
        "filesystem": filesystem(folder),
        "fsync_ms": round(_fsync_ms(folder), 3),
    }


def filesystem(folder: Path) -> str:
    """The type of the file system a folder is on, such as ext4 or tmpfs."""
    device = os.stat(folder).st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        if line.split()[2] == wanted:
            return line.partition(" - ")[2].split()[0]
    return "unknown"


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _fsync_ms(folder: Path) -> float:
    """The median time to sync 4 KiB to disk, which no commit can be faster than."""
    took = []
    with (folder / "fsync").open("wb") as file:
        for _ in range(100):
            file.write(bytes(4096))
            file.flush()
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - started)
    return statistics.median(took) * 1000


def table(found: dict[str, Any]) -> str:
    """The results of a run as a table."""
    lines = [
        f"{found['cpu']}, {found['cores']} cores; Python {found['python']} with uvloop; {found['database']} on "
        f"{found['filesystem']}, {found['fsync_ms']} ms to make 4 KiB durable",
        f"{found['connections']} keep-alive connections, {found['rounds']} rounds of {'/'.join(PHASES)}; "
        "server on one core, client on another",
        "",
        f"{'':8}{'requests':>9}{'per s':>8}  {'of bare (least - most)':<24}{'p50 ms':>7}{'p99 ms':>8}{'max ms':>8}"
        f"{'cpu us':>8}{'server':>8}{'client':>8}{'batch':>7}",
    ]
    for phase in PHASES:
        ratios = found.get(f"{phase}_ratios")
        ratio = f"{found[f'{phase}_ratio']:.3f} ({min(ratios):.3f} - {max(ratios):.3f})" if ratios else ""
        lines.append(
            f"{phase:8}{found[f'{phase}_count']:>9}{found[f'{phase}_rps']:>8.0f}  {ratio:<24}"
            f"{found[f'{phase}_p50_ms']:>7.1f}{found[f'{phase}_p99_ms']:>8.1f}{found[f'{phase}_max_ms']:>8.1f}"
            f"{found[f'{phase}_cpu_us']:>8.0f}{found[f'{phase}_server_cpu']:>8.0%}{found[f'{phase}_client_cpu']:>8.0%}"
            f"{found.get(f'{phase}_batch_mean') or '':>7}"
        )
    if found["disturbed"]:
        lines += ["", "DISTURBED: the bare handler did not fill its core, so the ratios flatter the service. Better:"]
        lines += [f"{phase:8} {found[f'{phase}_cpu_ratio']:.3f} of bare by processor time" for phase in PHASES[1:]]
    lines += ["", f"resident memory of the service after the run: {found['rss_mb']} MB"]
    return "\n".join(lines)
