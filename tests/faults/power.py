"""Simulates a power cut: the disk keeps everything that was synced, and an arbitrary part of the rest.

The model of the disk: a write after the last sync of its file may be kept, lost, or torn between sectors of 512 bytes.
The order of such writes does not matter. The same holds for changes of length. Creating or removing a file is certain
only once the folder has been synced.
"""

from __future__ import annotations

import random
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

SECTOR = 512
_RECORD = struct.Struct("=B3xIQQ")


class Operation(Struct, frozen=True):
    """An entry of the journal. `what` is w (written), t (truncated), s (synced) or u (unlinked)."""

    what: str
    name: str
    offset: int
    length: int
    data: bytes = b""


def shim(folder: Path) -> Path:
    """Compile the library for LD_PRELOAD into a folder."""
    library = folder / "power.so"
    source = Path(__file__).with_name("power.c")
    command = ["gcc", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", str(library), str(source)]
    subprocess.run(command, check=True)
    return library


def operations(journal: Path, folder: Path) -> Iterator[Operation]:
    """The operations of the journal, in order. Skips an incomplete last record, left by the kill."""
    told = journal.read_bytes()
    at = 0
    while at + _RECORD.size <= len(told):
        what, path_length, offset, length = _RECORD.unpack_from(told, at)
        at += _RECORD.size
        path = told[at : at + path_length].decode()
        at += path_length
        data = told[at : at + length] if what == ord("w") else b""
        at += len(data)
        if what != ord("w") or len(data) == length:
            yield Operation(chr(what), "" if path == str(folder) else Path(path).name, offset, length, data)


class _File:
    """The synced content of a file, and the operations since."""

    def __init__(self, content: bytes, there: bool) -> None:
        self.content = bytearray(content)
        self.there = there
        self.pending: list[Operation] = []

    def do(self, op: Operation) -> None:
        if op.what == "t":
            del self.content[op.length :]
            self.content.extend(bytes(op.length - len(self.content)))
        else:
            self.content.extend(bytes(max(0, op.offset + len(op.data) - len(self.content))))
            self.content[op.offset : op.offset + len(op.data)] = op.data

    def sync(self) -> None:
        for op in self.pending:
            self.do(op)
        self.pending.clear()

    def lose(self, rng: random.Random, kept: float) -> int:
        """Apply a random share of the unsynced operations, in random order. Return how many lost something."""
        lost = 0
        rng.shuffle(self.pending)
        for op in self.pending:
            parts = list(_sectors(op)) if op.what == "w" else [op]
            stayed = [part for part in parts if rng.random() < kept]
            lost += len(stayed) < len(parts)
            for part in stayed:
                self.do(part)
        return lost


def _sectors(op: Operation) -> Iterator[Operation]:
    at = 0
    while at < len(op.data):
        size = min(SECTOR - (op.offset + at) % SECTOR, len(op.data) - at)
        yield Operation("w", op.name, op.offset + at, size, op.data[at : at + size])
        at += size


def cut(before: Path, journal: Path, folder: Path, rng: random.Random, *, kept: float, lies: bool = False) -> int:
    """Turn `folder` into a possible state after a power cut: `before`, and then the operations of the journal.

    `kept` is the share of unsynced writes that the disk keeps anyway. A disk that `lies` syncs nothing. Returns the
    number of operations that lost something.
    """
    files = {each.name: _File(each.read_bytes(), there=True) for each in before.iterdir()}
    removed: set[str] = set()
    for op in operations(journal, folder):
        if op.what == "s" and lies:
            continue
        if op.name == "":
            for name, file in files.items():
                file.there = name not in removed
        elif op.what == "u":
            removed.add(op.name)
        elif op.what == "s":
            files.setdefault(op.name, _File(b"", there=False)).sync()
        else:
            removed.discard(op.name)
            files.setdefault(op.name, _File(b"", there=False)).pending.append(op)
    lost = sum(file.lose(rng, kept) for file in files.values())
    for each in folder.iterdir():
        each.unlink()
    for name, file in files.items():
        perhaps = name in removed or not file.there
        if not perhaps or rng.random() < kept:
            (folder / name).write_bytes(file.content)
    return lost
