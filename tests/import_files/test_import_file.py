"""A bank's export: each line is a record, good lines are kept, and bad lines are reported."""

from __future__ import annotations

import csv
import json
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec import UNSET

from tests.world import NOON
from verifier.core.application import Loan
from verifier.demo.story import SAMPLE
from verifier.import_files import COLUMNS, Bad, Blank, Good, ImportFile, Reading, Row, Superseded, UnreadableFile
from verifier.import_files.csv_lines import REQUIRED

HEADER = (
    "application_id,customer_id,customer_name,language,time_zone,numbers,officers,product,"
    "status,service_calls,marketing_calls\n"
)
ROW = "LN-1,c-1,王芳,zh-CN,Asia/Shanghai,138 0013 8000 @ 2024-01-01,4412 / 李伟 / 北京,房贷,open,yes,no\n"
JSON_ROW: dict[str, Any] = {
    "application_id": "LN-2",
    "customer": {"id": "c-2", "name": "Carla", "language": "en", "time_zone": "Europe/Rome"},
    "numbers": [{"number": "+44 20 7946 0123", "added_at": "2024-01-01T00:00:00Z"}],
    "officers": [{"id": "1", "name": "G", "branch": "HK"}],
    "product": "Loan",
}
NESTED = '{"application_id":"LN-2","customer":' + "[" * 30_000 + "]" * 30_000 + "}"


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def row(n: int, **cells: str) -> str:
    """The good line with another id and other cells."""
    values = dict(zip(HEADER.strip().split(","), ROW.strip().split(","), strict=True))
    return ",".join({**values, "application_id": f"LN-{n}", **cells}.values()) + "\n"


def json_line(**members: object) -> str:
    return json.dumps({**JSON_ROW, **members}, ensure_ascii=False) + "\n"


def read(folder: Path, content: str | bytes, name: str = "a.csv", reading: Reading | None = None) -> list[Row]:
    """The outcome of each line, without the header of a CSV file."""
    export = ImportFile(written(folder, name, content), NOON, reading)
    rows = list(export.rows())
    assert [each.line.number for each in rows] == list(range(1, len(rows) + 1))
    return rows[1:] if export.header else rows


def bad(folder: Path, line: str, name: str = "a.csv") -> tuple[str, str]:
    """Reads the line between two good ones. Returns the column and reason of its refusal."""
    good = [row(1), row(2)] if name == "a.csv" else [json_line(), json_line(application_id="LN-3")]
    rows = read(folder, HEADER * (name == "a.csv") + good[0] + line + good[1], name)
    assert [type(each) for each in rows] == [Good, Bad, Good], rows
    refused = rows[1]
    assert isinstance(refused, Bad)
    return refused.column, refused.reason


def test_the_sample_is_valid_and_varied() -> None:
    rows = list(ImportFile(SAMPLE, NOON).rows())
    facts = [each.registration for each in rows if isinstance(each, Good)]
    assert (len(facts), len(rows)) == (300, 301)
    assert {each.customer.language for each in facts} == {"zh-CN", "en"}
    assert any(each.status == "closed" for each in facts)
    assert any(not each.consents.service_calls for each in facts)
    assert any(len(each.numbers) == 3 for each in facts)


