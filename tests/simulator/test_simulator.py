"""Runs the simulator with many seeds, and checks that it finds planted defects.

`python -m tests.simulator --seeds 10000` runs longer.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.simulator.run import Failed, run
from verifier.core import call as lifecycle
from verifier.core.call import Call, CallRules
from verifier.core.errors import Unavailable
from verifier.ledger import records, writer
from verifier.ledger.decrypted import DecryptedApplication
from verifier.ledger.heads import Head, HeadRow, Heads
from verifier.ledger.read_set import ReadSet
from verifier.ledger.routing import ShardRouting
from verifier.ledger.tables import LimitRow
from verifier.ledger.unit_of_work import UnitOfWork, writes
from verifier.ledger.unit_of_work.applications import ApplicationRows
from verifier.ledger.unit_of_work.calls import CallRows
from verifier.ledger.unit_of_work.limits import LimitRows
from verifier.ledger.unit_of_work.loading import Loaded
from verifier.ledger.unit_of_work.writes import Writes
from verifier.ledger.writer import Writer
from verifier.ports import Row
from verifier.service.confirmations import replays
from verifier.service.confirmations.entries import Entry

pytestmark = pytest.mark.slow

SEEDS = int(os.environ.get("SIMULATOR_SEEDS", "150"))
# The least average number of each event per seed. Otherwise, a service that refuses everything would pass too.
ACHIEVED = {
    "issued": 4.0,
    "told genuine": 4.0,
    "told genuine again": 5.0,
    "told not genuine": 8.0,
    "stranger": 2.0,
    "erased": 0.5,
    "report": 0.5,
    "revoke": 0.5,
    "status expected": 1.5,
    "status ringing": 0.8,
    "status connected": 1.5,
}
# The most seeds that may be needed to find a planted defect.
ENOUGH = 1000


@pytest.mark.shows("CVP-8.4-2", "CVP-10-1", "CVP-10-2", "CVP-10-4", "CVP-10-7")
def test_every_check_holds_under_random_faults() -> None:
    counts: Counter[str] = Counter()
    for seed in range(SEEDS):
        try:
            counts.update(run(seed).counts)
        except Failed as failed:
            pytest.fail(f"seed {seed}: {failed}; `python -m tests.simulator {seed}` shows it")
    print(f"\n{SEEDS} seeds:", ", ".join(f"{count} {what}" for what, count in sorted(counts.items())))
    for what in (
        "crash",
        "clock",
        "split",
        "gone",
        "torn",
        "lost",
        "late",
        "frozen",
        "conflict",
        "dropped",
        "doubled",
        "unanswered",
    ):
        assert counts[what] > SEEDS / 30, what
    for what, often in ACHIEVED.items():
        assert counts[what] > SEEDS * often, what
    assert counts["quits"] < SEEDS / 30


def test_a_seed_has_the_same_trace_each_time() -> None:
    assert [run(seed).digest for seed in (1, 2, 3)] == [run(seed).digest for seed in (1, 2, 3)]
    assert run(1).digest != run(2).digest


def failure(seed: int) -> str | None:
    """The failure of a seed, or None."""
    try:
        run(seed)
    except Failed as failed:
        return f"seed {seed}: {failed}"
    return None


def found(plant: str, by: str) -> None:
    """Checks that the first failure of any seed matches `by`. Another failure would mean a wrong plant."""
    first = next(filter(None, map(failure, range(ENOUGH))), f"nothing in {ENOUGH} seeds")
    print(f"\n{plant}: {first[:200]}")
    assert re.search(by, first), f"{plant}: {first}"


def test_an_attempt_limit_checked_outside_the_transaction_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: the count of wrong codes is read when a command arrives, before its transaction."""
    stale: dict[str, LimitRow] = {}
    submit, get = Writer.submit_kept, LimitRows.get

    async def look_first(self: Writer, kind: Any, reads: ReadSet, *args: Any, **named: Any) -> Any:
        if reads.channel is not None:
            for row in await self._storage.fetch("SELECT limit_key, tat, call_id, wrong FROM limits"):
                stale[row[0]] = LimitRow(*row)
        return await submit(self, kind, reads, *args, **named)

    def kept(self: LimitRows, key: str) -> LimitRow | None:
        row = get(self, key)
        return row if row is None or key not in stale else replace(row, wrong=stale[key].wrong)

    monkeypatch.setattr(Writer, "submit_kept", look_first)
    monkeypatch.setattr(LimitRows, "get", kept)
    found("attempt limit outside the transaction", "no order explains .*kind='guess'")


def test_a_use_of_a_code_that_is_not_written_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    put = CallRows.put

    def forget(self: CallRows, call: Call) -> None:
        if call.state != "confirmed":
            put(self, call)

    monkeypatch.setattr(CallRows, "put", forget)
    found("a use that is not written", "no order explains .*answer='genuine'")


def test_an_answer_that_stays_genuine_after_its_call_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replays, "goes_on", lambda *args: True)
    found("an answer that stays genuine", "'genuine'.* of a call that is")


def test_an_answer_that_is_not_stored_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Writes.stage

    def forget(self: Writes, sql: str, values: Row, key: object = None) -> None:
        if sql != records.INSERT_IDEMPOTENCY:
            stage(self, sql, values, key)

    monkeypatch.setattr(Writes, "stage", forget)
    # A call that is issued again may exceed the daily cap.
    found("an answer that is not kept", "one key, two answers|the cap is 3")


