"""Runs PgBouncer on a free loopback port, in front of one database."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from tests.postgres import as_user, free_port, give

OPERATIONS = Path(__file__).parents[1] / "specs" / "operations.md"


def program() -> str | None:
    """The path of PgBouncer, if it is installed."""
    return shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin")


def recipe() -> str:
    """The configuration that specs/operations.md recommends."""
    found = re.search(r"```ini\n(\[databases\].*?)```", OPERATIONS.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return found.group(1)


class PgBouncer:
    """PgBouncer with the documented configuration and `changes`, for a `with`. `url` is the database through it."""

    def __init__(self, database: str, **changes: str) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="pgbouncer-")
        self._folder = Path(self._temporary.name)
        self._database = urlsplit(database)
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = self._database._replace(netloc=f"verifier@127.0.0.1:{self._port}").geturl()
        self.configure(**changes)

    def configure(self, **changes: str) -> None:
        """Write the configuration. A running process applies it at once."""
        own = {"listen_addr": "127.0.0.1", "listen_port": str(self._port), "auth_type": "trust", "unix_socket_dir": ""}
        users = self._folder / "users.txt"
        users.write_text('"verifier" ""\n')
        text = recipe()
        for name, value in {**own, "auth_file": str(users), **changes}.items():
            line = f"{name} = {value}"
            text, found = re.subn(rf"^{name} = .*$", line, text, flags=re.MULTILINE)
            text += "" if found else f"{line}\n"
        name, port = self._database.path.lstrip("/"), self._database.port
        text = re.sub(r"^verifier = .*$", f"{name} = host=127.0.0.1 port={port}", text, flags=re.MULTILINE)
        (self._folder / "pgbouncer.ini").write_text(text)
        if self._process is not None:
            self._process.send_signal(signal.SIGHUP)

    def __enter__(self) -> PgBouncer:
        give(self._folder)
        found = program()
        assert found
        command = [*as_user(), found, str(self._folder / "pgbouncer.ini")]
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self._port)).close()
                return self
            except OSError:
                time.sleep(0.05)
        raise RuntimeError((self._folder / "log").read_text())

    def __exit__(self, *exception: object) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._temporary.cleanup()
