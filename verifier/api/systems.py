"""Reads and changes the systems file, which lists the bank's systems with their keys and scopes.

Nodes reload the file when it changes. Implements specs/protocol.md section 2. specs/examples/systems.json is a sample.
"""

from __future__ import annotations

import re
from base64 import b64encode
from codecs import BOM_UTF8
from collections.abc import Sequence
from pathlib import Path

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_public_key,
)
from msgspec import Struct

from verifier.core import strict_json
from verifier.core.errors import VerifierError
from verifier.core.octets import from_base64
from verifier.core.principal import SYSTEM_SCOPES, Principal
from verifier.core.signatures import is_point
from verifier.core.text import link
from verifier.files import locked, read_bounded, replace_file, version

ISSUER = "systems"
MAX_FILE = 1_048_576
_ID = re.compile(r"[A-Za-z0-9._~:@/-]{1,128}")
_UNREAD = object()
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


class SystemsError(VerifierError):
    """The systems file cannot be read, or is invalid."""

    slug = "systems"
    title = "The systems file cannot be used"


class System(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A program of the bank that may call the API, and its scopes.

    `public_key` is an Ed25519 key: 32 bytes in base64, or PEM. `certificate_sha256` is the fingerprint of the system's
    client certificate in hex, with or without colons. Raises ValueError if a member is not valid.
    """

    id: str
    public_key: str
    scopes: tuple[str, ...]
    certificate_sha256: str = ""

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise ValueError(f"the id {self.id!r} is not 1 to 128 letters, digits and -._~:@/")
        public_key(self)
        if not self.scopes:
            raise ValueError(f"{self.id} has no scopes; it needs some of {', '.join(SYSTEM_SCOPES)}")
        unknown = [scope for scope in self.scopes if scope not in SYSTEM_SCOPES]
        if unknown:
            raise ValueError(f"the scope {unknown[0]!r} of {self.id} is not one of {', '.join(SYSTEM_SCOPES)}")
        if self.certificate_sha256 and not _FINGERPRINT.fullmatch(fingerprint(self)):
            raise ValueError(f"the certificate_sha256 of {self.id} is not a SHA-256 fingerprint in hex")


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    systems: tuple[System, ...]


_DECODER = msgspec.json.Decoder(_File)


def load_systems(path: Path) -> tuple[System, ...]:
    """Read the systems from a JSON file, `{"systems": [...]}`. Raises SystemsError with the reason."""
    try:
        content = read_bounded(path, MAX_FILE).removeprefix(BOM_UTF8)
        systems = strict_json.decode(content, _DECODER, "it", MAX_FILE).systems
    except OSError as error:
        raise SystemsError(f"the systems file {path} cannot be read: {error.strerror}") from error
    except VerifierError as error:
        at = "".join(f"{each.pointer}: " for each in error.errors[:1])
        raise SystemsError(f"the systems file {path} is not valid: {at}{error.detail}") from error
    except ValueError as error:
        raise SystemsError(f"the systems file {path} cannot be read: {error}") from error
    _refuse_doubles(path, "id", [system.id for system in systems])
    _refuse_doubles(path, "certificate", [fingerprint(system) for system in systems if system.certificate_sha256])
    return systems


def _refuse_doubles(path: Path, what: str, values: list[str]) -> None:
    doubled = sorted({value for value in values if values.count(value) > 1})
    if doubled:
        raise SystemsError(f"the systems file {path} has the {what} {doubled[0]} more than once")


class SystemsFile:
    """The systems of a systems file, as last read. If `path` is None, there are no systems.

    Raises SystemsError if the file cannot be used.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._version: object = _UNREAD
        self.systems: tuple[System, ...] = ()
        self.refresh()

    @property
    def exchanges(self) -> Sequence[str]:
        """The ids of the systems that may report legs."""
        return [each.id for each in self.systems if "legs" in each.scopes]

    def refresh(self) -> bool:
        """Reload the file if it has changed. Returns whether it has changed.

        If the new content is broken, the systems stay as they were, and SystemsError is raised. It is not raised again
        until the file changes again.
        """
        if self._path is None:
            return False
        found = version(self._path)
        if found == self._version:
            return False
        self._version = found
        self.systems = load_systems(self._path)
        return True


def add_system(path: Path, system: System) -> None:
    """Add a system to a systems file. If the file is missing, it is created.

    Raises SystemsError if the system cannot be added.
    """
    if link(system.id):
        raise SystemsError("the id of a system must not be a link or the name of a host")
    with locked(path):
        _write(path, (*(load_systems(path) if path.exists() else ()), system))


def remove_system(path: Path, system_id: str) -> None:
    """Remove a system from a systems file. Raises SystemsError if the file does not have this system."""
    with locked(path):
        systems = load_systems(path)
        left = tuple(system for system in systems if system.id != system_id)
        if len(left) == len(systems):
            raise SystemsError(f"the systems file {path} has no system with that id")
        _write(path, left)


def _write(path: Path, systems: tuple[System, ...]) -> None:
    _refuse_doubles(path, "id", [system.id for system in systems])
    replace_file(path, msgspec.json.format(msgspec.json.encode(_File(systems))) + b"\n", mode=0o644)


def principal(system: System) -> Principal:
    """The principal that stands for a system. Its roles are the system's scopes."""
    return Principal("system", system.id, ISSUER, frozenset(system.scopes))


def fingerprint(system: System) -> str:
    """The SHA-256 of a system's client certificate in lower-case hex. Empty if the system has no certificate."""
    return system.certificate_sha256.replace(":", "").lower()


def public_key(system: System) -> Ed25519PublicKey:
    """Decode the `public_key` of a system. Raises ValueError if it is not an Ed25519 key, or is of small order."""
    text = system.public_key.strip()
    try:
        if not text.startswith("-----BEGIN"):
            key: object = Ed25519PublicKey.from_public_bytes(from_base64(text))
        else:
            key = load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError(f"the public_key of {system.id} cannot be read") from error
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError(f"the public_key of {system.id} is not an Ed25519 key")
    if not is_point(key.public_bytes_raw()):
        raise ValueError(f"the public_key of {system.id} is a point of small order, for which anybody can sign")
    return key


def new_key() -> tuple[str, bytes]:
    """Make a key pair. Returns the public key for the systems file, and the private key in PEM (PKCS #8)."""
    key = Ed25519PrivateKey.generate()
    public = b64encode(key.public_key().public_bytes_raw()).decode()
    return public, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
