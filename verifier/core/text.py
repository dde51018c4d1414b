"""Text from outside: which characters it may hold, and patterns that must match all of it (specs/protocol.md 3.2)."""

from __future__ import annotations

import re

from msgspec import Meta

# C0 and C1 controls except tab, line feed and carriage return, lone surrogates, and what XML 1.0 cannot hold.
_UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
# Tab, line feed, carriage return, and the line and paragraph separators of Unicode.
_BREAKS = r"\t\n\r\u2028\u2029"


def exact(
    pattern: str, description: str | None = None, min_length: int | None = None, max_length: int | None = None
) -> Meta:
    """A constraint that the whole text matches `pattern`.

    In Python `$` also matches before a final line feed, `\\Z` does not. The OpenAPI description says `$`, which means
    the same there (ECMA-262).
    """
    return Meta(pattern=rf"^{pattern}\Z", description=description, min_length=min_length, max_length=max_length)


def line(max_length: int) -> Meta:
    """A constraint of one line of text: 1 to `max_length` characters, without a tab or line break."""
    return exact(f"[^{_BREAKS}]+", min_length=1, max_length=max_length)


def unsafe(text: str) -> bool:
    """Whether text holds a character that some document we serve cannot hold: a control, a lone surrogate, U+FFFE."""
    return _UNSAFE.search(text) is not None


def safe(text: str) -> str:
    """The text without such characters."""
    return _UNSAFE.sub("", text)
