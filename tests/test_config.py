"""Settings: a bad or unknown one stops the start, and says which."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from verifier.config import BadSettings, Config, address, load

GOOD = {"VERIFIER_ISSUER": "https://verify.bank.example/base", "PATH": "/bin"}


def test_the_defaults_are_the_strict_ones() -> None:
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
        ("VERIFIER_ISSUER", "verify.bank.example", "http or https"),
        ("VERIFIER_ISSUER", "http://verify.bank.example", "https"),
        ("VERIFIER_KEY_RING_FILE", "/nonexistent", "No such file"),
    ],
)
def test_a_bad_setting_stops_the_start_and_is_named(variable: str, value: str, told: str) -> None:
    with pytest.raises(BadSettings, match=told):
        load({**GOOD, variable: value})


@pytest.mark.shows("CVP-12-4")
def test_every_wrong_setting_is_told_at_once() -> None:
    with pytest.raises(BadSettings) as caught:
        load({"VERIFIER_A": "1", "VERIFIER_B": "2"})
    assert all(each in caught.value.detail for each in ("VERIFIER_A", "VERIFIER_B", "VERIFIER_ISSUER: missing"))


def test_a_setting_may_come_from_a_file_but_not_from_both(tmp_path: Path) -> None:
    secret = tmp_path / "database"
    secret.write_text("postgresql://verifier@db/verifier\n")
    from_file = {**GOOD, "VERIFIER_DATABASE_FILE": str(secret)}
    assert load(from_file).database == "postgresql://verifier@db/verifier"
    with pytest.raises(BadSettings, match="given twice"):
        load({**from_file, "VERIFIER_DATABASE": "sqlite:x"})


def test_hours_may_run_to_midnight_but_not_backwards() -> None:
    midnight = load({**GOOD, "VERIFIER_CONTACT_HOURS": "00:00-24:00"}).service_settings().policy
    assert midnight.hours_end.isoformat() == "23:59:59.999999"
    for hours in ("21:00-08:00", "08:00-08:00", "08:00-25:00"):
        with pytest.raises(BadSettings, match="VERIFIER_CONTACT_HOURS"):
            load({**GOOD, "VERIFIER_CONTACT_HOURS": hours}).service_settings()


@pytest.mark.parametrize("listen", ["8080", ":8080", "localhost:x", "localhost:70000"])
def test_an_address_is_host_and_port(listen: str) -> None:
    assert address("127.0.0.1:8080") == ("127.0.0.1", 8080)
    assert address("[::1]:8080") == ("::1", 8080)
    with pytest.raises(BadSettings):
        address(listen)


def test_every_setting_is_in_the_readme_and_no_other() -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text()
    named = set(re.findall(r"`VERIFIER_([A-Z0-9_]+)`", readme))
    assert named == {name.upper() for name in Config.__struct_fields__}
