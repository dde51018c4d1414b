"""A file of contacts: the lines of an application replace its contacts together, or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.import_files.test_import_file import JSON_ROW, bad, read, written
from tests.world import LOANS, NOON, Company, World
from verifier.core.contacts import Borrower
from verifier.core.errors import InvalidField
from verifier.import_files import Bad, ContactsFile, Good, ImportFile, Superseded
from verifier.importing import Account, import_file
from verifier.importing_contacts import import_contacts

HEADER = (
    "application_id,contact_id,contact_name,role,rights,numbers,language,time_zone,service_calls,marketing_calls,"
    "borrower_id,borrower_name,borrower_kind\n"
)
OWNER = Borrower("91330000MA00000010", "东海机械10有限公司", "company")
EXAMPLE = Path(__file__).parents[1] / "specs/examples/contacts.csv"


def line(application_id: str, n: int, **cells: str) -> str:
    values = dict.fromkeys(HEADER.strip().split(","), "")
    values |= {"application_id": application_id, "contact_id": f"c-{n}", "contact_name": f"某{n}", "role": "finance"}
    values |= {"rights": "called;confirm", "numbers": f"138 0013 8{n:03d} @ 2024-01-01"}
    values |= {"borrower_id": OWNER.id, "borrower_name": OWNER.name, "borrower_kind": "company"}
    return ",".join({**values, **cells}.values()) + "\n"


async def registered(world: World, *application_ids: str) -> None:
    company = Company(10)
    for each in application_ids:
        await world.service.applications.register(each, company.registration(borrower=OWNER))


async def run(world: World, path: Path, *, dry_run: bool = False) -> tuple[Account, list[tuple[int, str, str]]]:
    told: list[Bad | Superseded] = []
    account = await import_contacts(world.service, ContactsFile(path, NOON), told.append, dry_run=dry_run)
    assert account.lines == len(path.read_bytes().splitlines())
    return account, [(each.line.number, each.column, each.reason) for each in told if isinstance(each, Bad)]


async def names(world: World, application_id: str) -> list[str]:
    return [each.name for each in (await world.service.applications.read(LOANS, application_id)).registration.people]


@pytest.mark.shows("CVP-3.1-14")
async def test_the_contacts_of_an_application_are_replaced_and_the_rest_stays(world: World, tmp_path: Path) -> None:
    await registered(world, "WC-1", "WC-2")
    before = (await world.service.applications.read(LOANS, "WC-1")).registration
    no_borrower = {"borrower_id": "", "borrower_name": "", "borrower_kind": ""}
    content = line("WC-1", 1) + line("WC-1", 2, **no_borrower) + "\n" + line("WC-2", 3)
    path = written(tmp_path, "a.csv", HEADER + content)
    assert (await run(world, path, dry_run=True))[0] == Account(registered=3, blank=1, header=1)
    assert await names(world, "WC-1") == [each.name for each in before.people]
    assert await run(world, path) == (Account(registered=3, blank=1, header=1), [])
    after = (await world.service.applications.read(LOANS, "WC-1")).registration
    assert [each.name for each in after.people] == ["某1", "某2"]
    assert after.people[0].numbers[0].number == "+8613800138001"
    assert replace(after, contacts=before.contacts) == before
    assert await run(world, path) == (Account(unchanged=3, blank=1, header=1), [])


WRONG: dict[str, tuple[str, dict[str, str]]] = {
    "must be borrower or legal_representative": ("role", {"role": "boss"}),
    "must be called or confirm or details": ("rights", {"rights": "called;everything"}),
    "a right is given twice": ("rights", {"rights": "called;called"}),
    "without a number cannot be called": ("rights", {"numbers": ""}),
    "a helper may only confirm": ("rights", {"role": "helper"}),
    "date when the number was added": ("numbers", {"numbers": "13800138000"}),
    "an officer of the application": ("contact_id", {"contact_id": "4412"}),
    "not the name of a time zone": ("time_zone", {"time_zone": "Mars/Olympus"}),
    "must be yes or no": ("service_calls", {"service_calls": "maybe"}),
    "must not be empty": ("contact_name", {"contact_name": ""}),
    "must be person or company": ("borrower_kind", {"borrower_kind": "club"}),
    "looks like a link": ("contact_name", {"contact_name": "www.bank.example"}),
}


@pytest.mark.shows("CVP-3.1-14")
@pytest.mark.parametrize("reason", WRONG)
async def test_a_wrong_line_refuses_the_other_lines_of_its_application(
    world: World, tmp_path: Path, reason: str
) -> None:
    await registered(world, "WC-1", "WC-2")
    column, cells = WRONG[reason]
    path = written(tmp_path, "a.csv", HEADER + line("WC-1", 1) + line("WC-1", 2, **cells) + line("WC-2", 3))
    account, told = await run(world, path)
    assert account == Account(registered=1, refused=2, header=1)
    assert told[0] == (2, "application_id", "line 3 has another contact of the application, and is refused")
    assert told[1][:2] == (3, column)
    assert reason in told[1][2] or reason == "looks like a link"
    assert await names(world, "WC-1") == [Company(10).finance.name, Company(10).legal.name]
    assert await names(world, "WC-2") == ["某3"]


@pytest.mark.shows("CVP-3.1-14")
async def test_applications_are_refused_as_a_whole(world: World, tmp_path: Path) -> None:
    """Lines that cannot be read, that are not together, without or with two borrowers, and unknown applications."""
    await registered(world, *(f"WC-{n}" for n in range(1, 9)))
    await world.service.applications.erase("WC-8")
    none = {"borrower_id": "", "borrower_name": "", "borrower_kind": ""}
    content = [
        *(line("WC-1", 1), 'WC-1,"a\n', line("WC-2", 2)),
        *(line("WC-3", 3), line("WC-4", 4), line("WC-3", 5)),
        line("WC-5", 6, **none),
        *(line("WC-6", 7), line("WC-6", 8, borrower_name="西山")),
        line("WC-7", 9, borrower_id="another"),
        line("WC-8", 10),
        line("WC-9", 11),
    ]
    account, told = await run(world, written(tmp_path, "a.csv", HEADER + "".join(content)))
    assert account == Account(registered=1, refused=11, header=1)
    assert [each[0] for each in told] == [2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13]
    assert "line 3 cannot be read" in told[0][2]
    assert "line 3 cannot be read" in told[2][2]
    assert "not next to its other lines" in told[3][2]
    assert "is missing on every line" in told[5][2]
    assert "differs from another line" in told[6][2]
    assert "not the customer for whom" in told[8][2]
    assert "has been erased" in told[9][2]
    assert "not registered" in told[10][2]
    assert await names(world, "WC-4") == ["某4"]


async def test_more_than_fifty_contacts_are_refused(world: World, tmp_path: Path) -> None:
    await registered(world, "WC-1")
    path = written(tmp_path, "a.csv", HEADER + "".join(line("WC-1", n) for n in range(51)))
    account, told = await run(world, path)
    assert account == Account(refused=51, header=1)
    assert "after the first 50" in told[-1][2]


async def test_facts_that_were_changed_at_the_same_time_are_not_set_back(world: World) -> None:
    await registered(world, "WC-1")
    held = (await world.service.applications.read(LOANS, "WC-1")).registration
    await world.service.applications.register("WC-1", replace(held, officers=held.officers[1:]))
    with pytest.raises(InvalidField):
        await world.service.applications.register("WC-1", held, held)
    assert len((await world.service.applications.read(LOANS, "WC-1")).registration.officers) == 1


async def test_the_example_of_contacts_is_valid(world: World, tmp_path: Path) -> None:
    borrower = Borrower("91330000MA00000001", "东海机械有限公司", "company")
    await world.service.applications.register("WC-2026-0001", Company(10).registration(borrower=borrower))
    assert await run(world, EXAMPLE) == (Account(registered=3, header=1), [])


CONTACT = {"name": "刘敏", "role": "finance", "rights": ["called"], "id": "c-3"}


def with_contacts(**changes: object) -> str:
    numbers = [{"number": "138 0013 8000", "added_at": "2024-01-01T00:00:00Z"}]
    contacts = [{**CONTACT, "numbers": numbers, **changes}]
    borrower = {"id": "b-1", "name": "东海", "kind": "company"}
    plain = {name: value for name, value in JSON_ROW.items() if name not in ("customer", "numbers")}
    return json.dumps({**plain, "borrower": borrower, "contacts": contacts}, ensure_ascii=False) + "\n"


@pytest.mark.shows("CVP-3.1-9")
def test_json_lines_have_contacts_whose_numbers_are_read_like_others(tmp_path: Path) -> None:
    (good,) = read(tmp_path, with_contacts(), "a.jsonl")
    assert isinstance(good, Good)
    assert good.registration.people[0].numbers[0].number == "+8613800138000"
    wrong = [{"number": "138001380001", "added_at": "2024-01-01T00:00:00Z"}]
    assert bad(tmp_path, with_contacts(numbers=wrong), "a.jsonl")[0] == "/contacts/0/numbers/0/number"
    assert bad(tmp_path, with_contacts(role="boss"), "a.jsonl")[0] == "/contacts/0/role"
    assert bad(tmp_path, with_contacts(rights=["all"]), "a.jsonl") == (
        "/contacts/0/rights/0",
        "must be called or confirm or details",
    )


@pytest.mark.shows("CVP-3.1-7")
async def test_json_lines_with_contacts_are_unchanged_the_second_and_third_time(world: World, tmp_path: Path) -> None:
    """The service dates contacts who join later. The file need not know when."""
    path = written(tmp_path, "a.jsonl", with_contacts())
    assert (await import_file(world.service, ImportFile(path, NOON))).registered == 1
    path = written(tmp_path, "a.jsonl", with_contacts(id="c-4"))
    for expected in (Account(registered=1), Account(unchanged=1)):
        world.clock.advance(60)
        assert await import_file(world.service, ImportFile(path, NOON)) == expected
