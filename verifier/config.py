"""Reads the settings from the environment variables `VERIFIER_*` (12-factor).

Every command reads its settings here. If a setting is wrong or unknown, the command does not start. Any setting may
come from a file: `VERIFIER_DATABASE_FILE=/run/secrets/db` instead of `VERIFIER_DATABASE`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import time
from functools import partial
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

from verifier import addresses
from verifier.core import status_purposes
from verifier.core.call import CallRules, LegMode
from verifier.core.errors import VerifierError
from verifier.core.limits import Limit
from verifier.core.names import fault
from verifier.core.policy import ContactPolicy
from verifier.core.shards import origin_shard
from verifier.core.text import exact, line, unsafe
from verifier.core.times import DAY_MS
from verifier.files import read_bounded
from verifier.service import Settings

PREFIX = "VERIFIER_"
# The variables that Kubernetes sets in a pod for a service called "verifier" or "verifier-…".
_SERVICE_LINK = re.compile(r"_(SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)|PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)\Z")
_LINKED = "; Kubernetes sets it for a service of that name: set enableServiceLinks: false in the pod"
LEGS_KEPT_DAYS = 31
MAX_FILE = 65_536
ALGORITHMS = "ES256,RS256,PS256,Ed25519"
Positive = Annotated[int, Meta(ge=1)]
ClaimName = Annotated[str, line(200)]
# RFC 6749 section 3.3. The scope must contain openid. Otherwise the provider does not issue an ID token.
Scope = Annotated[str, exact(r"([!#-\[\]-~]+ )*openid( [!#-\[\]-~]+)*", max_length=1000)]
# RFC 8707 section 2: an absolute URI without a fragment.
Resource = Annotated[str, exact(r"([A-Za-z][A-Za-z0-9+.-]*:[!-\"$-~]+)?", max_length=1000)]

# Values of `acr` or `amr`, with commas between them. Each fits into a quoted string of a header (RFC 9470 section 3).
_VALUE = r"[!#-+\--\[\]-~]{1,200}"
SignInValues = Annotated[str, exact(rf"({_VALUE}( *, *{_VALUE})*)?", max_length=1000)]


class BadSettings(VerifierError):
    """At least one setting is missing, unknown or out of bounds. `problems` has a text for each problem."""

    slug = "bad_settings"
    title = "The settings are not valid"

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class Config(Struct, frozen=True, kw_only=True):
    """All settings, with their defaults. `verifier/settings_text.py` explains each setting.

    The environment variable of a setting is `VERIFIER_` and the name of the member in capitals.
    """

    env: Literal["production", "development"] = "production"
    database: str = "sqlite:verifier.sqlite3"
    key_ring: str = "keys/ring.json"
    issuer: str
    log_origin: str = ""
    log_seen: str = ""
    listen: str = "127.0.0.1:8080"
    admin_listen: str = "127.0.0.1:8081"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    staff_issuer: str = ""
    staff_audience: str = ""
    staff_jwks_url: str = ""
    staff_algorithms: str = ALGORITHMS
    staff_id_claim: ClaimName = "sub"
    staff_roles_claim: ClaimName = "roles"
    staff_roles: str = ""
    staff_require_at_jwt: bool = False
    staff_required_claim: Annotated[str, Meta(max_length=200)] = ""
    staff_acr: SignInValues = ""
    staff_amr: SignInValues = ""
    staff_client_id: str = ""
    staff_scope: Scope = "openid profile"
    staff_resource: Resource = ""
    customer_issuer: str = ""
    customer_audience: str = ""
    customer_jwks_url: str = ""
    customer_algorithms: str = ALGORITHMS
    customer_id_claim: ClaimName = "sub"
    customer_require_at_jwt: bool = False
    customer_required_claim: Annotated[str, Meta(max_length=200)] = ""
    customer_client_id: str = ""
    customer_scope: Scope = "openid profile"
    customer_resource: Resource = ""
    token_recheck_seconds: Annotated[int, Meta(ge=15, le=600)] = 60
    systems: str = ""
    client_cert_header: bool = False

    leg_mode: LegMode = "required"
    code_lifetime_seconds: Annotated[int, Meta(ge=30, le=600)] = 600
    leg_silence_seconds: Annotated[int, Meta(ge=5, le=3600)] = 60
    grace_seconds: Annotated[int, Meta(ge=0, le=300)] = 120
    max_call_minutes: Annotated[int, Meta(ge=1, le=480)] = 120
    policy_version: Annotated[str, line(40)] = "2026-1"
    contact_hours: Annotated[str, exact("[0-9]{2}:[0-9]{2}-[0-9]{2}:[0-9]{2}")] = "08:00-21:00"
    daily_cap: Annotated[int, Meta(ge=1, le=50)] = 3
    person_daily_cap: Annotated[int, Meta(ge=1, le=50)] = 3
    contact_purposes: str = status_purposes.DEFAULT
    closed_call_days: Annotated[int, Meta(ge=0, le=3650)] = 90
    number_cooling_off_hours: Annotated[int, Meta(ge=0, le=2160)] = 72
    published_numbers: str = ""
    caller_numbers: str = ""
    voicexml_password: str = ""
    twiml_token: str = ""
    officer_uri: str = ""
    fraud_desk_uri: str = ""
    receipt_messages_url: str = ""
    receipt_messages_token: str = ""
    identity_key: str = ""
    identity_x5u: str = ""
    pages: bool = True
    theme_file: str = ""
    frame_ancestors: Annotated[str, Meta(max_length=2000)] = ""
    component_origins: Annotated[str, Meta(max_length=2000)] = ""
    bank_name: Annotated[str, Meta(max_length=80)] = ""
    requests_per_minute: Annotated[int, Meta(ge=1, le=60_000)] = 120
    sweep_seconds: Positive = 5
    verdicts_per_day: Annotated[int, Meta(ge=1, le=100_000)] = 100
    reports_per_day: Annotated[int, Meta(ge=1, le=100_000)] = 20
    counter_requests_per_day: Annotated[int, Meta(ge=1, le=100_000)] = 200
    retention_days: Annotated[int, Meta(ge=0, le=36_500)] = 0
    look_retention_days: Annotated[int, Meta(ge=31, le=36_500)] = 1_095
    looks_an_hour: Annotated[int, Meta(ge=1, le=10_000)] = 60
    max_connections: Annotated[int, Meta(ge=1, le=1_000_000)] = 4096
    request_seconds: Annotated[int, Meta(ge=1, le=60)] = 10
    slow_client_seconds: Annotated[int, Meta(ge=1, le=600)] = 30
    idle_seconds: Annotated[int, Meta(ge=1, le=3600)] = 75
    drain_seconds: Annotated[int, Meta(ge=0, le=300)] = 5

    @property
    def origin(self) -> str:
        """The log's origin line (C2SP tlog-tiles). The default is the issuer's host and path, followed by `/log`."""
        parts = urlsplit(self.issuer)
        return self.log_origin or f"{parts.netloc}{parts.path.rstrip('/')}/log"

    def service_settings(self) -> Settings:
        """The settings that the service uses. Raises BadSettings for impossible contact hours or purposes."""
        start, _, end = self.contact_hours.partition("-")
        try:
            hours_start = time.fromisoformat(start)
            hours_end = time.max if end == "24:00" else time.fromisoformat(end)
        except ValueError as error:
            raise BadSettings(f"VERIFIER_CONTACT_HOURS: {error}") from error
        if hours_start >= hours_end:
            raise BadSettings("VERIFIER_CONTACT_HOURS: the end must be later than the start")
        try:
            purposes = status_purposes.parse(self.contact_purposes)
        except ValueError as error:
            raise BadSettings(f"VERIFIER_CONTACT_PURPOSES: {error}") from error
        return Settings(
            issuer=self.issuer,
            origin=self.origin,
            rules=CallRules(
                leg_mode=self.leg_mode,
                code_lifetime_ms=self.code_lifetime_seconds * 1000,
                grace_ms=self.grace_seconds * 1000,
                max_call_ms=self.max_call_minutes * 60_000,
            ),
            policy=ContactPolicy(
                version=self.policy_version,
                hours_start=hours_start,
                hours_end=hours_end,
                daily_cap=self.daily_cap,
                person_daily_cap=self.person_daily_cap,
                caller_numbers=frozenset(listed(self.caller_numbers)),
                cooling_off_ms=self.number_cooling_off_hours * 3_600_000,
                purposes=purposes,
                closed_call_days=self.closed_call_days,
            ),
            verdict_cap=Limit(self.verdicts_per_day, DAY_MS),
            report_cap=Limit(self.reports_per_day, DAY_MS),
            counter_cap=Limit(self.counter_requests_per_day, DAY_MS),
            published_numbers=listed(self.published_numbers),
            bank_name=self.bank_name,
            receipt_messages=bool(self.receipt_messages_url),
            leg_silence_ms=self.leg_silence_seconds * 1000,
            retention_ms=self.retention_days * DAY_MS or None,
            look_retention_ms=self.look_retention_days * DAY_MS,
            looks_an_hour=self.looks_an_hour,
        )


def listed(value: str) -> tuple[str, ...]:
    """The items of a setting that is a comma-separated list."""
    return tuple(part.strip() for part in value.split(",") if part.strip())


_FIELDS = {each.name: each for each in msgspec.structs.fields(Config)}
NAMES = tuple(_FIELDS)
_WEB = ("issuer", "staff_issuer", "staff_jwks_url", "customer_issuer", "customer_jwks_url", "receipt_messages_url")
_LISTEN = ("listen", "admin_listen")
PAIRS = (
    ("receipt_messages_url", "receipt_messages_token"),
    ("staff_issuer", "staff_audience"),
    ("customer_issuer", "customer_audience"),
    ("officer_uri", "fraud_desk_uri"),
    ("identity_key", "identity_x5u"),
)


def load(environment: Mapping[str, str]) -> Config:
    """Read all settings. Raises BadSettings, which names every setting that is unknown, unreadable or invalid."""
    values, wrong = _read(environment)
    converted, not_valid = _convert(values)
    wrong += not_valid
    if "issuer" not in values:
        wrong.append(
            "VERIFIER_ISSUER: missing; it is the public address of this service, such as https://verify.bank.example"
        )
    if wrong:
        raise BadSettings(*wrong)
    config = Config(**converted)  # type: ignore[arg-type]
    wrong = list(_wrong_addresses(config)) or list(_wrong_together(config))
    if wrong:
        raise BadSettings(*wrong)
    return config


def load_one(environment: Mapping[str, str], name: str, default: str | None = None) -> str:
    """Read one text setting, for a command that needs no other.

    If the setting is missing, returns `default` or, if that is None, the setting's own default. Raises BadSettings.
    """
    named = (variable(name), f"{variable(name)}_FILE")
    values, wrong = _read({each: environment[each] for each in named if each in environment})
    wrong += _convert(values)[1]
    if wrong:
        raise BadSettings(*wrong)
    return values.get(name, str(_FIELDS[name].default) if default is None else default)


def _read(environment: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Read the text of each setting. Returns the texts by setting name, and one problem for each unusable variable."""
    wrong: list[str] = []
    values: dict[str, str] = {}
    for given, value in environment.items():
        if not given.startswith(PREFIX):
            continue
        name = given.removeprefix(PREFIX).lower()
        try:
            if name not in NAMES and name.endswith("_file") and name.removesuffix("_file") in NAMES:
                name, value = name.removesuffix("_file"), _from_file(value)
        except ValueError as error:
            wrong.append(f"{given}: {error}")
            continue
        if name not in NAMES:
            wrong.append(f"{given}: there is no such setting{_LINKED if _SERVICE_LINK.search(given) else ''}")
        elif name in values:
            wrong.append(f"{given}: given twice, as a value and as a file")
        elif unsafe(value):
            wrong.append(f"{given}: holds a control character or is not UTF-8")
        else:
            values[name] = value
    return values, wrong


