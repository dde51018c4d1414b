/**
 * The page that checks receipts: without login, without a connection once it is open, and without sending anything.
 * Implements specs/protocol.md section 8.6.
 */

import { announce, button, h, labelled, shape } from "../web/elements.js";
import { language, phone, say, setLanguage } from "../web/language.js";
import { WORDS as SHARED } from "../web/words.js";
import { check, contentOf } from "./checking.js";
import { letter, resultOf } from "./letter.js";
import { WORDS } from "./words.js";

/** @typedef {import("./checking.js").Outcome} Outcome */
/** @typedef {{facts: import("./letter.js").Facts, trust: import("../typescript/src/receipts.js").Trust}} Bank */

/** The bank's names and keys, or null if they were not loaded. @type {Bank | null} */
let bank = null;
/** @type {Outcome | null} */
let shown = null;

addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  const items = [...(event.dataTransfer?.items ?? [])].filter((each) => each.kind === "file");
  const entries = items.map((each) => each.webkitGetAsEntry?.() ?? null);
  checkFiles([...(event.dataTransfer?.files ?? [])], entries);
});
import(new URL("bank.js", location.href).href)
  .then(
    (loaded) => (bank = loaded.default),
    () => null,
  )
  .then(show);

/** @param {readonly File[]} files @param {readonly (FileSystemEntry | null)[]} [entries] */
async function checkFiles(files, entries) {
  const read = await contentOf(files, entries);
  await turn("fault" in read ? read : await check(read.content, bank?.trust ?? null));
}

/** Show an outcome, and read it out. @param {Outcome} outcome */
function turn(outcome) {
  shown = outcome;
  show();
  const heading = document.querySelector("h1");
  heading?.focus({ preventScroll: true });
  scrollTo(0, 0);
  announce(heading?.textContent ?? "");
}

function show() {
  setLanguage(language());
  const main = h("main", { id: "main", tabindex: "-1" }, shown === null ? form() : result(shown));
  const heading = main.querySelector("h1");
  heading?.setAttribute("tabindex", "-1");
  document.title = [heading?.textContent, bank?.facts.bank_name].filter(Boolean).join(" · ");
  document.querySelector("#page")?.replaceChildren(header(), main);
}

function header() {
  const other = language() === "zh-CN" ? "en" : "zh-CN";
  const turnLanguage = () => {
    setLanguage(other);
    show();
  };
  return h(
    "header",
    {},
    h("p", { class: "brand" }, h("b", {}, bank?.facts.bank_name || location.host), h("span", {}, say(WORDS.title))),
    h("div", { class: "tools" }, button(other === "en" ? "English" : "中文", turnLanguage, { lang: other })),
  );
}

function form() {
  const given = { bank: bankName() };
  const input = h("input", { type: "file", id: "file", onchange: () => checkFiles([...(input.files ?? [])]) });
  const pasted = h("textarea", { id: "pasted", rows: "5", autocomplete: "off", spellcheck: "false" });
  const checkPasted = async () => turn(await check(pasted.value, bank?.trust ?? null));
  return h(
    "div",
    { class: "stack" },
    h("h1", {}, say(WORDS.title)),
    bank === null && fault("no_keys"),
    h("p", {}, say(WORDS.lead, given)),
    h("div", { class: "card drop" }, labelled(say(WORDS.choose), input), h("p", { class: "small by-mouse" }, say(WORDS.drop))),
    h("p", { class: "small" }, say(WORDS.private)),
    h("p", { class: "warn" }, say(WORDS.noCalls)),
    h(
      "details",
      { class: "card" },
      h("summary", {}, say(WORDS.pasteTitle)),
      h("p", {}, say(WORDS.pasteWhat)),
      labelled(say(WORDS.paste), pasted),
      button(say(WORDS.check), checkPasted),
    ),
  );
}

/** @param {Outcome} outcome */
function result(outcome) {
  const another = () => {
    shown = null;
    show();
    document.querySelector("h1")?.focus();
  };
  const buttons = [button(say(WORDS.another), another)];
  if ("fault" in outcome) return h("div", { class: "stack" }, fault(outcome.fault, "h1"), h("div", { class: "actions" }, buttons));
  const { facts } = /** @type {Bank} */ (bank);
  const given = { bank: bankName(), result: resultOf(outcome.checked, facts) };
  return h(
    "div",
    { class: "stack" },
    h(
      "div",
      { class: "told paper" },
      shape("paper"),
      h("div", {}, h("h1", {}, say(WORDS.verified)), h("p", {}, say(WORDS.verifiedWhat, given)), h("p", { class: "past" }, say(WORDS.verifiedPast))),
    ),
    h("div", { class: "actions" }, button(say(WORDS.print), () => globalThis.print()), buttons),
    letter(outcome.checked, facts),
  );
}

/** @param {import("./checking.js").Fault} name @param {"h1" | "h2"} level */
function fault(name, level = "h2") {
  const { title, what } = WORDS.faults[name];
  const bad = name === "altered" || name === "other_bank";
  const reload = name === "no_keys" && button(say(WORDS.reload), () => location.reload(), { class: "primary" });
  const hotline = name === "code" && bank?.facts.published_numbers[0];
  const ring = hotline && h("a", { class: "button", href: `tel:${hotline}` }, shape("phone"), say(WORDS.ring, { number: phone(hotline) }));
  const given = { bank: bankName() };
  return h(
    "div",
    { class: `told ${bad ? "bad" : "doubt"}` },
    shape(bad ? "stop" : "warning"),
    h("div", { class: "stack" }, h(level, {}, say(title, given)), h("p", {}, say(what, given)), reload, ring),
  );
}

function bankName() {
  return bank?.facts.bank_name || location.host;
}
