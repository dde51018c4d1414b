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

COMPARED = {
    "issue_ratio": ("issue", "bare"),
    "confirm_ratio": ("confirm", "bare"),
    "issue_peer_ratio": ("issue", "peer_issue"),
    "confirm_peer_ratio": ("confirm", "peer_confirm"),
}
"""Each ratio, with the phase that it is of and the phase that this is compared with."""
UNDISTURBED = 0.85


class Round(Struct, frozen=True):
    """One stretch of one phase, with the server's measurements."""

    load: Slice
    server_cpu_s: float
    batches: float = 0.0
    commands: float = 0.0

    @property
    def cpu_us(self) -> float:
        """The server's processor time per request."""
        return 1e6 * self.server_cpu_s / len(self.load.answers)


def figures(rounds: dict[str, list[Round]]) -> dict[str, Any]:
    """The results of each phase, and the ratios of `COMPARED`.

    Rates, processor times per request (`cpu_us`) and ratios are medians over the rounds, beside the least (`_least`)
    and the most (`_most`). Ratios are computed within each round. Latencies are pooled. A ratio of processor times
    (`_cpu_ratio`) is how many times more the other one takes. Other programs on the machine disturb it least.
    """
    found: dict[str, Any] = {}
    for phase, of_phase in rounds.items():
        seconds = sum(each.load.seconds for each in of_phase)
        latencies_ms = sorted(s * 1000 for each in of_phase for s in each.load.latencies_s)
        _spread(found, f"{phase}_rps", [each.load.rps for each in of_phase], 1)
        _spread(found, f"{phase}_cpu_us", [each.cpu_us for each in of_phase], 1)
        found[f"{phase}_count"] = len(latencies_ms)
        found[f"{phase}_seconds"] = round(seconds, 2)
        for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0)):
            found[f"{phase}_{name}_ms"] = round(percentile(latencies_ms, share), 2)
        found[f"{phase}_server_cpu"] = round(sum(each.server_cpu_s for each in of_phase) / seconds, 3)
        found[f"{phase}_client_cpu"] = round(sum(each.load.client_cpu_s for each in of_phase) / seconds, 3)
        batches = sum(each.batches for each in of_phase)
        found[f"{phase}_batch_mean"] = round(sum(each.commands for each in of_phase) / batches, 1) if batches else None
    for ratio, (phase, other) in COMPARED.items():
        if other in rounds:
            pairs = list(zip(rounds[phase], rounds[other], strict=True))
            _spread(found, ratio, [this.load.rps / that.load.rps for this, that in pairs], 4)
            _spread(found, _by_cpu(ratio), [that.cpu_us / this.cpu_us for this, that in pairs], 4)
    found["disturbed"] = found["bare_server_cpu"] < UNDISTURBED
    return found


def _by_cpu(ratio: str) -> str:
    return ratio.replace("_ratio", "_cpu_ratio")


def _spread(found: dict[str, Any], name: str, values: list[float], digits: int) -> None:
    found[name] = round(statistics.median(values), digits)
    found[f"{name}_least"], found[f"{name}_most"] = round(min(values), digits), round(max(values), digits)


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
    """The results of a run as two tables: the phases, and the ratios between them."""
    phases = [name.removesuffix("_rps") for name in found if name.endswith("_rps")]
    lines = [
        f"{found['cpu']}, {found['cores']} cores; Python {found['python']} with uvloop; {found['database']} on "
        f"{found['filesystem']}, {found['fsync_ms']} ms to make 4 KiB durable",
        f"{found['connections']} keep-alive connections, {found['rounds']} rounds of {', '.join(phases)}; "
        "server on one core, client on another; median (least - most) of the rounds",
        "",
        f"{'':14}{'requests':>9}  {'per s':22}{'processor us':22}{'p50 ms':>7}{'p99 ms':>8}{'max ms':>8}"
        f"{'server':>8}{'client':>8}{'batch':>7}",
    ]
    for phase in phases:
        lines.append(
            f"{phase.replace('_', ' '):14}{found[f'{phase}_count']:>9}  {_told(found, f'{phase}_rps', 0):22}"
            f"{_told(found, f'{phase}_cpu_us', 0):22}"
            f"{found[f'{phase}_p50_ms']:>7.1f}{found[f'{phase}_p99_ms']:>8.1f}{found[f'{phase}_max_ms']:>8.1f}"
            f"{found[f'{phase}_server_cpu']:>8.0%}{found[f'{phase}_client_cpu']:>8.0%}"
            f"{found[f'{phase}_batch_mean'] or '':>7}"
        )
    lines += ["", f"{'':24}{'by rate':24}by processor time"]
    for ratio, (phase, other) in COMPARED.items():
        if ratio in found:
            name, digits = f"{phase} / {other.replace('_', ' ')}", 3 if other == "bare" else 2
            lines.append(f"{name:24}{_told(found, ratio, digits):24}{_told(found, _by_cpu(ratio), digits)}")
    if found["disturbed"]:
        lines += ["", "DISTURBED: the bare handler did not fill its core, so its ratios by rate flatter the service."]
    lines += ["", f"resident memory of the service after the run: {found['rss_mb']} MB"]
    return "\n".join(lines)


def _told(found: dict[str, Any], name: str, digits: int) -> str:
    least, most = found[f"{name}_least"], found[f"{name}_most"]
    return f"{found[name]:.{digits}f} ({least:.{digits}f} - {most:.{digits}f})"
