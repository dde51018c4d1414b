"""Callback verification for banks. The protocol is in specs/protocol.md."""

from importlib.metadata import version

__version__ = version("callback-verifier")
