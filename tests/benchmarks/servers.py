"""Runs a server under test as a process pinned to one core, and measures it through /proc."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from tests.benchmarks.load import Failed

ROOT = Path(__file__).resolve().parents[2]
START_TIMEOUT_S = 120
_TICKS = os.sysconf("SC_CLK_TCK")


class Cores(Struct, frozen=True):
    """The cores for the servers and for the load."""

    server: int
    client: int

    @classmethod
    def choose(cls) -> Cores:
        """The first and the last core that this process may use. Raises Failed if there is only one."""
        usable = sorted(os.sched_getaffinity(0))
        if len(usable) < 2:
            raise Failed("the benchmark needs two cores, one for the server and one for the load")
        return cls(usable[0], usable[-1])


class Server:
    """`python -m …` on one core or several. Its output goes to a file, and is shown if it ends too early."""

    def __init__(
        self,
        arguments: list[str],
        environment: Mapping[str, str],
        core: int | list[int],
        output: Path,
        program: Sequence[str] = (sys.executable,),
    ) -> None:
        self._output = output
        ours = {name: value for name, value in os.environ.items() if not name.startswith("VERIFIER_")}
        with output.open("wb") as file:
            self._process = subprocess.Popen(
                [*program, "-m", *arguments],
                cwd=output.parent,
                env={**ours, **environment, "PYTHONPATH": str(ROOT)},
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        # Set before the interpreter starts, so that every thread inherits the mask.
        os.sched_setaffinity(self._process.pid, [core] if isinstance(core, int) else core)

    async def listening(self, port: int) -> None:
        """Wait until it answers on the port. Raises Failed."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            return
        raise Failed(f"a server did not start: {self._output.read_text(errors='replace')[-3000:]}")

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def cpu_s(self) -> float:
        """Processor time of all its threads so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    @property
    def rss_mb(self) -> float:
        """Resident memory now."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def written(self) -> str:
        """Its whole output. A healthy run logs nothing at level warning."""
        return self._output.read_text(errors="replace")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)


def batches(admin_port: int) -> tuple[float, float]:
    """The numbers of batches and commands that the service has committed, from its metrics."""
    with urllib.request.urlopen(f"http://127.0.0.1:{admin_port}/metrics", timeout=5) as response:
        lines = response.read().decode().splitlines()
    values = {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[:1] != "#")}
    return values["verifier_batches"], values["verifier_commands"]
