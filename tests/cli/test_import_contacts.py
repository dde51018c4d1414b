"""`verifier import --contacts`: good lines, bad lines, and the same file again."""

from __future__ import annotations

import asyncio

import pytest

from tests.cli.test_cli import Shell, shell
from verifier.app import open_service
from verifier.config import load
from verifier.core.application import Registration

__all__ = ["shell"]

pytestmark = pytest.mark.slow

LOANS = "application_id,customer_id,customer_name,product,numbers,officers"
CONTACTS = "application_id,contact_name,role,rights,contact_id,numbers,borrower_id,borrower_name"
GOOD = (
    "LN-1,王芳,borrower,called; confirm; details,cust-1,138 0013 0001 @ 2026-01-01,cust-1,王芳",
    "LN-1,张丽,guarantor,confirm,cust-11,,,",
    "LN-2,王芳,borrower,called; confirm; details,cust-2,138 0013 0002 @ 2026-01-01,cust-2,王芳",
)
WRONG = "LN-2,张丽,manager,confirm,cust-12,,,"
UNKNOWN = "LN-9,王芳,borrower,confirm,cust-9,,cust-9,王芳"
OTHER = "LN-3,张丽,finance,called,,138 0013 0013 @ 2026-01-01,cust-3,王芳"
HELD = ("LN-1", "LN-2", "LN-3", "LN-9")


def held(shell: Shell) -> dict[str, Registration | None]:
    """The facts that are registered now."""

    async def read() -> dict[str, Registration | None]:
        service = await open_service(load(shell.environment))
        try:
            return await service.applications.registered(HELD)
        finally:
            await service.context.storage.close()

    return asyncio.run(read())


def names(registration: Registration | None) -> list[str]:
    assert registration is not None
    return [each.name for each in registration.people]


@pytest.fixture
def loans(shell: Shell) -> Shell:
    """Three loans of one person each."""
    rows = (f"LN-{n},cust-{n},王芳,贷款,138 0013 000{n} @ 2026-01-01,4412 / 李伟 / 北京" for n in (1, 2, 3))
    (shell.folder / "loans.csv").write_text("\n".join((LOANS, *rows, "")), encoding="utf-8")
    assert shell.run("import", "loans.csv").returncode == 0
    return shell


def test_good_lines_are_imported_bad_ones_are_told_and_the_file_can_be_repeated(loans: Shell) -> None:
    before = held(loans)
    lines = (CONTACTS, *GOOD, WRONG, "", UNKNOWN, OTHER, "")
    (loans.folder / "contacts.csv").write_text("\n".join(lines), encoding="utf-8")
    sums = "3 refused, 0 superseded, 1 blank, 1 header"
    for option, counted in (
        ("--dry-run", f"3 to be registered, 0 unchanged, {sums} (nothing was written: --dry-run)"),
        ("", f"3 registered, 0 unchanged, {sums}"),
        ("", f"0 registered, 3 unchanged, {sums}"),
    ):
        done = loans.run("import", "--contacts", "contacts.csv", "--reject", "refused.csv", *filter(None, [option]))
        assert done.returncode == 3, done.stderr
        assert done.stdout == f"contacts.csv, 8 lines: {counted}\n"
        told = [line for line in done.stderr.splitlines() if line.startswith("contacts.csv:")]
        assert [each.rpartition(": ")[0] for each in told[1:2]] == ["contacts.csv:5: role"]
        assert told[0] == (
            "contacts.csv:4: application_id: line 5 has another contact of the application, and is refused"
        )
        assert told[2].startswith("contacts.csv:7: ")
        assert "not registered" in told[2]
        assert len(told) == 3
        assert "cust-12" not in done.stderr
        assert "Traceback" not in done.stderr
        after = held(loans)
        if option:
            assert after == before
            continue
        assert names(after["LN-1"]) == ["王芳", "张丽"]
        assert names(after["LN-3"]) == ["张丽"]
        # Nothing of a refused application is lost, and none is made.
        assert after["LN-2"] == before["LN-2"]
        assert "LN-9" not in after
    # The file of refused lines has each line of the applications. Correct it there, and import it.
    refused = (loans.folder / "refused.csv").read_text(encoding="utf-8")
    assert all(each in refused for each in (GOOD[2], WRONG, UNKNOWN))
    corrected = refused.replace("manager", "finance").splitlines()
    kept = [each for each in corrected if not each.startswith("LN-9")]
    (loans.folder / "refused.csv").write_text("\n".join((*kept, "")), encoding="utf-8")
    done = loans.run("import", "--contacts", "refused.csv")
    assert (done.returncode, "2 registered, 0 unchanged, 0 refused" in done.stdout) == (0, True), done.stderr
    assert names(held(loans)["LN-2"]) == ["王芳", "张丽"]


def test_a_file_of_applications_is_not_taken_for_one_of_contacts(loans: Shell) -> None:
    before = held(loans)
    for file, options, said in (
        ("loans.csv", ["--contacts"], "Missing: contact_name, role, rights"),
        ("lines.jsonl", ["--contacts"], "JSON Lines has them in the member contacts"),
    ):
        (loans.folder / "lines.jsonl").write_text("{}\n")
        refused = loans.run("import", *options, file)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert said in refused.stderr
        assert "Nothing was imported" in refused.stderr
    assert held(loans) == before
