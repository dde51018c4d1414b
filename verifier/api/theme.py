"""The look of a bank on the pages: colours, font, logo and words of its own, from a JSON file.

Implements specs/protocol.md section 12.3. A theme never changes the colours of verdicts and warnings.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from verifier.api.contrast import LEAST, contrast, is_colour, is_green
from verifier.core import strict_json
from verifier.core.errors import VerifierError
from verifier.core.names import fault
from verifier.core.text import exact
from verifier.files import read_bounded

MAX_FILE = 65_536
LOGOS = {".svg": "image/svg+xml", ".png": "image/png"}
_PNG = b"\x89PNG\r\n\x1a\n"
_FAMILY = r'(?:"[\w .-]{1,60}"|[A-Za-z][A-Za-z0-9-]{0,60})'
Font = Annotated[str, exact(rf"(?:{_FAMILY}(?:, ?{_FAMILY}){{0,9}})?", max_length=300)]
Texts = Annotated[dict[str, Annotated[str, Meta(min_length=1, max_length=300)]], Meta(max_length=100)]
# The custom properties of clients/web/web.css that a bank may set.
NAMES = ("ground", "card", "ink", "soft", "line", "edge", "accent", "on-accent", "accent-ground")
# Each text, and the grounds on which it stands.
_STATES = ("good", "bad", "doubt")
_READ: Mapping[str, tuple[str, ...]] = {
    "ink": ("ground", "card", "accent-ground", *(f"{each}-ground" for each in _STATES)),
    "soft": ("ground", "card"),
    "accent": ("ground", "card", "accent-ground"),
    "on-accent": ("accent",),
    **dict.fromkeys(_STATES, ("ground", "card")),
}
_PLACEHOLDER = re.compile(r"\{\w+\}")
_RULES = re.compile(r":root\{([^}]*)\}")
_PROPERTY = re.compile(r"--([a-z-]+): ?(#[0-9a-fA-F]+)")


class BadTheme(VerifierError):
    """The theme file cannot be read, or has a member that is unknown or out of bounds."""

    slug = "bad_theme"
    title = "The theme is not valid"


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    light: dict[str, str] = {}
    dark: dict[str, str] = {}
    font: Font = ""
    logo: Annotated[str, Meta(max_length=200)] = ""
    words: dict[Literal["zh-CN", "en"], Texts] = {}


class Theme(Struct, frozen=True):
    """A theme that was checked. `style` are rules for the end of each style. `logo` has the content and its type.

    `words` has, for each language, other texts for texts of the pages.
    """

    style: str = ""
    logo: tuple[bytes, str] | None = None
    words: dict[str, dict[str, str]] = {}


_DECODER = msgspec.json.Decoder(_File)


def load_theme(path: Path, style: str, scripts: str) -> Theme:
    """Read and check a theme. `style` is a style of the pages, with the colours that a theme leaves alone.

    `scripts` are the scripts of the pages, with the texts that it may replace. Raises BadTheme with the reason.
    """
    try:
        given = strict_json.decode(read_bounded(path, MAX_FILE).removeprefix(BOM_UTF8), _DECODER, "it")
    except OSError as error:
        raise BadTheme(f"the theme {path} cannot be read: {error.strerror}") from error
    except VerifierError as error:
        at = "".join(f"{each.pointer}: " for each in error.errors[:1])
        raise BadTheme(f"the theme {path} is not valid: {at}{error.detail}") from error
    except ValueError as error:
        raise BadTheme(f"the theme {path} cannot be read: {error}") from error
    ours = [dict(_PROPERTY.findall(rules)) for rules in _RULES.findall(style)]
    light, dark = ours[0], {**ours[0], **ours[1]}
    for scheme, colours, kept in (("light", given.light, light), ("dark", given.dark, dark)):
        for problem in (*_wrong_colours(colours), *_unreadable(colours, kept)):
            raise BadTheme(f"the theme {path} is not valid: /{scheme}/{problem}")
    for problem in _wrong_words(given.words, scripts):
        raise BadTheme(f"the theme {path} is not valid: /words/{problem}")
    logo = _logo(path, given.logo) if given.logo else None
    return Theme(_style(given), logo, {str(language): texts for language, texts in given.words.items()})


def _wrong_colours(colours: Mapping[str, str]) -> Iterator[str]:
    for name, colour in colours.items():
        if name not in NAMES:
            yield f"{name[:40]}: there is no such colour; a theme may set {', '.join(NAMES)}"
        elif not is_colour(colour):
            yield f"{name}: must be a colour such as #0b5cad"
        elif name.startswith("accent") and is_green(colour):
            yield f"{name}: is green, and only a confirmed call may be green"


def _unreadable(colours: Mapping[str, str], kept: Mapping[str, str]) -> Iterator[str]:
    if any(not is_colour(each) for each in colours.values()):
        return
    whole = {**kept, **colours}
    for name, grounds in _READ.items():
        for ground in grounds:
            found = contrast(whole[name], whole[ground])
            if {name, ground} & colours.keys() and found < LEAST:
                yield f"{name}: has a contrast of {found:.2f} on {ground}; people need {LEAST}"


def _wrong_words(words: Mapping[Literal["zh-CN", "en"], Mapping[str, str]], scripts: str) -> Iterator[str]:
    for language, texts in words.items():
        for ours, theirs in texts.items():
            shown = f"{language}/{ours[:40]}"
            # The bundler quotes a text as JSON does, or with another quotation mark.
            if not any(f"{mark}{ours}{mark}" in scripts for mark in "\"'`"):
                yield f"{shown}: the pages have no such text"
            elif problem := fault(theirs):
                yield f"{shown}: {problem}"
            elif sorted(_PLACEHOLDER.findall(ours)) != sorted(_PLACEHOLDER.findall(theirs)):
                yield f"{shown}: needs the same placeholders as the text that it replaces"


def _logo(theme: Path, name: str) -> tuple[bytes, str]:
    path = theme.parent / name
    if path.suffix not in LOGOS:
        raise BadTheme(f"the theme {theme} is not valid: /logo: must be a file with the ending {' or '.join(LOGOS)}")
    try:
        content = read_bounded(path, MAX_FILE)
    except OSError as error:
        raise BadTheme(f"the logo {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise BadTheme(f"the logo {path} cannot be read: {error}") from error
    if not (content.startswith(_PNG) if path.suffix == ".png" else b"<svg" in content[:1024]):
        raise BadTheme(f"the logo {path} is not what its ending says")
    return content, LOGOS[path.suffix]


def _style(given: _File) -> str:
    """The rules, which follow those of the pages. Every value in them was matched by a pattern."""
    light = "".join(f"--{name}:{colour};" for name, colour in given.light.items())
    dark = "".join(f"--{name}:{colour};" for name, colour in given.dark.items())
    font = f"font-family:{given.font};" if given.font else ""
    return f":root{{{light}{font}}}@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"
