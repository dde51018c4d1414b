"""The result of reading one event of an exchange."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from callback_verification.shapes import LegByNumber

Reason = Literal[
    "no_kind", "no_time", "no_id", "no_outcome", "no_direction", "no_number", "flipped_number", "no_document"
]


class Reading(Struct, frozen=True):
    """The legs of one event, or the reasons why it was not understood. An event without either is irrelevant.

    A reason never holds bytes of the event. The other members are for `Exchange`. A pair (leg, other) in `beside` means
    that the leg ends when the other channel is in `gone`. Either may be a `joint`. `alone` has answered legs without a
    known officer. They are connected once another channel is beside them. `officers` has pairs (channel, staff number)
    of channels that rang an officer's telephone.
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
    """Return the name of a joint. It connects two channels and cannot end by itself. No leg id has this form."""
    return _JOINT + name


def is_joint(name: str) -> bool:
    return name.startswith(_JOINT)


def unread(reason: Reason) -> Reading:
    """Return the reading of an event about a leg that cannot be understood."""
    return Reading(not_understood=(reason,))
