"""The bundles of the pages: generated from the modules, small, compressed, few, and fit for older engines."""

from __future__ import annotations

import gzip
import re
import shutil
from pathlib import Path

import pytest
import requests
from playwright.async_api import Browser, Route, expect

from tests.node import CLIENTS, SDK
from tests.pages.conftest import stale_bundles
from tests.pages.people import Clerk, Customer, Exchange, Officer
from verifier.demo.bank import DemoBank

BUILT = sorted((CLIENTS / "built").iterdir())
SCRIPTS = [path for path in BUILT if path.suffix == ".js"]
STYLES = [path for path in BUILT if path.suffix == ".css"]
# What Chromium 80 or Safari 14 lack, and clients/web/older.js does not add.
NEW_SCRIPT = (
    r"\(\?<[=!]",  # look-behind
    r":not\([^)\"'`]*,",  # a list of selectors
    r"structuredClone\(",
    r"\.(findLast|findLastIndex|toSorted|toReversed|toSpliced|replaceAll|showModal|showPopover|isWellFormed)\(",
    r"\b(Promise\.(any|withResolvers)|Object\.groupBy|Map\.groupBy|URL\.canParse|Intl\.Segmenter|WeakRef)\b",
    r"\b(Array\.fromAsync|Iterator\.from|ReadableStream\.from|scheduler\.|CloseWatcher|navigation\.)",
)
NEW_STYLE = (
    r"light-dark\(",
    r"color-mix\(",
    r":(is|where)\(",
    r":not\([^)]*,",
    r"@(layer|container|property|scope|starting-style)\b",
    r"[{;](inset|rotate|scale|translate|aspect-ratio|padding-inline|margin-inline|padding-block|margin-block)[a-z-]*:",
)
# It marks the chosen contact once more. The radio button shows it without.
DECORATION = ".contact:has(input:checked){"
OLDER = """
delete Object.hasOwn;
delete Crypto.prototype.randomUUID;
delete Array.prototype.at;
delete String.prototype.at;
delete String.prototype.replaceAll;
delete Array.prototype.findLast;
delete globalThis.structuredClone;
delete AbortSignal.any;
delete AbortSignal.timeout;
delete AbortSignal.prototype.throwIfAborted;
delete AbortSignal.prototype.reason;
for (const kind of [Element, Document, DocumentFragment]) delete kind.prototype.replaceChildren;
const abort = AbortController.prototype.abort;
AbortController.prototype.abort = function () { abort.call(this); };
globalThis.olderEngine = !("any" in AbortSignal) && !("reason" in new AbortController().signal);
"""


