"""Reads printed QR codes with zbarimg, a scanner that knows nothing of our code."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from verifier.core.messages.confirmations import Symbol

# The pixels of a module. Fewer than four are less than a printed page has.
SCALE = 4
_RECTANGLE = re.compile(r"M(\d+) (\d+)h(\d+)v1h-\d+z")


def scan(image: Path) -> list[str]:
    """The texts of all QR codes in an image, in any order."""
    command = [str(shutil.which("zbarimg")), "--quiet", "--raw", "-Sdisable", "-Sqr.enable", str(image)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.stdout.splitlines()


def rasterise(symbol: Symbol, image: Path) -> None:
    """Write a symbol as a grey image (PGM), by its path alone."""
    rows = [bytearray(b"\xff" * symbol.size) for _ in range(symbol.size)]
    end = 0
    for found in _RECTANGLE.finditer(symbol.path):
        assert found.start() == end, "the path holds something else"
        x, y, width = map(int, found.groups())
        rows[y][x : x + width] = bytes(width)
        end = found.end()
    assert end == len(symbol.path)
    assert all(len(row) == symbol.size for row in rows)
    wide = [b"".join(bytes([each]) * SCALE for each in row) * SCALE for row in rows]
    image.write_bytes(f"P5 {symbol.size * SCALE} {symbol.size * SCALE} 255\n".encode() + b"".join(wide))
