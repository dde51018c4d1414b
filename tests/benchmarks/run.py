"""The benchmark: issue and confirm over loopback, compared with a bare aiohttp handler on the same core.

    python tests/benchmarks/run.py                  a table
    python tests/benchmarks/run.py --json           one JSON object
    python tests/benchmarks/run.py --peer PYTHON    beside a service of the usual kind, in the same rounds
    python tests/benchmarks/run.py --soak 1000000   memory and database size over a million calls

Needs Linux, two free cores, and the project installed. `--database postgresql://…` names an empty database. Without it,
a SQLite file is created under `--directory`, which must not be in memory.

How it is measured
- The service is `verifier serve` in a process pinned to one core; the load runs on another. Each of 64
  keep-alive connections sends its next request when it has the last answer. The load's own processor time is
  shown. At 100 % the load itself would limit the result.
- Every request has an ES256 JWT of an issuer whose key set is fetched over HTTP. An issue has an officer's token,
  which the service has cached. A confirm has the token of a customer that the service has not seen, so it costs a
  signature check. With --known every customer first requests their call status, as an app does that is open while
  the telephone rings, so the service has cached their token too.
- Each request has its own Idempotency-Key. Every call passes the contact policy, and is signed, logged with an
  inclusion proof and durable before it is answered. Every code is confirmed once.
- Settings that differ from the defaults: VERIFIER_LEG_MODE=off, so that an issue gives its code at once;
  VERIFIER_CONTACT_HOURS=00:00-24:00; VERIFIER_DAILY_CAP=50; VERIFIER_PERSON_DAILY_CAP=50;
  VERIFIER_REQUESTS_PER_MINUTE=60000; VERIFIER_LOG_LEVEL=warning; VERIFIER_ENV=development, since loopback has no https.
- The bare handler (bare.py) gets the issue requests too. It decodes the same struct and encodes an answer of
  the same size, and does nothing else.
- The peer (peer/service.py) is FastAPI, SQLAlchemy Core, aiosqlite, PyJWT and pyotp on uvicorn. It gets the same
  requests, on the same core, from the same load, with a SQLite file in the same folder and `synchronous=FULL`. It too
  writes all requests that wait at one moment in one transaction; `--peer-group 1` gives each its own. PYTHON is that
  of an environment with its packages:

      python3 -m venv /var/tmp/peer && /var/tmp/peer/bin/pip install -r tests/benchmarks/peer/requirements.txt
      python tests/benchmarks/run.py --peer /var/tmp/peer/bin/python --rounds 10 --seconds 20

- The phases alternate: bare, issue, confirm. The peer's issue and confirm come after those of the service in one round,
  and before them in the next. Ratios are computed within each round, because machines are noisy. The result is the
  median of the rounds, shown with the minimum and maximum. Every answer is checked, and one wrong status or verdict
  fails the run. A short warm-up round is not counted.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import click
import msgspec
import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks.bank import Bank
from tests.benchmarks.figures import figures, filesystem, surroundings, table
from tests.benchmarks.load import Failed
from tests.benchmarks.peer import server as peer
from tests.benchmarks.race import WARM_UP, Contender, Race, Served, serving
from tests.benchmarks.servers import Cores, Server
from tests.benchmarks.soak import CODE_LIFETIME_S, Sample, soak
from verifier.demo.bank import free_ports

CALLS_PER_SECOND = 3000  # at most this many applications are created for each second of measurement
SOAK_APPLICATIONS = 50_000
DAILY_CAP = 50


class Options(msgspec.Struct, frozen=True):
    """The options of a run."""

    seconds: float
    rounds: int
    connections: int
    database: str
    directory: Path
    soak: int
    known: bool
    peer: Path | None
    peer_group: int
    key_ring: Path | None
    first: int


async def run(options: Options, folder: Path) -> dict[str, Any]:
    """Prepare a bank, serve it, and measure or soak. Raises Failed."""
    cores = Cores.choose()
    if options.peer and (options.database or options.soak):
        raise Failed("the peer has SQLite only, and no soak")
    if not options.database and filesystem(folder) in ("tmpfs", "ramfs"):
        raise Failed(f"{folder} is in memory, where nothing is durable; choose another --directory")
    bank = Bank(
        folder,
        options.database,
        free_ports(),
        CODE_LIFETIME_S if options.soak else 600,
        options.key_ring,
        options.first,
    )
    needed = int(CALLS_PER_SECOND * options.seconds) + WARM_UP
    applications = max(SOAK_APPLICATIONS, options.soak // DAILY_CAP + 1) if options.soak else needed
    click.echo(f"registering {applications} applications …", err=True)
    await bank.prepare(applications)
    os.sched_setaffinity(0, {cores.client})
    found: dict[str, Any] = surroundings(folder, bank.config.database)
    found |= {"connections": options.connections, "rounds": options.rounds, "known": options.known}
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(bank.identity_provider())
        server = Server(["verifier", "serve"], bank.environment, cores.server, folder / "service.log")
        await stack.enter_async_context(serving(server, bank.port))
        served = Served(server, bank.port, bank.admin_port)
        contenders = [Contender("issue", "confirm", served, bank.check_verdicts)]
        if options.peer:
            port = free_ports()[0]
            other = peer.start(bank, applications, options.peer, options.peer_group, port, cores.server, folder)
            await stack.enter_async_context(serving(other, port))
            contenders.append(Contender("peer_issue", "peer_confirm", Served(other, port), peer.check_verdicts))
        if options.soak:
            samples = await soak(bank, server, options.soak, applications, options.connections, _tell)
            found["soak"] = msgspec.to_builtins(samples)
        else:
            race = Race(bank, contenders, options.connections, options.known)
            each_s = options.seconds / options.rounds
            found |= figures(await race.run(applications, options.rounds, each_s, cores.server, folder))
        found["rss_mb"] = round(server.rss_mb, 1)
    return found


def _tell(sample: Sample) -> None:
    told = f"{sample.calls:>9} calls {sample.seconds:>8.1f} s {sample.rss_mb:>7.1f} MB resident"
    click.echo(f"{told} {sample.database_mb:>9.1f} MB database", err=True)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--seconds", default=10.0, show_default=True, help="Of each phase, over all rounds.")
@click.option("--rounds", default=5, show_default=True, help="Alternations of the phases.")
@click.option("--connections", default=64, show_default=True)
@click.option("--database", default="", help="postgresql://… of an empty database; SQLite without it.")
@click.option("--directory", default=Path("/var/tmp"), show_default=True, type=click.Path(path_type=Path))
@click.option("--known", is_flag=True, help="Customers have logged in before they confirm.")
@click.option(
    "--peer",
    type=click.Path(path_type=Path, exists=True),
    metavar="PYTHON",
    help="Also measure the peer, with the Python of an environment that has its packages.",
)
@click.option("--peer-group", default=256, show_default=True, help="The most requests in one transaction of the peer.")
@click.option("--key-ring", type=click.Path(path_type=Path), help="Of a database that is not empty.")
@click.option("--first", default=0, help="The number of the first new application in it.")
@click.option("--soak", default=0, metavar="CALLS", help="Issue and confirm so many calls and watch the memory.")
def main(as_json: bool, **given: Any) -> None:
    """Measure issue and confirm, compared with a bare aiohttp handler."""
    options = Options(**given)
    folder = Path(tempfile.mkdtemp(prefix="verifier-benchmark-", dir=options.directory))
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            found = runner.run(run(options, folder))
    except Failed as error:
        raise click.ClickException(str(error)) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
    elif not options.soak:
        click.echo(table(found))


if __name__ == "__main__":
    main()
