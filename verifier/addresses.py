"""Checks the addresses and telephone numbers in settings.

Each check returns a text that says what is wrong, or None if nothing is wrong. The text never repeats a password.
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, parse_qsl, urlsplit

from verifier.core.application import E164_PATTERN

_E164 = re.compile(E164_PATTERN)
# A bank's hotline is often a short number of about five digits. People can dial it only inside the bank's country.
_SHORT = re.compile(r"[0-9]{3,8}")
_TRANSFER = re.compile(r"(?:sips?|tel):[^\s<>\"]+")
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?|\[[0-9A-Fa-f:.]+\]")
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_ENCODE = "percent-encode characters such as # / ? @ [ ] and % in the user name and the password"


def web(url: str, *, secure: bool) -> str | None:
    """Check a web address. If `secure` is true, the address must be https."""
    schemes = ("https",) if secure else ("https", "http")
    parts = _split(url)
    if parts is None or parts.scheme not in schemes or not parts.hostname or re.search(r"\s", url):
        only = " when VERIFIER_ENV=production" if secure else ""
        return f"must be an address that begins with {' or '.join(f'{each}://' for each in schemes)}{only}"
    if not url.isascii() or not _HOST.fullmatch(_port(parts.netloc.rpartition("@")[2])[0]):
        return "has a host or path that is not ASCII, or a host that cannot be read"
    if _has_wrong_port(parts):
        return "has a port that is not a number from 1 to 65535"
    if "@" in parts.netloc:
        return "must not hold a user name or password"
    if parts.query or parts.fragment or url.endswith(("?", "#")):
        return "must not have a query or fragment"
    return None


def origin(url: str, *, secure: bool) -> str | None:
    """Check an origin (RFC 6454): scheme, host and port as browsers write them. No path, and no wildcard."""
    if problem := web(url, secure=secure):
        return problem
    parts = urlsplit(url)
    usual = {"https": ":443", "http": ":80"}[parts.scheme]
    if url != f"{parts.scheme}://{parts.netloc.lower()}" or parts.netloc.endswith(usual):
        return "must be an origin as browsers write it, such as https://app.bank.example: no path, small letters"
    return None


def database(url: str) -> str | None:
    """Check the address of a database: `sqlite:PATH` or `postgresql://user:password@host:port/name`."""
    scheme, _, rest = url.partition(":")
    if scheme == "sqlite":
        return None if rest.strip("/") else "must name a file, as in sqlite:verifier.sqlite3"
    if scheme.partition("+")[0] in ("postgresql", "postgres") and "+" in scheme:
        return f"must begin with postgresql://, without +{_shown(scheme.partition('+')[2])}"
    if scheme not in ("postgresql", "postgres"):
        return "must be sqlite:PATH or postgresql://user@host/name"
    parts = _split(url)
    if parts is None or not rest.startswith("//"):
        return f"cannot be read as postgresql://user@host/name; {_ENCODE}"
    return _postgres(parts)


def _postgres(parts: SplitResult) -> str | None:
    who, _, hosts = parts.netloc.rpartition("@")
    if parts.fragment or "@" in who or re.search(r"%(?![0-9A-Fa-f]{2})", who) or "@" in parts.path + parts.query:
        return f"cannot be read as postgresql://user@host/name; {_ENCODE}"
    for host in hosts.split(","):
        name, port = _port(host)
        if name and not _HOST.fullmatch(name):
            return f"has a host that cannot be read; {_ENCODE}"
        if port is not None and not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
            return f"has a port that is not a number from 1 to 65535; {_ENCODE}"
    try:
        parse_qsl(parts.query, strict_parsing=bool(parts.query), keep_blank_values=True)
    except ValueError:
        return f"has a query that cannot be read; {_ENCODE}"
    mode = re.search(r"(?:^|&)sslmode=([^&]*)", parts.query)
    if mode and mode[1] not in _SSL_MODES:
        return f"has an sslmode that is not one of {', '.join(_SSL_MODES)}"
    return None


def _port(host: str) -> tuple[str, str | None]:
    """Split `name:port`. The second value is None if there is no port. An IPv6 address keeps its brackets."""
    end = host.rfind("]") + 1
    name, colon, port = host[end:].partition(":")
    return host[:end] + name, port if colon else None


def e164(number: str) -> str | None:
    """Check a telephone number that must be in the E.164 format."""
    return None if _E164.fullmatch(number) else "must be E.164: a plus sign, the country code and the number, no spaces"


def published(number: str) -> str | None:
    """Check a number that the bank publishes for people to dial."""
    if _E164.fullmatch(number) or _SHORT.fullmatch(number):
        return None
    return "must be E.164, such as +861082345678, or a short number of 3 to 8 digits"


def transfer(uri: str) -> str | None:
    """Check an address that a voice platform transfers calls to."""
    return None if _TRANSFER.fullmatch(uri) else "must be a sip:, sips: or tel: address"


def listen(address: str) -> str | None:
    """Check an address to listen on."""
    name, port = _port(address)
    if _HOST.fullmatch(name) and port is not None and port.isascii() and port.isdigit() and int(port) < 65_536:
        return None
    return "must be host:port, such as 127.0.0.1:8080"


def _has_wrong_port(parts: SplitResult) -> bool:
    try:
        return parts.port == 0
    except ValueError:
        return True


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.hostname
    except ValueError:
        return None
    return parts


def _shown(driver: str) -> str:
    return driver if re.fullmatch(r"[a-z0-9]{1,16}", driver) else "…"
