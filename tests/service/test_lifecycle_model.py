"""Compares the life cycle of a call with a simple model, under random histories (laws L4, L5, L8)."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.postgres import Postgres
from tests.world import Person, World, another_code
from verifier.core.errors import CallClosed, CallOpen, LegNotConnected, PolicyRefused
from verifier.core.limits import Limit
from verifier.core.policy import ContactPolicy
from verifier.storage import open_storage

CHANNELS = st.sampled_from(["app", "ivr"])


class Model:
    """The life cycle of a call, as simple as possible. Times are in seconds."""

    def __init__(self, issued: int) -> None:
        self.issued = issued
        self.connected: int | None = None
        self.hung_up: int | None = None
        self.used = False
        self.over = False
        self.revoked = False
        self.wrong = {"app": 0, "ivr": 0}

    def alive(self, now: int) -> bool:
        if self.over or (not self.used and min(self.wrong.values()) >= 3):
            return False
        if self.used:
            return self.hung_up is None and now < (self.connected or 0) + 7200
        return now < self.issued + 600 and (self.hung_up is None or now < self.hung_up + 120)

    def past(self, now: int) -> bool:
        """Whether the bank says that a code that its officer has seen was that of this call."""
        locked = not self.used and min(self.wrong.values()) >= 3
        return not self.alive(now) and not self.revoked and not locked

    def accepts(self, now: int, channel: str) -> bool:
        return self.alive(now) and self.connected is not None and self.wrong[channel] < 3


class LifeCycle(RuleBasedStateMachine):
    """One customer, one application, one call at a time; every step is compared with the model."""

    migrated: Path

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.now = 0
        self.model: Model | None = None
        self.receipts: dict[str, str] = {}

    def run(self, coroutine: Any) -> Any:
        return self.runner.run(coroutine)

    def database(self) -> str:
        """The URL of an empty database with the current schema."""
        return f"sqlite:{shutil.copy(self.migrated, self.folder.name)}"

    @initialize()
    def open_the_bank(self) -> None:
        async def opened() -> World:
            storage = await open_storage(self.database())
            policy = ContactPolicy(daily_cap=10_000, person_daily_cap=10_000)
            limit = Limit(burst=100_000, period_ms=100_000_000)
            world = World(storage, Path(self.folder.name) / "ring.json", policy=policy, guess_limit=limit)
            await world.service.start()
            await world.register(self.person)
            return world

        self.person = Person(1)
        self.world: World = self.run(opened())

    def teardown(self) -> None:
        async def close() -> None:
            audited = await self.world.audit()
            assert not audited.findings, audited.findings
            await self.world.service.stop()
            await self.world.storage.close()

        if hasattr(self, "world"):
            self.run(close())
        self.runner.close()
        self.folder.cleanup()

    @rule(seconds=st.sampled_from([1, 30, 119, 120, 300, 600, 3600]))
    def time_passes(self, seconds: int) -> None:
        self.world.clock.advance(seconds)
        self.now += seconds

    @rule()
    def officer_issues(self) -> None:
        blocked = self.model is not None and self.model.alive(self.now)
        stands = (
            blocked
            and self.model is not None
            and (self.model.used or (self.model.connected is not None and self.model.hung_up is None))
        )
        try:
            issued = self.run(self.world.issue(self.person))
        except CallOpen:
            assert stands
            return
        except PolicyRefused:
            return  # it is night for the customer
        assert not stands
        assert issued["code"] is None
        self.call_id = issued["call"]["call_id"]
        self.code: str | None = None
        self.model = Model(self.now)

    @precondition(lambda self: self.model is not None)
    @rule()
    def leg_connects(self) -> None:
        assert self.model is not None
        alive = self.model.alive(self.now)
        self.run(self.world.leg(self.call_id, "connected", self.person.number))
        if alive and self.model.connected is None:
            self.model.connected = self.now

    @precondition(lambda self: self.model is not None and self.model.connected is not None)
    @rule()
    def leg_ends(self) -> None:
        assert self.model is not None
        alive = self.model.alive(self.now)
        self.run(self.world.leg(self.call_id, "ended", self.person.number))
        if alive and self.model.hung_up is None:
            self.model.hung_up = self.now

    @precondition(lambda self: self.model is not None)
    @rule()
    def officer_looks_at_the_code(self) -> None:
        assert self.model is not None
        model = self.model
        try:
            self.code = self.run(self.world.reveal(self.call_id))
        except CallClosed:
            assert model.used or not model.alive(self.now)
        except LegNotConnected:
            assert model.connected is None or model.hung_up is not None
        else:
            assert model.alive(self.now)
            assert model.connected is not None
            assert model.hung_up is None
            assert not model.used

    @precondition(lambda self: self.model is not None and self.code is not None)
    @rule(channel=CHANNELS)
    def customer_enters_the_right_code(self, channel: str) -> None:
        assert self.model is not None
        assert self.code is not None
        model = self.model
        expected = model.accepts(self.now, channel)
        before = model.used
        answer = self._enter(channel, self.code)
        refused = "ended" if model.past(self.now) else "not_genuine"
        assert answer["verdict"] == ("genuine" if expected else refused)
        assert answer["given_before"] is (expected and before)
        if expected:
            assert self.receipts.setdefault(self.call_id, answer["receipt_id"]) == answer["receipt_id"]
            model.used = True
            if model.hung_up is not None:
                model.over = True

    @rule(channel=CHANNELS, step=st.integers(1, 1000))
    def somebody_enters_a_wrong_code(self, channel: str, step: int) -> None:
        code = another_code(getattr(self, "code", None) or "123456780", step)
        answer = self._enter(channel, code)
        assert answer["verdict"] == "not_genuine"
        model = self.model
        if model is not None and model.alive(self.now) and model.wrong[channel] < 3:
            model.wrong[channel] += 1

    @precondition(lambda self: self.model is not None)
    @rule()
    def officer_revokes(self) -> None:
        assert self.model is not None
        alive = self.model.alive(self.now)
        try:
            self.run(self.world.revoke(self.call_id))
        except CallClosed:
            assert not alive
        else:
            self.model.revoked = True
        self.model.over = True

    @rule()
    def the_sweep_runs(self) -> None:
        self.run(self.world.service.housekeeping.sweep())

    @invariant()
    def a_call_stored_as_closed_is_closed_in_the_model(self) -> None:
        if self.model is None or not hasattr(self, "call_id"):
            return
        state = self.run(self.world.call_row(self.call_id))["state"]
        if state in ("ended", "expired", "revoked", "locked"):
            assert not self.model.alive(self.now)

    def _enter(self, channel: str, code: str) -> Any:
        if channel == "app":
            return self.run(self.world.confirm(self.person, code))
        return self.run(self.world.ring_in(self.person.number, code))


class LifeCycleOnPostgres(LifeCycle):
    """The same on PostgreSQL."""

    server: Postgres
    template: str

    def database(self) -> str:
        return self.server.new_database(self.template)


@pytest.fixture(scope="module")
def on_sqlite(migrated_file: Path) -> None:
    LifeCycle.migrated = migrated_file


@pytest.fixture(scope="module")
def on_postgres(postgres: Postgres, migrated_database: str) -> None:
    LifeCycleOnPostgres.server, LifeCycleOnPostgres.template = postgres, migrated_database


pytestmark = pytest.mark.slow


def _examples(share: int) -> settings:
    return settings(
        max_examples=int(os.environ.get("MODEL_EXAMPLES", "150")) // share,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


TestLifeCycle = pytest.mark.usefixtures("on_sqlite")(LifeCycle.TestCase)
TestLifeCycle.settings = _examples(1)

# Fewer examples, because each creates a database.
TestLifeCycleOnPostgres = pytest.mark.needs("postgresql")(
    pytest.mark.usefixtures("on_postgres")(LifeCycleOnPostgres.TestCase)
)
TestLifeCycleOnPostgres.settings = _examples(10)
