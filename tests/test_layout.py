"""The layout of the repository: folders, the length of files, and module docstrings."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "verifier").rglob("*.py"))
AGREED = {
    *("verifier", "clients", "specs", "tests", "pyproject.toml", "README.md", "CHANGELOG.md", "CONTRIBUTING.md"),
    *("SECURITY.md", "LICENSE", "Dockerfile", "compose.yaml", "constraints.txt"),
}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_has_a_docstring_and_at_most_400_lines(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text))
    assert len(text.splitlines()) <= 400


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_class_has_at_most_twelve_public_methods(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef):
            methods = [each for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
            public = {each.name for each in methods if not each.name.startswith("_")}
            assert len(public) <= 12, f"{node.name} has {len(public)} public methods"


def test_each_module_of_the_core_with_functions_has_a_test_file() -> None:
    doing = {
        path.stem
        for path in (ROOT / "verifier/core").glob("*.py")
        if any(isinstance(node, ast.FunctionDef) for node in ast.parse(path.read_text(encoding="utf-8")).body)
    }
    assert {name for name in doing if not (ROOT / f"tests/core/test_{name}.py").exists()} == set()


def test_the_service_has_at_most_twelve_places() -> None:
    places = {path.name for path in (ROOT / "verifier/service").glob("*") if not path.name.startswith("__")}
    assert len(places) <= 12


def test_the_code_has_at_most_twenty_values_of_any_type() -> None:
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in MODULES)
    assert sum(isinstance(node, ast.Name) and node.id == "Any" for tree in trees for node in ast.walk(tree)) <= 20


def test_the_top_folder_has_only_the_agreed_files() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    top = {line.split("/")[0] for line in tracked.splitlines()}
    assert {name for name in top if not name.startswith(".")} <= AGREED


def test_the_constraints_name_no_host() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert all("==" in line and "/" not in line and "@" not in line for line in lines)
