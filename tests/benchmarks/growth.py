"""Measures whether old calls make new ones slower: issue and confirm, with few and with many calls in the database.

    python tests/benchmarks/growth.py --calls 10000000

Starts its own PostgreSQL on this machine, with that many closed calls in one database and 10,000 in another, and
measures both in turn with `run.py`. SQL creates the old calls, since issuing them would take hours. Each has its row
and two leaves of the log, whose sealed statements are shorter than real ones (`--sealed` bytes; real ones have about
2,500). Every five calls have an application with a number and a stored answer for retries. There are checkpoints too.
The measured calls are real.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import asyncpg
import click

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks.bank import ORIGIN
from tests.postgres import Postgres
from verifier import keys
from verifier.core.checkpoint import Checkpoint
from verifier.core.merkle import TILE, TILE_HEIGHT, Tree, leaf_hash
from verifier.keys import FileKeyRing
from verifier.storage import open_storage
from verifier.storage.migrate import migrate

FEW = 10_000
BATCH = 50
# Durable, and otherwise the defaults: the cache is 128 MB, for many gigabytes of data.
SETTINGS = ("fsync=on", "max_wal_size=8GB")

# $1 is the number of calls, $2 the current time, $3 the bytes of sealed data.
_INDEX = "substring(decode(md5({0}::text) || md5((-{0})::text), 'hex') FOR 16)"
_ENTRY = "decode(md5({0}::text) || md5((-{0})::text), 'hex')"
_SEALED = "decode(repeat(md5(n::text), $3::int / 16), 'hex')"
_ID = "lpad(to_hex($2::bigint - n), 12, '0') || substr(md5(n::text), 1, 20)"
_OLD = f"""
INSERT INTO applications (application_id, customer_index, kek_id, wrapped_key, sealed, call_counter, local_day,
    calls_today, created_at, updated_at)
SELECT 'OLD-' || md5(n::text), {_INDEX.format("n")}, 'old', decode(repeat(md5(n::text), 4), 'hex'), {_SEALED}, 5, 20000,
    1, $2::bigint - n, $2::bigint - n
FROM generate_series(0, $1::bigint / 5) n;

INSERT INTO numbers
SELECT {_INDEX.format("(-n)")}, 'OLD-' || md5(n::text)
FROM generate_series(0, $1::bigint / 5) n;

INSERT INTO calls (call_id, application_id, officer_id, leaf_index, call_counter, leg_mode, issued_at, expires_at,
    state, connected_at, leg_ended_at, revealed_at, confirmed_at, ended_at, receipt_leaf)
SELECT 'call_' || {_ID}, 'OLD-' || md5((n % ($1::bigint / 5))::text), (n % 2000)::text, 2 * n - 2, n % 5, 'required',
    $2::bigint - n, $2::bigint - n, 'ended', $2::bigint - n, $2::bigint - n, $2::bigint - n, $2::bigint - n,
    $2::bigint - n, 2 * n - 1
FROM generate_series(1, $1::bigint) n;

INSERT INTO leaves
SELECT n, {_ENTRY.format("n")}, CASE n % 2 WHEN 0 THEN 'call-ticket+jwt' ELSE 'call-receipt+jwt' END, 'old_' || {_ID},
    'OLD-' || md5((n / 2 % ($1::bigint / 5))::text), {_INDEX.format("n")}, {_SEALED}
FROM generate_series(0, 2 * $1::bigint - 1) n;

