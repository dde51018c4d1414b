"""Why another server cannot be reached, in words that hold nothing of what it sent."""

from __future__ import annotations

import os
import socket

import aiohttp


def in_words(error: aiohttp.ClientConnectorError) -> str:
    """The reason for a failed connection: its name, its certificate, or what the operating system says."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        return "its certificate is not trusted here; SSL_CERT_FILE names the authorities of a bank's own"
    reason = error.os_error
    if isinstance(reason, socket.gaierror):
        return f"the name {error.host} is not known"
    return os.strerror(reason.errno) if reason.errno else "it does not answer"
