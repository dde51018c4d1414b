"""The signals that a batch reads and writes. Implements specs/protocol.md section 7.16."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from msgspec.structs import replace

from verifier.core.errors import Tampered
from verifier.ledger.tables import SignalRow
from verifier.ledger.unit_of_work.declared import Declared
from verifier.ledger.unit_of_work.loading import Loaded
from verifier.ledger.unit_of_work.writes import Effects

INDEX_BYTES = 16


class SignalRows:
    """Signals, as changed by earlier commands of the batch. Reading a row that does not verify raises Tampered."""

    def __init__(self, loaded: Loaded, declared: Declared, effects: Effects) -> None:
        self._loaded = loaded
        self._declared = declared
        self._effects = effects

    def impossible_of(self, person: bytes) -> list[SignalRow]:
        """What a person has entered before that can be no code. `Entered` says which of it."""
        self._declared.entered(person)
        found = map(self._loaded.signals.get, sorted(self._loaded.signals_of.get(person, ())))
        return [each for each in found if each is not None and each.kind == "impossible"]

    def add(self, signal: SignalRow) -> None:
        """Add a signal."""
        self._loaded.signals.put(signal)
        self._loaded.signals_of.setdefault(signal.person, set()).add(signal.signal_id)

    def examine(self) -> int:
        """Compare each unexamined signal with those of the same code. Returns how many were examined.

        A signal shows a campaign if different people have entered the code within a week. One campaign is found once.
        """
        self._declared.covers("signals", self._declared.reads.unexamined)
        examined = 0
        for signal_id, others in self._loaded.signals_alike.items():
            # A row that does not verify must not keep the others unexamined.
            with suppress(Tampered):
                signal = self._loaded.signals.get(signal_id)
                if signal is None or signal.campaign is not None:
                    continue
                alike = list(self._alike(signal, others))
                shows = any(_of_others(signal, each) for each in alike) and not any(each.campaign for each in alike)
                self._loaded.signals.put(replace(signal, campaign=int(shows)))
                if shows:
                    self._effects.discrepancies.append(("campaign", signal_id))
                examined += 1
        return examined

    def _alike(self, signal: SignalRow, others: list[str]) -> Iterator[SignalRow]:
        """The refused entries of the same code. Only those within a week before and after `signal` are loaded."""
        if signal.kind == "ended":
            return
        for other in others:
            each = None
            with suppress(Tampered):
                each = self._loaded.signals.get(other)
            if each is not None and each.kind != "ended":
                yield each


def _of_others(one: SignalRow, other: SignalRow) -> bool:
    """Whether two entries are certainly of different people. Someone else may share a telephone with each of them."""
    return _people(one).isdisjoint(_people(other))


def _people(signal: SignalRow) -> frozenset[bytes]:
    people = signal.people
    return frozenset(people[at : at + INDEX_BYTES] for at in range(0, len(people), INDEX_BYTES))
