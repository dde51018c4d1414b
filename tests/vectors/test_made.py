"""The vectors in specs/vectors match the product's code, and their README describes them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.vectors.files import FOLDER, SUBJECTS, file_of, laid_out, whole

README = (FOLDER / "README.md").read_text(encoding="utf-8")
ROOT = FOLDER.parents[1]


@pytest.mark.slow
def test_generating_the_vectors_again_gives_the_same_bytes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "tests.vectors", str(tmp_path)], cwd=ROOT, check=True, timeout=120)
    made = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert set(made) == {f"{subject}.json" for subject in SUBJECTS} == {file.name for file in FOLDER.glob("*.json")}
    for name, content in made.items():
        assert content == (FOLDER / name).read_bytes(), (
            f"{name}: run `python -m tests.vectors`, and look at what changed"
        )


@pytest.mark.parametrize("subject", SUBJECTS)
def test_each_vector_names_its_input_and_expected_result(subject: str) -> None:
    file, vectors = file_of(subject)
    assert file["about"]
    assert not [name for name, times in Counter(each["id"] for each in vectors).items() if times > 1]
    for each in vectors:
        assert each["about"], each["id"]
        assert ("outcome" in each, "error" in each) == (each["valid"], not each["valid"]), each["id"]
        assert re.fullmatch(r"[A-Za-z0-9._-]+", each["id"])


def test_there_are_valid_and_invalid_vectors() -> None:
    counts = {subject: Counter(each["valid"] for each in file_of(subject)[1]) for subject in SUBJECTS}
    assert all(count[True] for count in counts.values())
    assert {subject for subject, count in counts.items() if not count[False]} == {"code", "dialogues"}
    assert sum(count[False] for count in counts.values()) > 400


def test_the_files_of_vectors_stay_small() -> None:
    assert sum(file.stat().st_size for file in FOLDER.glob("*.json")) < 950_000


@pytest.mark.parametrize("text", ["short", "x" * 5_000, "ab" * 2_500 + "c", "a" * 3_000 + "—\n" + "line\n" * 900])
def test_a_long_text_is_stored_in_parts_and_restored(text: str) -> None:
    kept = laid_out({"text": text})
    assert whole(json.loads(kept)["text"]) == text
    assert len(kept) < 200


def test_the_readme_describes_each_file_and_member_and_the_danger() -> None:
    for subject in SUBJECTS:
        file, vectors = file_of(subject)
        assert f"`{subject}.json`" in README
        for name in {*file, *(name for each in vectors for name in each)} - {"vectors"}:
            assert f"`{name}`" in README, (subject, name)
    assert "never" in README.lower()
