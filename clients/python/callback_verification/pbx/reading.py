"""What one event of an exchange says: legs, nothing about a leg, or something that is not understood."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from callback_verification.shapes import LegByNumber

Reason = Literal[
    "no_kind", "no_time", "no_id", "no_outcome", "no_direction", "no_number", "flipped_number", "no_document"
]


class Reading(Struct, frozen=True):
    """The answer to one event. An event without legs and without reasons is irrelevant.

    A reason names a kind of fault and never holds bytes of the event. `beside` and `gone` are for `Exchange`: a pair
    (leg, other) means that the leg is over when the other channel is gone. Either may be a `joint`. `alone` are legs
    that are answered while no officer is known to be there: they are connected once something is beside them.
    `officers` says whose telephone a channel rang: pairs (channel, staff number).
    """

    legs: tuple[LegByNumber, ...] = ()
    not_understood: tuple[Reason, ...] = ()
    beside: tuple[tuple[str, str], ...] = ()
    gone: tuple[str, ...] = ()
    alone: tuple[LegByNumber, ...] = ()
    officers: tuple[tuple[str, str], ...] = ()

    @property
    def irrelevant(self) -> bool:
        """Whether the event says nothing about a leg from the bank to the outside."""
        return not self.legs and not self.not_understood


IRRELEVANT = Reading()
_JOINT = "\n"


def joint(name: str) -> str:
    """What holds two channels together and is no channel that can end. No leg id looks like it."""
    return _JOINT + name


def is_joint(name: str) -> bool:
    return name.startswith(_JOINT)


def unread(reason: Reason) -> Reading:
    """An event that should say something about a leg, and cannot be understood."""
    return Reading(not_understood=(reason,))
