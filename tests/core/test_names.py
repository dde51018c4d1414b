"""Names of people and products with a link or an invisible character are refused with their pointers."""

from __future__ import annotations

import pytest

from tests.world import Person
from verifier.core.application import AssignedOfficer, Customer
from verifier.core.errors import InvalidField
from verifier.core.names import LINK, MARK, check_names, fault


@pytest.mark.parametrize("name", ["王芳", "李伟 Wei", "O'Brien-Smith", "Dr. Wang", "个人住房贷款 2.0"])
def test_names_of_people_and_products_pass(name: str) -> None:
    assert fault(name) is None


@pytest.mark.parametrize("name", ["https://evil.example", "bank.example", "www.bank"])
def test_a_link_is_found(name: str) -> None:
    assert fault(name) == LINK


@pytest.mark.parametrize("name", ["王\u202e芳", "a\u200bb", "a\x07"])
def test_an_invisible_character_is_found(name: str) -> None:
    assert fault(name) == MARK


def test_the_error_lists_each_fault_of_a_registration_with_its_pointer() -> None:
    registration = Person(1).registration(
        customer=Customer("cust-1", "bank.example"),
        reference="https://bank.example/417",
        officers=(AssignedOfficer("44\u200b12", "李伟", "支行"), AssignedOfficer("4413", "陈静", "https://a.example")),
    )
    with pytest.raises(InvalidField) as told:
        check_names(registration)
    assert {each.pointer: each.detail for each in told.value.errors} == {
        "/customer/name": LINK,
        "/reference": LINK,
        "/officers/1/branch": LINK,
        "/officers/0/id": MARK,
    }
    check_names(Person(1).registration())
