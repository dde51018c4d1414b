"""Runs one seed: nodes, people and faults, and then checks everything that was answered."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import random
import shutil
import tempfile
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

from msgspec import Struct

from tests.faults.linearizable import violations
from tests.repeats import follows
from tests.simulator.bank import Network, Node, running_ms
from tests.simulator.loop import simulate
from tests.simulator.people import Town
from tests.simulator.storage import Database, Faults
from tests.simulator.strangers import Stranger
from tests.world import NOON, ORIGIN, Person, World, staff
from verifier import keys
from verifier.core.errors import InvalidField, Unavailable, VerifierError
from verifier.core.evidence import Evidence, Trust, verify_evidence
from verifier.core.key_uses import Uses
from verifier.core.shards import origin_shard, shard_of
from verifier.keys import FileKeyRing
from verifier.ledger.audit import audit_log
from verifier.ledger.log import count_shards
from verifier.storage import open_storage
from verifier.storage.migrate import migrate

# In memory if possible, because the simulator has no power failures.
FOLDER = Path("/dev/shm") if Path("/dev/shm").is_dir() else None


class Failed(AssertionError):
    """A check failed. `trace` holds the events before."""

    def __init__(self, what: str, trace: list[str]) -> None:
        super().__init__(what)
        self.trace = trace


class Ran(Struct, frozen=True):
    """A seed without failures: its events, and how often each happened."""

    trace: list[str]
    counts: dict[str, int]

    @property
    def digest(self) -> str:
        return hashlib.sha256("\n".join(self.trace).encode()).hexdigest()


class _Ring(FileKeyRing):
    """The product's key ring, but with indexes that are the same in every process, and so the same shards."""

    def derive(self, kind: str, value: str) -> bytes:
        return hmac.digest(b"simulator", f"{kind}\0{value}".encode(), "sha256")


@cache
def _template() -> tuple[Path, FileKeyRing]:
    """A folder with a key ring and an empty database. Made once per process."""
    folder = Path(tempfile.mkdtemp(prefix="simulator-", dir=FOLDER))
    keys.create(folder / "ring.json", NOON)

    async def make() -> None:
        storage = await open_storage(f"sqlite:{folder / 'empty'}")
        await migrate(storage)
        await storage.close()

    asyncio.run(make())
    return folder, _Ring(folder / "ring.json", ORIGIN)


def run(seed: int) -> Ran:
    """Runs a seed. Raises Failed if a check fails."""
    template, ring = _template()
    # What an earlier seed has reserved would change how often this one goes to the database.
    ring.uses = Uses()
    with tempfile.TemporaryDirectory(prefix="seed-", dir=FOLDER) as folder:
        path = Path(folder) / "db"
        shutil.copy(template / "empty", path)
        rng = random.Random(seed)
        return simulate(rng, _run(rng, path, ring, template / "ring.json"))


async def _run(rng: random.Random, path: Path, ring: FileKeyRing, ring_file: Path) -> Ran:
    database = Database(path, lambda: NOON + running_ms(), Faults(rng))
    nodes = [Node(f"node {n}", database, ring, ring_file, rng) for n in range(rng.randint(2, 4))]
    network = Network(nodes, rng)
    town = Town(network, rng)
    try:
        await asyncio.gather(*(each.start() for each in nodes))
        if rng.random() < 0.3:
            await _split(town, nodes, rng)
        accidents = asyncio.create_task(_accidents(town, database, nodes, rng))
        people = [Person(n) for n in range(rng.randint(2, 3))]
        strangers = [Stranger(town, Person(90 + n), people) for n in range(rng.randint(0, 2))]
        await asyncio.gather(*(town.live(each) for each in people), *(each.live() for each in strangers))
        accidents.cancel()
        await _heal(database, network)
        for n, node in enumerate(nodes):
            await _check_serves(node, town, Person(50 + n))
        await _check(town, nodes[0])
    except (AssertionError, VerifierError) as error:
        # Requests handle the refusals that they expect, so any other refusal is a failure.
        raise Failed(f"{error}, of {error.__cause__!r}" if error.__cause__ else str(error), town.trace) from error
    finally:
        for each in nodes:
            each.crash()
        await asyncio.sleep(0)
        database.close()
    counts = Counter(database.faults.seen | network.seen)
    counts.update(line.split()[1] for line in town.trace)
    counts.update(f"told {op.answer}" for op in town.operations if op.kind in ("confirm", "guess") and op.answer)
    counts.update(f"status {op.answer}" for op in town.operations if op.kind == "status" and op.answer)
    return Ran(town.trace, counts)


