"""User instructions for each request, counted by callgrind. Unlike time, they repeat on a busy machine.

    python tests/benchmarks/instructions.py           a table
    python tests/benchmarks/instructions.py --json    one JSON object, in thousands of instructions

Requires Debian's `valgrind` on x86-64. Valgrind shows every program the same kind of processor, so OpenSSL and the C
library choose the same code on every machine.

The service is `verifier serve` with the settings of run.py, and with the default log level. 64 keep-alive connections
send their next requests together, while the server is stopped. So the size of a batch does not depend on the machine. A
count is what the whole process executes during a phase, divided by the number of requests.

- `bare`: the handler of bare.py, with the requests and answers of `issue`.
- `issue`: an officer issues a call.
- `call_status`: a customer whom the node knows asks whether the bank is on the phone.
- `confirm_known`: a customer whom the node knows enters a right code.
- `confirm_unseen`: the same, of a customer whose token the node has never seen.
- `ivr_step`: a caller keys a right code in a telephone dialogue. The request is signed (RFC 9421).
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks.bank import Bank
from tests.benchmarks.load import Answer, Failed, Request, send
from tests.benchmarks.servers import Server
from verifier.demo.bank import free_ports

CONNECTIONS = 64
# The service verifies the IVR's signatures with a slow library. Under callgrind more of them would meet a timeout.
IVR_CONNECTIONS = 8
WARM_UP = 256


class Counts(msgspec.Struct, frozen=True):
    """Thousands of instructions for each request."""

    bare: float
    issue: float
    call_status: float
    confirm_known: float
    confirm_unseen: float
    ivr_step: float


class Counter:
    """A server under callgrind."""

    def __init__(self, arguments: list[str], environment: Mapping[str, str], folder: Path, name: str) -> None:
        self._out = folder / f"{name}.callgrind"
        self._dumps = 0
        program = ["valgrind", "-q", "--tool=callgrind", "--instr-atstart=no"]
        program += [f"--callgrind-out-file={self._out}", sys.executable]
        fixed = {**environment, "PYTHONHASHSEED": "0"}
        self.server = Server(arguments, fixed, [0, 1], folder / f"{name}.log", program)

    def begin(self) -> None:
        """Begin to count. Until then the server runs faster."""
        self._command("instrumentation", "on")

    def _command(self, *words: str) -> None:
        subprocess.run(["vgdb", f"--pid={self.server.pid}", *words], check=True, capture_output=True)

    def dump(self) -> int:
        """The number of instructions since the last dump."""
        self._dumps += 1
        self._command("dump")
        text = Path(f"{self._out}.{self._dumps}").read_text()
        return int(text.partition("\ntotals: ")[2].split()[0])

    async def send(
        self, port: int, requests: Iterator[Request], status: int, connections: int = CONNECTIONS
    ) -> list[Answer]:
        """The answers to these requests. Raises Failed."""
        return (await send(port, requests, status=status, connections=connections, hold=self._hold)).answers

    def _hold(self, held: bool) -> None:
        os.kill(self.server.pid, signal.SIGSTOP if held else signal.SIGCONT)

    async def count(
        self, port: int, requests: Iterator[Request], status: int, connections: int = CONNECTIONS
    ) -> tuple[float, list[Answer]]:
        """Thousands of instructions for each of these requests, and the answers. Raises Failed."""
        self.dump()
        answers = await self.send(port, requests, status, connections)
        return self.dump() / len(answers) / 1000, answers


async def count(folder: Path, requests: int) -> Counts:
    """Count every phase, with this many requests in each. Raises Failed."""
    bank = Bank(folder, "", free_ports(), 600, log_level="info")
    await bank.prepare(3 * requests + WARM_UP)
    async with bank.identity_provider():
        service = Counter(["tests.benchmarks.patient", "serve"], bank.environment, folder, "service")
        try:
            await service.server.listening(bank.port)
            counts, answer = await _count_service(service, bank, requests)
        except Failed as error:
            raise Failed(f"{error}\n{service.server.written()[-6000:]}".strip()) from error
        finally:
            service.server.stop()
    (folder / "answer.json").write_bytes(answer)
    port = free_ports()[0]
    bare = Counter(["tests.benchmarks.bare", str(port), str(folder / "answer.json")], {}, folder, "bare")
    try:
        await bare.server.listening(port)
        bare.begin()
        await bare.send(port, bank.issues(range(WARM_UP)), 201)
        counts["bare"], _ = await bare.count(port, bank.issues(range(requests)), 201)
    finally:
        bare.server.stop()
    return msgspec.convert({name: round(value, 1) for name, value in counts.items()}, Counts)


async def _count_service(service: Counter, bank: Bank, requests: int) -> tuple[dict[str, float], bytes]:
    """The counts of the service, and one of its answers to an issue."""
    port, counts = bank.port, dict[str, float]()
    service.begin()
    warm = await service.send(port, bank.issues(range(WARM_UP)), 201)
    await service.send(port, bank.confirms(bank.codes(warm)), 200)
    some = range(WARM_UP, WARM_UP + 3 * requests)
    counts["issue"], issued = await service.count(port, bank.issues(some), 201)
    codes = sorted(bank.codes(issued))
    known, unseen, ringing = codes[:requests], codes[requests : 2 * requests], codes[2 * requests :]
    looking = [about for about, _ in known]
    await service.send(port, bank.looks(looking), 200)
    counts["call_status"], _ = await service.count(port, bank.looks(looking), 200)
    counts["confirm_known"], verdicts = await service.count(port, bank.confirms(known), 200)
    bank.check_verdicts(verdicts)
    counts["confirm_unseen"], verdicts = await service.count(port, bank.confirms(unseen), 200)
    bank.check_verdicts(verdicts)
    begun = await service.send(port, bank.rings(about for about, _ in ringing), 201, IVR_CONNECTIONS)
    counts["ivr_step"], turns = await service.count(port, bank.keys(begun, dict(ringing)), 200, IVR_CONNECTIONS)
    bank.check_turns(turns)
    return counts, issued[0].body


def measure(requests: int) -> Counts:
    """Count in a folder of its own. Raises Failed."""
    folder = Path(tempfile.mkdtemp(prefix="verifier-instructions-", dir="/var/tmp"))
    try:
        return asyncio.run(count(folder, requests))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--requests", default=512, show_default=True, help="In each phase.")
def main(as_json: bool, requests: int) -> None:
    """Count the instructions of each kind of request."""
    try:
        counts = measure(requests)
    except Failed as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(msgspec.json.encode(counts).decode())
        return
    for name, value in msgspec.structs.asdict(counts).items():
        click.echo(f"{name:<16} {value:>8.1f} k   {counts.bare / value:.3f} of bare")


if __name__ == "__main__":
    main()
