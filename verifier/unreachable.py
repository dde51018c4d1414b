"""Why another server cannot be reached. The words repeat nothing that it sent."""

from __future__ import annotations

import os
import socket

import aiohttp


def in_words(error: aiohttp.ClientConnectorError) -> str:
    """The reason of a failed connection: the host's name, its certificate, or the operating system's error."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        return "its certificate is not trusted here; SSL_CERT_FILE names the bank's own authorities"
    reason = error.os_error
    if isinstance(reason, socket.gaierror):
        return f"the name {error.host} is not known"
    return os.strerror(reason.errno) if reason.errno else "it does not answer"
