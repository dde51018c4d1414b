"""Themes: every member has a bound, people can read what it colours, and the policy of the pages stays strict."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.api.conftest import RunningBank
from verifier.api.contrast import LEAST, contrast, is_green
from verifier.api.pages import read_theme
from verifier.api.theme import BadTheme
from verifier.app import page_theme
from verifier.config import BadSettings, load

EXAMPLE = Path(__file__).parents[2] / "specs/examples/theme.json"
LOGO = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><path d="M0 0h8v8H0z"/></svg>'


def written(folder: Path, **members: Any) -> Path:
    path = folder / "theme.json"
    path.write_text(json.dumps(members), encoding="utf-8")
    return path


def test_the_contrast_is_that_of_the_guideline() -> None:
    assert contrast("#000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#fff") == pytest.approx(4.48, abs=0.01)
    assert contrast("#abcdef", "#abcdef") == 1


@pytest.mark.parametrize(
    ("colour", "green"), [("#0a6b3d", True), ("#6fd6a3", True), ("#0b5cad", False), ("#777", False)]
)
def test_the_green_of_a_confirmed_call_is_known(colour: str, green: bool) -> None:
    assert is_green(colour) is green


@pytest.mark.shows("CVP-12.3-1")
@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"colour": {}}, "/colour"),
        ({"light": {"genuine": "#fff"}}, "/light/genuine: there is no such colour"),
        ({"light": {"good": "#123456"}}, "/light/good: there is no such colour"),
        ({"light": {"ink": "red"}}, "/light/ink: must be a colour"),
        ({"light": {"ink": "#12345"}}, "/light/ink: must be a colour"),
        ({"light": {"ink": "#fff;}body{display:none"}}, "/light/ink: must be a colour"),
        ({"light": {"accent": "#6fa8dc"}}, "/light/accent: has a contrast of"),
        ({"light": {"ground": "#7a7a7a"}}, "/light/ink: has a contrast of"),
        ({"light": {"card": "#0a6b3d"}}, "has a contrast of"),
        ({"dark": {"on-accent": "#a0c0e0"}}, "/dark/on-accent: has a contrast of"),
        ({"light": {"accent": "#00663a"}}, "/light/accent: is green"),
        ({"dark": {"accent": "#7be0a5"}}, "/dark/accent: is green"),
        ({"font": "Arial; } body { display: none"}, "/font"),
        ({"font": "url(https://fonts.example/a)"}, "/font"),
        ({"font": "x, " * 100 + "y"}, "/font"),
        ({"words": {"fr": {}}}, "Invalid enum value 'fr'"),
        ({"words": {"en": {"No such text": "x"}}}, "the pages have no such text"),
        ({"words": {"en": {"Check": "Go to bank.example.com"}}}, "must not hold a link"),
        ({"words": {"en": {"Check": "x" * 301}}}, "/words"),
        ({"words": {"en": {"Checked at {time}": "Checked"}}}, "the same placeholders"),
        ({"words": {"en": {"Checked at {time}": "{time} {name}"}}}, "the same placeholders"),
        ({"words": {"en": {f"{n}": "x" for n in range(101)}}}, "/words"),
        ({"logo": "logo.gif"}, "/logo: must be a file with the ending"),
        ({"logo": "missing.svg"}, "No such file"),
        ({"logo": "x" * 201}, "/logo"),
        ({"logo": "theme.png"}, "not what its ending says"),
        ({"logo": "large.svg"}, "longer than"),
    ],
)
def test_a_theme_that_is_wrong_stops_the_start_and_says_why(tmp_path: Path, members: dict[str, Any], told: str) -> None:
    (tmp_path / "theme.png").write_bytes(LOGO)
    (tmp_path / "large.svg").write_bytes(LOGO + b" " * 65_536)
    with pytest.raises(BadTheme, match=re.escape(told)):
        read_theme(written(tmp_path, **members))
    settings = {"VERIFIER_ISSUER": "https://verify.bank.example", "VERIFIER_THEME_FILE": str(tmp_path / "theme.json")}
    with pytest.raises(BadSettings, match="VERIFIER_THEME_FILE: the"):
        page_theme(load(settings))


@pytest.mark.shows("CVP-12.3-1")
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"font": "a", "font": "b"}', b" " * 65_537])
def test_a_file_that_is_no_theme_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "theme.json"
    path.write_bytes(content)
    with pytest.raises(BadTheme, match=r"the theme .* (is not valid|cannot be read)"):
        read_theme(path)


def test_the_colours_of_the_pages_could_be_a_theme_themselves(tmp_path: Path) -> None:
    style = (Path(__file__).parents[2] / "clients/built/app.css").read_text(encoding="utf-8")
    light, dark = re.findall(r":root\{([^}]*)\}", style)[:2]
    for scheme, rules in (("light", light), ("dark", dark)):
        named = dict(re.findall(r"--(ground|card|ink|soft|accent|on-accent|accent-ground): ?(#\w+)", rules))
        assert len(named) == 7
        assert read_theme(written(tmp_path, **{scheme: named})).style
    assert contrast("#4d5a67", "#f3f5f7") > LEAST


@pytest.mark.shows("CVP-12.3-2")
def test_the_pages_have_the_theme_in_their_own_style_and_the_policy_stays(tmp_path: Path) -> None:
    members = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    (tmp_path / "logo.svg").write_bytes(LOGO)
    theme = written(tmp_path, **members, logo="logo.svg")
    with RunningBank(tmp_path / "bank", theme_file=str(theme)) as bank:
        for page in ("app", "officer", "desk"):
            index = requests.get(f"{bank.url}/{page}/", timeout=10)
            policy = index.headers["Content-Security-Policy"]
            assert "style-src 'self';" in policy
            assert "img-src 'self';" in policy
            assert "unsafe" not in policy
            assert not re.search(r"<style|style=", index.text)
            (named,) = re.findall(r'href="\.\./(built/[^"]+\.css[^"]*)"', index.text)
            style = requests.get(f"{bank.url}/{named}", timeout=10)
            assert "immutable" in style.headers["Cache-Control"]
            assert style.text.rindex("--accent:#8a1538") > style.text.index("--accent")
            facts = requests.get(f"{bank.url}/{page}/facts.json", timeout=10).json()
            assert facts["words"] == members["words"]
            logo = requests.get(f"{bank.url}/{page}/{facts['logo']}", timeout=10)
            assert (logo.content, logo.headers["Content-Type"]) == (LOGO, "image/svg+xml; charset=utf-8")
            assert "script-src 'self'" in logo.headers["Content-Security-Policy"]
