"""Runs node and npm."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

CLIENTS = Path(__file__).parents[1] / "clients"
SDK = CLIENTS / "typescript"


def program(name: str) -> str:
    """The path of node or npm: next to this Python, or on the PATH. Empty if it is not installed."""
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else shutil.which(name) or ""


def run(*command: str, cwd: Path = SDK, given: str | None = None, **more: str) -> subprocess.CompletedProcess[str]:
    """Run node or npm, and return the result without checking its status. `given` is the standard input."""
    path = os.pathsep.join((str(Path(program("node")).parent), os.environ["PATH"]))
    env = os.environ | {"PATH": path, "NODE_NO_WARNINGS": "1"} | more
    return subprocess.run(command, cwd=cwd, env=env, input=given, capture_output=True, text=True, timeout=300)


def installed(folder: Path = SDK) -> bool:
    """Install the packages of a folder's lock file, unless that has been done. False if npm is missing."""
    if not program("npm"):
        return False
    done = folder / "node_modules" / ".package-lock.json"
    if not done.exists() or done.stat().st_mtime < (folder / "package-lock.json").stat().st_mtime:
        ended = run(program("npm"), "ci", "--no-audit", "--no-fund", cwd=folder)
        assert ended.returncode == 0, ended.stderr
    return True
