"""Finds Chinese names by their pinyin, in whole or by initials. Implements specs/protocol.md section 7.5.

A character may have several readings, above all in surnames: 单 is dan, chan or shan. Each of them finds the name.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache

# Words of several characters are not needed, and take 40 MB. The package reads this when it is imported.
os.environ.setdefault("PYPINYIN_NO_PHRASES", "true")
from pypinyin import Style, pinyin

_SPELLED = re.compile(r"[a-zü]{1,40}\Z")


def spells(word: str, text: str) -> bool:
    """Whether a word in lower case spells consecutive characters of `text`.

    Each character is spelled by a whole reading or by its first letter. The last one may be incomplete: 欧阳娜 is found
    by `ouyangna`, `ouyn`, `oyn` and `ouyangn`. ü may be written as v or u.
    """
    if _SPELLED.match(word) is None:
        return False
    word = word.replace("ü", "v")
    # The places in `word` up to which it is spelled by the characters before the current one.
    places: set[int] = set()
    for character in text:
        reached = set()
        for reading in _readings(character):
            for place in (0, *places):
                rest = word[place:]
                if reading.startswith(rest):
                    return True
                if rest.startswith(reading):
                    reached.add(place + len(reading))
                if rest[0] == reading[0]:
                    reached.add(place + 1)
        places = reached
    return False


@lru_cache(maxsize=8192)
def _readings(character: str) -> tuple[str, ...]:
    """The readings of a Chinese character without tones, with both v and u for ü. Empty for any other character."""
    found = pinyin(character, style=Style.NORMAL, heteronym=True, errors="ignore")
    plain = [each for readings in found for each in readings]
    return tuple(dict.fromkeys((*plain, *(each.replace("v", "u") for each in plain))))