def test_an_answer_before_its_commit_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: an answer is returned although its commit failed."""
    carry_out, answers = Writer._transact, Writer._answers

    # By the list of commands, because several batches run at the same time.
    told: dict[int, tuple[Any, UnitOfWork]] = {}

    def hear(self: Writer, work: UnitOfWork, commands: Sequence[Any], decided: Sequence[Any]) -> Any:
        told[id(commands)] = answers(self, work, commands, decided), work
        return told[id(commands)][0]

    async def tell(self: Writer, commands: list[Any]) -> Any:
        try:
            return await carry_out(self, commands)
        except Unavailable:
            if id(commands) not in told:
                raise
            return told[id(commands)]
        finally:
            told.pop(id(commands), None)

    monkeypatch.setattr(Writer, "_answers", hear)
    monkeypatch.setattr(Writer, "_transact", tell)
    found("an answer before its commit", "there is no such|one key, two answers")


def test_a_node_that_does_not_lock_the_head_first_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: the node relies on the size of the log that it remembers."""
    lock = Heads.lock

    async def remember(self: Heads, transaction: Any, shards: Collection[int]) -> tuple[dict[int, Head], int]:
        if all(shard in self._known for shard in shards):
            return {shard: self._known[shard] for shard in shards}, self.shards
        return await lock(self, transaction, shards)

    monkeypatch.setattr(Heads, "lock", remember)
    found("a node that does not take the head first", "UNIQUE constraint failed|a row of log_head does not verify")


def test_a_code_that_is_tried_against_all_calls_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: a code is tried against the calls of all customers. Such a command locks every shard."""

    def of_anybody(self: ApplicationRows, *index: object) -> list[DecryptedApplication]:
        return self._kept(self._loaded.applications)

    async def load(self: Loaded, read_sets: Sequence[ReadSet]) -> None:
        rows = await self._transaction.fetch("SELECT application_id FROM applications")
        await load_all(self, [*read_sets, *(ReadSet(application_id=row[0]) for row in rows)])

    load_all = Loaded.load
    monkeypatch.setattr(Loaded, "load", load)
    monkeypatch.setattr(Loaded, "led_to", lambda self, reads: list(self.applications))
    monkeypatch.setattr(ApplicationRows, "of_customer", of_anybody)
    monkeypatch.setattr(ApplicationRows, "of_number", of_anybody)
    # The sealed facts say who is a contact. So the defect needs a code that does not ask them.
    monkeypatch.setattr(Entry, "contact", lambda self, application: application.contacts[0])
    monkeypatch.setattr(ShardRouting, "shards", lambda self, reads, shards: frozenset(range(shards)))
    found("a code tried against everybody's calls", "a stranger .* is told|no order explains|Too many attempts")


def test_a_customer_who_is_not_told_that_it_rings_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: the status knows only whether a call is connected, as in an earlier release."""
    progress = lifecycle.progress

    def connected(call: Call, now_ms: int, rules: CallRules) -> lifecycle.Progress | None:
        return "connected" if progress(call, now_ms, rules) == "connected" else None

    monkeypatch.setattr(lifecycle, "progress", connected)
    found("a status that knows no ringing", "no order explains .*kind='status'.*answer='none'")


def test_a_write_after_the_erasure_in_the_same_batch_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    order = writes.ORDER[-5:] + writes.ORDER[:-5]
    monkeypatch.setattr(writes, "ORDER", order)
    found("erased before the rest of its batch is written", r"leaf \d+: The application has been erased")


def test_a_node_that_ignores_a_split_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: the node keeps the number of shards from its start."""

    class Ignorant(Heads):
        async def _lock(self, transaction: Any, shard: int) -> HeadRow:
            row = await super()._lock(transaction, shard)
            self.shards = self._first.setdefault("shards", row.shards)
            return replace(row, shards=self.shards)

        async def open(self, transaction: Any) -> None:
            self._first: dict[str, int] = {}
            await super().open(transaction)

    monkeypatch.setattr(writer, "Heads", Ignorant)
    found("a node that takes no notice of a split", "goes on with fewer shards|a row of log_head does not verify")


def test_a_misrouted_command_that_is_not_checked_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: if a split comes between routing and locking, the statement belongs in a shard that is not locked."""
    monkeypatch.setattr(writer, "_check_held", lambda *args: None)
    found("commands that are not held against the heads taken", r"a command failed, of KeyError\(\d\)")


def test_a_node_that_does_not_recover_from_an_outage_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: the first failed commit stops the writer until the node is restarted."""
    carry_out = Writer._transact

    async def give_up(self: Writer, commands: list[Any]) -> Any:
        try:
            return await carry_out(self, commands)
        except Unavailable:
            self._running = False
            raise

    monkeypatch.setattr(Writer, "_transact", give_up)
    found("a node that does not get over an outage", "does not serve again by itself")


def test_a_seed_does_not_depend_on_the_hashes_and_keys_of_the_process() -> None:
    shown = {
        subprocess.run(
            [sys.executable, "-m", "tests.simulator", "7"],
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONHASHSEED": each},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for each in ("1", "2")
    }
    assert len(shown) == 1
