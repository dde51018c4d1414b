"""Dialogues with a caller at the bank's number."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Struct

from verifier.core.application import E164
from verifier.core.purposes import Language
from verifier.core.text import exact

SessionId = Annotated[str, exact("ivr_[0-9a-f]{32}")]


class BeginSession(Struct, frozen=True, forbid_unknown_fields=True):
    """A person has called the bank's number. If their own number is withheld, `caller_number` is null.

    `dialled_number` is null if the number is not E.164, such as a service number of 5 digits.
    """

    dialled_number: E164 | None = None
    caller_number: E164 | None = None
    language: Language | None = None


class HeardKeys(Struct, frozen=True, forbid_unknown_fields=True):
    """`keys` has the keys that the caller pressed since the last turn, at most 100. It is null for silence."""

    keys: Annotated[str, exact("[0-9*#A-D]*", max_length=100)] | None = None


class Say(Struct, frozen=True):
    """A prompt: its words, and the name of its recording. The prompt of a verdict has the verdict's name."""

    name: str
    text: str
    language: Language


class IvrTurn(Struct, frozen=True):
    """The next turn of a dialogue. First play the prompts in `say`. Then do what `act` says.

    For `transfer`, `to` is an officer's staff number or `fraud_desk`. If the turn says `genuine`, `ended` or
    `past_call`, `receipt_id` is the receipt of that verdict. In every other turn, `receipt_id` is null.
    """

    session_id: str
    say: tuple[Say, ...]
    act: Literal["listen", "transfer", "hang_up"]
    slow: bool
    to: str | None
    receipt_id: str | None = None
