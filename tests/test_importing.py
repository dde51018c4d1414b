"""Importing: every line is counted, unchanged lines are not written, and refused lines can be corrected."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.import_files.test_import_file import HEADER, NESTED, json_line, row, written
from tests.world import LOANS, NOON, World
from verifier.core.times import from_ms
from verifier.import_files import Bad, ImportFile, Reading, Rejects, Superseded, UnreadableFile
from verifier.importing import Account, import_file


async def _import(world: World, path: Path, reading: Reading | None = None, dry_run: bool = False) -> Account:
    account = await import_file(world.service, ImportFile(path, NOON, reading), dry_run=dry_run)
    assert account.lines == len(path.read_bytes().splitlines()) or path.suffix != ".csv"
    return account


@pytest.mark.shows("CVP-3.1-7")
async def test_importing_twice_is_safe_and_counts_every_line(world: World, tmp_path: Path) -> None:
    mars = row(3, time_zone="Mars/Olympus")
    path = written(tmp_path, "a.csv", HEADER + row(1) + mars + "\n" + row(2) + row(1, product="车贷"))
    for sums in ({"registered": 2}, {"unchanged": 2}):
        told: list[Bad | Superseded] = []
        progress: list[int] = []
        export = ImportFile(path, NOON, progress=progress.append)
        account = await import_file(world.service, export, told.append, progress.append)
        assert account == Account(**sums, refused=1, superseded=1, blank=1, header=1)
        assert [each.line.number for each in told] == [2, 3]
        assert sum(progress) == 2 * path.stat().st_size
    assert await world.counts("applications") == (2,)
    assert (await world.service.applications.read(LOANS, "LN-1")).registration.product == "车贷"


@pytest.mark.shows("CVP-3.1-7")
async def test_a_line_is_unchanged_only_if_the_database_holds_the_same(world: World, tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", HEADER + row(1) + row(2))
    assert (await _import(world, path)).registered == 2
    before = await world.service.applications.read(LOANS, "LN-1")
    other = (await world.service.applications.read(LOANS, "LN-2")).registration
    await world.service.applications.register("LN-2", replace(other, product="x"))
    account = await _import(world, path)
    assert (account.registered, account.unchanged) == (1, 1)
    assert await world.service.applications.read(LOANS, "LN-1") == before
    assert (await world.service.applications.read(LOANS, "LN-2")).registration.product == "房贷"


@pytest.mark.shows("CVP-3.1-7", "CVP-3.1-20")
async def test_a_nightly_import_of_closed_loans_does_not_begin_their_time_again(world: World, tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", HEADER + row(1, status="closed") + row(2))
    assert (await _import(world, path)).registered == 2
    before = await world.service.applications.read(LOANS, "LN-1")
    assert before.registration.closed_at == from_ms(NOON)
    world.clock.advance(86_400)
    assert (await _import(world, path)).unchanged == 2
    assert (await world.service.applications.read(LOANS, "LN-1")).updated_at == before.updated_at
    changed = written(tmp_path, "b.csv", HEADER + row(1, status="closed", product="x") + row(2, status="closed"))
    assert (await _import(world, changed)).registered == 2
    for application_id, closed_ms in (("LN-1", NOON), ("LN-2", world.clock())):
        closed = (await world.service.applications.read(LOANS, application_id)).registration
        assert closed.closed_at == from_ms(closed_ms)


@pytest.mark.shows("CVP-3.1-7")
async def test_a_refusal_by_the_database_names_its_line(world: World, tmp_path: Path) -> None:
    await _import(world, written(tmp_path, "a.csv", HEADER + row(1) + row(2)))
    await world.service.applications.erase("LN-2")
    path = written(tmp_path, "b.csv", HEADER + row(1, customer_id="c-2") + row(2) + row(3))
    for dry_run in (True, False):
        told: list[Bad | Superseded] = []
        account = await import_file(world.service, ImportFile(path, NOON), told.append, dry_run=dry_run)
        assert (account.registered, account.refused) == (1, 2)
        reasons = [(each.line.number, each.column, each.reason) for each in told if isinstance(each, Bad)]
        assert reasons == [
            (2, "customer_id", "is not the customer for whom the application is registered"),
            (3, "", "the application has been erased, and its id cannot be used again"),
        ]


async def test_an_application_that_cannot_be_decrypted_does_not_stop_the_others(world: World, tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", HEADER + row(1) + row(2, customer_id="c-2"))
    await _import(world, path)
    async with world.storage.transaction() as transaction:
        damage = "UPDATE applications SET sealed = $2 WHERE application_id = $1"
        await transaction.execute_many(damage, [("LN-1", bytes(40))])
    assert await _import(world, path) == Account(unchanged=1, refused=1, header=1)


async def test_a_dry_run_counts_every_line_and_writes_nothing(world: World, tmp_path: Path) -> None:
    await _import(world, written(tmp_path, "a.csv", HEADER + row(1)))
    path = written(tmp_path, "b.csv", HEADER + row(1) + row(2) + "bad\n")
    dry = await _import(world, path, dry_run=True)
    assert dry == Account(registered=1, unchanged=1, refused=1, header=1)
    assert await world.counts("applications") == (1,)
    assert await _import(world, path) == dry


@pytest.mark.shows("CVP-3.1-8")
async def test_an_application_with_two_customers_is_not_registered(world: World, tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", HEADER + row(1) + row(1, customer_id="c-2"))
    assert await _import(world, path) == Account(refused=2, header=1)
    assert await world.counts("applications") == (0,)


def test_each_refused_line_names_a_line_of_another_customer(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", HEADER + row(1) + row(1, customer_id="c-2") + row(1, customer_id="c-2"))
    told = {each.line.number: each.reason for each in ImportFile(path, NOON).rows() if isinstance(each, Bad)}
    assert [told[line].split(" too")[0] for line in (2, 3, 4)] == ["is on line 3", "is on line 2", "is on line 2"]


@pytest.mark.shows("CVP-3.1-6")
async def test_a_deeply_nested_line_does_not_end_the_import(world: World, tmp_path: Path) -> None:
    path = written(tmp_path, "a.jsonl", json_line() + NESTED + "\n" + json_line(application_id="LN-3"))
    assert await _import(world, path) == Account(registered=2, refused=1)


REFUSED = [
    row(1, customer_name='"王芳'),
    row(2, customer_name='王芳"'),
    "LN-3,bad\n",
    row(4, numbers="none"),
    row(5, customer_id='"c,5"', customer_name="", product="=1+1"),
    "x" * 70_000 + "\n",
    row(6, status="\u009b"),
]


def _rejected(path: Path, to: Path, reading: Reading | None = None) -> list[str]:
    """Write the refused lines of a file to another, and return their reasons."""
    export = ImportFile(path, NOON, reading)
    rejects = Rejects(to, export)
    bad = [each for each in export.rows() if isinstance(each, Bad)]
    for each in bad:
        rejects.add(each)
    rejects.keep()
    rejects.drop()
    return [each.reason for each in bad]


@pytest.mark.parametrize("reason_column", ["", "reason"])
def test_refused_lines_are_written_unchanged_and_refused_again(tmp_path: Path, reason_column: str) -> None:
    header = HEADER.replace("\n", f",{reason_column}\n") if reason_column else HEADER
    good, tail = (row(9).strip() + ",\n", ',""\n') if reason_column else (row(9), "\n")
    lines = [line.replace("\n", tail) for line in REFUSED]
    path = written(tmp_path, "a.csv", "\ufeff" + (header + good + "".join(lines)).replace("\n", "\r\n"))
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    reasons = _rejected(path, first)
    assert len(reasons) == len(REFUSED)
    content = first.read_bytes().decode("utf-8-sig")
    assert first.read_bytes().startswith(b"\xef\xbb\xbf")
    assert first.stat().st_mode & 0o777 == 0o600
    told = content.split("\r\n")
    assert told[0] == HEADER.strip() + ",reason"
    for line, was, reason in zip(told[1:], REFUSED, reasons, strict=False):
        assert line.startswith(was.strip()[:65_536] + ",") or len(was) > 65_536
        assert reason.replace('"', "'") in line
    again = _rejected(first, second)
    assert len(again) == len(REFUSED) - 1  # only the reason of the line that is too long was written
    third = tmp_path / "third.csv"
    _rejected(second, third)
    assert [line.rsplit(',"', 1)[0] for line in third.read_text().splitlines()] == [
        line.rsplit(',"', 1)[0] for line in second.read_text().splitlines()
    ]


async def test_a_csv_file_of_refused_lines_can_be_corrected_and_imported(world: World, tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", (HEADER + row(1, customer_name='"王芳') + row(2, status="?")).encode("gb18030"))
    refused = tmp_path / "refused.csv"
    reading = Reading(encoding="gb18030")
    _rejected(path, refused, reading)
    mended = refused.read_text("gb18030").replace('"王芳', "王芳").replace("?", "open")
    refused.write_text(mended, "gb18030")
    assert await _import(world, refused, reading) == Account(registered=2, header=1)


async def test_a_json_file_of_refused_lines_can_be_corrected_and_imported(world: World, tmp_path: Path) -> None:
    lines = [json_line(status="?"), json_line(application_id="LN-3").replace("}\n", "\n"), "nothing\n", "{}\n"]
    path = written(tmp_path, "a.jsonl", "".join(lines) + json_line(product="x" * 70_000))
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    assert len(_rejected(path, first)) == 5
    assert len(_rejected(first, second)) == 5
    told = second.read_text().splitlines()
    assert [line.count('"reason"') for line in told] == [1, 1, 1, 1, 1]
    mended = [told[0].replace("?", "open"), told[1] + "}"]
    account = await _import(world, written(tmp_path, "mended.jsonl", "\n".join(mended)))
    assert account == Account(registered=2)


def test_a_file_of_refused_lines_never_replaces_the_export(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", HEADER + row(1))
    (tmp_path / "link.csv").symlink_to(path)
    (tmp_path / "hard.csv").hardlink_to(path)
    for name in ("a.csv", "link.csv", "hard.csv"):
        with pytest.raises(UnreadableFile, match="must not be the import file"):
            Rejects(tmp_path / name, ImportFile(path, NOON))
    with pytest.raises(UnreadableFile, match=r"must end in \.csv"):
        Rejects(tmp_path / "r.jsonl", ImportFile(path, NOON))
    rejects = Rejects(tmp_path / "r.csv", ImportFile(path, NOON))
    rejects.drop()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.csv", "hard.csv", "link.csv"]
    assert path.read_text() == HEADER + row(1)
