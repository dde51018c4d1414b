"""The page that checks receipts (protocol 8.6): a letter for a valid one, and plain words for everything else."""

from __future__ import annotations

import json
import os
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import requests
from playwright.async_api import Browser, Page, Route, expect

from tests.clients.receipts import collect
from tests.node import CLIENTS
from tests.pages.people import Person
from tests.pages.test_accessible import violations
from tests.vectors.files import vectors_of, whole
from verifier.core.printed import texts
from verifier.demo.bank import DemoBank

SHOTS = os.environ.get("SCREENSHOTS")
VALID = {"zh-CN": "凭证有效", "en": "This receipt is valid"}
ALTERED = {"zh-CN": "凭证无效", "en": "This receipt is not valid"}
LETTERS = {
    "genuine": {
        "zh-CN": ("核实时，这是我行的来电", "李伟，工号 4412", "被叫号码", "+86 138 0013 8000", "房贷字2026第0417号"),
        "en": (
            "At that moment, this was our call",
            "李伟, staff no. 4412",
            "Call to",
            "+86 138 0013 8000",
            "a password",
        ),
    },
    "not genuine": {
        "zh-CN": ("无法核实", "不证明打电话的人一定不是我行员工", "当天请不要把凭证给不认识的人看"),
        "en": ("Not confirmed", "It only says that the code was not confirmed", "to no stranger on the same day"),
    },
    "report": {
        "zh-CN": ("我行已收到举报", "不含举报的文字"),
        "en": ("We received the report", "only a fingerprint of the words"),
    },
    "history": {
        "zh-CN": ("我行没有与客户通话", "这段时间没有通话记录"),
        "en": ("We had no call with the customer", "there was no call in that time"),
    },
}
# What an engine of the class of Chromium 80 does not have.
OLD = """
const importKey = SubtleCrypto.prototype.importKey;
SubtleCrypto.prototype.importKey = function (format, key, algorithm, ...more) {
  if (algorithm === "Ed25519") return Promise.reject(new DOMException("no Ed25519", "NotSupportedError"));
  return importKey.call(this, format, key, algorithm, ...more);
};
delete Object.hasOwn;
delete Array.prototype.at;
delete String.prototype.replaceAll;
delete globalThis.structuredClone;
delete AbortSignal.any;
"""
NO_WEBCRYPTO = "Object.defineProperty(Crypto.prototype, 'subtle', { value: undefined });"


class Reader(Person):
    """Somebody without a login who has a receipt."""

    home = "receipts"

    async def choose(self, *contents: bytes, name: str = "rcpt.receipt.json") -> None:
        files: Any = [{"name": name, "mimeType": "application/json", "buffer": each} for each in contents]
        await self.page.set_input_files("#file", files)

    async def paste(self, text: str) -> None:
        await self.page.locator("summary").click()
        await self.page.locator("#pasted").fill(text)
        await self.page.locator("details button").click()

    async def told(self) -> str:
        """The heading of the outcome. Then the form is shown again."""
        heading = self.page.locator(".told h1")
        await expect(heading).to_be_focused()
        words = await heading.inner_text()
        await self.page.locator(".actions button").last.click()
        await expect(self.page.locator("#file")).to_be_visible()
        return words


@pytest.fixture(scope="module")
def evidence(bank: DemoBank) -> dict[str, dict[str, str]]:
    return collect(bank)[0]


@pytest_asyncio.fixture(loop_scope="session")
async def reader(browser: Browser, bank: DemoBank) -> AsyncIterator[Reader]:
    """A reader whose page is open, and who is offline since. Fails at the end if anything was asked of the network."""
    person: Reader = await Reader.come(browser, bank)
    await expect(person.page.locator("#file")).to_be_visible()
    asked: list[str] = []
    person.page.on("request", lambda request: asked.append(request.url))
    await person.context.set_offline(True)
    yield person
    await person.context.close()
    assert (asked, person.defects()) == ([], [])