@pytest.mark.parametrize("start", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_csv_is_read_with_or_without_byte_order_mark_and_with_either_line_end(
    tmp_path: Path, start: str, end: str
) -> None:
    (good,) = read(tmp_path, (start + HEADER + ROW).replace("\n", end))
    assert isinstance(good, Good)
    assert (good.line.number, good.application_id) == (2, "LN-1")
    assert good.registration.numbers[0].number == "+8613800138000"
    assert good.registration.numbers[0].added_at == datetime(2024, 1, 1, tzinfo=UTC)
    assert good.registration.officers[0].branch == "北京"
    assert good.registration.consents.marketing_calls is False


def test_json_lines_are_read(tmp_path: Path) -> None:
    blank, good = read(tmp_path, "\n" + json_line(), "a.jsonl")
    assert isinstance(blank, Blank)
    assert isinstance(good, Good)
    assert (good.line.number, good.registration.numbers[0].number) == (2, "+442079460123")


BAD_ROWS = {
    "2 columns instead of 11": ("", "LN-9,c-1\n"),
    "12 columns instead of 11": ("", row(9).strip() + ",\n"),
    "must be 1 to 64 letters": ("application_id", row(9, application_id="../1")),
    "date when the number was added": ("numbers", row(9, numbers="13800138000")),
    "a date that is not written like": ("numbers", row(9, numbers="13800138000 @ last year")),
    "has a date that is not written": ("numbers", row(9, numbers="13800138000 @ 2024-02-30")),
    "staff number / name / branch": ("officers", row(9, officers="4412")),
    "must be yes or no": ("marketing_calls", row(9, marketing_calls="maybe")),
    "must be enquiry or open or closed": ("status", row(9, status="half-open")),
    "has 0 numbers": ("numbers", row(9, numbers=" ; ")),
    "has 11 numbers": ("numbers", row(9, numbers="138 0013 8000 @ 2024-01-01 ;" * 11)),
    "number 2 has a character": ("numbers", row(9, numbers="13800138000@2024-01-01;none@2024-01-01")),
    "must be zh-CN or en": ("language", row(9, language="fr")),
    "must not be empty": ("product", row(9, product="")),
    "at most 120 characters": ("customer_name", row(9, customer_name="王" * 121)),
    "not the name of a time zone": ("time_zone", row(9, time_zone="Mars/Olympus")),
    "in the future": ("numbers", row(9, numbers="13800138000 @ 2099-01-01")),
    "is given twice": ("numbers", row(9, numbers="13800138000@2024-01-01;+86 13800138000@2024-01-01")),
    "none closes it on this line": ("customer_name", row(9, customer_name='"王芳')),
    'write "" for the mark': ("customer_name", row(9, customer_name='王芳"')),
    "follows the closing quotation mark": ("customer_name", row(9, customer_name='"王"芳')),
}


@pytest.mark.shows("CVP-3.1-6", "CVP-3.1-7")
@pytest.mark.parametrize("reason", BAD_ROWS)
def test_a_bad_row_is_reported_with_column_and_reason_and_without_its_data(tmp_path: Path, reason: str) -> None:
    column, line = BAD_ROWS[reason]
    told = bad(tmp_path, line)
    assert (told[0], reason in told[1]) == (column, True), told
    for given in ("13800138000", "138 0013 8000", "王", "Mars", "half-open", "last year"):
        assert given not in told[1]


DATED = HEADER.replace("status,", "status,closed_at,")


def dated(closed_at: str, status: str = "closed") -> str:
    return row(9, status=status).replace(f",{status},", f",{status},{closed_at},")


@pytest.mark.shows("CVP-3.1-20", "CVP-3.1-10")
@pytest.mark.parametrize(
    ("closed_at", "wanted"),
    [
        ("", UNSET),
        ("2026-05-01", datetime(2026, 5, 1, tzinfo=UTC)),
        ("2026-05-01T09:30:00+08:00", datetime(2026, 5, 1, 1, 30, tzinfo=UTC)),
    ],
)
def test_a_line_may_say_when_a_loan_was_closed(tmp_path: Path, closed_at: str, wanted: object) -> None:
    (csv_line,) = read(tmp_path, DATED + dated(closed_at))
    assert isinstance(csv_line, Good)
    assert (csv_line.registration.status, csv_line.registration.closed_at) == ("closed", wanted)
    if "T" in closed_at:
        (line,) = read(tmp_path, json_line(status="closed", closed_at=closed_at), "a.jsonl")
        assert isinstance(line, Good)
        assert line.registration.closed_at == wanted


@pytest.mark.shows("CVP-3.1-21", "CVP-3.1-7")
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (dated("last May"), "has a date that is not written like"),
        (dated("2026-02-30"), "has a date that is not written like"),
        (dated("2026-05-01T09:30:00"), "has a time without a zone"),
        (dated("2099-01-01"), "in the future, or before 1970"),
        (dated("1969-12-31"), "in the future, or before 1970"),
        (dated("2026-05-01", "open"), "only a closed application"),
        (dated("2026-05-01", "enquiry"), "only a closed application"),
    ],
)
def test_an_impossible_time_of_closing_is_reported_by_its_column(tmp_path: Path, line: str, reason: str) -> None:
    (bad_line,) = read(tmp_path, DATED + line)
    assert isinstance(bad_line, Bad)
    assert (bad_line.column, reason in bad_line.reason) == ("closed_at", True), bad_line.reason


