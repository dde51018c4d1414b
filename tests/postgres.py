"""A real PostgreSQL for tests: initialised in a temporary folder, on a free loopback port, owned by nobody else."""

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
    """Where the newest server's programs are."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[4]))
    if found:
        return found[-1].parent
    initdb = shutil.which("initdb")
    return Path(initdb).resolve().parent if initdb else None


def installed() -> bool:
    """Whether a PostgreSQL server is installed."""
    return bin_folder() is not None


def memory() -> Path | None:
    """A folder in memory, where there is room for databases that nobody keeps; None for the usual one on disk."""
    folder = Path("/dev/shm")
    return folder if folder.is_dir() and shutil.disk_usage(folder).free > ROOM else None


def as_user() -> list[str]:
    """How to run a program that refuses to be root's."""
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []


def give(folder: Path) -> None:
    """Make a folder that user's, and let him reach it."""
    if os.geteuid() == 0:
        for each in folder.parents:
            if each in (Path("/tmp"), Path("/dev/shm")):
                break
            each.chmod(each.stat().st_mode | 0o011)
        shutil.chown(folder, "postgres", "postgres")


def free_port() -> int:
    """A loopback port that nobody listens at, and that no outgoing connection is given in the meantime."""
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
        """Start, initialising first if need be, and wait until it answers."""
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
        """What a supervisor does."""
        assert self._process is not None
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            return
        self.start()

    @property
    def pid(self) -> int:
        """The postmaster."""
        assert self._process is not None
        return self._process.pid

    def stop(self) -> None:
        """Stop in order, cutting connections."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """As a power cut would, as far as a process can: no orderly shutdown."""
        self._end(signal.SIGQUIT)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)
            self._process = None

    def new_database(self, like: str = "template1") -> str:
        """The address of a new database: an empty one, or a copy of the one at an address, which nobody is using."""
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