def _from_file(path: str) -> str:
    """Read the value of a setting from a file. Raises ValueError with a readable message."""
    try:
        text = read_bounded(Path(path), MAX_FILE).decode("utf-8-sig").strip()
    except OSError as error:
        raise ValueError(str(error.strerror)) from error
    except UnicodeDecodeError as error:
        raise ValueError("the file is not UTF-8") from error
    if not text:
        raise ValueError("the file is empty")
    return text


def _wrong_addresses(config: Config) -> Iterator[str]:
    secure = config.env == "production"
    checks: dict[str, Callable[[str], str | None]] = {
        **dict.fromkeys(_WEB, partial(addresses.web, secure=secure)),
        "identity_x5u": partial(addresses.web, secure=True),
        "database": addresses.database,
        **dict.fromkeys(_LISTEN, addresses.listen),
        "officer_uri": addresses.transfer,
        "fraud_desk_uri": addresses.transfer,
    }
    for name, check in checks.items():
        value = getattr(config, name)
        if value and (problem := check(value)):
            yield f"{variable(name)}: {problem}"
    origin = partial(addresses.origin, secure=secure)
    lists: dict[str, Callable[[str], str | None]] = {
        "caller_numbers": addresses.e164,
        "published_numbers": addresses.published,
        "frame_ancestors": origin,
        "component_origins": origin,
    }
    for name, check in lists.items():
        for each in listed(getattr(config, name)):
            if problem := check(each):
                yield f"{variable(name)}: {each!r} {problem}"