async def serve_sources(page: Page) -> None:
    """Serve the modules that the page is bundled from, so that a test can call one."""

    async def serve(route: Route) -> None:
        path = CLIENTS / route.request.url.split("/", 3)[3]
        if not path.exists():
            await route.continue_()
            return
        package = "/typescript/node_modules/@noble/ed25519/index.js"
        body = path.read_text(encoding="utf-8").replace('"@noble/ed25519"', f'"{package}"')
        await route.fulfill(body=body, content_type="text/javascript")

    await page.route("**/*.js", serve)


def encoded(evidence: dict[str, str]) -> bytes:
    return json.dumps(evidence, indent=2).encode()


def members(claims: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every member of claims, at every level."""
    for name in claims if isinstance(claims, dict) else range(len(claims)) if isinstance(claims, list) else ():
        yield (*path, name)
        yield from members(claims[name], (*path, name))


def changed(evidence: dict[str, str], path: tuple[Any, ...]) -> dict[str, str]:
    """The evidence with another value for one member, and the signature as it was."""
    header, payload, signature = evidence["statement"].split(".")
    claims = json.loads(urlsafe_b64decode(payload + "=="))
    holder = claims
    for name in path[:-1]:
        holder = holder[name]
    before = holder[path[-1]]
    holder[path[-1]] = before + 1 if isinstance(before, int) else f"{before}x"
    body = urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return {**evidence, "statement": f"{header}.{body}.{signature}"}


@pytest.mark.shows("CVP-8.6-1", "CVP-8.6-2", "CVP-8.6-4")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["zh-CN", "en"])
async def test_each_kind_of_receipt_reads_as_a_letter_and_nothing_is_green(
    browser: Browser, bank: DemoBank, evidence: dict[str, dict[str, str]], axe: str, language: str, scheme: str
) -> None:
    reader: Reader = await Reader.come(browser, bank, language, scheme)
    await reader.page.set_viewport_size({"width": 320, "height": 640})
    wrong = {"form": await violations(reader.page, axe)}
    await reader.context.set_offline(True)
    for name, words in LETTERS.items():
        await reader.choose(encoded(evidence[name]))
        await expect(reader.page.locator(".told h1")).to_have_text(VALID[language])
        letter = reader.page.locator(".letter")
        await expect(letter).to_have_attribute("lang", language)
        for each in words[language]:
            await expect(letter).to_contain_text(each)
        await expect(reader.page.locator(".past")).to_contain_text("现在" if language == "zh-CN" else "now")
        assert await reader.page.locator(".good, .genuine, .shape-check").count() == 0
        assert "undefined" not in await letter.inner_text()
        await reader.page.wait_for_timeout(200)
        assert await reader.page.evaluate("document.documentElement.scrollWidth") <= 320
        wrong[name] = await violations(reader.page, axe)
        if SHOTS:
            await reader.page.screenshot(path=f"{SHOTS}/letter-{name}-{language}-{scheme}.png", full_page=True)
        await reader.page.locator(".actions button").last.click()
    await reader.choose(encoded(changed(evidence["genuine"], ("verdict",))))
    await expect(reader.page.locator(".told.bad h1")).to_have_text(ALTERED[language])
    await reader.page.wait_for_timeout(200)
    wrong["altered"] = await violations(reader.page, axe)
    assert {name: found for name, found in wrong.items() if found} == {}
    assert reader.defects() == []
    await reader.context.close()


COMMON = {"iss": "https://bank.example", "jti": "rcpt_1", "iat": 1_790_000_000, "salt": "c2FsdA"}
CALL = {
    "call_id": "call_1",
    "ticket": "t",
    "officer": {"id": "4412", "name": "李伟", "branch": "北京"},
    "orig": {"tn": "861082345678"},
    "dest": {"tn": ["8613800138000"]},
    "purpose": "documents",
}
LEG = {"mode": "observed", "connected_at": None, "ended_at": None}
VERDICT = {**COMMON, "channel": "ivr", "customer": "c", "code": "d", "never_asks": ["password", "a later item"]}
WITHHELD = {**CALL, "dest": {"tn": []}, "purpose": "", "asks": [], "leg": LEG}
LISTED = {"state": "ended", "issued_at": 1_790_000_000, "connected_at": 1_790_000_060, "ended_at": 1_790_000_660}
UNSEEN = {**LISTED, "state": "a later state", "connected_at": None, "ended_at": None}
HISTORY = {**COMMON, "customer": "c", "from": 1_789_000_000, "until": 2**53 - 1, "orig": {"tn": "861082345678"}}


@pytest.mark.shows("CVP-8.6-4")
@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize(
    ("typ", "claims", "zh", "en"),
    [
        (
            "call-receipt+jwt",
            {**VERDICT, "verdict": "genuine", "call": WITHHELD},
            ("客服电话", "另一位联系人，号码不列出", "我行看不到是否接通", "密码；a later item"),
            ("by telephone", "another contact of the loan", "could not see whether", "a password; a later item"),
        ),
        (
            "call-receipt+jwt",
            {
                **VERDICT,
                "verdict": "ended",
                "began": 1_789_999_000,
                "ended": 1_789_999_600,
                "call": {**CALL, "purpose": "a later purpose", "asks": ["employer"], "leg": LEG},
            },
            ("这是一个旧核实码", "13:56:40 UTC 至 2026年9月21日 14:06:40 UTC", "a later purpose", "工作单位名称"),
            (
                "This was an old code",
                "at 13:56:40 UTC to September 21, 2026",
                "a later purpose",
                "name of your employer",
            ),
        ),
        (
            "call-receipt+jwt",
            {**VERDICT, "verdict": "not_genuine", "call": None, "code_possible": False},
            ("它不可能是我行的核实码",),
            ("they cannot have been a code of ours",),
        ),
        (
            "call-history+jwt",
            {**HISTORY, "calls": [{**CALL, **LISTED}, {**CALL, **UNSEEN}]},
            ("我行与客户的通话共2次", "查询的来电号码", "14:14:20 UTC 接通", "没有接通记录", "9007199254740991"),
            ("Our calls with the customer: 2", "Number asked about", "a later state", "no connection on record"),
        ),
    ],
)
async def test_a_letter_says_only_what_its_receipt_holds(
    browser: Browser, bank: DemoBank, language: str, typ: str, claims: Any, zh: tuple[str, ...], en: tuple[str, ...]
) -> None:
    reader: Reader = await Reader.come(browser, bank, language, timezone_id="UTC")
    await expect(reader.page.locator("#file")).to_be_visible()
    await serve_sources(reader.page)
    told = await reader.page.evaluate(
        """async ([typ, claims]) => {
            const { letter } = await import("/receipts/letter.js");
            const { facts } = (await import("/receipts/bank.js")).default;
            document.querySelector("main").append(letter({ typ, claims, checkpoint: { origin: "o", size: 1 } }, facts));
            return document.querySelector(".letter").innerText;
        }""",
        [typ, claims],
    )
    for each in zh if language == "zh-CN" else en:
        assert each in told, told
    assert not re.search(r"undefined|null|NaN|Invalid|\{\w+\}", told), told
    if SHOTS:
        await reader.page.locator(".letter").screenshot(path=f"{SHOTS}/only-{language}-{zh[0][:4]}.png")
    await reader.context.close()


@pytest.mark.shows("CVP-8.6-2")
@pytest.mark.parametrize("name", list(LETTERS))
async def test_a_receipt_with_any_member_changed_is_not_valid(
    reader: Reader, evidence: dict[str, dict[str, str]], name: str
) -> None:
    payload = evidence[name]["statement"].split(".")[1]
    paths = [*members(json.loads(urlsafe_b64decode(payload + "==")))]
    assert ("iat",) in paths
    for path in paths:
        await reader.choose(encoded(changed(evidence[name], path)))
        # Nobody has signed the issuer that a changed receipt names.
        assert await reader.told() == ("不是示范银行 Demo Bank的凭证" if path == ("iss",) else "凭证无效"), path
    proof = evidence[name]["proof"]
    for spoiled in (proof.replace("index ", "index 9"), proof[:-9] + "AAAAAAA=\n", proof.replace("tlog", "blog")):
        await reader.choose(encoded({**evidence[name], "proof": spoiled}))
        assert await reader.told() == "凭证无效"


@pytest.mark.shows("CVP-8.6-2")
async def test_everything_else_is_refused_in_words_that_fit(
    reader: Reader, evidence: dict[str, dict[str, str]]
) -> None:
    vector = next(each for each in vectors_of("receipts") if each["valid"])
    other = {"statement": whole(vector["statement"]), "proof": whole(vector["proof"])}
    large = b'{"statement": "' + b"x" * 10_000_000 + b'"}'
    for contents, words in (
        ((encoded(other),), "不是示范银行 Demo Bank的凭证"),
        ((encoded(evidence["ticket"]),), "不是客户凭证"),
        ((encoded(evidence["exception"]),), "不是客户凭证"),
        ((large,), "文件太大"),
        ((os.urandom(5_000),), "这不是凭证"),
        ((b"\x89PNG\r\n\x1a\n" + bytes(500),), "这不是凭证"),
        ((b"{}",), "这不是凭证"),
        ((b"[" * 200_000,), "这不是凭证"),
        ((b"",), "没有内容"),
        ((b"482 177 306",), "本页不核实来电"),
    ):
        await reader.choose(*contents)
        assert await reader.told() == words


@pytest.mark.shows("CVP-8.6-2")
async def test_what_is_dropped_is_one_file_or_refused(reader: Reader, evidence: dict[str, dict[str, str]]) -> None:
    drop = """(texts) => {
        const dataTransfer = new DataTransfer();
        for (const [at, text] of texts.entries()) dataTransfer.items.add(new File([text], `${at}.json`));
        document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
    }"""
    good = encoded(evidence["genuine"]).decode()
    for dropped, words in (([good], "凭证有效"), ([good, good], "一次只能验证一份"), ([], "没有内容")):
        await reader.page.evaluate(drop, dropped)
        assert await reader.told() == words


async def test_a_folder_and_a_file_that_is_gone_are_told_apart(browser: Browser, bank: DemoBank) -> None:
    """A script can make neither to drop."""
    reader: Reader = await Reader.come(browser, bank)
    await serve_sources(reader.page)
    found = await reader.page.evaluate(
        """async () => {
            const { contentOf } = await import("/receipts/checking.js");
            const gone = { size: 10, arrayBuffer: () => Promise.reject(new DOMException("", "NotFoundError")) };
            const folder = [new File([], "folder")];
            return [await contentOf(folder, [{ isDirectory: true }]), await contentOf([gone], [null])];
        }"""
    )
    assert found == [{"fault": "folder"}, {"fault": "unreadable"}]
    await reader.context.close()


@pytest.mark.shows("CVP-8.6-1", "CVP-8.5-2")
async def test_the_text_of_a_printed_receipt_can_be_pasted(reader: Reader, evidence: dict[str, dict[str, str]]) -> None:
    scanned = texts(encoded(evidence["genuine"]))
    await reader.paste("\n".join(scanned) + "\n")
    await expect(reader.page.locator(".letter")).to_contain_text("李伟，工号 4412")
    assert await reader.told() == "凭证有效"
    await reader.paste(scanned[0][:-30])
    assert await reader.told() == "这不是凭证"
    await reader.paste("   ")
    assert await reader.told() == "没有内容"


@pytest.mark.shows("CVP-8.6-3", "CVP-13-1")
@pytest.mark.parametrize("typed", ["482177306", "482 177 306", "核实码是 482177306", "４８２１７７３０６"])
async def test_a_code_is_never_checked_here(reader: Reader, typed: str) -> None:
    await reader.paste(typed)
    await expect(reader.page.locator(".told")).to_contain_text("请在手机银行里输入")
    await expect(reader.page.locator(".told a")).to_have_attribute("href", "tel:+861095588")
    assert await reader.told() == "本页不核实来电"


@pytest.mark.shows("CVP-8.6-3", "CVP-13-4")
async def test_without_the_banks_keys_nothing_is_valid(
    browser: Browser, bank: DemoBank, evidence: dict[str, dict[str, str]]
) -> None:
    async def lose(route: Route) -> None:
        await route.abort()

    async def damage(route: Route) -> None:
        await route.fulfill(content_type="text/javascript", body="export default {facts: {}, trust: {}};")

    for answer, words in ((lose, "现在无法验证"), (damage, "这个浏览器无法验证")):
        reader: Reader = await Reader.come(browser, bank)
        await reader.page.route("**/receipts/bank.js", answer)
        await reader.page.reload()
        await reader.choose(encoded(evidence["genuine"]))
        await expect(reader.page.locator(".told h1")).to_have_text(words)
        await expect(reader.page.locator(".told")).to_contain_text("这既不表示凭证有效，也不表示无效")
        assert await reader.page.locator(".letter").count() == 0
        await reader.context.close()


@pytest.mark.shows("CVP-8.6-3", "CVP-13-4")
async def test_a_browser_that_cannot_check_says_so(
    browser: Browser, bank: DemoBank, evidence: dict[str, dict[str, str]]
) -> None:
    reader: Reader = await Reader.come(browser, bank, script=NO_WEBCRYPTO)
    for each in (evidence["genuine"], changed(evidence["genuine"], ("iat",))):
        await reader.choose(encoded(each))
        assert await reader.told() == "这个浏览器无法验证"
    await reader.context.close()


@pytest.mark.shows("CVP-8.6-1")
async def test_a_browser_of_2020_checks_receipts(
    browser: Browser, bank: DemoBank, evidence: dict[str, dict[str, str]]
) -> None:
    reader: Reader = await Reader.come(browser, bank, script=OLD)
    for name in LETTERS:
        await reader.choose(encoded(evidence[name]))
        assert await reader.told() == "凭证有效"
    await reader.choose(
        encoded({**evidence["report"], "proof": evidence["report"]["proof"].replace("index ", "index 9")})
    )
    assert await reader.told() == "凭证无效"
    assert reader.defects() == []
    await reader.context.close()


@pytest.mark.shows("CVP-8.6-4")
@pytest.mark.parametrize("language", ["zh-CN", "en"])
async def test_the_letter_is_one_page_of_a4_in_black_on_white(
    browser: Browser, bank: DemoBank, evidence: dict[str, dict[str, str]], tmp_path: Path, language: str
) -> None:
    reader: Reader = await Reader.come(browser, bank, language, "dark")
    await reader.choose(encoded(evidence["genuine"]))
    await expect(reader.page.locator(".letter")).to_be_visible()
    pages = re.findall(rb"/Type\s*/Page\b", await reader.page.pdf(prefer_css_page_size=True))
    assert len(pages) == 1
    await reader.page.emulate_media(media="print", color_scheme="dark")
    assert await colours(reader.page) == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]
    for hidden in ("#page > header", ".actions", ".told"):
        await expect(reader.page.locator(hidden)).to_be_hidden()
    # Without its QR code, the paper says that it is not the evidence.
    await expect(reader.page.locator(".on-paper")).to_be_visible()
    await reader.context.close()


async def colours(page: Page) -> list[str]:
    """The colours of the letter's text and of the paper."""
    return list(
        await page.evaluate(
            """[getComputedStyle(document.querySelector(".letter")).color,
                getComputedStyle(document.body).backgroundColor]"""
        )
    )


@pytest.mark.shows("CVP-8.6-5")
def test_the_page_may_connect_to_nothing(bank: DemoBank) -> None:
    for path in ("/receipts/", "/receipts/bank.js"):
        answer = requests.get(bank.url + path, timeout=10)
        policy = answer.headers["Content-Security-Policy"].split("; ")
        for part in ("default-src 'none'", "script-src 'self'", "connect-src 'none'", "form-action 'none'"):
            assert part in policy
        again = requests.get(bank.url + path, headers={"If-None-Match": answer.headers["ETag"]}, timeout=10)
        assert (again.status_code, again.content) == (304, b"")
    assert requests.get(f"{bank.url}/receipts", allow_redirects=False, timeout=10).headers["Location"] == "/receipts/"
    assert "cust" not in requests.get(f"{bank.url}/receipts/bank.js", timeout=10).text