async def _accidents(town: Town, database: Database, nodes: list[Node], rng: random.Random) -> None:
    """Causes random faults one after another, each for a while. In some seeds hardly any."""
    often = rng.choice((1.0, 3.0, 1e9))
    while True:
        await asyncio.sleep(rng.expovariate(1 / often))
        node, lasts = rng.choice(nodes), rng.uniform(0.1, 6)
        match rng.randrange(4):
            case 0:
                town.note("crash", node.name)
                node.crash()
                await asyncio.sleep(lasts)
                await node.start()
            case 1:
                skew, node.skew_ms = node.skew_ms, rng.choice((-600_000, 600_000))
                town.note("clock", node.name, node.skew_ms)
                await asyncio.sleep(lasts)
                node.skew_ms = skew
            case 2:
                await _split(town, nodes, rng)
            case _:
                town.note("gone", f"{lasts:.3f}")
                database.gone = True
                await asyncio.sleep(lasts)
                database.gone = False


async def _split(town: Town, nodes: list[Node], rng: random.Random) -> None:
    """Splits the log into more shards while nodes work."""
    shards = rng.randint(2, 5)
    town.note("split", shards)

    async def split(world: World) -> None:
        with contextlib.suppress(InvalidField, Unavailable):
            await world.context.writer.split(shards)

    with contextlib.suppress(ConnectionError):
        await rng.choice(nodes).serve(split)


async def _heal(database: Database, network: Network) -> None:
    """Stops all faults. Running nodes are not restarted, so each must recover by itself."""
    database.gone, database.faults.healed, network.healed = False, True, True
    await network.quiet()
    for each in network.nodes:
        each.skew_ms = 0
        await each.start()
    # Longer than any node stays frozen.
    await asyncio.sleep(60)


async def _check_serves(node: Node, town: Town, person: Person) -> None:
    """Checks that a node serves a new customer's call by itself, in the right shard."""
    issue, connect, confirm = town.key(), town.key(), town.key()

    async def call(world: World) -> None:
        await world.register(person)
        issued = await world.issue(person, key=issue)
        call_id = issued["call"]["call_id"]
        await world.leg(call_id, "connected", person.number, at=town.now_ms(), key=connect)
        told = await world.confirm(person, await world.reveal(call_id), key=confirm)
        assert told["verdict"] == "genuine", f"{node.name} tells {told}"
        shard = shard_of(world.context.customer_index(person.customer_id), await count_shards(world.storage))
        for each in (issued["ticket"], told["receipt"]):
            checkpoint = verify_evidence(Evidence(each["statement"], each["proof"]), world.context.trust()).checkpoint
            assert origin_shard(checkpoint.origin, ORIGIN) == shard, f"{node.name} goes on with fewer shards"
        town.evidence += [issued["ticket"], told["receipt"]]

    try:
        await node.serve(call)
    except Unavailable as error:
        raise AssertionError(f"{node.name} does not serve again by itself") from error


async def _check(town: Town, node: Node) -> None:
    for asking, answer in town.answered:
        again = await town.network.ask(asking)
        assert follows(answer, again), f"one key, two answers: {answer} and {again}"
        await _check_green(town, again)
    wrong = violations(town.operations)
    assert not wrong, f"no order explains {wrong}"

    world: World = await node.serve(_itself)
    trust = world.context.trust()
    audited = await audit_log(world.storage, world.ring, trust, _shown(town, trust))
    assert audited.findings == [], audited.findings
    counted = await world.storage.fetch("SELECT call_id FROM limits WHERE wrong > 3")
    assert not counted, f"more than three wrong codes were tried against {counted}"


async def _check_green(town: Town, again: Any) -> None:
    """Checks that a repeated genuine answer is genuine exactly while its call is open."""
    if not (isinstance(again, dict) and again.get("call") and "verdict" in again and "began_at" not in again["call"]):
        return
    call_id = again["call"]["call_id"]
    view = await town.network.ask(lambda world: world.service.calls.read(staff("4412"), call_id))
    town.note("again", call_id, again["verdict"])
    assert (again["verdict"] == "genuine") == (view.state == "confirmed"), f"{again} of a call that is {view.state}"


async def _itself(world: World) -> World:
    return world


def _shown(town: Town, trust: Trust) -> list[str]:
    """Every checkpoint in an answer, one per log and size. Fails if two of the same size differ."""
    notes: dict[tuple[str, int], tuple[bytes, str]] = {}
    for each in town.evidence:
        checkpoint = verify_evidence(Evidence(each["statement"], each["proof"]), trust).checkpoint
        note = each["proof"].partition("\n\n")[2]
        known, _ = notes.setdefault((checkpoint.origin, checkpoint.size), (checkpoint.root, note))
        assert known == checkpoint.root, "two logs were shown"
    return [note for _, note in notes.values()]
