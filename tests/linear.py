"""Measures how the time of a parser grows: hostile text of two sizes, the larger ten times the smaller."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

TIMES_THE_SIZE, TIMES_THE_TIME = 10, 12
# Larger texts show nothing more, and their time depends on what else uses the processor's caches.
MOST = 20_000
ROUNDS = 60
# The time that clocks and caches may add. A parser that is quadratic within this time does no harm.
NOISE_S = 100e-6

Shape = tuple[str, str, str]
Parse = Callable[[str], object]

# The start, the repeated part, and the end of each shape.
SHAPES: tuple[Shape, ...] = (
    # one repeated character
    *(("", each, "") for each in '"\\[{(<`.,;:=+&%/ \t\n-1aé零'),
    # two alternating parts that nearly match
    *(
        ("", each, "")
        for each in ('""', '\\"', '["', '"\\', "[]", "{}", "()", "1 ", "1.", "a=", "a,", "a;", "=,", "\r\n ")
    ),
    # an opening without its end
    *(
        (begin, each, "")
        for begin in ('"', '["', "<", "(", '{"', "a=:", 'a="')
        for each in ("\\\\", " ", "a", "a ", '\\"', "\n")
    ),
    *(("[" * 20, each, "]" * 20) for each in ("1,", '"a",', "[],", "{},", "1e5,", "0.1,", '"\\n",', "[[1],")),
    # JSON members with equal names or equal prefixes
    *(("{", each, '"z":1}') for each in ('"a":1,', '"":{},', '"\\u0061":1,', '"a":[],', '"a":{"a":1,"a":2},')),
    *((begin, "a", '":1}') for begin in ('{"', '{"a":1,"', '[{"')),
    ("[", "1", "]"),
    ("0.", "1", ""),
    ("1e", "9", ""),
    ('{"', " - at `$", '":1}'),
    ('{"', "unknown field `", '":1}'),
    ('{"', "\\ud800", '":1}'),
    # fields, lists and addresses
    *(
        ("", each, "")
        for each in ("a=1&", "a[1]=", "%41", "%", "a=:YQ==:, ", '"a" ', '("a") ', "a;b=1", 'a;keyid="', "sip:", "<sip:")
    ),
    *(("eyJhbGciOiJFUzI1NiJ9.", each, "") for each in ("a", ".", "a.", "A=", "-_")),
    *(
        ("c2sp.org/tlog-proof@v1\n", each, "")
        for each in ("\n", "index 1\n", "AAAA\n", "extra \n", "— a a\n", "\n\n— a AAAA\n")
    ),
    *(("tile/0/", each, "") for each in ("x001/", "001", "x", "001.p/")),
    ("+86", "1", ""),
    ("+86", "1 (", ""),
)


def grown(size: int, most: int = MOST) -> Iterator[tuple[str, str, str]]:
    """The name of each shape, with its text at a tenth of the size and at full size. Skips mostly constant shapes."""
    size = min(size, most)
    for begin, each, end in SHAPES:
        if len(begin) + len(end) > size // TIMES_THE_SIZE // 10:
            continue
        name = f"{begin[:24]!r} {each!r} … {end[:8]!r}"
        yield name, _filled(begin, each, end, size // TIMES_THE_SIZE), _filled(begin, each, end, size)
    for name, many in MANY:
        yield name, many(size // TIMES_THE_SIZE), many(size)


def _filled(begin: str, each: str, end: str, size: int) -> str:
    return begin + each * max(1, (size - len(begin) - len(end)) // len(each)) + end


def _distinct(begin: str, each: Callable[[int], str], end: str) -> Callable[[int], str]:
    def made(size: int) -> str:
        parts, length, n = [begin], len(begin) + len(end), 0
        while length < size:
            parts.append(each(n))
            length += len(parts[-1])
            n += 1
        return "".join(parts)[: size - len(end)] + end if end == "" else "".join(parts) + end

    return made


# Names that all differ. Some share a prefix, and some are multiples of a power of two, which collide in hash tables.
MANY: tuple[tuple[str, Callable[[int], str]], ...] = (
    ("different members", _distinct("{", lambda n: f'"k{n}":1,', '"z":1}')),
    ("different members, the last twice", _distinct("{", lambda n: f'"k{n}":1,', '"z":1,"z":1}')),
    ("every member twice", _distinct("{", lambda n: f'"k{n}":1,"k{n}":1,', '"z":1}')),
    ("members of one beginning", _distinct("{", lambda n: f'"{"a" * 60}{n}":1,', '"z":1}')),
    ("members that are multiples", _distinct("{", lambda n: f'"{n * 4096}":1,', '"z":1}')),
    ("members that are large numbers", _distinct("{", lambda n: f'"{n * (2**61 - 1)}":1,', '"z":1}')),
    ("lists of objects", _distinct("[", lambda n: f'{{"a":{n},"b":[{{}}]}},', "1]")),
    ("different parameters", _distinct("a", lambda n: f";p{n}=1", "")),
    ("different quoted parameters", _distinct("a.b.c;info=<a>", lambda n: f';p{n}="\\"{n}"', "")),
    ("different fields", _distinct("", lambda n: f"f{n}={n}&", "z=1")),
    ("different labels", _distinct("", lambda n: f"k{n}=({n}), ", "z=1")),
    ("different components", _distinct("s=(", lambda n: f'"c{n}" ', ');keyid="a";tag="callback-verification"')),
)


def ratio(parse: Parse, small: str, large: str) -> float:
    """The ratio of the processor times for the larger and the smaller text, each the minimum of several runs."""
    least = [float("inf"), float("inf")]
    gc.disable()
    try:
        for _ in range(ROUNDS):
            for which, text in enumerate((small, large)):
                least[which] = min(least[which], _once(parse, text))
            found = (least[1] - NOISE_S) / least[0]
            if found <= TIMES_THE_TIME:
                break
    finally:
        gc.enable()
    return found


def least(parse: Parse, text: str, enough: float) -> float:
    """The minimum of several runs in processor seconds. Stops at the first run below `enough`."""
    found = float("inf")
    for _ in range(ROUNDS):
        found = min(found, _once(parse, text))
        if found < enough:
            break
    return found


def _once(parse: Parse, text: str) -> float:
    began = time.process_time()
    # A refusal of any kind also ends the work.
    with suppress(Exception):
        parse(text)
    return time.process_time() - began
