"""Files of vectors: how they are laid out, written and read (specs/vectors/README.md)."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

Json = dict[str, Any]

FOLDER = Path(__file__).parents[2] / "specs" / "vectors"
SUBJECTS = ("code", "check-digit", "tickets", "receipts", "files", "checkpoints", "proofs", "dialogues", "problems")
WIDTH = 118
LONG = 2_000
_RUN = re.compile(r"([^\n]{1,4}?)\1{200,}|([^\n]+\n)\2{50,}")


def valid(name: str, about: str, outcome: Any, **given: Any) -> Json:
    """A vector that must be accepted, with what is to come out of it."""
    return {"id": name, "about": about, **given, "valid": True, "outcome": outcome}


def invalid(name: str, about: str, error: str, **given: Any) -> Json:
    """A vector that must be refused with this word of the protocol."""
    return {"id": name, "about": about, **given, "valid": False, "error": error}


def file_of(subject: str) -> tuple[Json, list[Json]]:
    """What a file says for all of its vectors, and the vectors, of which there is at least one."""
    file: Json = json.loads((FOLDER / f"{subject}.json").read_text(encoding="utf-8"))
    vectors = file.pop("vectors")
    assert vectors, f"{subject}.json holds no vectors"
    return file, vectors


def vectors_of(subject: str) -> list[Json]:
    """The vectors of a file, each with what the file says for all of them."""
    file, vectors = file_of(subject)
    return [{**file, **each, "trust": {**file.get("trust", {}), **each.get("trust", {})}} for each in vectors]


def expected(vector: Json) -> Any:
    """What is to come of a vector: its outcome, or the slug of its error."""
    return vector["outcome"] if vector["valid"] else vector["error"]


def written(origin: str, size: int, root: bytes) -> Json:
    """A checkpoint as the vectors write it."""
    return {"origin": origin, "size": size, "root": base64.b64encode(root).decode()}


def whole(text: str | list[list[Any]]) -> str:
    """A text as it is meant: one that is long and dull is kept as parts, each with how often it comes."""
    return text if isinstance(text, str) else "".join(part * times for part, times in text)


def laid_out(file: Json) -> str:
    """The one text of a file: what fits on a line is on one, and a vector takes a few."""
    return f"{_laid_out(file, 0, 0)}\n"


def _laid_out(value: Any, depth: int, before: int) -> str:
    value = _in_parts(value) if isinstance(value, str) and len(value) > LONG else value
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or not value or depth + before + len(line) <= WIDTH:
        # What has no width or turns the direction of a text is shown as an escape.
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