BAD_LINES = {
    "must be 1 to 64 letters": ("/application_id", json_line(application_id="J-1\n")),
    "is missing": ("/application_id", json.dumps({**JSON_ROW, "application_id": None}).replace("application_id", "x")),
    "holds a control character": ("/customer/name", json_line(customer={"id": "c", "name": "王\0伟\x1b[2J"})),
    "or an invalid character": ("/product", json_line(product="\\ud800").replace("\\\\", "\\")),
    "not JSON": ("", "{\n"),
    "not a JSON object": ("", "[1]\n"),
    "nested too deep": ("", NESTED + "\n"),
    "given more than once": ("/product", json_line().replace("{", '{"product":"x",', 1)),
    "Expected `str`, got `int`": ("/numbers/0/number", json_line(numbers=[{"number": 13800138000, "added_at": "x"}])),
    "Expected `bool`": ("/consents/service_calls", json_line(consents={"service_calls": "yes"})),
    "unknown field": ("/colour", json_line(colour="red")),
    "has a character other than": ("/numbers/0/number", json_line(numbers=[{"number": "+86OO", "added_at": "x"}])),
    "must be zh-CN or en": ("/customer/language", json_line(customer={"id": "c", "name": "n", "language": "x"})),
    "NaN is not JSON": ("", json_line(product=float("nan"))),
}


@pytest.mark.shows("CVP-3.1-5", "CVP-3.1-7")
@pytest.mark.parametrize("reason", BAD_LINES)
def test_a_bad_json_line_is_reported_with_pointer_and_reason(tmp_path: Path, reason: str) -> None:
    pointer, line = BAD_LINES[reason]
    told = bad(tmp_path, line if line.endswith("\n") else line + "\n", "a.jsonl")
    assert (told[0], reason in told[1]) == (pointer, True), told


@pytest.mark.shows("CVP-3.1-5")
@pytest.mark.parametrize("character", ["\0", "\x1b", "\x1f", "\x85", "\u2028", "\ufffe", "\t", "\r"])
@pytest.mark.parametrize("column", ["application_id", "customer_id", "customer_name", "product"])
def test_a_control_character_in_a_cell_is_refused(tmp_path: Path, column: str, character: str) -> None:
    told, _ = bad(tmp_path, row(9, **{column: f"a{character}b"}))
    assert told == column


@pytest.mark.shows("CVP-3.1-5")
@pytest.mark.parametrize("character", ["\x1f", "\x85", "\u2028"])
def test_white_space_other_than_spaces_is_not_stripped(tmp_path: Path, character: str) -> None:
    assert bad(tmp_path, row(9, application_id=f"LN-9{character}"))[0] == "application_id"


@pytest.mark.shows("CVP-3.1-10")
@pytest.mark.parametrize("added", ["2024-01-01T10:00:00", "2024-01-01 10:00:00"])
def test_a_time_without_a_zone_is_refused(tmp_path: Path, added: str) -> None:
    column, reason = bad(tmp_path, row(9, numbers=f"13800138000 @ {added}"))
    assert (column, "time without a zone" in reason) == ("numbers", True)
    numbers = [{"number": "+8613800138000", "added_at": added}]
    column, reason = bad(tmp_path, json_line(numbers=numbers), "a.jsonl")
    assert (column, "has no zone" in reason) == ("/numbers/0/added_at", True)


