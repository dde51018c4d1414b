"""Records what clients asked, what they were answered, and every checkpoint that clients saw."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections import defaultdict
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from typing import Any

import aiohttp
import msgspec

from tests.faults.client import Client, Reply
from tests.faults.linearizable import AGAIN, DONE, GENUINE, NOT_GENUINE, Kind, Operation
from tests.faults.server import Server, registration
from tests.repeats import follows
from verifier.core.checkpoint import Checkpoint, open_checkpoint
from verifier.core.evidence import Evidence, Trust, verify_evidence
from verifier.core.shards import shard_origin
from verifier.demo.client import now_iso

DESK, IVR = "+861082345678", "+861095588"
# How often a customer enters a used code. It counts as a wrong code, and a person may enter six an hour.
REPLAYS = 3


class Post(msgspec.Struct, eq=False):
    """One POST with its idempotency key, and its answer if there is one. `about` is the call that it does `kind` to.

    `invoked` and `returned` are the monotonic seconds of the first attempt and of the first answer.
    """

    client: Client
    path: str
    body: dict[str, Any]
    key: str
    customer: Client
    answered: asyncio.Event
    kind: Kind | None = None
    about: str = ""
    reply: Reply | None = None
    invoked: float = 0.0
    returned: float = 0.0

    async def send(self) -> Reply:
        """Send or resend it, and check that the key has one answer. Raises ClientError if the server goes away."""
        self.invoked = self.invoked or time.monotonic()
        reply = await self.client.post(self.path, self.body, self.key)
        assert reply.status < 300, (self.path, self.key, reply)
        self.reply = self.reply or reply
        same = self.reply.same(reply) or follows(self.reply.json, reply.json)
        assert same, ("one key, two answers", self.reply, reply)
        self.returned = self.returned or time.monotonic()
        self.answered.set()
        return reply

    def operation(self) -> Operation:
        """The operation on its call, for the linearizability checker."""
        assert self.kind is not None
        if self.reply is None:
            return Operation(self.kind, self.about, self.invoked)
        if self.kind != "confirm":
            return Operation(self.kind, self.about, self.invoked, self.returned, DONE)
        told = self.reply.json
        genuine = was_genuine(told)
        answer = (AGAIN if told["given_before"] else GENUINE) if genuine else NOT_GENUINE
        receipt = "" if answer == NOT_GENUINE else told["receipt_id"]
        return Operation(self.kind, self.about, self.invoked, self.returned, answer, receipt)


def was_genuine(verdict: dict[str, Any]) -> bool:
    """Whether the code was entered while its call went on.

    If the first answer was lost, the retry can come after the call has ended. A code that was entered after its call
    gets `ended` too, with the times of the call.
    """
    past = "began_at" in (verdict.get("call") or {})
    return verdict["verdict"] in ("genuine", "ended") and not past


class History:
    """Generates load and records its results.

    With `looking`, officers read their calls during the calls, and customers enter used codes again afterwards.
    `roots` holds the root of each checkpoint seen, keyed by origin and size. `served` holds the checkpoints that
    nodes served.
    """

    def __init__(self, server: Server, trust: Trust, seed: int, *, looking: bool = False) -> None:
        self.posts: list[Post] = []
        self._looks: list[Operation] = []
        self._looking = looking
        self.answered = asyncio.Event()
        self.roots: dict[tuple[str, int], bytes] = {}
        self.served: set[tuple[str, int]] = set()
        self.receipts: dict[str, set[str]] = defaultdict(set)
        self._server = server
        self._trust = trust
        self._rng = random.Random(seed)
        self._officer = server.officer()
        self._loans, self._pbx, self._ivr = (server.system(name) for name in ("loan-origination", "pbx", "ivr"))

    async def work(self, name: str, number: str, calls: int = 1000) -> None:
        """Make that many calls to one customer, one after another, or until the server goes away."""
        customer = self._server.customer(name)
        facts, turns = registration(name, number), itertools.count()
        assert (await self._loans.put(f"/v1/applications/{name}", facts)).status == 200
        for _ in range(calls):
            asked = {"purpose": "documents", "number": number, "caller_number": DESK}
            issue = self._post(self._officer, f"/v1/applications/{name}/calls", asked, customer)
            call_id = (await issue.send()).json["call"]["call_id"]
            leg = {"event": "connected", "leg_id": "1", "number": number, "at": now_iso()}
            await self._leg(call_id, leg, customer, "connect").send()
            revealed = await self._officer.get(f"/v1/calls/{call_id}/code")
            assert revealed.status == 200, revealed
            code = revealed.json["digits"]
            confirmed = self._confirm(customer, number, call_id, code)
            await asyncio.gather(confirmed, *self._looks_at(call_id))
            await self._leg(call_id, {**leg, "event": "ended"}, customer, "end").send()
            if self._looking and next(turns) < REPLAYS:
                await self._post(customer, "/v1/confirmations", {"code": code}, customer, "confirm", call_id).send()

    async def _confirm(self, customer: Client, number: str, call_id: str, code: str) -> None:
        """Confirm in the app. Sometimes concurrently confirm again: under the same key, under another, by telephone."""
        spoken = {"digits": code, "dialled_number": IVR, "caller_number": number}

        def in_the_app() -> Post:
            return self._post(customer, "/v1/confirmations", {"code": code}, customer, "confirm", call_id)

        def by_telephone() -> Post:
            return self._post(self._ivr, "/v1/ivr/confirmations", spoken, customer, "confirm", call_id)

        app = in_the_app()
        ways = self._rng.sample([lambda: app, in_the_app, by_telephone], self._rng.randint(0, 3))
        await asyncio.gather(*(post.send() for post in (app, *(way() for way in ways))))

    def _looks_at(self, call_id: str) -> list[Coroutine[Any, Any, None]]:
        return [self._look(call_id) for _ in range(self._rng.randint(0, 2))] if self._looking else []

    async def _look(self, call_id: str) -> None:
        await asyncio.sleep(self._rng.uniform(0, 0.05))
        invoked = time.monotonic()
        reply = await self._officer.get(f"/v1/calls/{call_id}")
        assert reply.status == 200, reply
        self._looks.append(Operation("look", call_id, invoked, time.monotonic(), reply.json["state"]))

    def _leg(self, call_id: str, leg: dict[str, Any], customer: Client, kind: Kind) -> Post:
        return self._post(self._pbx, f"/v1/calls/{call_id}/legs", leg, customer, kind, call_id)

    def _post(
        self,
        client: Client,
        path: str,
        body: dict[str, Any],
        customer: Client,
        kind: Kind | None = None,
        about: str = "",
    ) -> Post:
        key = f"key-{len(self.posts)}-{self._rng.getrandbits(32):08x}"
        self.posts.append(Post(client, path, body, key, customer, self.answered, kind, about))
        return self.posts[-1]

    def operations(self) -> list[Operation]:
        """All operations on calls, for the linearizability checker."""
        return [post.operation() for post in self.posts if post.kind is not None and post.invoked] + self._looks

    async def watch(self, session: aiohttp.ClientSession, url: str) -> None:
        """Record the checkpoints that a node serves, shard by shard. Raises ClientError when the node goes away."""
        log, shard = self._trust.log, 0
        while True:
            async with session.get(f"{url}/log/{shard}/checkpoint" if shard else f"{url}/log/checkpoint") as response:
                note, status = await response.text(), response.status
            if status == 200:
                served = open_checkpoint(note, log.keys, log.origin)
                assert served.origin == shard_origin(log.origin, shard), served
                self._see(served)
                self.served.add((served.origin, served.size))
            else:
                # The node cannot know now (503), or the shard does not exist (404).
                assert status == 503 or (shard and status == 404), note
            shard = shard + 1 if status == 200 else 0
            await asyncio.sleep(0.05)

    async def watch_all(self, session: aiohttp.ClientSession) -> None:
        """Watch every node, and keep retrying nodes that are down."""

        async def keep_on(url: str) -> None:
            while True:
                with suppress(aiohttp.ClientError, OSError):
                    await self.watch(session, url)
                await asyncio.sleep(0.05)

        await asyncio.gather(*map(keep_on, self._server.urls))

    async def check(self, post: Post) -> None:
        """Send the POST again with the same key, and check that what its answer names exists."""
        reply = await post.send()
        if post.kind == "confirm":
            await self._check_verdict(post, reply.json)
        elif post.path.endswith("/calls"):
            await self._check_issue(reply.json)

    async def _check_issue(self, issued: dict[str, Any]) -> None:
        call_id = issued["call"]["call_id"]
        assert (await self._officer.get(f"/v1/calls/{call_id}")).json["call_id"] == call_id
        assert self._verify(issued["ticket"]).jti == call_id

    async def _check_verdict(self, post: Post, verdict: dict[str, Any]) -> None:
        receipt_id = verdict["receipt_id"]
        genuine = was_genuine(verdict)
        assert genuine or self._looking, verdict
        if genuine and not verdict["given_before"]:
            self.receipts[post.about].add(receipt_id)
        fetched = await post.customer.get(f"/v1/receipts/{receipt_id}")
        assert fetched.status == 200, fetched
        receipt = fetched.json["receipt"]
        assert verdict.get("receipt", receipt) == receipt
        claims = self._verify(receipt)
        stated = "genuine" if genuine else verdict["verdict"]
        assert (claims.jti, claims.verdict) == (receipt_id, stated)
        assert claims.call is None if stated == "not_genuine" else claims.call.call_id == post.about

    def _verify(self, evidence: dict[str, str]) -> Any:
        """Verify evidence offline, record its checkpoint, and return its claims."""
        checked = verify_evidence(msgspec.convert(evidence, Evidence), self._trust)
        self._see(checked.checkpoint)
        return checked.claims

    def _see(self, checkpoint: Checkpoint) -> None:
        root = self.roots.setdefault((checkpoint.origin, checkpoint.size), checkpoint.root)
        assert root == checkpoint.root, checkpoint


async def cut_off(load: Iterable[asyncio.Task[None]]) -> None:
    """Wait for the load to end. It may only end because the server is gone."""
    for ended in await asyncio.gather(*load, return_exceptions=True):
        if not isinstance(ended, aiohttp.ClientError | OSError):
            raise AssertionError("the load ended before the server did") from ended
