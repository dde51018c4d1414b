"""The answers that a retry may get: the same answer, or that the genuine call has ended."""

from __future__ import annotations

from typing import Any

OWN = {"verdict", "words"}


def follows(first: Any, again: Any) -> bool:
    """Whether `again` may be the answer to a request whose first answer was `first` (protocol section 7.12)."""
    if first == again:
        return True
    if not (isinstance(first, dict) and isinstance(again, dict)):
        return False
    ended = (first.get("verdict"), again.get("verdict")) == ("genuine", "ended")
    return ended and {**first, **{name: again[name] for name in OWN}} == again
