"""The layout of the files of vectors, and functions to write and read them (specs/vectors/README.md)."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

Json = dict[str, Any]

FOLDER = Path(__file__).parents[2] / "specs" / "vectors"
SUBJECTS = (
    *("code", "check-digit", "tickets", "receipts", "files", "checkpoints", "proofs", "dialogues", "problems"),
    *("histories", "printed", "contacts"),
)
WIDTH = 118
LONG = 2_000
_RUN = re.compile(r"([^\n]{1,4}?)\1{200,}|([^\n]+\n)\2{50,}")


def valid(name: str, about: str, outcome: Any, **given: Any) -> Json:
    """A vector that must be accepted, with its expected outcome."""
    return {"id": name, "about": about, **given, "valid": True, "outcome": outcome}


def invalid(name: str, about: str, error: str, **given: Any) -> Json:
    """A vector that must be refused with this slug."""
    return {"id": name, "about": about, **given, "valid": False, "error": error}


def file_of(subject: str) -> tuple[Json, list[Json]]:
    """The members that a file gives for all its vectors, and the vectors. Fails if there are none."""
    file: Json = json.loads((FOLDER / f"{subject}.json").read_text(encoding="utf-8"))
    vectors = file.pop("vectors")
    assert vectors, f"{subject}.json holds no vectors"
    return file, vectors


def vectors_of(subject: str) -> list[Json]:
    """The vectors of a file, each merged with the members that the file gives for all of them."""
    file, vectors = file_of(subject)
    return [{**file, **each, "trust": {**file.get("trust", {}), **each.get("trust", {})}} for each in vectors]


def expected(vector: Json) -> Any:
    """The expected result of a vector: its outcome, or the slug of its error."""
    return vector["outcome"] if vector["valid"] else vector["error"]


def written(origin: str, size: int, root: bytes) -> Json:
    """A checkpoint as it is written in a vector."""
    return {"origin": origin, "size": size, "root": base64.b64encode(root).decode()}


def whole(text: str | list[list[Any]]) -> str:
    """Restores a text. Long texts with repetitions are stored as parts, each with its number of repetitions."""
    return text if isinstance(text, str) else "".join(part * times for part, times in text)


def laid_out(file: Json) -> str:
    """Formats a file. A value that fits is on one line, and a vector takes a few lines."""
    return f"{_laid_out(file, 0, 0)}\n"


def _laid_out(value: Any, depth: int, before: int) -> str:
    value = _in_parts(value) if isinstance(value, str) and len(value) > LONG else value
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or not value or depth + before + len(line) <= WIDTH:
        # Characters that are invisible or change the direction of a text are escaped.
        return re.sub(r"[\x7f-\x9f\u2028-\u202e\u200b-\u200f\ufeff\u00a0\u3000]", _escaped, line)
    inner = " " * (depth + 1)
    if isinstance(value, dict):
        names = [f"{json.dumps(name)}: " for name in value]
        items = [name + _laid_out(value[key], depth + 1, len(name)) for name, key in zip(names, value, strict=True)]
        opening, closing = "{}"
    else:
        items = [_laid_out(each, depth + 1, 0) for each in value]
        opening, closing = "[]"
    return f"{opening}\n{inner}" + f",\n{inner}".join(items) + f"\n{' ' * depth}{closing}"


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def _in_parts(text: str) -> str | list[list[Any]]:
    parts: list[list[Any]] = []
    end = 0
    for run in _RUN.finditer(text):
        part = run[1] or run[2]
        parts += [[text[end : run.start()], 1], [part, len(run[0]) // len(part)]]
        end = run.end()
    return [part for part in [*parts, [text[end:], 1]] if part[0]] if parts else text
