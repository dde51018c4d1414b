"""Measures how long a handset that rings waits for the answer to "is that you?".

    python tests/benchmarks/at_ring.py

Handsets ask at a fixed rate, whether or not earlier ones have their answers. A wait counts from the moment at which the
handset was due to ask, so a slow server does not hide its own delays. The service runs on one core and the load on the
other. A third of the customers have a call that rings, a third a call that was issued, and a third have none.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import click
import msgspec
import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks.bank import DESK, Bank
from tests.benchmarks.figures import percentile
from tests.benchmarks.load import Failed, Request, send
from tests.benchmarks.race import serving
from tests.benchmarks.servers import Cores, Server
from verifier.core.messages.customers import CallVerification
from verifier.demo.bank import free_ports

CUSTOMERS = 3_000
CONNECTIONS = 64
_decode = msgspec.json.Decoder(CallVerification).decode


async def ask(port: int, requests: Iterator[Request], due: Iterator[float], waits_s: list[float]) -> Counter[str]:
    """Send the next request of all connections whenever one is due. Returns how often each verdict came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    verdicts: Counter[str] = Counter()
    for at in due:
        await asyncio.sleep(at - time.perf_counter())
        writer.write(next(requests).octets)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise Failed(head.decode())
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        body = await reader.readexactly(length)
        waits_s.append(time.perf_counter() - at)
        verdicts[_decode(body).verdict] += 1
    writer.close()
    return verdicts


async def run(folder: Path, rate: int, seconds: float) -> str:
    cores = Cores.choose()
    settings = {"VERIFIER_LEG_MODE": "required", "VERIFIER_CALLER_NUMBERS": DESK, "VERIFIER_LEG_SILENCE_SECONDS": "600"}
    bank = Bank(folder, "", free_ports(), 600, **settings)
    await bank.prepare(CUSTOMERS)
    os.sched_setaffinity(0, {cores.client})
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(bank.identity_provider())
        server = Server(["verifier", "serve"], bank.environment, cores.server, folder / "service.log")
        await stack.enter_async_context(serving(server, bank.port))
        await send(bank.port, bank.alive(), status=200, connections=1)
        called = range(2 * CUSTOMERS // 3)
        await send(bank.port, bank.issues(called), status=201, connections=CONNECTIONS)
        await send(bank.port, bank.legs(called[::2]), status=200, connections=CONNECTIONS)
        # Every customer's token is verified once before.
        await send(bank.port, bank.looks(range(CUSTOMERS)), status=200, connections=CONNECTIONS)
        requests, waits_s = bank.at_ring(itertools.cycle(range(CUSTOMERS))), list[float]()
        cpu_s, begun = server.cpu_s, time.perf_counter() + 0.5
        moments = [begun + n / rate for n in range(int(rate * seconds))]
        due = iter(moments)
        verdicts = sum(
            await asyncio.gather(*(ask(bank.port, requests, due, waits_s) for _ in range(CONNECTIONS))), Counter()
        )
        took_s, cpu_s = time.perf_counter() - begun, server.cpu_s - cpu_s
    waits_ms = sorted(s * 1000 for s in waits_s)
    told = ", ".join(f"{verdict} {count}" for verdict, count in sorted(verdicts.items()))
    times = ", ".join(f"{name} {percentile(waits_ms, share):.1f} ms" for name, share in (("p50", 0.5), ("p99", 0.99)))
    return (
        f"{len(waits_ms) / took_s:.0f} a second for {took_s:.0f} s: {times}, most {waits_ms[-1]:.1f} ms; "
        f"{1e6 * cpu_s / len(waits_ms):.0f} us of processor time each; {told}"
    )


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--rate", default=500, show_default=True, help="Handsets that ask, a second.")
@click.option("--seconds", default=20.0, show_default=True)
@click.option("--directory", default=Path("/var/tmp"), show_default=True, type=click.Path(path_type=Path))
def main(rate: int, seconds: float, directory: Path) -> None:
    """Measure how long a handset that rings waits for the answer."""
    folder = Path(tempfile.mkdtemp(prefix="verifier-benchmark-", dir=directory))
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            click.echo(runner.run(run(folder, rate, seconds)))
    except Failed as error:
        raise click.ClickException(str(error)) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
