"""A search by pinyin, and the number of all that match."""

from __future__ import annotations

import pytest

from tests.world import Person, World, staff
from verifier.core.application import Customer
from verifier.service.staff import desk
from verifier.service.staff.pinyin import spells

OFFICER = staff("4412")


@pytest.mark.shows("CVP-7.5-30")
@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("wangfang", "王芳"),
        ("wf", "王芳"),
        ("wfang", "王芳"),
        ("fang", "王芳"),
        ("wangf", "王芳"),
        ("ouyn", "欧阳娜"),
        ("oyn", "欧阳娜"),
        ("shan", "单伟"),
        ("danw", "单伟"),
        ("zengq", "曾强"),
        ("cengq", "曾强"),
        ("lvbu", "吕布"),
        ("lüb", "吕布"),
        ("lu", "吕布"),
        ("hengtong", "恒通贸易有限公司"),
        ("htmy", "恒通贸易有限公司"),
        ("my", "恒通贸易有限公司"),
    ],
)
def test_a_word_spells_consecutive_characters_of_a_name(word: str, name: str) -> None:
    assert spells(word, name)


@pytest.mark.shows("CVP-7.5-30")
@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("wfa", "王"),
        ("wn", "王芳"),
        ("wanfang", "王芳"),
        ("fw", "王芳"),
        ("hmy", "恒通贸易有限公司"),
        ("cr", "Carla Rossi"),
        ("王f", "王芳"),
        ("w1", "王芳"),
        ("", "王芳"),
        ("a" * 41, "阿" * 60),
    ],
)
def test_a_word_that_skips_or_misspells_does_not(word: str, name: str) -> None:
    assert not spells(word, name)


@pytest.mark.shows("CVP-7.5-30")
async def test_an_officer_finds_a_customer_by_pinyin_and_the_page_tells_the_total(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n, name in enumerate(("王芳", "吴凡", "单伟", "Carla Rossi", "王伟"), 1):
        await world.register(Person(n), customer=Customer(f"cust-{n}", name))

    async def found(query: str, limit: int = 50) -> tuple[list[str], int | None]:
        page = await world.service.desk.applications(OFFICER, query, None, limit)
        return [each.application_id for each in page.applications], page.total

    assert await found("wf") == (["LN-1", "LN-2"], 2)
    assert await found("Wang") == (["LN-1", "LN-5"], 2)
    assert await found("w 房") == (["LN-1", "LN-2", "LN-3", "LN-5"], 4), "each word may match in its own way"
    assert await found("", 2) == (["LN-1", "LN-2"], 5)
    second = await world.service.desk.applications(OFFICER, "", "LN-2", 2)
    assert ([each.application_id for each in second.applications], second.total) == (["LN-3", "LN-4"], None)
    monkeypatch.setattr(desk, "_COUNTED", 4)
    assert await found("", 2) == (["LN-1", "LN-2"], None), "too many to count"
    assert await found("w", 2) == (["LN-1", "LN-2"], 4)
