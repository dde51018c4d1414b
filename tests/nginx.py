"""Runs nginx with specs/examples/nginx.conf, and with its own port, name, certificate and node."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import time
from pathlib import Path

from tests.certificates import certified

RECIPE = Path(__file__).parents[1] / "specs/examples/nginx.conf"
PATHS = [path for path in (shutil.which("nginx"), "/usr/sbin/nginx") if path and Path(path).exists()]
START_S = 10


class Nginx:
    """nginx on a free loopback port, in front of the node at `node` (host:port). Use it in a `with`."""

    def __init__(self, folder: Path, node: str) -> None:
        self._folder = folder
        self._node = node
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.url = f"https://localhost:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Nginx:
        self._folder.mkdir()
        certified(self._folder, "localhost")
        self._write()
        command = [PATHS[0], "-c", str(self._folder / "nginx.conf"), "-e", str(self._folder / "error.log")]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + START_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return self
            except OSError:
                if time.monotonic() > end or self._process.poll() is not None:
                    raise
                time.sleep(0.05)

    def __exit__(self, *exception: object) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)

    def trusting(self) -> ssl.SSLContext:
        """A TLS context for clients, which trusts this certificate and checks no host name."""
        context = ssl.create_default_context(cafile=str(self._folder / "certificate.pem"))
        context.check_hostname = False
        return context

    def _write(self) -> None:
        recipe = RECIPE.read_text()
        for said, here in (
            ("server 127.0.0.1:8080;", f"server {self._node};"),
            ("listen 443 ssl http2;", f"listen 127.0.0.1:{self.port} ssl http2;"),
            ("verify.bank.example", "localhost"),
            ("/etc/ssl/verify", str(self._folder)),
        ):
            assert said in recipe, said
            recipe = recipe.replace(said, here)
        (self._folder / "recipe.conf").write_text(recipe)
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = "\n".join(f"{kind}_temp_path {self._folder}/{kind};" for kind in kinds)
        whole = f"""
            daemon off; user root; worker_processes 1; pid {self._folder}/pid; error_log {self._folder}/error.log;
            events {{ worker_connections 128; }}
            http {{ access_log {self._folder}/access.log; {temporary} include {self._folder}/recipe.conf; }}
        """
        (self._folder / "nginx.conf").write_text(whole)
