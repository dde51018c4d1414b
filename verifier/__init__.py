"""Callback verification for banks. The protocol is in specs/protocol.md."""

__version__ = "0.1.0"