def test_a_module_that_was_changed_without_its_bundle_is_found(npm: str, tmp_path: Path) -> None:
    changed = tmp_path / "clients"
    pages = [
        path.name for path in CLIENTS.iterdir() if any(path.glob("*.js")) and path.name not in ("built", "typescript")
    ]
    for name in (*pages, "typescript/src"):
        shutil.copytree(CLIENTS / name, changed / name)
    for name in ("bundle.js", "package.json"):
        shutil.copy(SDK / name, changed / "typescript")
    shutil.copytree(CLIENTS / "built", changed / "built")
    (changed / "typescript/node_modules").symlink_to(SDK / "node_modules")
    assert stale_bundles(tmp_path / "built", changed) == []
    words = changed / "app/words.js"
    words.write_text(words.read_text(encoding="utf-8").replace("来电核实", "来电验证"), encoding="utf-8")
    assert stale_bundles(tmp_path / "built", changed) == ["app.js", "call-check.js"]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_uses_nothing_that_older_engines_lack(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert [found[0] for each in NEW_SCRIPT for found in re.finditer(each, text)] == []


@pytest.mark.shows("CVP-12.3-5")
def test_only_the_modules_for_it_touch_what_belongs_to_the_page_around_a_component() -> None:
    # A frame may have no storage, and a component must not use that of the page around it without asking.
    theirs = re.compile(r"\b(local|session)Storage\.\w|document\.(title|cookie)|history\.|location\.(hash|assign|href)")
    modules = [path for name in ("app", "officer", "web", "components") for path in (CLIENTS / name).glob("*.js")]
    assert len(modules) > 30
    found = {path.name for path in modules if theirs.search(path.read_text(encoding="utf-8"))}
    assert found == {"place.js", "session.js"}


@pytest.mark.parametrize("path", STYLES, ids=lambda path: path.name)
def test_a_style_has_a_fallback_for_each_thing_that_older_engines_lack(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace(DECORATION, "")
    assert [found[0] for each in (*NEW_STYLE, r":has\(") for found in re.finditer(each, text)] == []
    # A unit or a value that an engine does not know is passed over, so an older one stands before it.
    assert re.findall(r"(?<!100vh;)min-height:100dvh", text) == []
    assert re.findall(r"(?<!word-break:break-word;)overflow-wrap:anywhere", text) == []


@pytest.mark.parametrize("path", BUILT, ids=lambda path: path.name)
def test_a_bundle_is_at_most_60_kilobytes_compressed(path: Path) -> None:
    assert len(gzip.compress(path.read_bytes())) < 60_000


@pytest.mark.shows("CVP-12.1-40")
def test_a_file_named_by_its_version_is_kept_for_ever_and_compressed(bank: DemoBank) -> None:
    page = requests.get(f"{bank.url}/app/", timeout=10)
    named = re.findall(r'(?:src|href)="\.\./((?:built|web)/[^"]+)"', page.text)
    assert len(named) == 3
    for each in named:
        assert re.fullmatch(r"[a-z/-]+\.(js|css|svg)\?v=[0-9a-f]{32}", each)
        kept = requests.get(f"{bank.url}/{each}", timeout=10)
        assert "immutable" in kept.headers["Cache-Control"]
        assert (kept.headers["Content-Encoding"], kept.headers["Vary"]) == ("gzip", "Accept-Encoding")
        # Another version, as a node of another release would name it, must be asked for again.
        other = requests.get(f"{bank.url}/{each[:-1]}x", timeout=10)
        assert other.headers["Cache-Control"] == "no-cache"
        for refused in ({"Accept-Encoding": "identity"}, {"Accept-Encoding": "gzip;q=0, br"}):
            plain = requests.get(f"{bank.url}/{each}", headers=refused, timeout=10)
            assert "Content-Encoding" not in plain.headers
            assert plain.content == kept.content
            assert plain.headers["ETag"] != kept.headers["ETag"]
    assert page.headers["Cache-Control"] == "no-cache"


@pytest.mark.shows("CVP-12.1-40")
async def test_the_first_screen_needs_at_most_eight_requests(browser: Browser, bank: DemoBank) -> None:
    customer: Customer = await Customer.come(browser, bank)
    asked: list[str] = []
    customer.page.on("request", lambda request: asked.append(request.url))
    await customer.page.reload()
    await expect(customer.page.locator(".sign-in button.primary")).to_be_visible()
    # The browser may ask its cache for the icon more than once.
    assert len({each for each in asked if each.startswith(bank.url)}) <= 5, asked
    assert len([each for each in asked if "facts.json" in each]) == 1, "the preloaded facts are used"
    await customer.page.locator(".sign-in button.primary").click()
    await customer.page.locator("button[value='cust-0001']").click()
    await expect(customer.code).to_be_visible()
    await expect(customer.page.locator(".status .told.calm")).to_be_visible()
    assert len([each for each in asked if "/openid-configuration" in each]) == 1
    # The files that are named by their version come from the cache.
    back = asked[next(at for at, each in enumerate(asked) if "/app/?code=" in each) :]
    assert len([each for each in back if "?v=" not in each]) <= 4, back
    await customer.context.close()


def _as_an_older_engine_reads_it(style: str) -> str:
    """A style without the rules and the declarations that an engine of that class passes over."""
    style = re.sub(r"[^{}]*:(has|focus-visible)\([^{}]*\{[^{}]*\}|[^{}]*:focus-visible[^{}]*\{[^{}]*\}", "", style)
    style = re.sub(r"[a-z-]+:[^;{}]*(dvh|anywhere|light-dark)[^;{}]*;?", "", style)
    # Without gaps in flex containers.
    return re.sub(r"\{([^{}]*display:(?:inline-)?flex[^{}]*)\}", lambda rule: _without_gap(rule[1]), style)


def _without_gap(rule: str) -> str:
    return "{" + re.sub(r"(^|;)(row-|column-)?gap:[^;]*", "", rule) + "}"


async def _older(browser: Browser, person: type[Customer] | type[Officer] | type[Clerk], bank: DemoBank) -> object:
    """A person whose browser lacks what engines of the class of Chromium 80 and Safari 14 lack."""

    async def style(route: Route) -> None:
        answer = await route.fetch()
        headers = {name: value for name, value in answer.headers.items() if name != "content-encoding"}
        await route.fulfill(response=answer, headers=headers, body=_as_an_older_engine_reads_it(await answer.text()))

    made = await person.come(browser, bank, script=OLDER)
    await made.context.route("**/built/*.css*", style)
    await made.page.reload()
    assert await made.page.evaluate("olderEngine")
    return made


@pytest.mark.shows("CVP-12.1-41")
async def test_the_story_works_in_engines_of_the_class_of_chromium_80_and_safari_14(
    browser: Browser, bank: DemoBank, exchange: Exchange
) -> None:
    officer = await _older(browser, Officer, bank)
    assert isinstance(officer, Officer)
    await officer.sign_in("4412")
    await officer.prepare("王芳")
    await officer.page.locator("input[value=terms]").check()
    call_id = await officer.get_code()
    exchange.hears(call_id, "connected")
    await expect(officer.page.locator(".code")).to_be_visible()
    customer = await _older(browser, Customer, bank)
    assert isinstance(customer, Customer)
    await customer.sign_in("cust-0001")
    await expect(customer.page.locator(".told.connected")).to_be_visible()
    await customer.enter(await officer.read_code())
    await expect(customer.page.locator(".verdict.genuine")).to_be_visible()
    await expect(officer.page.locator(".told.good")).to_be_visible()
    exchange.hears(call_id, "ended")
    await expect(customer.page.locator(".verdict.over")).to_be_visible()
    for route in ("/calls", "/loans", "/report", "/helpers"):
        await customer.go(route)
        await expect(customer.page.locator("nav a[aria-current]")).to_have_attribute("href", f"#{route}")
        assert await customer.page.locator(".trouble").count() == 0
    clerk = await _older(browser, Clerk, bank)
    assert isinstance(clerk, Clerk)
    await clerk.sign_in("5101")
    await clerk.find(reference="LN-2026-0001")
    await clerk.check("482 177 302")
    await expect(clerk.page.locator(".slip")).to_be_visible()
    for person in (officer, customer, clerk):
        await person.context.close()
        assert person.defects() == []


async def test_what_older_engines_lack_is_added_as_it_is_in_newer_ones(browser: Browser, bank: DemoBank) -> None:
    script = """async () => {
      const one = new AbortController(), other = new AbortController();
      const any = AbortSignal.any([one.signal, other.signal]);
      other.abort("why");
      one.abort("again");
      const late = AbortSignal.timeout(20);
      await new Promise((resolve) => late.addEventListener("abort", resolve));
      let thrown;
      try { any.throwIfAborted() } catch (error) { thrown = error }
      const plain = new AbortController();
      plain.abort();
      const box = document.createElement("p");
      box.append("a", "b");
      box.replaceChildren("c", box.cloneNode());
      return [
        any.reason, AbortSignal.any([other.signal]).reason, thrown, late.reason.name, plain.signal.reason.name,
        AbortSignal.any([new AbortController().signal]).aborted, [1, 2].at(-1), "ab".at(-1), [1].at(5) === undefined,
        Object.hasOwn({ a: 1 }, "a"), Object.hasOwn({}, "toString"), box.outerHTML,
        /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(crypto.randomUUID()),
        crypto.randomUUID() !== crypto.randomUUID(),
      ];
    }"""
    customer: Customer = await Customer.come(browser, bank)
    older = await _older(browser, Customer, bank)
    assert isinstance(older, Customer)
    assert await customer.page.evaluate(script) == await older.page.evaluate(script)
    for person in (customer, older):
        await person.context.close()


async def test_without_gaps_in_flex_containers_nothing_touches(browser: Browser, bank: DemoBank) -> None:
    customer = await _older(browser, Customer, bank)
    assert isinstance(customer, Customer)
    assert await customer.page.evaluate("document.documentElement.className") == ""
    tools = await customer.page.evaluate(
        """() => {
          document.documentElement.classList.add("no-gap");
          const [one, other] = document.querySelectorAll(".tools button");
          return other.getBoundingClientRect().left - one.getBoundingClientRect().right;
        }"""
    )
    assert tools >= 5
    await customer.context.close()
