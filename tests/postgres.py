"""Runs a PostgreSQL for tests, in its own folder and on a free loopback port."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

_names = itertools.count(1)
ROOM = 4 * 2**30


def bin_folder() -> Path | None:
    """The folder with the programs of the newest installed server."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[4]))
    if found:
        return found[-1].parent
    initdb = shutil.which("initdb")
    return Path(initdb).resolve().parent if initdb else None


def installed() -> bool:
    """Whether a PostgreSQL server is installed."""
    return bin_folder() is not None


def memory() -> Path | None:
    """A folder in memory with enough space for temporary databases, or None to use the default one on disk."""
    folder = Path("/dev/shm")
    return folder if folder.is_dir() and shutil.disk_usage(folder).free > ROOM else None


def as_user() -> list[str]:
    """The command prefix to run a program that refuses to run as root."""
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []


def give(folder: Path) -> None:
    """Give a folder to the user `postgres`, and make it reachable for them. Does nothing unless run as root."""
    if os.geteuid() == 0:
        for each in folder.parents:
            if each in (Path("/tmp"), Path("/dev/shm")):
                break
            each.chmod(each.stat().st_mode | 0o011)
        shutil.chown(folder, "postgres", "postgres")


def free_port() -> int:
    """A free loopback port outside the range that the system assigns to outgoing connections."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue


class Postgres:
    """One server process. As root it runs as the user `postgres`, which PostgreSQL insists on.

    Nothing is synced to disk unless `settings` say otherwise.
    """

    def __init__(self, folder: Path, *settings: str) -> None:
        self._settings = ("max_connections=100", "fsync=off", *settings)
        self._folder = folder
        self._data = folder / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        found = bin_folder()
        assert found is not None
        self._bin = found

    def start(self) -> None:
        """Start the server, and wait until it answers. Initializes the folder first if needed."""
        if not self._data.exists():
            self._data.mkdir(parents=True)
            give(self._data)
            self._run("initdb", "-D", str(self._data), "-U", "verifier", "-A", "trust", "-E", "UTF8", "--no-sync")
        self._process = subprocess.Popen(
            [
                *as_user(),
                str(self._bin / "postgres"),
                *("-D", str(self._data), "-p", str(self.port)),
                *(part for each in self._settings for part in ("-c", each)),
                *("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if (
                subprocess.run(
                    [str(self._bin / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
                ).returncode
                == 0
            ):
                return
            time.sleep(0.1)
        raise RuntimeError("PostgreSQL did not start")

    def start_if_ended(self) -> None:
        """Start the server if it has ended, as a supervisor would."""
        assert self._process is not None
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            return
        self.start()

    @property
    def pid(self) -> int:
        """The process id of the postmaster."""
        assert self._process is not None
        return self._process.pid

    def stop(self) -> None:
        """Shut down in order, and close the connections."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Kill the server without an orderly shutdown, similar to a power cut."""
        self._end(signal.SIGQUIT)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)
            self._process = None

    def new_database(self, like: str = "template1") -> str:
        """Create a database and return its address. It is empty, or a copy of a database that has no connections."""
        name = f"verifier_{next(_names)}"
        self._run("createdb", *self._here, "-T", like.rpartition("/")[2], name)
        return f"postgresql://verifier@127.0.0.1:{self.port}/{name}"

    def drop_database(self, address: str) -> None:
        """Remove a database, even if clients are still connected."""
        self._run("dropdb", *self._here, "--force", "--if-exists", address.rpartition("/")[2])

    @property
    def _here(self) -> tuple[str, ...]:
        return "-h", "127.0.0.1", "-p", str(self.port), "-U", "verifier"

    def _run(self, program: str, *args: str) -> None:
        subprocess.run([*as_user(), str(self._bin / program), *args], check=True, capture_output=True, cwd="/")
