"""Names that are shown or spoken may hold no link and no invisible character. Real names pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.api.conftest import SystemSession
from tests.world import LOANS, Person, World
from verifier.api.systems import System, SystemsError, add_system, new_key
from verifier.config import BadSettings, load
from verifier.core.application import AssignedOfficer
from verifier.core.errors import InvalidField
from verifier.core.names import LINK, MARK, check_names, fault
from verifier.demo.bank import DemoBank
from verifier.import_files import ImportFile
from verifier.import_files.rows import Bad, Good
from verifier.ports import Storage

REAL = """
St. Mary|St.Mary|No.8 Branch|No.8支行|中关村支行|O'Neil-Smith|A.B.C Trading Co.,Ltd|A.B.C Trading Co.Ltd.|Dr.Wang|Dr.Ma
Mr.Li/Ms.Wang|Mr.Ly|J.P.Morgan|J.P.Morgan/上海|李伟|张三、李四|No.2/中关村|北京某某科技有限公司|Smith & Co.|Apple Inc.
24/7 Loan
Société Générale S.A.|Home Loan 2.5%|个人住房贷款 3.85%|A.G.|Kim.Jong.Un|Jean-Luc|Ng.|عبد الله|می‌خواهم|Wu.De.Hua|王.伟
Version 1.2.3|Zhang.San (Beijing)|U.S. Bank|Yu.Me|Co.Li|买买提·吐尔逊
"""
LINKS = """
https://x.example|bank.example/login|www.bank.cn|see www.bank|BANK.COM|icbc.cn|bit.ly/x|t.cn/A6x|t.me/abc|bank。com
ｂａｎｋ．ｃｏｍ|银行.中国|ftp://b|a@bank.com|192.0.2.1|192.0.2.1/login|bank.com.cn|x.bank/login|bank.io:443/a|sub.bank.xyz
李伟 icbc.cn|weixin://dl|ICBC．CN|a.com|bank.org.|(bank.net)|去bank.top
"""
MARKS = (
    "李伟\u202e",
    "\u200b李",
    "a\u2066b",
    "李\u00ad",
    "\ufeff李",
    "a\x1bb",
    "a\x85b",
    "李\U000e0041",
    "\u061c",
    "a\u2028b",
)


def _each(lines: str) -> list[str]:
    return [name for line in lines.strip().split("\n") for name in line.split("|")]


def _facts(person: Person) -> dict[str, Any]:
    facts: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(person.registration()))
    return facts


def _with(name: str) -> dict[str, dict[str, Any]]:
    """Registrations with `name` in each possible place, keyed by the pointer of that place."""
    found = {}
    for pointer in ("/customer/name", "/officers/1/name", "/officers/1/branch", "/product"):
        facts = _facts(Person(1))
        *path, last = pointer[1:].split("/")
        held: Any = facts
        for step in path:
            held = held[int(step) if isinstance(held, list) else step]
        held[last] = name
        found[pointer] = facts
    return found


@pytest.mark.shows("CVP-3.1-12")
@pytest.mark.parametrize("name", _each(REAL))
def test_real_names_pass(name: str) -> None:
    assert fault(name) is None


@pytest.mark.shows("CVP-3.1-12")
@pytest.mark.parametrize("name", _each(LINKS))
def test_links_are_refused_in_names(name: str) -> None:
    assert fault(name) == LINK


@pytest.mark.shows("CVP-3.1-12")
@pytest.mark.parametrize("name", MARKS, ids=ascii)
def test_invisible_characters_are_refused_in_names(name: str) -> None:
    assert fault(name) == MARK


@pytest.mark.shows("CVP-3.1-12")
def test_every_bad_name_is_reported_by_pointer_and_not_repeated() -> None:
    registration = Person(1).registration(product="bank.example/login", officers=(_officer("4412\u202e", "icbc.cn"),))
    with pytest.raises(InvalidField) as refused:
        check_names(registration)
    told = [each.pointer for each in refused.value.errors]
    assert told == ["/product", "/officers/0/branch", "/officers/0/id"]
    assert "login" not in str(refused.value.errors)


def _officer(officer_id: str, branch: str) -> AssignedOfficer:
    return AssignedOfficer(officer_id, "李伟", branch)


@pytest.mark.shows("CVP-3.1-12")
def test_a_bad_name_in_a_registration_is_refused_with_the_member_named(running_bank: DemoBank) -> None:
    lending = SystemSession(running_bank, "loan-origination")
    for name in ("bank.example/login", "李伟\u202e"):
        for pointer, facts in _with(name).items():
            answer = lending.send("PUT", "/v1/applications/LN-names-1", facts)
            assert (answer.status_code, answer.json()["slug"]) == (422, "invalid_field")
            assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]
            assert name not in answer.text
    assert lending.send("GET", "/v1/applications/LN-names-1").status_code == 404


@pytest.mark.shows("CVP-3.1-12")
def test_a_bad_name_in_an_import_is_refused_with_the_member_named(tmp_path: Path) -> None:
    path = tmp_path / "names.jsonl"
    lines = [{"application_id": "LN-1", **_facts(Person(1))}]
    lines += [{"application_id": "LN-2", **facts} for facts in _with("www.bank.example").values()]
    path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    good, *bad = ImportFile(path, 1_800_000_000_000).rows()
    assert isinstance(good, Good)
    assert [(row.column, row.reason) for row in bad if isinstance(row, Bad)] == [
        (pointer, LINK) for pointer in _with("")
    ]


@pytest.mark.shows("CVP-3.1-12")
def test_the_banks_name_and_a_systems_id_are_checked_too(tmp_path: Path) -> None:
    for name, what in (("银行 bank.example", LINK), ("银行\u202e", MARK)):
        with pytest.raises(BadSettings, match=f"VERIFIER_BANK_NAME: {what}"):
            load({"VERIFIER_ISSUER": "https://verify.bank.example", "VERIFIER_BANK_NAME": name})
    with pytest.raises(SystemsError, match="must not be a link"):
        add_system(tmp_path / "systems.json", System("www.bank.example", new_key()[0], ("legs",)))


@pytest.mark.shows("CVP-3.1-12")
async def test_a_bad_name_that_is_already_stored_can_still_be_read(storage: Storage, tmp_path: Path) -> None:
    async with World(storage, tmp_path / "ring.json") as world:
        person = Person(1)
        # The service accepts it. Only the API and the import check names.
        await world.register(person, product="bank.example/login")
        read = await world.service.applications.read(LOANS, person.application_id)
        assert read.registration.product == "bank.example/login"
