"""A bank's export: good rows kept, bad rows named, nothing crashes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.world import World
from verifier.demo.story import SAMPLE
from verifier.exports import COLUMNS, Bad, Good, UnreadableExport, e164, read_export
from verifier.importing import import_export

HEADER = ",".join(COLUMNS) + "\n"
ROW = "LN-1,c-1,王芳,zh-CN,Asia/Shanghai,138 0013 8000 @ 2024-01-01,4412 / 李伟 / 北京,房贷,open,yes,no\n"
JSON_ROW = (
    '{"application_id":"LN-2","customer":{"id":"c-2","name":"Carla","language":"en","time_zone":"Europe/Rome"},'
    '"numbers":[{"number":"+44 7700 900123","added_at":"2024-01-01T00:00:00Z"}],'
    '"officers":[{"id":"1","name":"G","branch":"HK"}],"product":"Loan"}\n'
)


def _write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_the_sample_is_whole_and_varied() -> None:
    rows = [row for row in read_export(SAMPLE) if isinstance(row, Good)]
    assert len(rows) == 300
    assert len(list(read_export(SAMPLE))) == 300
    facts = [row.registration for row in rows]
    assert {each.customer.language for each in facts} == {"zh-CN", "en"}
    assert any(each.status == "closed" for each in facts)
    assert any(not each.consents.service_calls for each in facts)
    assert any(len(each.numbers) == 3 for each in facts)


@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_a_csv_with_or_without_byte_order_mark_and_numbers_as_people_write_them(tmp_path: Path, start: str) -> None:
    (row,) = read_export(_write(tmp_path, "a.csv", start + HEADER + ROW))
    assert isinstance(row, Good)
    assert (row.line, row.application_id) == (2, "LN-1")
    assert row.registration.numbers[0].number == "+8613800138000"
    assert row.registration.officers[0].branch == "北京"


def test_json_lines_are_read_likewise(tmp_path: Path) -> None:
    (row,) = read_export(_write(tmp_path, "a.jsonl", "\n" + JSON_ROW))
    assert isinstance(row, Good)
    assert (row.line, row.registration.numbers[0].number) == (2, "+447700900123")


BAD_ROWS = {
    "columns": "LN-1,c-1\n",
    "application_id": ROW.replace("LN-1", "../1"),
    "telephone number cannot be read": ROW.replace("138 0013 8000", "none"),
    "too few or too many": ROW.replace("138 0013 8000", "13"),
    "date added": ROW.replace(" @ 2024-01-01", ""),
    "isoformat": ROW.replace("2024-01-01", "last year"),
    "staff number / name / branch": ROW.replace("4412 / 李伟 / 北京", "4412"),
    "yes or no": ROW.replace("yes,no", "yes,maybe"),
    "status": ROW.replace("open", "half-open"),
    "numbers": ROW.replace("138 0013 8000 @ 2024-01-01", ""),
    "language": ROW.replace("zh-CN", "fr"),
}


@pytest.mark.parametrize("reason", BAD_ROWS)
def test_a_bad_row_is_named_by_line_and_reason_and_the_good_ones_stay(tmp_path: Path, reason: str) -> None:
    rows = list(read_export(_write(tmp_path, "a.csv", HEADER + ROW + BAD_ROWS[reason] + ROW)))
    assert [type(row) for row in rows] == [Good, Bad, Good]
    assert isinstance(rows[1], Bad)
    assert rows[1].line == 3
    assert reason in rows[1].reason
    assert "13800138000" not in rows[1].reason


def test_a_field_over_several_lines_keeps_the_line_it_began_on(tmp_path: Path) -> None:
    quoted = ROW.replace("房贷", '"房\n贷"')
    rows = list(read_export(_write(tmp_path, "a.csv", HEADER + quoted + "LN-9\n")))
    assert [row.line for row in rows] == [2, 4]


@pytest.mark.parametrize("name", ["a.xlsx", "a.csv", "a.jsonl"])
def test_bytes_that_are_not_text_harm_only_their_row(tmp_path: Path, name: str) -> None:
    content = (HEADER + ROW).encode() if name.endswith("csv") else JSON_ROW.encode()
    path = _write(tmp_path, name, content + content.splitlines(True)[-1].replace(b"c-", b"\xff-"))
    if name == "a.xlsx":
        with pytest.raises(UnreadableExport):
            list(read_export(path))
        return
    assert [type(row) for row in read_export(path)] == [Good, Bad]


def test_a_csv_with_another_header_is_refused_whole(tmp_path: Path) -> None:
    with pytest.raises(UnreadableExport, match="first line must be"):
        list(read_export(_write(tmp_path, "a.csv", "id,name\n1,2\n")))


@given(st.binary(max_size=400), st.sampled_from([".csv", ".jsonl"]))
def test_no_bytes_crash_the_reader(content: bytes, suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for start in (b"", HEADER.encode()):
            path = _write(Path(folder), f"a{suffix}", start + content)
            try:
                for row in read_export(path):
                    assert isinstance(row, Good | Bad)
            except UnreadableExport:
                pass


def test_numbers_without_a_country_code_are_of_the_region() -> None:
    assert e164("138-0013-8000", "CN") == "+8613800138000"
    assert e164("07700 900123", "GB") == "+447700900123"


async def test_importing_twice_is_safe_and_bad_facts_are_named(world: World, tmp_path: Path) -> None:
    mars = ROW.replace("LN-1", "LN-3").replace("Asia/Shanghai", "Mars/Olympus")
    path = _write(tmp_path, "a.csv", HEADER + ROW + mars + ROW.replace("房贷", "车贷"))
    progress: list[int] = []
    for _ in range(2):
        good, bad = await import_export(world.service, path, progress=progress.append)
        assert [line for line, _ in bad] == [3]
        assert good == 1
    assert sum(progress) == 2 * path.stat().st_size
    assert await world.counts("applications") == (1,)
    assert (await world.service.applications.read("LN-1")).registration.product == "车贷"