@pytest.mark.shows("CVP-3.1-10")
def test_a_time_with_a_zone_is_converted_to_utc(tmp_path: Path) -> None:
    (good,) = read(tmp_path, HEADER + row(1, numbers="13800138000 @ 2024-01-01T08:00:00+08:00"))
    assert isinstance(good, Good)
    assert good.registration.numbers[0].added_at == datetime(2024, 1, 1, tzinfo=UTC)


@pytest.mark.shows("CVP-3.1-6")
def test_a_stray_quotation_mark_affects_only_its_own_line(tmp_path: Path) -> None:
    lines = [row(n) for n in range(50)]
    lines[1] = row(1, customer_name='"王芳')
    lines[49] = row(49, customer_name='王芳"')
    rows = read(tmp_path, HEADER + "".join(lines))
    assert [each.line.number for each in rows if isinstance(each, Bad)] == [3, 51]
    assert sum(isinstance(each, Good) for each in rows) == 48


@pytest.mark.shows("CVP-3.1-6")
def test_a_line_hidden_in_a_name_is_not_imported(tmp_path: Path) -> None:
    inside = row(1, numbers="+8613911112222 @ 2024-01-05")
    written_by_a_fraudster = row(2, customer_name=f'"王芳\n{inside}x"')
    rows = read(tmp_path, HEADER + row(1) + written_by_a_fraudster + row(3))
    assert [each.line.number for each in rows if isinstance(each, Good)] == [2, 6]
    assert [each.line.number for each in rows if isinstance(each, Bad)] == [3, 4, 5]
    (told,) = [each.reason for each in rows if isinstance(each, Bad) and each.line.number == 4]
    assert "inside a field that begins on line 3 and ends on line 5" in told


@pytest.mark.shows("CVP-3.1-6")
def test_a_quoted_field_holds_commas_and_marks_but_no_line_break(tmp_path: Path) -> None:
    (good,) = read(tmp_path, HEADER + row(1, customer_name='"王 ""阿芳"", 女士"'))
    assert isinstance(good, Good)
    assert good.registration.customer.name == '王 "阿芳", 女士'
    rows = read(tmp_path, HEADER + row(1, product='"房\n贷"') + row(2))
    assert [type(each) for each in rows] == [Bad, Bad, Good]


@pytest.mark.shows("CVP-3.1-8")
def test_the_last_good_line_of_an_application_counts(tmp_path: Path) -> None:
    rows = read(tmp_path, HEADER + row(1) + row(2) + row(1, numbers="none") + row(1, product="车贷") + "LN-1,bad\n")
    assert [type(each) for each in rows] == [Superseded, Good, Bad, Good, Bad]
    assert isinstance(rows[0], Superseded)
    assert (rows[0].column, rows[0].by) == ("application_id", 5)


@pytest.mark.shows("CVP-3.1-8")
def test_lines_of_one_application_with_different_customers_are_refused(tmp_path: Path) -> None:
    rows = read(tmp_path, HEADER + row(1) + row(2) + row(1, customer_id="c-2") + row(1))
    assert [type(each) for each in rows] == [Bad, Good, Bad, Bad]
    told = [(each.column, each.reason) for each in rows if isinstance(each, Bad)]
    assert told == [
        ("application_id", "is on line 4 too, with another customer; which one is right?"),
        ("application_id", "is on line 2 too, with another customer; which one is right?"),
        ("application_id", "is on line 4 too, with another customer; which one is right?"),
    ]


