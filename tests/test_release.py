"""The release: versions, licences, wheels, locked dependencies, and the bill of materials."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import requires
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from verifier import __version__

ROOT = Path(__file__).parents[1]
PACKAGES = {"verifier": ROOT, "callback_verification": ROOT / "clients/python", "voice_gateway": ROOT / "clients/ivr"}
LOCKS = ("verifier/requirements.txt", "verifier/requirements-build.txt")
# Licences as package metadata names them: SPDX, or the older classifiers.
PERMISSIVE = re.compile(
    r"(MIT|MIT-0|0BSD|BSD-[23]-Clause|Apache-2\.0|PSF-2\.0|Python-2\.0|ISC"
    r"|License :: OSI Approved :: (Apache Software|BSD|MIT) License)"
    r"( (AND|OR) (MIT|BSD-[23]-Clause|Apache-2\.0))*"
)


def project(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    return found


def locked(name: str) -> dict[str, tuple[str, Requirement]]:
    """The pins of a lock, keyed by name: the version, and the requirement with its marker."""
    pins = re.findall(r"^([^\s#].*?) \\$", (ROOT / name).read_text(), re.MULTILINE)
    found = (Requirement(each) for each in pins)
    return {canonicalize_name(each.name): (str(each.specifier).removeprefix("=="), each) for each in found}


def needed(asked: list[str], found: set[str]) -> set[str]:
    """The names of these requirements, and of their requirements in turn."""
    for each in map(Requirement, asked):
        name = canonicalize_name(each.name)
        if name not in found and (each.marker is None or each.marker.evaluate({"extra": ""})):
            found.add(name)
            needed(requires(name) or [], found)
    return found


def test_all_packages_have_the_same_version_and_state_it_once() -> None:
    script = json.loads((ROOT / "clients/typescript/package.json").read_text())
    told = [*map(project, PACKAGES.values()), script]
    assert [each["version"] for each in told] == [__version__] * 4
    for package, folder in PACKAGES.items():
        assert not [path for path in (folder / package).rglob("*.py") if f'"{__version__}"' in path.read_text()]


def test_the_changelog_starts_with_unreleased_and_has_this_version() -> None:
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert __version__ in headings


def test_the_stability_promises_name_existing_tests() -> None:
    named = re.findall(r"`((?:tests|clients)/[^`]+)`", (ROOT / "specs/stability.md").read_text())
    assert len(named) > 10
    assert not [each for each in named if not (ROOT / each).exists()]


def test_each_package_names_its_licence_and_contains_its_text() -> None:
    apache = (ROOT / "LICENSE").read_bytes()
    assert b"Apache License" in apache[:200]
    script = json.loads((ROOT / "clients/typescript/package.json").read_text())
    for folder, named in [
        (ROOT, project(ROOT)["license"]),
        (ROOT / "clients/python", project(ROOT / "clients/python")["license"]),
        (ROOT / "clients/typescript", script["license"]),
    ]:
        assert named == "Apache-2.0"
        assert (folder / "LICENSE").read_bytes() == apache
    assert project(ROOT / "clients/ivr")["license"] == "GPL-2.0-or-later"
    assert "GNU GENERAL PUBLIC LICENSE\n                       Version 2" in (ROOT / "clients/ivr/COPYING").read_text()


@pytest.mark.parametrize("package", [*PACKAGES])
def test_a_wheel_contains_its_types_and_its_licence(package: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=PACKAGES[package], check=True, capture_output=True, timeout=60)
    (wheel,) = tmp_path.glob("*.whl")
    names = ZipFile(wheel).namelist()
    assert f"{package}/py.typed" in names
    assert any(re.search(r"\.dist-info/licenses/(LICENSE|COPYING)$", each) for each in names)
    assert f"-{__version__}-" in wheel.name
    assert not [each for each in names if "requirements" in each]
    if package == "verifier":
        served = {each.removeprefix("verifier/clients/") for each in names if each.startswith("verifier/clients/")}
        assert {"app/index.html", "built/app.js", "built/call-check.js", "built/call-desk.js"} <= served
        assert not [each for each in served if not re.fullmatch(r"[a-z]+/index\.html|built/.+|web/icon\.svg", each)]


def test_the_lock_has_exactly_the_dependencies_at_the_tested_versions() -> None:
    pins = locked(LOCKS[0])
    here = {name for name, (_, each) in pins.items() if each.marker is None or each.marker.evaluate()}
    assert here == needed(project(ROOT)["dependencies"], set())
    assert set(locked(LOCKS[1])) == needed(["hatchling"], set())
    tested = dict(each.split("==") for each in (ROOT / "constraints.txt").read_text().split())
    tested = {canonicalize_name(name): version for name, version in tested.items()}
    for lock in LOCKS:
        for name, (version, _) in locked(lock).items():
            assert tested[name] == version


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_hashes_and_no_lock_names_a_host(lock: str) -> None:
    lines = [line for line in (ROOT / lock).read_text().splitlines() if not line.startswith("#")]
    pin = r"[a-z0-9-]+==[0-9a-z.]+( ; [a-zA-Z0-9_ '!=]+)?"
    hashes = r"(    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+"
    assert re.fullmatch(rf"({pin} \\\n{hashes})+", "\n".join(lines) + "\n")


@pytest.mark.slow
def test_the_bill_of_materials_has_every_dependency_with_a_permissive_licence(tmp_path: Path) -> None:
    made = tmp_path / "sbom.json"
    command = [sys.executable, "-m", "cyclonedx_py", "environment", "--pyproject", "pyproject.toml", "-o", str(made)]
    subprocess.run([*command, sys.executable], cwd=ROOT, check=True, capture_output=True, timeout=120)
    bill = json.loads(made.read_text())
    assert bill["bomFormat"] == "CycloneDX"
    whole = bill["metadata"]["component"]
    assert (whole["name"], whole["version"]) == ("callback-verifier", __version__)
    parts = {canonicalize_name(each["name"]): each for each in bill["components"]}
    for name, (version, each) in locked(LOCKS[0]).items():
        if each.marker is None or each.marker.evaluate():
            assert parts[name]["purl"] == f"pkg:pypi/{name}@{version}"
            assert all(PERMISSIVE.fullmatch(told) for told in licences(parts[name])), name


def licences(part: dict[str, Any]) -> list[str]:
    told = [each.get("expression") or each["license"].get("id") or each["license"]["name"] for each in part["licenses"]]
    assert told
    return told
