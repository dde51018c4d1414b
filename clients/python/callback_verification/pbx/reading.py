"""The result of reading one event of a telephone exchange."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from callback_verification.shapes import LegByNumber

Reason = Literal[
    "no_kind", "no_time", "no_id", "no_outcome", "no_direction", "no_number", "flipped_number", "no_document"
]


class Reading(Struct, frozen=True):
    """The leg events in one event, or the reasons why the event was not understood.

    If there are no leg events and no reasons, the event is irrelevant. A reason never contains bytes of the event. The
    other members are for `Exchange`:

    - `beside`: pairs (leg, channel). The leg ends when the channel is in `gone`. The leg or the channel may be a joint.
    - `gone`: channels that have ended or have left their call.
    - `alone`: `ringing` and `connected` events of legs without a known officer. `Exchange` returns the newest of a leg
      once the leg has a channel in `beside`.
    - `officers`: pairs (channel, staff number), for channels to officers' telephones.
    """

    legs: tuple[LegByNumber, ...] = ()
    not_understood: tuple[Reason, ...] = ()
    beside: tuple[tuple[str, str], ...] = ()
    gone: tuple[str, ...] = ()
    alone: tuple[LegByNumber, ...] = ()
    officers: tuple[tuple[str, str], ...] = ()

    @property
    def irrelevant(self) -> bool:
        """Whether the event says nothing about an outbound leg."""
        return not self.legs and not self.not_understood


IRRELEVANT = Reading()
_JOINT = "\n"


def joint(name: str) -> str:
    """Return the id of a joint. A joint connects two channels. No event ends a joint, and no leg has such an id."""
    return _JOINT + name


def is_joint(name: str) -> bool:
    return name.startswith(_JOINT)


def unread(reason: Reason) -> Reading:
    """Return the reading of an event that was not understood."""
    return Reading(not_understood=(reason,))