def _wrong_together(config: Config) -> Iterator[str]:
    if problem := fault(config.bank_name):
        yield f"VERIFIER_BANK_NAME: {problem}"
    if origin_shard(config.origin, config.origin.rpartition("/")[0]):
        yield "VERIFIER_LOG_ORIGIN: must not end in a number; only the origins of the log's shards do"
    if 0 < config.retention_days <= LEGS_KEPT_DAYS:
        yield f"VERIFIER_RETENTION_DAYS: must be more than {LEGS_KEPT_DAYS}, or 0 to keep everything"
    for one, other in PAIRS:
        if bool(getattr(config, one)) is not bool(getattr(config, other)):
            yield f"{variable(one)} and {variable(other)}: one needs the other"
    if not re.fullmatch(r"[!-*,-~]+", config.origin):
        yield "VERIFIER_LOG_ORIGIN: must be ASCII without spaces and plus signs; its default comes from VERIFIER_ISSUER"
    if config.listen == config.admin_listen:
        yield "VERIFIER_LISTEN and VERIFIER_ADMIN_LISTEN: must differ"
    for name in ("staff_id_claim", "staff_roles_claim", "customer_id_claim"):
        if "" in getattr(config, name).split("."):
            yield f"{variable(name)}: has an empty part; write a nested claim like realm_access.roles"
    if (config.voicexml_password or config.twiml_token) and not config.officer_uri:
        yield "VERIFIER_OFFICER_URI and VERIFIER_FRAUD_DESK_URI: a voice platform needs both to transfer calls"

    try:
        config.service_settings()
    except BadSettings as error:
        yield error.detail


