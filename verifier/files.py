"""Reads small files up to a bound, and replaces files in one step.

If the machine crashes while a file is replaced, the file has either its old or its new content.
"""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def read_bounded(path: Path, most: int) -> bytes:
    """The content of an ordinary file of at most `most` bytes.

    Raises ValueError if the file is longer. Also raises ValueError for a pipe or a device, because reading it could
    block. Raises OSError if the file cannot be opened or read.
    """
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("it is not an ordinary file")
        content = file.read(most + 1)
    if len(content) > most:
        raise ValueError(f"it is longer than {most} bytes")
    return content


def version(path: Path) -> tuple[int, ...] | None:
    """A value that changes when the content of a file changes. None if the file is missing.

    If the path is a symbolic link, the value is for the file that it leads to.
    """
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock on the folder of this file. Only one process can hold the lock. Raises OSError.

    A process that changes the file with this lock waits for other such processes.
    """
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def replace_file(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Replace a file in one step, after the new content is durable. `mode` sets the permissions. Raises OSError.

    If the path is a symbolic link, the file that it leads to is replaced.
    """
    path = Path(os.path.realpath(path))
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
    _sync_folder(path)


def create_file(path: Path, content: bytes) -> None:
    """Create a file that only its owner may read, such as a file with a secret.

    Raises FileExistsError if the file exists. It is never overwritten.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink()
        raise
    _sync_folder(path)


def _sync_folder(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
