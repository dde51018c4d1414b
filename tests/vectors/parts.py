"""Functions to decode the parts of statements and proofs, and to change claims."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from tests.vectors.files import Json

Path = tuple[str, ...]


def decoded(statement: str) -> tuple[Json, Json]:
    """Header and claims, not verified."""
    header, payload, _ = statement.split(".")
    return _json(header), _json(payload)


def root_of(proof: str) -> Json:
    """The content of the checkpoint in a proof, not verified."""
    return checkpoint_of(proof.partition("\n\n")[2])


def checkpoint_of(note: str) -> Json:
    """The content of a checkpoint, not verified."""
    origin, size, root = note.split("\n")[:3]
    return {"origin": origin, "size": int(size), "root": root}


def places(claims: Json) -> Iterator[Path]:
    """The path of each member, including those of nested objects."""
    for name, value in claims.items():
        yield (name,)
        if isinstance(value, dict):
            for path in places(value):
                yield (name, *path)


def objects(claims: Json) -> Iterator[Path]:
    """The path of each member that is an object."""
    return (path for path in places(claims) if isinstance(_holder(claims, path)[path[-1]], dict))


def put(claims: Json, path: Path, value: Any) -> Json:
    """The claims with another value at the path."""
    changed = deepcopy(claims)
    _holder(changed, path)[path[-1]] = value
    return changed


def without(claims: Json, path: Path) -> Json:
    """The claims without the member at the path."""
    changed = deepcopy(claims)
    del _holder(changed, path)[path[-1]]
    return changed


def other_type(claims: Json, path: Path) -> Any:
    """A value of another type than the value at the path. A null becomes a list."""
    value = _holder(claims, path)[path[-1]]
    if isinstance(value, str):
        return 7
    if isinstance(value, int):
        return str(value)
    return [] if isinstance(value, dict) or value is None else "word"


def _holder(claims: Json, path: Path) -> Json:
    for name in path[:-1]:
        claims = claims[name]
    return claims


def _json(part: str) -> Json:
    read: Json = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return read