def allowed(name: str) -> str:
    """The allowed values of a setting, in words. Empty for most settings that are texts."""
    schema = msgspec.json.schema(_FIELDS[name].type)
    if schema.get("enum"):
        *others, last = schema["enum"]
        return f"{', '.join(others)} or {last}"
    if schema.get("type") == "boolean":
        return "true or false"
    if schema.get("type") == "integer":
        bounds = f" from {schema['minimum']}" + (f" to {schema['maximum']}" if "maximum" in schema else " up")
        return f"a whole number{bounds}"
    return "like 08:00-21:00" if name == "contact_hours" else ""


def default_of(name: str) -> str | int | None:
    """The default of a setting; None if the setting is required."""
    default: str | int = _FIELDS[name].default
    return None if _FIELDS[name].required else default


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return f"{PREFIX}{name.upper()}"


def _convert(values: Mapping[str, str]) -> tuple[dict[str, object], list[str]]:
    """Convert each text to the type of its setting.

    Returns the values by setting name, and one problem for each text that cannot be converted.
    """
    converted: dict[str, object] = {}
    wrong: list[str] = []
    for name, value in values.items():
        annotation = _FIELDS[name].type
        text = value.lower() if annotation is bool else value
        try:
            converted[name] = msgspec.convert(text, type=annotation, strict=False)
        except msgspec.ValidationError as error:
            expected = allowed(name)
            wrong.append(f"{variable(name)}: {f'must be {expected}' if expected else error}")
    return converted, wrong


def address(listen: str) -> tuple[str, int]:
    """Split `host:port` into the host, without brackets, and the port.

    The text must have passed the check `addresses.listen`.
    """
    host, _, port = listen.rpartition(":")
    return host.strip("[]"), int(port)
