"""Tracks the legs of one exchange over time, and counts its events. Implements specs/pbx.md section 1."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Generic, TypeVar

from msgspec.structs import replace

from callback_verification.pbx.dial_plan import DialPlan
from callback_verification.pbx.reading import Reading, is_joint
from callback_verification.shapes import LegByNumber

MAX_LEGS: Final = 10_000
MAX_CHANNELS: Final = 50
Event = TypeVar("Event")
log = logging.getLogger("callback_verification.pbx")


class Exchange(Generic[Event]):
    """Reads the events of one exchange, tracks its legs, and counts the results. Only one thread may use it.

    A leg ends when the officer's own channel ends, even if the customer's channel stays: after a transfer, the customer
    talks to another person. The state is kept only in memory. A leg that began before a restart ends only when its own
    channel ends.
    """

    def __init__(self, read: Callable[[Event, DialPlan, datetime], Reading], plan: DialPlan) -> None:
        self._read = read
        self._plan = plan
        # `_channels` maps each leg to the channels that the leg depends on. `_legs` maps each channel to the legs that
        # depend on the channel.
        self._channels: dict[str, set[str]] = {}
        self._legs: dict[str, set[str]] = {}
        # The staff number of the officer, by the channel to the officer's telephone.
        self._officers: dict[str, str] = {}
        # The newest event of each leg that rings or was answered, but has no officer yet.
        self._alone: dict[str, LegByNumber] = {}
        self.counts: Counter[str] = Counter()

    def read(self, event: Event, received_at: datetime | None = None) -> Reading:
        """Read an event, and add an `ended` event for each leg that the event ends.

        `received_at` defaults to the current time.
        """
        at = datetime.now(UTC) if received_at is None else received_at
        reading = self._read(event, self._plan, at)
        for leg, channel in reading.beside:
            self._follow(leg, channel)
        self._officers.update(reading.officers)
        if len(self._officers) > MAX_LEGS:
            del self._officers[next(iter(self._officers))]
        legs = reading.legs + self._joined(reading, at)
        reading = replace(reading, legs=tuple(self._with_officer(each) for each in legs))
        times = {leg.leg_id: leg.at for leg in reading.legs}
        ended = dict.fromkeys(leg for channel in reading.gone for leg in self._forget(channel) if not is_joint(leg))
        at = next(iter(times.values()), at)
        more = tuple(LegByNumber("ended", leg, at) for leg in ended if leg not in times)
        reading = replace(reading, legs=reading.legs + more)
        self._count(reading)
        return reading

    def _joined(self, reading: Reading, at: datetime) -> tuple[LegByNumber, ...]:
        """Return the legs that rang or were answered while they had no officer, and that now have an officer's channel.

        The service would match a leg without an officer for good, and perhaps with no call.
        """
        for leg in reading.alone:
            if leg.event == "connected" or leg.leg_id not in self._alone:
                self._alone[leg.leg_id] = leg
        if len(self._alone) > MAX_LEGS:
            del self._alone[next(iter(self._alone))]
        for channel in reading.gone:
            self._alone.pop(channel, None)
            self._officers.pop(channel, None)
        known = {leg.leg_id for leg in reading.alone} | {leg for leg, _ in reading.beside}
        joined = [self._alone.pop(leg) for leg in sorted(known) if leg in self._alone and self._channels.get(leg)]
        told = {leg.leg_id for leg in reading.legs}
        # The customer talks to the officer from the time of the bridge, and not from that of the answer.
        return tuple(
            leg if leg in reading.alone or leg.event == "ringing" else replace(leg, at=at)
            for leg in joined
            if leg.leg_id not in told
        )

    def _with_officer(self, leg: LegByNumber) -> LegByNumber:
        """Return the leg event with its officer.

        If the event names no officer, take the officer from the channels that the leg depends on.
        """
        if leg.event == "ended" or leg.officer_id is not None:
            return leg
        found = {self._officers[each] for each in self._channels.get(leg.leg_id, ()) if each in self._officers}
        return replace(leg, officer_id=found.pop()) if len(found) == 1 else leg

    def _follow(self, leg: str, channel: str) -> None:
        """Record that a leg depends on a channel, and on all channels that the channel itself depends on.

        If the leg is a joint, record these channels also for all legs that depend on the joint. Those legs may have
        been recorded before the channels behind the joint were known.
        """
        legs = (leg, *sorted(self._legs.get(leg, ()))) if is_joint(leg) else (leg,)
        channels = (channel, *sorted(self._channels.get(channel, ())))
        for each in legs:
            mine = self._channels.setdefault(each, set())
            for other in channels:
                if other != each and len(mine) < MAX_CHANNELS:
                    mine.add(other)
                    self._legs.setdefault(other, set()).add(each)
        if len(self._channels) > MAX_LEGS:
            self._drop(next(iter(self._channels)))

    def _forget(self, channel: str) -> list[str]:
        """Forget a channel that is gone, and the legs that depend on it. Return the forgotten legs."""
        legs = sorted(self._legs.get(channel, ()))
        for each in (channel, *legs):
            self._drop(each)
        return legs

    def _drop(self, leg: str) -> None:
        for channel in self._channels.pop(leg, ()):
            legs = self._legs[channel]
            legs.discard(leg)
            if not legs:
                del self._legs[channel]

    def _count(self, reading: Reading) -> None:
        self.counts.update(leg.event for leg in reading.legs)
        if reading.irrelevant:
            self.counts["irrelevant"] += 1
        for reason in reading.not_understood:
            self.counts[reason] += 1
            # Log only the 1st, 2nd, 4th, 8th event and so on, so that a flood of events does not flood the log.
            if self.counts[reason].bit_count() == 1:
                log.warning("an event was not understood: %s, %d so far", reason, self.counts[reason])
