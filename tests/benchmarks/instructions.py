"""User instructions for each request, counted by callgrind. Unlike time, they repeat on a busy machine.

    python tests/benchmarks/instructions.py           a table
    python tests/benchmarks/instructions.py --json    one JSON object, in thousands of instructions
    python tests/benchmarks/instructions.py --write   a table, and keep the figures for this interpreter

`instructions.json` has the figures of each interpreter. `test_instructions.py` compares with them.

Requires Debian's `valgrind` on x86-64. Valgrind shows every program the same kind of processor, so OpenSSL and the C
library choose the same code on every machine.

The service is `verifier serve` with the settings of run.py, and with the default log level. 64 keep-alive connections
send their next requests together, while the server is stopped. So the size of a batch does not depend on the machine. A
count is what the whole process executes between two such waves, divided by the number of connections. The figure of a
phase is the mean of its waves without the first one, in which the server accepts the connections.

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
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import mean

import click
import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks.bank import Bank
from tests.benchmarks.load import Answer, Failed, Request, send
from tests.benchmarks.servers import Server
from verifier.demo.bank import free_ports

CONNECTIONS = 64
WAVES = 3
WARM_UP = 256
FIGURES = Path(__file__).with_suffix(".json")
# Another version or compiler of Python executes other instructions.
INTERPRETER = f"{platform.machine()} {platform.python_version()} {platform.python_compiler()}"


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
        self._dumped = 0
        self._waves: list[int] = []
        program = ["valgrind", "-q", "--tool=callgrind", "--instr-atstart=no"]
        program += [f"--callgrind-out-file={self._out}", sys.executable]
        fixed = {**environment, "PYTHONHASHSEED": "0"}
        self.server = Server(arguments, fixed, [0, 1], folder / f"{name}.log", program)

    def begin(self) -> None:
        """Begin to count. Until then the server runs faster."""
        self._command("instrumentation", "on")

    def _command(self, *words: str) -> None:
        subprocess.run(["vgdb", f"--pid={self.server.pid}", *words], check=True, capture_output=True)

    async def count(self, port: int, requests: Iterator[Request], status: int) -> tuple[float, list[Answer]]:
        """Thousands of instructions for each request, and the answers. Raises Failed.

        There must be at least two waves, and each connection must send equally many requests.
        """
        self._waves = []
        sent = await send(port, requests, status=status, connections=CONNECTIONS, hold=self._hold)
        # The first number is from before the first wave. In the wave of the second, connections are accepted.
        return mean(self._waves[2:]) / CONNECTIONS / 1000, sent.answers

    def _hold(self, held: bool) -> None:
        """Before each wave, and after the last one, note the number of instructions since the wave before."""
        if held:
            self._command("dump")
            self._dumped += 1
            text = Path(f"{self._out}.{self._dumped}").read_text()
            self._waves.append(int(text.partition("\ntotals: ")[2].split()[0]))
        os.kill(self.server.pid, signal.SIGSTOP if held else signal.SIGCONT)


async def count(folder: Path, requests: int) -> Counts:
    """Count every phase, with this many requests in each. Raises Failed."""
    bank = Bank(folder, "", free_ports(), 600, log_level="info")
    # Under callgrind, more than the default of 60 s would pass between two requests with the same token.
    bank.environment |= {"VERIFIER_TOKEN_RECHECK_SECONDS": "600", "VERIFIER_SWEEP_SECONDS": "250"}
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
        await send(port, bank.issues(range(WARM_UP)), status=201, connections=CONNECTIONS)
        bare.begin()
        counts["bare"], _ = await bare.count(port, bank.issues(range(4 * requests)), 201)
    finally:
        bare.server.stop()
    return msgspec.convert({name: round(value, 1) for name, value in counts.items()}, Counts)


async def _count_service(service: Counter, bank: Bank, requests: int) -> tuple[dict[str, float], bytes]:
    """The counts of the service, and one of its answers to an issue."""
    port, counts = bank.port, dict[str, float]()
    warm = await send(port, bank.issues(range(WARM_UP)), status=201, connections=CONNECTIONS)
    await send(port, bank.confirms(bank.codes(warm.answers)), status=200, connections=CONNECTIONS)
    service.begin()
    some = range(WARM_UP, WARM_UP + 3 * requests)
    counts["issue"], issued = await service.count(port, bank.issues(some), 201)
    codes = sorted(bank.codes(issued))
    known, unseen, ringing = codes[:requests], codes[requests : 2 * requests], codes[2 * requests :]
    looking = [about for about, _ in known]
    await service.count(port, bank.looks(looking), 200)
    counts["call_status"], _ = await service.count(port, bank.looks(looking), 200)
    counts["confirm_known"], verdicts = await service.count(port, bank.confirms(known), 200)
    bank.check_verdicts(verdicts)
    counts["confirm_unseen"], verdicts = await service.count(port, bank.confirms(unseen), 200)
    bank.check_verdicts(verdicts)
    begun = await send(port, bank.rings(about for about, _ in ringing), status=201, connections=CONNECTIONS)
    keys = bank.keys(begun.answers, dict(ringing))
    counts["ivr_step"], turns = await service.count(port, keys, 200)
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
@click.option("--write", is_flag=True, help="Keep the figures of this interpreter.")
@click.option("--waves", default=WAVES, show_default=True, type=click.IntRange(min=2), help="In each phase.")
def main(as_json: bool, write: bool, waves: int) -> None:
    """Count the instructions of each kind of request."""
    try:
        counts = measure(waves * CONNECTIONS)
    except Failed as error:
        raise click.ClickException(str(error)) from error
    if write:
        FIGURES.write_bytes(msgspec.json.format(msgspec.json.encode({**figures(), INTERPRETER: counts})) + b"\n")
    if as_json:
        click.echo(msgspec.json.encode(counts).decode())
        return
    for name, value in msgspec.structs.asdict(counts).items():
        click.echo(f"{name:<16} {value:>8.1f} k   bare / this: {counts.bare / value:.3f}")


def figures() -> dict[str, Counts]:
    """The kept figures of each interpreter."""
    return msgspec.json.decode(FIGURES.read_bytes(), type=dict[str, Counts])


if __name__ == "__main__":
    main()
