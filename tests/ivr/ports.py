"""Ports for telephones and gateways, which must be told theirs before they start."""

from __future__ import annotations

import contextlib
import random
import socket


def free_ports(count: int) -> int:
    """The first of that many loopback ports in a row which were free a moment ago, below those given out at random."""
    while True:
        first = random.randrange(10_000, 30_000, 2)
        with contextlib.ExitStack() as held, contextlib.suppress(OSError):
            for port in range(first, first + count):
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                    held.enter_context(socket.socket(socket.AF_INET, kind)).bind(("127.0.0.1", port))
            return first
