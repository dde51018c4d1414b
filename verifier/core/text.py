"""Checks text from outside, and makes patterns that match a whole text. Implements specs/protocol.md section 3.2."""

from __future__ import annotations

import re
import unicodedata

from msgspec import Meta

# Matches an unsafe character: a lone surrogate, a character that XML 1.0 forbids, or a C0 or C1 control. Tab, line feed
# and carriage return are not unsafe.
_UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
# Tab, line feed, carriage return, and the line and paragraph separators of Unicode.
_BREAKS = r"\t\n\r\u2028\u2029"
# Matches an invisible mark: marks of direction, spaces without width, soft hyphens, invisible operators, tags and
# separators. The two joiners (U+200C, U+200D) are allowed, because names in Persian and in the scripts of India need
# them.
_MARKS = re.compile(
    "[\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
# Common endings of host names. Endings that are also surnames or company forms (wang, ltd, co, li, ma) are left out.
_LONG = "com|net|org|edu|gov|info|biz|mobi|xyz|top|site|online|shop|store|vip|club|link|click|live|icu|app|dev|example"
_SHORT = "cn|hk|tw|mo|sg|jp|kr|uk|us|eu|de|fr|ru|in|io|tv|cc|ly|me|gg"
_LINK = re.compile(
    rf"://|(?<![^\W_])www\.|[^\W_]\.(?:{_LONG}|中国|网址|网站|网络)(?![\w-])"
    rf"|[\w-]{{3}}\.(?:{_SHORT})(?![\w-])|[^\W_]\.(?:{_SHORT}|bank|loan|finance|money|pay)(?::[0-9]{{1,5}})?/[^\W_]"
    r"|(?<![\w.])[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}(?![\w.])"
)


def exact(
    pattern: str, description: str | None = None, min_length: int | None = None, max_length: int | None = None
) -> Meta:
    """A constraint that the whole text matches `pattern`.

    The pattern ends in `\\Z`, because `$` in Python also matches before a final line feed. The OpenAPI description has
    `$` instead, because in ECMA-262 `$` matches only at the end of the text.
    """
    return Meta(pattern=rf"^{pattern}\Z", description=description, min_length=min_length, max_length=max_length)


def line(max_length: int) -> Meta:
    """A constraint that the text is one line: 1 to `max_length` characters, without tabs and line breaks."""
    return exact(f"[^{_BREAKS}]+", min_length=1, max_length=max_length)


def unsafe(text: str) -> bool:
    """Whether the text has a control character, a lone surrogate, U+FFFE or U+FFFF.

    Some formats, such as XML, cannot contain these characters. Tabs, line feeds and carriage returns are not unsafe.
    """
    return _UNSAFE.search(text) is not None


def safe(text: str) -> str:
    """The text without its unsafe characters."""
    return _UNSAFE.sub("", text)


def marked(text: str) -> bool:
    """Whether the text has an unsafe character or an invisible mark.

    For example, a mark can reverse the direction in which the text is shown.
    """
    return unsafe(text) or _MARKS.search(text) is not None


def link(text: str) -> bool:
    """Whether a device may turn part of the text into a link, or a listener may think that part of it is a link.

    A link begins with `https://` or `www.`, or is a host name such as `bank.example/login`.

    Names such as `St.Mary`, `No.8`, `Dr.Ma` and `A.B.C Trading Co.,Ltd` are not links. So a short ending such as `.cn`
    counts only after at least 3 letters or before a path. An ending that is also a surname or a company form never
    counts.
    """
    # Browsers read the Chinese full stop as a dot, and full-width letters as ASCII.
    plain = unicodedata.normalize("NFKC", text).replace("\u3002", ".").casefold()
    return _LINK.search(plain) is not None
