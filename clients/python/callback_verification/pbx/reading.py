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
    known officer. Such a leg is connected once another channel is beside it. `officers` has pairs (channel, staff
    number) of channels to officers' telephones.
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
    """Return the id of a joint. It connects two channels, and no event ends it. No leg id has this form."""
    return _JOINT + name


def is_joint(name: str) -> bool:
    return name.startswith(_JOINT)


def unread(reason: Reason) -> Reading:
    """Return the reading of an event that was not understood."""
    return Reading(not_understood=(reason,))
