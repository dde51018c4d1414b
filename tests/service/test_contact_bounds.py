"""The work of one code is bounded: no login and no number has more applications than a code is tried against."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.world import Company, Party, Person, World, at_company
from verifier.core.contacts import Contact
from verifier.core.errors import InvalidField
from verifier.import_files import Bad, ContactsFile, ImportFile, Reading, Superseded
from verifier.importing import import_file
from verifier.importing_contacts import import_contacts
from verifier.ledger import contact_bounds


@pytest.fixture(autouse=True)
def three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contact_bounds, "MOST_APPLICATIONS", 3)


async def refused(world: World, party: Party, *contacts: Contact) -> str:
    """The member that refuses a registration. Nothing is written."""
    before = await world.counts("applications", "contacts", "numbers")
    with pytest.raises(InvalidField, match="already, which are the most for one") as caught:
        await world.register(party, *contacts)
    assert await world.counts("applications", "contacts", "numbers") == before
    return caught.value.errors[0].pointer


def seat(person: Person, n: int) -> Contact:
    """The person with the same login at a company, where they have a telephone of their own."""
    return at_company(Person(200 + n), "finance", id=person.customer_id)


@pytest.mark.shows("CVP-3.3-9")
async def test_a_login_with_as_many_applications_as_it_may_have_gets_no_other(world: World) -> None:
    accountant = Person(5)
    await world.register(accountant)
    companies = [Company(20 + 10 * n) for n in range(4)]
    for n, company in enumerate(companies[:2]):
        await world.register(company, seat(accountant, n))
    legal = at_company(companies[2].legal, "legal_representative")
    assert await refused(world, companies[2], legal, seat(accountant, 2)) == "/contacts/1/id"
    loan = Person(8)
    loan.customer_id = accountant.customer_id
    assert await refused(world, loan) == "/customer/id"
    # Where they are already, everything can be changed.
    for n, company in enumerate(companies[:2]):
        await world.register(company, seat(accountant, 10 + n), at_company(company.legal, "guarantor"))
    await world.register(accountant, product="汽车贷款")
    # Once one application is erased, or has them no more, there is room for another.
    await world.erase(accountant)
    await world.register(companies[2], legal, seat(accountant, 2))
    assert await refused(world, companies[3], seat(accountant, 3)) == "/contacts/0/id"
    await world.register(companies[0], at_company(companies[0].legal, "legal_representative"))
    await world.register(companies[3], seat(accountant, 3))


@pytest.mark.shows("CVP-3.3-9")
async def test_a_number_that_is_on_file_for_as_many_applications_as_it_may_be_is_added_to_no_other(
    world: World,
) -> None:
    people = [Person(n) for n in range(1, 5)]
    for each in people:
        each.number = people[0].number
    for each in people[:3]:
        await world.register(each)
    assert await refused(world, people[3]) == "/numbers/0/number"
    company = Company(20)
    shared = at_company(people[3], "finance")
    assert (
        await refused(world, company, at_company(company.legal, "guarantor"), shared) == "/contacts/1/numbers/0/number"
    )
    await world.register(people[0], product="汽车贷款")
    await world.erase(people[1])
    await world.register(people[3])


@pytest.mark.shows("CVP-3.3-9")
@pytest.mark.parametrize("dry_run", [False, True])
async def test_an_import_refuses_the_line_and_keeps_the_others(world: World, tmp_path: Path, dry_run: bool) -> None:
    accountant = Person(5)
    for n in range(3):
        await world.register(Company(20 + 10 * n), seat(accountant, n))
    told: list[tuple[int, str, str]] = []

    def report(row: Bad | Superseded) -> None:
        assert isinstance(row, Bad)
        told.append((row.line.number, row.column, row.reason))

    reading = Reading("CN", "utf-8", {}, frozenset())
    flat = tmp_path / "loans.csv"
    flat.write_text(
        "application_id,customer_id,customer_name,product,numbers,officers\n"
        f"LN-1,{accountant.customer_id},王芳,贷款,+8613800130005 @ 2026-01-01,4412 / 李伟 / 北京\n"
        "LN-2,cust-6,王芳,贷款,+8613800130006 @ 2026-01-01,4412 / 李伟 / 北京\n",
        encoding="utf-8",
    )
    account = await import_file(
        world.service, ImportFile(flat, world.clock(), reading), report, lambda octets: None, dry_run=dry_run
    )
    assert (account.registered, account.refused) == (1, 1)
    company = Company(90)
    await world.register(company)
    contacts = tmp_path / "contacts.csv"
    contacts.write_text(
        "application_id,contact_name,role,rights,contact_id,borrower_id,borrower_name,borrower_kind\n"
        f"{company.application_id},王芳,finance,confirm,{accountant.customer_id},"
        f"{company.borrower.id},{company.borrower.name},company\n",
        encoding="utf-8",
    )
    account = await import_contacts(
        world.service, ContactsFile(contacts, world.clock(), reading), report, lambda octets: None, dry_run=dry_run
    )
    assert (account.registered, account.refused) == (0, 1)
    reason = "this login has 200 applications already, which are the most for one"
    assert told == [(2, "customer_id", reason), (2, "contact_id", reason)]
