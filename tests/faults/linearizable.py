"""Whether what clients saw of a call could have come from one call that does one thing at a time (linearizability).

The search is Wing and Gong's (1993) with Lowe's memory of configurations (2017). Calls share nothing, so each is
looked at by itself. What a call may do is `step`; it is written here again, and knows nothing of the service's code.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

Kind = Literal["connect", "confirm", "guess", "end", "revoke", "look"]
Channel = Literal["app", "ivr"]
MAX_WRONG = 3
GENUINE, AGAIN, NOT_GENUINE, DONE = "genuine", "genuine again", "not genuine", "done"


class Operation(Struct, frozen=True):
    """Something that was asked of a call, from the first time it was sent until its answer came (`returned`, None when
    none ever did: it may have been carried out at any later moment, or never). Times are of one clock.

    `answer` is GENUINE, AGAIN or NOT_GENUINE of a confirm with the right code, `receipt` its receipt's id; NOT_GENUINE
    of a guess, which is a wrong code; the state that a look was told; DONE of the rest.
    """

    kind: Kind
    call_id: str
    invoked: float
    returned: float | None = None
    answer: str = ""
    receipt: str = ""
    channel: Channel = "app"


class State(Struct, frozen=True):
    """A call: its state, whether its leg has ended, the wrong codes counted, and the receipt its code was used for.

    The receipt is `?` as long as only he knows it whose answer was lost.
    """

    name: str = "issued"
    leg_ended: bool = False
    receipt: str = ""
    app: int = 0
    ivr: int = 0

    @property
    def open(self) -> bool:
        return self.name in ("issued", "live", "confirmed")


def step(state: State, op: Operation) -> State | None:
    """The call after the operation; None when its answer cannot have been given in this state."""
    told = op.answer if op.returned is not None else ""
    if op.kind == "confirm":
        return _confirm(state, op, told)
    if op.kind == "guess":
        return _guess(state, op, told)
    if op.kind == "look":
        return state if told in ("", state.name) else None
    if op.kind == "connect":
        return replace(state, name="live") if state.name == "issued" else state
    if op.kind == "end":
        after = replace(state, leg_ended=True)
        return replace(after, name="ended") if state.name == "confirmed" else after
    if state.open:
        return replace(state, name="revoked")
    return state if told == "" or state.name == "revoked" else None


def _confirm(state: State, op: Operation, told: str) -> State | None:
    """Exactly once: the first takes the code; while the call goes on it is told again; then never more."""
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
    """A wrong code is counted on its channel, to three; a call that neither channel can confirm any more is locked."""
    if told not in ("", NOT_GENUINE):
        return None
    if not state.open:
        return state
    counted = replace(state, **{op.channel: min(MAX_WRONG, getattr(state, op.channel) + 1)})
    if counted.name != "confirmed" and min(counted.app, counted.ivr) >= MAX_WRONG:
        return replace(counted, name="locked")
    return counted


def linearizable(operations: Sequence[Operation]) -> bool:
    """Whether there is an order of the operations of one call, each between its sending and its answer, that
    explains every answer."""
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
    """Those that may come next: asked before any other that is left was answered."""
    left = [n for n in range(len(ops)) if not done >> n & 1]
    earliest = min(ends[n] for n in left)
    return (n for n in left if ops[n].invoked <= earliest)


def violations(operations: Iterable[Operation]) -> dict[str, list[Operation]]:
    """The calls whose operations no order explains."""
    of_call: dict[str, list[Operation]] = defaultdict(list)
    for op in operations:
        of_call[op.call_id].append(op)
    return {call_id: ops for call_id, ops in of_call.items() if not linearizable(ops)}
