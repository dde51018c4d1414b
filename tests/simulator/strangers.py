"""Fraudsters who try other people's codes, and their own codes on other people. None is genuine (laws L7 and L12).

Their requests are not in the recorded history of a call. If one used an attempt or a code, no order of the history
would explain the answers to the customer. At the end, each fraudster has their own application erased.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from tests.simulator.bank import Asking
from tests.simulator.people import Town
from tests.world import Json, Person, World
from verifier.core.errors import NotFound, RateLimited, Unavailable

TRIES = 5
Asked = Callable[[World, str], Awaitable[Json]]


class Stranger:
    """A customer with their own application and call, who knows every code that is read out."""

    def __init__(self, town: Town, person: Person, victims: list[Person]) -> None:
        self._town = town
        self._network = town.network
        self._rng = town.rng
        self._me = person
        self._victims = victims
        self._about_me: list[tuple[Asking, Any]] = []

    async def live(self) -> None:
        try:
            await self._network.ask(lambda world: world.register(self._me))
            call_id, code = await self._own_call()
            for _ in range(TRIES):
                await asyncio.sleep(self._rng.uniform(0, 4))
                await self._try(code, self._rng.choice(self._victims))
            await self._leave(call_id, code)
        except Unavailable as gone:
            self._town.note("quits", self._me.customer_id, gone.detail)

    async def _own_call(self) -> tuple[str, str]:
        issue, connect = self._town.key(), self._town.key()
        issued = await self._network.ask(lambda world: world.issue(self._me, key=issue))
        call_id: str = issued["call"]["call_id"]
        at = self._town.now_ms()
        await self._network.ask(lambda world: world.leg(call_id, "connected", self._me.number, at=at, key=connect))
        return call_id, await self._network.ask(lambda world: world.reveal(call_id))

    async def _try(self, own: str, victim: Person) -> None:
        me, theirs = self._me, self._town.codes.get(victim.customer_id)
        if theirs is None:
            return
        mine, others = me.application_id, victim.application_id
        ways: dict[str, Asked] = {
            "hands over his code": lambda world, key: world.confirm(victim, own, application_id=mine, key=key),
            "has his code keyed": lambda world, key: world.ring_in(victim.number, own, application_id=mine, key=key),
            "enters a code": lambda world, key: world.confirm(me, theirs, key=key),
            "enters a code of another": lambda world, key: world.confirm(me, theirs, application_id=others, key=key),
            "rings in": lambda world, key: world.ring_in(me.number, theirs, key=key),
            "rings in for another": lambda world, key: world.ring_in(me.number, theirs, application_id=others, key=key),
            "withholds his number": lambda world, key: world.ring_in(None, theirs, key=key),
        }
        way = self._rng.choice(list(ways))
        try:
            told: Json = await self._town.kept(ways[way])
        except RateLimited:
            return
        if way not in ("hands over his code", "has his code keyed"):
            self._about_me.append(self._town.answered[-1])
        self._town.note("stranger", me.customer_id, way, told["verdict"])
        expected = "unavailable" if way == "withholds his number" else "not_genuine"
        assert told["verdict"] == expected, f"a stranger {way}, and is told {told}"

    async def _leave(self, call_id: str, code: str) -> None:
        """Enters the stranger's own code while they are erased. After the erasure, the code is never genuine again."""
        used, after = self._town.key(), self._town.key()
        _, (first, second) = await asyncio.gather(
            self._network.ask(lambda world: world.confirm(self._me, code, key=used)),
            self._twice_erased(),
        )
        assert first == second, "erased twice, at two times"
        # The erasure deletes the stored answers about the application, so they cannot be repeated.
        self._town.answered = [each for each in self._town.answered if not any(each is mine for mine in self._about_me)]
        told = await self._network.ask(lambda world: world.confirm(self._me, code, key=after))
        self._town.note("erased", self._me.customer_id, told["verdict"])
        assert told["verdict"] == "not_genuine", f"an erased customer is told {told}"
        try:
            await self._network.ask(lambda world: world.reveal(call_id))
        except NotFound:
            return
        raise AssertionError("the code of an erased application is shown")

    async def _twice_erased(self) -> tuple[Json, Json]:
        await asyncio.sleep(self._rng.uniform(0, 0.02))
        first = await self._network.ask(lambda world: world.erase(self._me))
        return first, await self._network.ask(lambda world: world.erase(self._me))
