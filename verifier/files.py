"""Small files: read within a bound, and replaced so that a reader, or a power cut, meets the old content or the new."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def read_bounded(path: Path, most: int) -> bytes:
    """The content of a file of at most `most` bytes. Raises ValueError when it is longer, OSError as `open` does."""
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise ValueError(f"it is longer than {most} bytes")
    return content


def replace_file(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file in one step, durable before it counts. `mode` is its permissions. Raises OSError."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def create_file(path: Path, content: bytes) -> None:
    """Write a secret that its owner alone may read. Raises FileExistsError; a file is never overwritten."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
