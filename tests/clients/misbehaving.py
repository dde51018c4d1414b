"""A loopback server with scripted answers: late, truncated, wrong, or none."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

Answer = bytes | float


class Misbehaving:
    """Gives each connection the next answer. A number means seconds of silence. `asked` holds the requests."""

    def __init__(self, answers: list[Answer]) -> None:
        self._answers = answers
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.asked: list[dict[str, str]] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self) -> None:
        for answer in self._answers:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection, answer), daemon=True).start()

    def _answer(self, connection: socket.socket, answer: Answer) -> None:
        with connection:
            self.asked.append(_headers(connection))
            if isinstance(answer, float):
                time.sleep(answer)
            else:
                connection.sendall(answer)

    def close(self) -> None:
        self._socket.close()


@contextmanager
def misbehaving(*answers: Answer) -> Iterator[Misbehaving]:
    server = Misbehaving(list(answers))
    server._thread.start()
    yield server
    server.close()


def http(status: int, body: Any, kind: str = "application/json", **headers: str) -> bytes:
    """The bytes of an HTTP response. A body that is not bytes is encoded as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"Content-Type: {kind}", f"Content-Length: {len(content)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + content


def problem(slug: str, status: int, **headers: str) -> bytes:
    body = {"slug": slug, "status": status, "title": slug, "detail": "", "request_id": "req-1"}
    return http(status, body, "application/problem+json", **headers)


def _headers(connection: socket.socket) -> dict[str, str]:
    received = b""
    while b"\r\n\r\n" not in received:
        part = connection.recv(65_536)
        if not part:
            break
        received += part
    lines = received.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
    return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
