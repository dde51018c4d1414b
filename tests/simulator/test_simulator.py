"""Many nodes, seed by seed; and that the simulator finds what is planted.

`python -m tests.simulator --seeds 10000` is the long form.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.simulator.run import Failed, run
from verifier.core.call import Call
from verifier.core.errors import Unavailable
from verifier.core.merkle import Tree
from verifier.service import records
from verifier.service.batch import Batch
from verifier.service.heads import Heads
from verifier.service.needs import Needs
from verifier.service.opened import OpenApplication
from verifier.service.writer import Writer

SEEDS = int(os.environ.get("SIMULATOR_SEEDS", "300"))
# As many as a planted defect may need to be found.
ENOUGH = 1000


@pytest.mark.shows("CVP-10-1", "CVP-10-2", "CVP-10-4", "CVP-10-7")
def test_what_is_promised_holds_whatever_goes_wrong() -> None:
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


def test_a_seed_happens_in_the_same_way_each_time() -> None:
    assert [run(seed).digest for seed in (1, 2, 3)] == [run(seed).digest for seed in (1, 2, 3)]
    assert run(1).digest != run(2).digest


def found(plant: str) -> int:
    """The first seed in which something does not hold."""
    for seed in range(ENOUGH):
        try:
            run(seed)
        except Failed as failed:
            print(f"\n{plant}: found in seed {seed}: {str(failed)[:200]}")
            return seed
    pytest.fail(f"{plant}: not found in {ENOUGH} seeds")


def test_an_attempt_limit_checked_outside_the_transaction_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The count of wrong codes is that of the moment in which a command came in."""
    stale: dict[str, tuple[int, int]] = {}
    submit, load_calls = Writer.submit, Batch._load_calls

    async def look_first(self: Writer, needs: Needs, *args: Any) -> bytes:
        if needs.channel is not None:
            for row in await self._storage.fetch("SELECT call_id, app_wrong, ivr_wrong FROM calls"):
                stale[row[0]] = (row[1], row[2])
        return await submit(self, needs, *args)

    async def load(self: Batch, call_ids: Any) -> None:
        await load_calls(self, call_ids)
        for call_id, call in self._calls.items():
            app, ivr = stale.get(call_id, (call.app_wrong, call.ivr_wrong))
            self._calls[call_id] = replace(call, app_wrong=app, ivr_wrong=ivr)

    monkeypatch.setattr(Writer, "submit", look_first)
    monkeypatch.setattr(Batch, "_load_calls", load)
    found("attempt limit outside the transaction")


def test_a_use_that_is_not_written_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    put_call = Batch.put_call

    def forget(self: Batch, call: Call) -> None:
        if call.state != "confirmed":
            put_call(self, call)

    monkeypatch.setattr(Batch, "put_call", forget)
    found("a use that is not written")


def test_an_answer_that_is_not_kept_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    execute = Batch.execute

    def forget(self: Batch, sql: str, *args: object) -> None:
        if sql != records.INSERT_IDEMPOTENCY:
            execute(self, sql, *args)

    monkeypatch.setattr(Batch, "execute", forget)
    found("an answer that is not kept")


def test_an_answer_before_its_commit_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be committed has been told all the same."""
    carry_out = Writer._try

    async def tell(self: Writer, commands: list[Any]) -> Any:
        told: list[Any] = []
        answers = self._answers

        def hear(*args: Any) -> Any:
            told[:] = [answers(*args), args[0]]
            return told[0]

        self._answers = hear  # type: ignore[method-assign]
        try:
            return await carry_out(self, commands)
        except Unavailable:
            if not told:
                raise
            return told[0], told[1]
        finally:
            self._answers = answers  # type: ignore[method-assign]

    monkeypatch.setattr(Writer, "_try", tell)
    found("an answer before its commit")


def test_a_node_that_does_not_take_the_head_first_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """It believes to know how long the log is."""
    take = Heads.take

    async def remember(self: Heads, transaction: Any, shards: Collection[int]) -> dict[int, Tree]:
        if all(shard in self._trees for shard in shards):
            return {shard: self._trees[shard] for shard in shards}
        return await take(self, transaction, shards)

    monkeypatch.setattr(Heads, "take", remember)
    found("a node that does not take the head first")


def test_a_code_that_is_tried_against_everybodys_calls_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever enters it, and from whatever number he rings."""

    def of_anybody(self: Batch, index: bytes) -> list[OpenApplication]:
        return self._opened_of(self._applications)

    async def load(self: Batch, needs: Sequence[Needs]) -> None:
        rows = await self._transaction.fetch("SELECT application_id FROM applications")
        await load_all(self, [*needs, *(Needs(application_id=row[0]) for row in rows)])

    load_all = Batch.load
    monkeypatch.setattr(Batch, "load", load)
    monkeypatch.setattr(Batch, "applications_of_customer", of_anybody)
    found("a code tried against everybody's calls")


def test_what_is_written_after_an_erasure_of_the_same_batch_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def early(self: Batch, sql: str, application_id: str) -> None:
        self.execute(sql, application_id)

    monkeypatch.setattr(Batch, "forget", early)
    found("erased before the rest of its batch is written")


def test_a_seed_does_not_hang_on_the_hashes_of_a_process() -> None:
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
