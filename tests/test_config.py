"""Settings: a bad or unknown one stops the start, and the error names it."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from verifier.config import NAMES, BadSettings, address, load, load_one
from verifier.core.limits import Limit
from verifier.core.policy import ContactPolicy
from verifier.settings_text import GROUPS, text

ROOT = Path(__file__).parent.parent

GOOD = {"VERIFIER_ISSUER": "https://verify.bank.example/base", "PATH": "/bin"}


def test_the_defaults_are_strict() -> None:
    config = load(GOOD)
    assert (config.env, config.leg_mode, config.client_cert_header) == ("production", "required", False)
    assert config.origin == "verify.bank.example/base/log"
    settings = config.service_settings()
    assert (settings.rules.code_lifetime_ms, settings.rules.grace_ms, settings.rules.max_wrong) == (600_000, 120_000, 3)
    assert (settings.policy.hours_start.hour, settings.policy.hours_end.hour) == (8, 21)


@pytest.mark.shows("CVP-6.2-1", "CVP-12-4")
@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("VERIFIER_DATABSE", "x", "there is no such setting"),
        ("VERIFIER_LEG_MODE", "maybe", "VERIFIER_LEG_MODE"),
        ("VERIFIER_CODE_LIFETIME_SECONDS", "6000", "VERIFIER_CODE_LIFETIME_SECONDS"),
        ("VERIFIER_CODE_LIFETIME_SECONDS", "601", "VERIFIER_CODE_LIFETIME_SECONDS"),
        ("VERIFIER_GRACE_SECONDS", "301", "VERIFIER_GRACE_SECONDS"),
        ("VERIFIER_DAILY_CAP", "many", "VERIFIER_DAILY_CAP"),
        ("VERIFIER_CLIENT_CERT_HEADER", "perhaps", "VERIFIER_CLIENT_CERT_HEADER"),
        ("VERIFIER_CONTACT_HOURS", "8-21", "VERIFIER_CONTACT_HOURS"),
        ("VERIFIER_ISSUER", "verify.bank.example", "begins with https://"),
        ("VERIFIER_ISSUER", "http://verify.bank.example", "https"),
        ("VERIFIER_KEY_RING_FILE", "/nonexistent", "No such file"),
    ],
)
def test_a_bad_setting_stops_the_start_and_is_named(variable: str, value: str, told: str) -> None:
    with pytest.raises(BadSettings, match=told):
        load({**GOOD, variable: value})


@pytest.mark.shows("CVP-12-4")
def test_all_wrong_settings_are_named_at_once() -> None:
    with pytest.raises(BadSettings) as caught:
        load({"VERIFIER_A": "1", "VERIFIER_B": "2"})
    assert all(each in caught.value.detail for each in ("VERIFIER_A", "VERIFIER_B", "VERIFIER_ISSUER: missing"))


def test_a_setting_comes_from_a_variable_or_a_file_but_not_both(tmp_path: Path) -> None:
    secret = tmp_path / "database"
    secret.write_text("postgresql://verifier@db/verifier\n")
    from_file = {**GOOD, "VERIFIER_DATABASE_FILE": str(secret)}
    assert load(from_file).database == "postgresql://verifier@db/verifier"
    with pytest.raises(BadSettings, match="given twice"):
        load({**from_file, "VERIFIER_DATABASE": "sqlite:x"})


def test_a_byte_order_mark_in_a_setting_file_is_ignored(tmp_path: Path) -> None:
    secret = tmp_path / "database"
    secret.write_bytes(b"\xef\xbb\xbfpostgresql://verifier@db/verifier\r\n")
    assert load({**GOOD, "VERIFIER_DATABASE_FILE": str(secret)}).database == "postgresql://verifier@db/verifier"


@pytest.mark.shows("CVP-4.2-20")
def test_purposes_of_each_status_are_read_and_wrong_ones_stop_the_start() -> None:
    written = {
        "VERIFIER_CONTACT_PURPOSES": "open:documents;closed:;enquiry:appointment",
        "VERIFIER_CLOSED_CALL_DAYS": "7",
    }
    policy = load({**GOOD, **written}).service_settings().policy
    assert policy.purposes == {"open": {"documents"}, "closed": frozenset(), "enquiry": {"appointment"}}
    assert policy.closed_call_days == 7
    default = load(GOOD).service_settings().policy
    assert (default.purposes, default.closed_call_days) == (ContactPolicy().purposes, 90)
    for wrong in ("open: documents", "open: lunch; closed:; enquiry:", "", "open:; closed:; enquiry:; vip:"):
        with pytest.raises(BadSettings, match="VERIFIER_CONTACT_PURPOSES: "):
            load({**GOOD, "VERIFIER_CONTACT_PURPOSES": wrong})
    for wrong in ("-1", "3651", "ninety"):
        with pytest.raises(BadSettings, match="VERIFIER_CLOSED_CALL_DAYS: must be a whole number from 0 to 3650"):
            load({**GOOD, "VERIFIER_CLOSED_CALL_DAYS": wrong})


def test_contact_hours_may_end_at_midnight_but_not_before_they_start() -> None:
    midnight = load({**GOOD, "VERIFIER_CONTACT_HOURS": "00:00-24:00"}).service_settings().policy
    assert midnight.hours_end.isoformat() == "23:59:59.999999"
    for hours in ("21:00-08:00", "08:00-08:00", "08:00-25:00"):
        with pytest.raises(BadSettings, match="VERIFIER_CONTACT_HOURS"):
            load({**GOOD, "VERIFIER_CONTACT_HOURS": hours}).service_settings()


@pytest.mark.parametrize(
    "listen", ["8080", ":8080", "localhost:x", "localhost:70000", "localhost:٨٠٨٠", "[::1:80", "[]:80"]
)
def test_a_listen_address_must_be_host_and_port(listen: str) -> None:
    assert address("127.0.0.1:8080") == ("127.0.0.1", 8080)
    assert address("[::1]:8080") == ("::1", 8080)
    for name in ("VERIFIER_LISTEN", "VERIFIER_ADMIN_LISTEN"):
        assert load({**GOOD, name: "[::1]:8080"})
        with pytest.raises(BadSettings, match=f"{name}: must be host:port"):
            load({**GOOD, name: listen})


STAFF = {"VERIFIER_STAFF_ISSUER": "https://id.bank.example", "VERIFIER_STAFF_AUDIENCE": "verifier"}


@pytest.mark.shows("CVP-12-4")
@pytest.mark.parametrize(
    ("variable", "together"),
    [
        ("VERIFIER_ISSUER", {}),
        ("VERIFIER_STAFF_ISSUER", {"VERIFIER_STAFF_AUDIENCE": "a"}),
        ("VERIFIER_STAFF_JWKS_URL", STAFF),
        ("VERIFIER_CUSTOMER_ISSUER", {"VERIFIER_CUSTOMER_AUDIENCE": "a"}),
        ("VERIFIER_CUSTOMER_JWKS_URL", {}),
        ("VERIFIER_RECEIPT_MESSAGES_URL", {"VERIFIER_RECEIPT_MESSAGES_TOKEN": "t"}),
    ],
)
def test_an_http_address_stops_the_start_in_production(variable: str, together: dict[str, str]) -> None:
    settings = {**GOOD, **together}
    assert load({**settings, variable: "https://id.bank.example/realms/a"})
    assert load({**settings, variable: "http://127.0.0.1:8080", "VERIFIER_ENV": "development"})
    with pytest.raises(BadSettings, match=f"{variable}: must be an address that begins with https://"):
        load({**settings, variable: "http://id.bank.example"})


@pytest.mark.parametrize(
    "address",
    [
        *("ftp://a.example", "https://", "https:a.example", "https://a.example/ b", "https://u:p@a.example"),
        *(
            "https://a.example/?q",
            "https://a.example/#f",
            "https://a.example/#",
            "https://[::1",
            "https://a.example:abc",
            "https://a.example:99999",
            "https://a.example:0",
            "a.example",
            "//a.example",
        ),
    ],
)
def test_an_invalid_web_address_stops_the_start(address: str) -> None:
    for name, together in (("VERIFIER_ISSUER", {}), ("VERIFIER_STAFF_ISSUER", {"VERIFIER_STAFF_AUDIENCE": "a"})):
        with pytest.raises(BadSettings, match=name):
            load({**GOOD, **together, name: address})


@pytest.mark.shows("CVP-12-4")
@pytest.mark.parametrize(
    "numbers",
    ["010-8234-5678", "861082345678", "+86 10 8234 5678", "+0108234567", "+861082345678,95588", "+86108234567x"],
)
def test_a_caller_number_that_is_not_e164_stops_the_start(numbers: str) -> None:
    assert load({**GOOD, "VERIFIER_CALLER_NUMBERS": "+861082345678, +861082345679"})
    with pytest.raises(BadSettings, match=r"VERIFIER_CALLER_NUMBERS: .* must be E\.164"):
        load({**GOOD, "VERIFIER_CALLER_NUMBERS": numbers})


def test_a_published_number_must_be_e164_or_a_short_number() -> None:
    assert load({**GOOD, "VERIFIER_PUBLISHED_NUMBERS": "95588,+861095588"})
    for number in ("010-95588", "95 588", "hotline", "010955880123"):
        with pytest.raises(BadSettings, match="VERIFIER_PUBLISHED_NUMBERS"):
            load({**GOOD, "VERIFIER_PUBLISHED_NUMBERS": number})


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql+asyncpg://u:secret@db/verifier", r"must begin with postgresql://, without \+asyncpg"),
        ("postgres+psycopg://u:secret@db/verifier", "must begin with postgresql://"),
        ("postgresql://u:sec#ret@db/verifier", "percent-encode"),
        ("postgresql://u:sec/ret@db/verifier", "percent-encode"),
        ("postgresql://u:sec?ret@db/verifier", "percent-encode"),
        ("postgresql://u:sec@ret@db/verifier", "percent-encode"),
        ("postgresql://u:sec[ret@db/verifier", "percent-encode"),
        ("postgresql://u:sec%zzret@db/verifier", "percent-encode"),
        ("postgresql://u:secret@db:x/verifier", "a port that is not a number"),
        ("postgresql://u:secret@db1:5432,db2:0/verifier", "a port that is not a number"),
        ("postgresql://u:secret@d b/verifier", "a host that cannot be read"),
        ("postgresql://u:secret@db/verifier?sslmode=on", "sslmode"),
        ("postgresql:u:secret@db", "cannot be read"),
        ("mysql://u:secret@db/verifier", "sqlite:PATH or postgresql://"),
        ("verifier.sqlite3", "sqlite:PATH or postgresql://"),
        ("sqlite:", "must name a file"),
        ("sqlite://", "must name a file"),
    ],
)
def test_an_invalid_database_address_is_named_without_its_password(url: str, told: str) -> None:
    with pytest.raises(BadSettings, match=told) as caught:
        load({**GOOD, "VERIFIER_DATABASE": url})
    assert "sec" not in caught.value.detail
    assert caught.value.detail.startswith("VERIFIER_DATABASE: ")


@pytest.mark.parametrize(
    "url",
    [
        *("sqlite:verifier.sqlite3", "sqlite:/data/verifier.sqlite3", "sqlite:///data/verifier.sqlite3"),
        *("postgresql://db/verifier", "postgres://u@db:5432/verifier", "postgresql://u:p%40ss%2F@db/verifier"),
        *(
            "postgresql://u@db1:5432,db2,[::1]:5433/verifier?sslmode=verify-full",
            "postgresql:///v?host=/run/postgresql",
        ),
    ],
)
def test_a_valid_database_address_is_accepted(url: str) -> None:
    assert load({**GOOD, "VERIFIER_DATABASE": url}).database == url


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("VERIFIER_STAFF_ISSUER=https://id.bank.example", "VERIFIER_STAFF_AUDIENCE=a"),
        ("VERIFIER_CUSTOMER_ISSUER=https://id.bank.example", "VERIFIER_CUSTOMER_AUDIENCE=a"),
        ("VERIFIER_OFFICER_URI=sip:{officer}@pbx", "VERIFIER_FRAUD_DESK_URI=tel:+861082345678"),
        ("VERIFIER_IDENTITY_KEY=key.pem", "VERIFIER_IDENTITY_X5U=https://cert.bank.example/a.pem"),
    ],
)
def test_a_setting_that_needs_another_is_refused_without_it(one: str, other: str) -> None:
    both = dict(each.split("=", 1) for each in (one, other))
    assert load({**GOOD, **both})
    for variable, value in both.items():
        with pytest.raises(BadSettings, match="one needs the other"):
            load({**GOOD, variable: value})


def test_a_voice_platform_needs_the_addresses_to_transfer_to() -> None:
    for secret in ("VERIFIER_VOICEXML_PASSWORD", "VERIFIER_TWIML_TOKEN"):
        with pytest.raises(BadSettings, match="VERIFIER_OFFICER_URI"):
            load({**GOOD, secret: "secret"})
    with pytest.raises(BadSettings, match="VERIFIER_OFFICER_URI: must be a sip:"):
        load({**GOOD, "VERIFIER_OFFICER_URI": "4412@pbx", "VERIFIER_FRAUD_DESK_URI": "tel:1"})


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"", "empty"), (b" \n", "empty"), (b"\xff", "UTF-8"), (b"a\x00b", "control"), (b"a" * 70_000, "longer")],
)
def test_a_file_with_an_invalid_setting_is_refused(tmp_path: Path, content: bytes, told: str) -> None:
    secret = tmp_path / "token"
    secret.write_bytes(content)
    with pytest.raises(BadSettings, match=f"VERIFIER_TWIML_TOKEN_FILE: .*{told}"):
        load({**GOOD, "VERIFIER_TWIML_TOKEN_FILE": str(secret)})


def test_every_setting_is_described_once() -> None:
    assert Counter(name for group in GROUPS.values() for name in group) == Counter(NAMES)


def test_the_list_of_settings_is_up_to_date() -> None:
    assert (ROOT / "specs/settings.md").read_text(encoding="utf-8") == text(), "run `verifier settings`"


def test_the_readme_names_no_setting_that_does_not_exist() -> None:
    named = set(re.findall(r"VERIFIER_([A-Z0-9_]+)", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert named <= {name.upper() for name in NAMES} | {f"{name.upper()}_FILE" for name in NAMES}


def test_every_setting_is_read_through_one_module() -> None:
    """A module that read a variable by name would ignore its file variant. Modules pass on the whole environment."""
    read_by_name = re.compile(r"environ(\.get|\[)|getenv|envvar=")
    modules = {path: path.read_text(encoding="utf-8") for path in (ROOT / "verifier").rglob("*.py")}
    assert len(modules) > 100
    assert not [path for path, module in modules.items() if read_by_name.search(module)]


@pytest.mark.parametrize(("given", "read"), [({}, "keys/ring.json"), ({"VERIFIER_KEY_RING": "a.json"}, "a.json")])
def test_one_setting_is_read_without_the_others(given: dict[str, str], read: str) -> None:
    assert load_one({"VERIFIER_TYPO": "1", **given}, "key_ring") == read


def test_one_setting_is_checked_like_all_of_them(tmp_path: Path) -> None:
    assert load_one({}, "env", "development") == "development"
    assert load_one({"VERIFIER_ENV": "production"}, "env", "development") == "production"
    (tmp_path / "ring").write_text("a.json\n")
    from_file = {"VERIFIER_KEY_RING_FILE": str(tmp_path / "ring")}
    assert load_one(from_file, "key_ring") == "a.json"
    with pytest.raises(BadSettings, match="given twice"):
        load_one({**from_file, "VERIFIER_KEY_RING": "b.json"}, "key_ring")
    with pytest.raises(BadSettings, match="VERIFIER_ENV: must be development or production"):
        load_one({"VERIFIER_ENV": "test"}, "env")


@pytest.mark.shows("CVP-7.3-2", "CVP-7.19-6")
def test_the_daily_caps_are_settings_with_defaults() -> None:
    settings = load({"VERIFIER_ISSUER": "https://verify.bank.example"}).service_settings()
    assert (settings.verdict_cap.burst, settings.report_cap.burst, settings.counter_cap.burst) == (100, 20, 200)
    wanted = {
        "VERIFIER_VERDICTS_PER_DAY": "7",
        "VERIFIER_REPORTS_PER_DAY": "5",
        "VERIFIER_COUNTER_REQUESTS_PER_DAY": "9",
    }
    settings = load({"VERIFIER_ISSUER": "https://verify.bank.example", **wanted}).service_settings()
    assert (settings.verdict_cap, settings.report_cap) == (Limit(7, 86_400_000), Limit(5, 86_400_000))
    assert settings.counter_cap == Limit(9, 86_400_000)
    for wrong in ("0", "100001", "many"):
        with pytest.raises(BadSettings, match="VERIFIER_REPORTS_PER_DAY"):
            load({"VERIFIER_ISSUER": "https://verify.bank.example", "VERIFIER_REPORTS_PER_DAY": wrong})
