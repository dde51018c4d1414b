"""Colours: how well a text is read on a ground (WCAG 2.1), and which colours look like the green of a verdict."""

from __future__ import annotations

import colorsys
import re

# WCAG 2.1, success criterion 1.4.3.
LEAST = 4.5
_COLOUR = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
# From yellowish to bluish green, in degrees. Greys have no hue that people see.
_GREEN = (85, 175)
_GREY = 0.15


def is_colour(text: str) -> bool:
    return _COLOUR.fullmatch(text) is not None


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, from 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def is_green(colour: str) -> bool:
    """Whether people could take the colour for that of a confirmed call."""
    hue, _, saturation = colorsys.rgb_to_hls(*_channels(colour))
    return saturation > _GREY and _GREEN[0] <= hue * 360 <= _GREEN[1]


def _channels(colour: str) -> tuple[float, float, float]:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * each for each in colour[1:])
    red, green, blue = (int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4))
    return red, green, blue


def _luminance(colour: str) -> float:
    red, green, blue = (
        each / 12.92 if each <= 0.03928 else ((each + 0.055) / 1.055) ** 2.4 for each in _channels(colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
