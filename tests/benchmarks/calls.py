"""Many real calls at once through the voice gateway. Measures lost keys and the time until the verdict is heard.

python -m tests.benchmarks.calls --calls 50 --processes 17              all codes entered at the same moment
python -m tests.benchmarks.calls --calls 50 --processes 17 --spread 20  spread over this many seconds
python -m tests.benchmarks.calls --calls 12 --processes 6 --soak 600     repeated, with the gateway's resource use
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

from tests.api.conftest import RunningBank
from tests.customers import Customer
from tests.ivr.conftest import RunningGateway
from tests.ivr.telephones import SippPhone
from verifier.demo.bank import DemoBank

KEY_S = 0.08  # the duration of one key of the test telephone


class Caller:
    """A customer who calls, enters the code, hears the verdict and asks for the officer."""

    def __init__(self, phone: SippPhone, code: str) -> None:
        self._phone = phone
        self._code = code
        self.waited_ms: float | None = None
        self.put_through = False

    def rings(self, all_ready: threading.Barrier, after_s: float) -> None:
        # Recognizing the prompt would cost more than the gateway does. The transfer at the end shows the verdict.
        greeted = self._first_sound(0.0, within=15)
        all_ready.wait(90)
        if greeted is None:
            return
        time.sleep(after_s)
        pressed = self._phone.sound.press(self._code + "#") - KEY_S
        heard = self._first_sound(pressed + KEY_S / 2, within=20)
        if heard is None:
            return
        self.waited_ms = (heard - pressed) * 1000
        time.sleep(2)
        self.put_through = self._phone.is_put_through_to("4412")

    def _first_sound(self, since: float, within: float) -> float | None:
        until = time.monotonic() + within
        while (heard := self._phone.sound.first_sound(since)) is None and time.monotonic() < until:
            time.sleep(0.05)
        return heard


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=50)
    parser.add_argument("--processes", type=int, default=17)
    parser.add_argument("--soak", type=float, default=0.0, help="seconds over which round follows round")
    parser.add_argument("--spread", type=float, default=0.0, help="seconds over which the codes are keyed")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="calls-") as folder, RunningBank(Path(folder) / "bank") as bank:
        gateway = RunningGateway(Path(folder), bank, PROCESSES=str(asked.processes))
        callers: list[Caller] = []
        until = time.monotonic() + asked.soak
        try:
            while not callers or time.monotonic() < until:
                callers += all_ring(bank, gateway, asked.calls, asked.spread)
                if asked.soak:
                    print(f"{len(callers)} calls: {Resources.by(gateway)}", flush=True)
        finally:
            gateway.stop()
    report(callers)


def all_ring(bank: DemoBank, gateway: RunningGateway, calls: int, spread: float) -> list[Caller]:
    """Let that many customers call at the same time, each with their own call and code."""
    customers = [Customer(bank) for _ in range(calls)]
    codes = [each.is_rung() for each in customers]
    callers = [
        Caller(gateway.rung_by(customer.number, ends="refer"), code)
        for customer, code in zip(customers, codes, strict=True)
    ]
    all_ready = threading.Barrier(calls)
    threads = [threading.Thread(target=each.rings, args=(all_ready, random.uniform(0, spread))) for each in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gateway.end_calls()
    return callers


class Resources(NamedTuple):
    """The resources of all gateway processes together, and the number of processes seen."""

    resident_mb: float
    descriptors: int
    threads: int
    started: int

    @classmethod
    def by(cls, gateway: RunningGateway) -> Resources:
        """Measure each process, after its players have been idle."""
        time.sleep(4)
        started = gateway.log.read_text().count("ready for calls")
        pids = Path(f"/proc/{gateway.process.pid}/task/{gateway.process.pid}/children").read_text().split()
        resident, descriptors, threads = 0, 0, 0
        for pid in pids:
            status = Path(f"/proc/{pid}/status").read_text()
            resident += int(status.split("VmRSS:")[1].split()[0])
            threads += int(status.split("Threads:")[1].split()[0])
            descriptors += len(os.listdir(f"/proc/{pid}/fd"))
        return cls(resident / 1024, descriptors, threads, started)

    def __str__(self) -> str:
        held = f"{self.resident_mb:.1f} MB resident, {self.descriptors} descriptors, {self.threads} threads"
        return f"{held}, {self.started} processes started"


def report(callers: list[Caller]) -> None:
    """Print the results of the calls."""
    waited = sorted(each.waited_ms for each in callers if each.waited_ms is not None)
    through = sum(each.put_through for each in callers)
    print(f"{len(callers)} calls at once on {os.cpu_count()} processors, telephones and service included")
    print(f"codes heard right, genuine and put through to the officer: {through}")
    if len(waited) > 1:
        p95 = statistics.quantiles(waited, n=20)[-1]
        figures = f"median {statistics.median(waited):.0f} ms, p95 {p95:.0f} ms, worst {waited[-1]:.0f} ms"
        print(f"from the hash key to the first sound of the verdict ({len(waited)} calls): {figures}")


if __name__ == "__main__":
    main()
