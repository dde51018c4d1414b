"""Reads the settings of the gateway and the dialler from the environment. With a bad setting, the program does not
start.

Implements specs/protocol.md section 7.9.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

RTP_PORTS_EACH = 16
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_LISTEN = re.compile(r"[0-9A-Fa-f.:\[\]]*:[0-9]{1,5}")


class BadSettings(Exception):
    """A setting is bad or unknown. The message names the setting."""


class Sip(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings that the gateway and the dialler share.

    `key_id` and `key_file` are the key with which the program signs its requests to the service at `verifier_url`.
    `officer_uri` is the SIP address of officers, with `{officer}` in place of the staff number.
    """

    verifier_url: str
    key_id: str
    key_file: str
    officer_uri: Annotated[str, Meta(pattern=r"^sips?:.*\{officer\}.*\Z")]
    listen: str = "127.0.0.1:5060"
    tls_listen: str = ""
    tls_certificate: str = ""
    tls_key: str = ""
    srtp: Literal["off", "optional", "required"] = "optional"
    rtp_ports: Annotated[int, Meta(ge=1024, le=64_000)] = 20_000


class Settings(Sip, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of the gateway. `trunks` lists the addresses of the bank's own SBCs, separated by commas.

    The gateway answers only calls from `trunks`.
    """

    trunks: Annotated[str, Meta(min_length=1)]
    fraud_desk_uri: Annotated[str, Meta(pattern=r"^sips?:.+\Z")]
    dialled_number: Annotated[str, Meta(pattern=r"^\+[1-9][0-9]{6,14}\Z")]
    country_code: Annotated[str, Meta(pattern=r"^[1-9]?[0-9]{0,2}\Z")] = ""
    processes: Annotated[int, Meta(ge=1, le=64)] = 1
    recordings: str = ""
    cache: str = ""


class DiallerSettings(Sip, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of the dialler. `customer_uri` is the SIP address of customers, with `{number}` as a placeholder.

    `identity` is the kind of Identity header for the INVITE.
    """

    customer_uri: Annotated[str, Meta(pattern=r"^sips?:.*\{number\}.*\Z")]
    identity: Literal["off", "plain", "shaken", "rcd"] = "off"


Read = TypeVar("Read", bound=Sip)


def read(environment: Mapping[str, str], prefix: str, kind: type[Read]) -> Read:
    """Read the settings that begin with `prefix`. Raises BadSettings."""
    given = {name.removeprefix(prefix).lower(): value for name, value in environment.items() if name.startswith(prefix)}
    try:
        settings = msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise BadSettings(f"{prefix}*: {error}") from error
    for name in ("listen", "tls_listen"):
        value = getattr(settings, name)
        if value and not (_LISTEN.fullmatch(value) and address(value)[1] < 65_536):
            raise BadSettings(f"{prefix}{name.upper()} must be an address and a port")
    if not _secure(settings.verifier_url):
        raise BadSettings(f"{prefix}VERIFIER_URL must be an https address, or an http one on this machine")
    if settings.tls_listen and not (settings.tls_certificate and settings.tls_key):
        raise BadSettings(f"{prefix}TLS_LISTEN needs {prefix}TLS_CERTIFICATE and {prefix}TLS_KEY")
    return settings


def _secure(url: str) -> bool:
    """Whether the connection is encrypted or stays on this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK))


def check_ports(settings: Sip) -> None:
    """Raise BadSettings if the program cannot listen on one of its addresses. PJSIP would give only an error number."""
    for listen in filter(None, (settings.listen, settings.tls_listen)):
        name, port = address(listen)
        family = socket.AF_INET6 if ":" in name else socket.AF_INET
        kinds = (socket.SOCK_STREAM,) if listen == settings.tls_listen else (socket.SOCK_DGRAM, socket.SOCK_STREAM)
        for kind in kinds:
            with socket.socket(family, kind) as tried:
                if kind == socket.SOCK_STREAM:
                    tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    tried.bind((name, port))
                except OSError as error:
                    reason = os.strerror(error.errno) if error.errno else str(error)
                    raise BadSettings(f"cannot listen on {listen}: {reason}") from error


def of_process(settings: Settings, index: int) -> Settings:
    """Return the settings of process number `index`. Each process has its own SIP port and its own RTP ports."""
    return msgspec.structs.replace(
        settings,
        listen=_moved(settings.listen, index),
        tls_listen=_moved(settings.tls_listen, index),
        rtp_ports=settings.rtp_ports + RTP_PORTS_EACH * index,
    )


def _moved(listen: str, by: int) -> str:
    name, colon, port = listen.rpartition(":")
    return f"{name}{colon}{int(port) + by}" if listen else ""


def address(listen: str) -> tuple[str, int]:
    """Return the host and port of an address like `127.0.0.1:5060`."""
    name, _, port = listen.rpartition(":")
    return name.strip("[]"), int(port)