@pytest.mark.shows("CVP-3.1-6")
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_a_line_has_at_most_64_kib_and_a_longer_one_is_not_held_in_memory(tmp_path: Path, name: str) -> None:
    last = row(1) if name == "a.csv" else json_line()
    first = HEADER if name == "a.csv" else "\n"
    path = written(tmp_path, name, first + "x" * 64_000_000 + "\n" + last)
    tracemalloc.start()
    try:
        export = ImportFile(path, NOON)
        rows = list(export.rows())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [type(each) for each in rows] == [Blank, Bad, Good]
    assert isinstance(rows[1], Bad)
    assert rows[1].reason == "the line is longer than 65536 octets"
    assert peak < 4_000_000


@pytest.mark.shows("CVP-3.1-6")
def test_the_maximum_length_of_a_line_is_in_octets(tmp_path: Path) -> None:
    padded = row(1).strip() + " " * (65_536 - len(row(1).strip().encode()))
    for line, kind in ((padded, Good), (padded + " ", Bad)):
        for end in ("\n", "\r\n", ""):
            (only,) = read(tmp_path, HEADER + line + end)
            assert type(only) is kind


@pytest.mark.shows("CVP-3.1-11")
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_a_file_that_is_not_utf_8_is_refused_with_a_hint_at_its_encoding(tmp_path: Path, name: str) -> None:
    content = HEADER + row(1) + row(2) if name == "a.csv" else json_line(product="贷款") * 2
    for encoding, hint in (("gb18030", "--encoding gb18030"), ("utf-16", "--encoding utf-16")):
        with pytest.raises(UnreadableFile, match=hint):
            read(tmp_path, content.encode(encoding), name)
        rows = read(tmp_path, content.encode(encoding), name, Reading(encoding=encoding))
        assert isinstance(rows[-1], Good)
        assert rows[-1].registration.product in ("房贷", "贷款")
    with pytest.raises(UnreadableFile, match="is not UTF-8 \\(line 2\\); give the encoding"):
        read(tmp_path, content.encode().replace(b"\n", b"\n\xff", 1), name)
    with pytest.raises(UnreadableFile, match="not UTF-8"):
        read(tmp_path, content.encode() + "王".encode()[:2], name)
    with pytest.raises(UnreadableFile, match="try --encoding utf-16-le"):
        read(tmp_path, content.encode("utf-16-le"), name, Reading(encoding="utf-16"))
    assert isinstance(read(tmp_path, content.encode("utf-16-le"), name, Reading(encoding="utf-16-le"))[-1], Good)


def test_columns_come_in_any_order_and_optional_ones_may_be_absent(tmp_path: Path) -> None:
    full = dict(zip(HEADER.strip().split(","), ROW.strip().split(","), strict=True))
    order = sorted(REQUIRED, reverse=True)
    (good,) = read(tmp_path, ",".join(order) + "\n" + ",".join(full[name] for name in order) + "\n")
    assert isinstance(good, Good)
    assert good.application_id == "LN-1"
    assert (good.registration.customer.language, good.registration.status) == ("zh-CN", "open")
    assert good.registration.consents.service_calls is True


@pytest.mark.shows("CVP-3.1-13")
def test_the_reference_of_a_loan_is_an_optional_column_and_member(tmp_path: Path) -> None:
    row = ROW.strip()
    text = f"{HEADER.strip()},reference\n{row},贷 2026/0417\n{row.replace('LN-1', 'LN-2')},\n"
    named, plain = read(tmp_path, text)
    assert isinstance(named, Good)
    assert isinstance(plain, Good)
    assert named.registration.loan("LN-1") == Loan("房贷", "贷 2026/0417")
    assert plain.registration.loan("LN-2") == Loan("房贷", "LN-2")
    for reference, good in (("贷 2026/0417", True), ("x" * 81, False), ("a\nb", False), ("bank.example/417", False)):
        (found,) = read(tmp_path, json.dumps({**JSON_ROW, "reference": reference}) + "\n", "a.jsonl")
        assert isinstance(found, Good) is good
        assert isinstance(found, Bad) is not good
        assert not isinstance(found, Bad) or found.column == "/reference"


