"""Checks linearizability: could a call that does one thing at a time have given all the answers that clients saw?

The search is Wing and Gong's (1993), with Lowe's cache of configurations (2017). Calls share nothing, so each is
checked alone. `step` says what a call may do. It is written independently of the service's code.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

Kind = Literal["ring", "connect", "confirm", "guess", "end", "revoke", "look", "status"]
Channel = Literal["app", "ivr"]
MAX_WRONG = 3
GENUINE, AGAIN, NOT_GENUINE, DONE = "genuine", "genuine again", "not genuine", "done"
# The call status while a telephone exchange is silent, or seems so to a node whose clock is ahead.
UNKNOWN = "unknown"


class Operation(Struct, frozen=True):
    """An operation on a call, from its first attempt to its answer. All times are from one clock.

    `returned` is None if no answer came: the operation may have happened at any later time, or never. `answer` is
    GENUINE, AGAIN or NOT_GENUINE for a confirm with the right code, and `receipt` is then the id of the receipt. It is
    NOT_GENUINE for a guess (a wrong code), the state that a look returned, the call status that its customer was told,
    and DONE for the rest.
    """

    kind: Kind
    call_id: str
    invoked: float
    returned: float | None = None
    answer: str = ""
    receipt: str = ""
    channel: Channel = "app"


class State(Struct, frozen=True):
    """A call: its state, the events of its leg, the wrong codes per channel, and the receipt of its confirmation.

    The receipt is `?` after a confirmation whose answer was lost.
    """

    name: str = "issued"
    rang: bool = False
    connected: bool = False
    leg_ended: bool = False
    receipt: str = ""
    app: int = 0
    ivr: int = 0

    @property
    def open(self) -> bool:
        return self.name in ("issued", "ringing", "live", "confirmed")

    @property
    def status(self) -> str:
        """What the customer may be told without a code (law L13)."""
        if self.name == "revoked":
            return "none"
        if not self.leg_ended and (self.connected or self.rang):
            return "connected" if self.connected else "ringing"
        return "expected" if self.open else "none"


def step(state: State, op: Operation) -> State | None:
    """The state after the operation, or None if its answer is impossible in this state."""
    told = op.answer if op.returned is not None else ""
    if op.kind == "confirm":
        return _confirm(state, op, told)
    if op.kind == "guess":
        return _guess(state, op, told)
    if op.kind == "look":
        return state if told in ("", state.name) else None
    if op.kind == "status":
        return state if told in ("", UNKNOWN, state.status) else None
    if op.kind == "ring":
        rings = state.name == "issued" and not state.leg_ended
        return replace(state, rang=True, name="ringing" if rings else state.name)
    if op.kind == "connect":
        return replace(state, connected=True, name="live" if state.name in ("issued", "ringing") else state.name)
    if op.kind == "end":
        name = {"confirmed": "ended", "ringing": "issued"}.get(state.name, state.name)
        return replace(state, leg_ended=True, name=name)
    if state.open:
        return replace(state, name="revoked")
    return state if told == "" or state.name == "revoked" else None


def _confirm(state: State, op: Operation, told: str) -> State | None:
    """The first confirmation uses the code. Later ones repeat its verdict until the call ends, and then fail."""
    locked = getattr(state, op.channel) >= MAX_WRONG
    if state.name == "live" and not locked:
        used = replace(state, name="ended" if state.leg_ended else "confirmed", receipt=op.receipt if told else "?")
        return used if told in ("", GENUINE) else None
    if state.name == "confirmed" and not locked:
        if told == AGAIN and state.receipt in ("?", op.receipt):
            return replace(state, receipt=op.receipt)
        return None if told else state
    return state if told in ("", NOT_GENUINE) else None


def _guess(state: State, op: Operation, told: str) -> State | None:
    """A wrong code counts on its channel, up to three. A call is locked once both channels are used up."""
    if told not in ("", NOT_GENUINE):
        return None
    if not state.open:
        return state
    counted = replace(state, **{op.channel: min(MAX_WRONG, getattr(state, op.channel) + 1)})
    if counted.name != "confirmed" and min(counted.app, counted.ivr) >= MAX_WRONG:
        return replace(counted, name="locked")
    return counted


def linearizable(operations: Sequence[Operation]) -> bool:
    """Whether some order of one call's operations, each between attempt and answer, explains every answer."""
    ops = sorted(operations, key=lambda op: op.invoked)
    ends = [math.inf if op.returned is None else op.returned for op in ops]
    all_answered = sum(1 << n for n, op in enumerate(ops) if op.returned is not None)
    seen: set[tuple[int, State]] = set()
    paths = [(0, State())]
    while paths:
        done, state = path = paths.pop()
        if done & all_answered == all_answered:
            return True
        if path in seen:
            continue
        seen.add(path)
        for n in _next(ops, ends, done):
            after = step(state, ops[n])
            if after is not None:
                paths.append((done | 1 << n, after))
    return False


def _next(ops: Sequence[Operation], ends: Sequence[float], done: int) -> Iterator[int]:
    """The operations that may come next: those invoked before the earliest answer among those left."""
    left = [n for n in range(len(ops)) if not done >> n & 1]
    earliest = min(ends[n] for n in left)
    return (n for n in left if ops[n].invoked <= earliest)


def violations(operations: Iterable[Operation]) -> dict[str, list[Operation]]:
    """The calls that are not linearizable, with their operations."""
    of_call: dict[str, list[Operation]] = defaultdict(list)
    for op in operations:
        of_call[op.call_id].append(op)
    return {call_id: ops for call_id, ops in of_call.items() if not linearizable(ops)}