INSERT INTO idempotency
SELECT {_INDEX.format("n")}, decode(md5(n::text), 'hex'), {_SEALED}, 'OLD-' || md5(n::text), $2::bigint + 86400000
FROM generate_series(0, $1::bigint / 5) n
"""


async def fill(url: str, calls: int, sealed: int, ring: FileKeyRing, origin: str, now_ms: int) -> None:
    """Fill a database as it would be after that many calls."""
    storage = await open_storage(url, timeout_s=36_000)
    await migrate(storage)
    await storage.close()
    connection = await asyncpg.connect(url)
    for sql in _OLD.split(";"):
        click.echo(f"  {sql.split()[2]} …", err=True)
        told = sql.replace("$1", str(calls)).replace("$2", str(now_ms)).replace("$3", str(sealed))
        await connection.execute(told, timeout=36_000)
    await _log(connection, 2 * calls, ring, origin)
    await connection.execute("VACUUM (ANALYZE)", timeout=36_000)
    await connection.close()


async def _log(connection: Any, size: int, ring: FileKeyRing, origin: str) -> None:
    """Insert the head of the log, its tree nodes, and a checkpoint for every batch."""
    nodes = f"INSERT INTO nodes SELECT $1::bigint, n, {_ENTRY.format('n')} FROM generate_series(0, $2::bigint - 1) n"
    tiles: dict[int, list[bytes]] = {}
    level = 0
    while (width := size >> TILE_HEIGHT * level) > 0:
        start = width // TILE * TILE
        if level:
            await connection.execute(nodes, level, width, timeout=36_000)
            found = "SELECT hash FROM nodes WHERE level = $1 AND node_index >= $2 ORDER BY node_index"
            tiles[level] = [row[0] for row in await connection.fetch(found, level, start)]
        else:
            found = "SELECT entry FROM leaves WHERE leaf_index >= $1 ORDER BY leaf_index"
            tiles[level] = [leaf_hash(row[0]) for row in await connection.fetch(found, start)]
        level += 1
    note = ring.sign_checkpoint(Checkpoint(origin, size, Tree.resume(size, tiles).root()).text())
    old = "INSERT INTO checkpoints SELECT n, $1 FROM generate_series(0, $2::bigint - 1, $3::bigint) n"
    await connection.execute(old, note, size, BATCH, timeout=36_000)
    await connection.execute("INSERT INTO checkpoints VALUES ($1, $2)", size, note)
    await connection.execute("INSERT INTO log_head (origin, size, batches) VALUES ($1, $2, 0)", origin, size)


def measure(url: str, ring: Path, seconds: float, turn: int) -> dict[str, Any]:
    """Run `run.py` on a filled database, with new customers each time."""
    command = [sys.executable, str(Path(__file__).with_name("run.py")), "--json", "--rounds", "2"]
    command += ["--seconds", str(seconds), "--database", url, "--key-ring", str(ring)]
    command += ["--first", str(turn * 1_000_000)]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--calls", default=10_000_000, show_default=True, help="In the larger database.")
@click.option("--sealed", default=256, show_default=True, help="Bytes of a sealed statement.")
@click.option("--rounds", default=3, show_default=True, help="Times that each is measured.")
@click.option("--seconds", default=6.0, show_default=True, help="Of each phase, in each round.")
@click.option("--directory", default=Path("/var/tmp"), show_default=True, type=click.Path(path_type=Path))
def main(calls: int, sealed: int, rounds: int, seconds: float, directory: Path) -> None:
    """Measure issue and confirm with many old calls beside few."""
    with tempfile.TemporaryDirectory(prefix="growth-", dir=directory) as name:
        folder = Path(name)
        server = Postgres(folder, *SETTINGS)
        server.start()
        try:
            _measure(server, folder, calls, sealed, rounds, seconds)
        finally:
            server.stop()


def _measure(server: Postgres, folder: Path, calls: int, sealed: int, rounds: int, seconds: float) -> None:
    origin, now_ms = ORIGIN, 1_790_000_000_000
    keys.create(folder / "ring.json", now_ms)
    ring = FileKeyRing(folder / "ring.json", origin)
    urls = {}
    for count in (FEW, calls):
        click.echo(f"{count} calls …", err=True)
        urls[count] = server.new_database()
        asyncio.run(fill(urls[count], count, sealed, ring, origin, now_ms))
    ratios: dict[str, list[float]] = {"issue": [], "confirm": []}
    for turn in range(rounds):
        found = {count: measure(urls[count], folder / "ring.json", seconds, turn) for count in (FEW, calls)}
        for phase, each in ratios.items():
            rate = {count: found[count][f"{phase}_rps"] for count in found}
            each.append(rate[calls] / rate[FEW])
            click.echo(f"round {turn + 1}, {phase}: {rate[FEW]:.0f} a second with few, {rate[calls]:.0f} with many")
    for phase, each in ratios.items():
        click.echo(f"{phase}: {statistics.median(each):.2f} of the speed ({min(each):.2f} to {max(each):.2f})")


if __name__ == "__main__":
    main()