def test_mapped_headers_are_read_and_errors_use_the_names_of_the_file(tmp_path: Path) -> None:
    header = HEADER.replace("customer_name", "姓名").replace("numbers", "电话").replace("language", "备注")
    reading = Reading(names={"customer_name": "姓名", "numbers": "电话"}, ignored=frozenset({"备注"}))
    good, refused = read(tmp_path, header + row(1) + row(2, numbers="none @ 2024-01-01"), reading=reading)
    assert isinstance(good, Good)
    assert good.registration.customer.name == "王芳"
    assert isinstance(refused, Bad)
    assert refused.column == "电话"


BAD_HEADERS = {
    "Missing: application_id, customer_id": "id,name\n1,2\n",
    "Not known: colour, size": HEADER.replace("\n", ",colour,size\n"),
    'Not known: "". Given twice: ""': HEADER.replace("\n", ",,\n"),
    "Given twice: product": HEADER.replace("status", "product"),
    "Missing: 电话. Not known: numbers": HEADER,
    "not separated by commas": HEADER.replace(",", ";"),
    "cannot be read: a quotation mark": HEADER.replace("product", '"product'),
    "not a header": HEADER.replace("product", "pro\0duct"),
    "is empty": "",
}


def test_columns_without_a_name_can_be_ignored(tmp_path: Path) -> None:
    """Spreadsheets often add such columns at the end."""
    content = (HEADER + row(1)).replace("\n", ",,\n")
    (good,) = read(tmp_path, content, reading=Reading(ignored=frozenset({""})))
    assert isinstance(good, Good)


@pytest.mark.shows("CVP-3.1-11")
@pytest.mark.parametrize("reason", BAD_HEADERS)
def test_a_csv_with_another_header_is_refused_whole(tmp_path: Path, reason: str) -> None:
    reading = Reading(names={"numbers": "电话"}) if "电话" in reason else None
    with pytest.raises(UnreadableFile, match=reason):
        read(tmp_path, BAD_HEADERS[reason], reading=reading)


def test_a_path_that_is_no_export_and_csv_options_for_json_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match=r"must end in \.csv or \.jsonl"):
        read(tmp_path, HEADER, "a.xlsx")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(UnreadableFile, match="not an ordinary file"):
        ImportFile(tmp_path / "folder.csv", NOON)
    with pytest.raises(UnreadableFile, match="are for CSV"):
        read(tmp_path, json_line(), "a.jsonl", Reading(ignored=frozenset({"x"})))


def test_a_file_that_changes_after_it_was_checked_is_refused(tmp_path: Path) -> None:
    export = ImportFile(written(tmp_path, "a.csv", HEADER + row(1)), NOON)
    written(tmp_path, "a.csv", HEADER + row(1) + row(1, customer_id="c-2"))
    with pytest.raises(UnreadableFile, match="changed"):
        list(export.rows())


def test_blank_lines_are_not_reported_as_bad(tmp_path: Path) -> None:
    rows = read(tmp_path, HEADER + "\n  \n" + "," * 10 + "\n" + row(1) + "\n")
    assert [type(each) for each in rows] == [Blank, Blank, Blank, Good, Blank]


def test_reasons_contain_no_control_characters_of_the_file(tmp_path: Path) -> None:
    """The name of an unknown member comes from the file and is printed to a terminal."""
    for name in ("\u202ex", "a\nb", "x" * 500):
        column, reason = bad(tmp_path, json_line(**{name: 1}), "a.jsonl")
        assert (column + reason).isprintable()
        assert len(column) <= 80


def test_the_documented_columns_match_the_reader() -> None:
    with SAMPLE.open(encoding="utf-8") as file:
        assert set(next(csv.reader(file))) == set(COLUMNS)
    text = (Path(__file__).parents[2] / "specs" / "protocol.md").read_text(encoding="utf-8")
    table = text.partition("| column | holds |")[2].partition("\n\n")[0]
    assert [name for name in (*COLUMNS, "reason") if f"`{name}`" not in table] == []
