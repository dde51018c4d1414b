"""Customers, their officers and the telephone exchange: their requests to the bank, and the answers."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

from msgspec.structs import replace

from tests.faults.linearizable import AGAIN, DONE, GENUINE, NOT_GENUINE, Channel, Kind, Operation
from tests.simulator.bank import Asking, Network
from tests.world import NOON, Json, Person, World, another_code, as_json, staff
from verifier.core.errors import CallClosed, CallOpen, LegNotConnected, RateLimited, Unavailable
from verifier.core.messages.customers import ReportCall
from verifier.core.times import from_ms

CALLS = 2
LEG_KINDS: dict[str, Kind] = {"ringing": "ring", "connected": "connect", "ended": "end"}


class Town:
    """The people, and the record of what happened. `answered` holds the answers that a retry must repeat."""

    def __init__(self, network: Network, rng: random.Random) -> None:
        self.network = network
        self.rng = rng
        self.operations: list[Operation] = []
        self.answered: list[tuple[Asking, Any]] = []
        self.evidence: list[Json] = []
        self.trace: list[str] = []
        self.codes: dict[str, str] = {}
        self._keys = 0

    def note(self, *what: object) -> None:
        self.trace.append(f"{asyncio.get_running_loop().time():9.3f} " + " ".join(str(each) for each in what))

    def now_ms(self) -> int:
        """The time on the people's own clocks."""
        return NOON + int(asyncio.get_running_loop().time() * 1000)

    def key(self) -> str:
        self._keys += 1
        return f"key-{self._keys}"

    async def live(self, person: Person) -> None:
        """Makes a customer's calls one after another. Stops early if no node answers."""
        try:
            await self.network.ask(lambda world: world.register(person))
            for _ in range(CALLS):
                await self._call(person)
        except (Unavailable, CallOpen) as gone:
            self.note("quits", person.customer_id, gone.detail)

    async def _call(self, person: Person) -> None:
        issued = await self.kept(lambda world, key: world.issue(person, key=key))
        call_id = issued["call"]["call_id"]
        self.evidence.append(issued["ticket"])
        self.note("issued", call_id, person.customer_id)
        await self._ring(person, call_id)
        try:
            self.codes[person.customer_id] = code = await self.network.ask(lambda world: world.reveal(call_id))
        except (CallClosed, LegNotConnected):
            return
        acts = self._acts(person, call_id, code)
        await asyncio.gather(*(self._later(act) for act in acts))
        await self._leg(person, call_id, "ended")
        if self.rng.random() < 0.5:
            await self._confirm(person, call_id, code)
        await self._look(call_id)
        await self._status(person, call_id)

    async def _ring(self, person: Person, call_id: str) -> None:
        """The telephone rings and is answered. `ringing` is told before `connected`, at about that time, or never."""
        when = self.rng.choice(("before", "meanwhile", "never"))
        await self._status(person, call_id)
        if when == "before":
            await self._leg(person, call_id, "ringing")
            await self._status(person, call_id)
        late = [self._later(lambda: self._leg(person, call_id, "ringing"))] if when == "meanwhile" else []
        await asyncio.gather(self._leg(person, call_id, "connected"), *late)

    def _acts(self, person: Person, call_id: str, code: str) -> list[Callable[[], Awaitable[None]]]:
        """Random actions during a call, all at about the same time."""
        rng = self.rng
        acts: list[Callable[[], Awaitable[None]]] = [lambda: self._confirm(person, call_id, code)]
        acts += [lambda: self._confirm(person, call_id, code)] * rng.randint(0, 2)
        acts += [lambda: self._ring_in(person, call_id, code)] * rng.randint(0, 2)
        channel: Channel = rng.choice(("app", "ivr"))
        acts += [lambda: self._guess(person, call_id, channel, another_code(code, 7))] * rng.choice((0, 0, 1, 4))
        others = sorted(set(self.codes.values()) - {code})
        if others and rng.random() < 0.3:
            acts.append(lambda: self._guess(person, call_id, "app", others[0]))
        acts += [lambda: self._look(call_id)] * rng.randint(0, 2)
        acts += [lambda: self._status(person, call_id)] * rng.randint(0, 2)
        if rng.random() < 0.2:
            acts.append(lambda: self._report(person, code))
        if rng.random() < 0.2:
            acts.append(lambda: self._revoke(call_id))
        if rng.random() < 0.2:
            acts.append(lambda: self._leg(person, call_id, "ended"))
        return acts

    async def _later(self, act: Callable[[], Awaitable[None]]) -> None:
        await asyncio.sleep(self.rng.choice((0, self.rng.uniform(0, 0.02), self.rng.uniform(0, 4))))
        await act()

    async def _confirm(self, person: Person, call_id: str, code: str) -> None:
        await self._told("confirm", call_id, "app", lambda world, key: world.confirm(person, code, key=key))

    async def _ring_in(self, person: Person, call_id: str, code: str) -> None:
        await self._told("confirm", call_id, "ivr", lambda world, key: world.ring_in(person.number, code, key=key))

    async def _guess(self, person: Person, call_id: str, channel: Channel, code: str) -> None:
        if channel == "app":
            await self._told("guess", call_id, channel, lambda world, key: world.confirm(person, code, key=key))
        else:
            await self._told("guess", call_id, channel, lambda world, key: world.ring_in(person.number, code, key=key))

    async def _told(
        self, kind: Kind, call_id: str, channel: Channel, asking: Callable[[World, str], Awaitable[Any]]
    ) -> None:
        """Asks for a verdict and records it."""

        def read(told: Json) -> Operation:
            if "receipt" in told:
                self.evidence.append(told["receipt"])
            # A retry after the call gets `ended` with the receipt of the genuine verdict, which names the officer. A
            # code that is entered after its call gets `ended` too, but uses nothing.
            again = told.get("transfer_to") or (told.get("call") and "began_at" not in told["call"])
            genuine = told["verdict"] == "genuine" or (told["verdict"] == "ended" and bool(again))
            answer = (AGAIN if told["given_before"] else GENUINE) if genuine else NOT_GENUINE
            receipt = "" if answer == NOT_GENUINE else told["receipt_id"]
            return Operation(kind, call_id, answer=answer, receipt=receipt, channel=channel, invoked=0)

        await self._done(Operation(kind, call_id, 0, channel=channel), lambda: self.kept(asking), read)

    async def _leg(self, person: Person, call_id: str, event: str) -> None:
        at = self.now_ms()

        async def tell(world: World, key: str) -> Any:
            return await world.leg(call_id, event, person.number, at=at, key=key)

        op = Operation(LEG_KINDS[event], call_id, 0)
        await self._done(op, lambda: self.kept(tell), lambda _: replace(op, answer=DONE))

    async def _status(self, person: Person, call_id: str) -> None:
        """The exchange says at one node that it is alive, and the customer asks at any node for the call status."""
        await self.network.ask(lambda world: world.alive())

        async def ask() -> Any:
            return await self.network.ask(lambda world: world.service.me.call_status(person.principal))

        op = Operation("status", call_id, 0)
        await self._done(op, ask, lambda status: replace(op, answer=status.state))

    async def _revoke(self, call_id: str) -> None:
        officer = staff("4412")

        async def revoke(world: World, key: str) -> Json:
            return as_json(await world.service.calls.revoke(officer, call_id, world.key(officer, None, key)))

        op = Operation("revoke", call_id, 0)
        await self._done(op, lambda: self.kept(revoke), lambda _: replace(op, answer=DONE))

    async def _report(self, person: Person, code: str) -> None:
        """The customer reports the call with its code, which does not use the code."""
        asked = ReportCall(from_ms(self.now_ms()), said="he knew my name", code=code)

        async def report(world: World, key: str) -> Json:
            principal = person.principal
            return as_json(await world.service.reports.take(principal, asked, world.key(principal, asked, key)))

        taken = await self.kept(report)
        self.evidence.append(taken["receipt"])
        self.note("report", person.customer_id, taken["report_id"])

    async def _look(self, call_id: str) -> None:
        async def look() -> Any:
            return await self.network.ask(lambda world: world.service.calls.read(staff("4412"), call_id))

        op = Operation("look", call_id, 0)
        await self._done(op, look, lambda view: replace(op, answer=view.state))

    async def _done(self, op: Operation, ask: Callable[[], Awaitable[Any]], read: Callable[[Any], Operation]) -> None:
        """Sends a request, and records the operation and its answer. A refused request has changed nothing."""
        clock = asyncio.get_running_loop().time
        op = replace(op, invoked=clock())
        try:
            answer = await ask()
        except (RateLimited, CallClosed) as refused:
            self.note(op.kind, op.call_id, "refused:", refused.slug)
            return
        except Unavailable:
            self.operations.append(op)
            raise
        told = read(answer)
        self.operations.append(replace(told, invoked=op.invoked, returned=clock()))
        self.note(op.kind, op.channel, op.call_id, told.answer, told.receipt)

    async def kept(self, asking: Callable[[World, str], Awaitable[Any]]) -> Any:
        """Sends a request with a new idempotency key, and records the answer that every retry must get."""
        key = self.key()

        async def ask(world: World) -> Any:
            return await asking(world, key)

        answer = await self.network.ask(ask)
        self.answered.append((ask, answer))
        return answer
