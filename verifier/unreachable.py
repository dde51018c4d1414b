"""Says why another server cannot be reached. The text never repeats data from that server."""

from __future__ import annotations

import os
import socket

import aiohttp


def in_words(error: aiohttp.ClientConnectorError) -> str:
    """Why a connection failed.

    The text names an unknown host name, an untrusted certificate, or the error of the operating system.
    """
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        return "its certificate is not trusted here; SSL_CERT_FILE names the bank's own authorities"
    reason = error.os_error
    if isinstance(reason, socket.gaierror):
        return f"the name {error.host} is not known"
    return os.strerror(reason.errno) if reason.errno else "it does not answer"
