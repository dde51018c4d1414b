"""Many real calls at once through the voice gateway: is every key heard right, and how soon is the verdict heard.

python -m tests.benchmarks.calls --calls 50 --processes 17              every code keyed at the same moment
python -m tests.benchmarks.calls --calls 50 --processes 17 --spread 20  spread over so many seconds
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

from tests.api.conftest import RunningBank
from tests.customers import Customer
from tests.ivr.conftest import RunningGateway
from tests.ivr.telephones import SippPhone

KEY_S = 0.08  # how long one key of the test telephone lasts


class Caller:
    """One customer, who rings, keys his code, hears the verdict and asks for his officer."""

    def __init__(self, phone: SippPhone, code: str) -> None:
        self._phone = phone
        self._code = code
        self.waited_ms: float | None = None
        self.put_through = False

    def rings(self, all_ready: threading.Barrier, after_s: float) -> None:
        # Which prompt it is would cost fifty telephones more than the gateway costs; the transfer tells in the end.
        greeted = self._first_sound(0.0, within=60)
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
    parser.add_argument("--spread", type=float, default=0.0, help="seconds over which the codes are keyed")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="calls-") as folder, RunningBank(Path(folder) / "bank") as bank:
        customers = [Customer(bank) for _ in range(asked.calls)]
        codes = [each.is_rung() for each in customers]
        gateway = RunningGateway(Path(folder), bank, PROCESSES=str(asked.processes))
        try:
            callers = [
                Caller(gateway.rung_by(customer.number, ends="refer"), code)
                for customer, code in zip(customers, codes, strict=True)
            ]
            all_ready = threading.Barrier(len(callers))
            threads = [
                threading.Thread(target=each.rings, args=(all_ready, random.uniform(0, asked.spread)))
                for each in callers
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            gateway.stop()
    report(callers)


def report(callers: list[Caller]) -> None:
    """The figures, of what was seen."""
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
