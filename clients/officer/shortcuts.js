/**
 * Keys for work without a mouse, a sheet that lists them, and a switch that turns them off (WCAG 2.1.4).
 * Implements specs/protocol.md section 12.1.
 */

import { button, h } from "../web/elements.js";
import { recall, remember } from "../web/kept.js";
import { say } from "../web/language.js";
import { WORDS as SHARED } from "../web/words.js";
import { chimes, setChimes } from "./chime.js";
import { WORDS } from "./day_words.js";

/** @typedef {import("../web/language.js").Both} Both */
/** A key, what it does in words, and the act. @typedef {{key: string, words: Both, act: () => unknown}} Shortcut */

/** The key in localStorage. It is "0" if the person has turned them off. */
const STORED = "shortcuts";

/** The keys of the screens that are shown. @type {Set<readonly Shortcut[]>} */
const active = new Set();
/** @type {HTMLElement | null} */
let sheet = null;

addEventListener("keydown", pressed);

/** Let keys act until `signal` aborts. @param {AbortSignal} signal @param {readonly Shortcut[]} shortcuts */
export function useKeys(signal, shortcuts) {
  if (signal.aborted || !standalone()) return;
  active.add(shortcuts);
  signal.addEventListener("abort", () => active.delete(shortcuts), { once: true });
  signal.addEventListener("abort", () => close(), { once: true });
}

/** A button that opens the sheet, for people who do not know its key. */
export function keysButton() {
  return standalone() && button([say(WORDS.keys), keyMark("?")], () => open(), { class: "keys" });
}

/** Shows the key of a button. Screen readers hear of it on the sheet. @param {string} key */
export function keyMark(key) {
  return enabled() && h("kbd", { "aria-hidden": "true" }, key.toUpperCase());
}

/** The keys that move through rows. @param {() => HTMLElement} list */
export function rowKeys(list) {
  /** @param {number} step */
  const move = (step) => {
    const links = [...list().querySelectorAll("a")];
    const at = links.indexOf(/** @type {HTMLAnchorElement} */ (document.activeElement));
    const next = at < 0 ? (step > 0 ? 0 : links.length - 1) : at + step;
    links[Math.max(0, Math.min(next, links.length - 1))]?.focus();
  };
  return [
    { key: "j", words: WORDS.keyDown, act: () => move(1) },
    { key: "k", words: WORDS.keyUp, act: () => move(-1) },
  ];
}

function enabled() {
  return standalone() && recall(STORED) !== "0";
}

/** Whether the page has the document to itself. In a bank's own page, the keys are the bank's. */
function standalone() {
  return document.querySelector("#page") !== null;
}

/** @param {KeyboardEvent} event */
function pressed(event) {
  if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && sheet) return close();
  const target = event.target;
  if (sheet || event.repeat || (target instanceof HTMLElement && target.matches(TYPED))) return;
  if (!enabled()) return;
  /** @type {(() => unknown) | undefined} */
  const found = event.key === "?" ? open : all().find((each) => each.key === event.key.toLowerCase())?.act;
  if (!found) return;
  event.preventDefault();
  found();
}

/** Where a key is typed, or chooses. */
const TYPED = "input:not([type=radio]):not([type=checkbox]), select, textarea";

/** The keys of the newest screen come first. */
function all() {
  return [...active].reverse().flat();
}

function open() {
  if (sheet) return;
  const before = document.activeElement;
  const known = [...all(), { key: "?", words: WORDS.keyHelp }, { key: "Esc", words: WORDS.keyClose }];
  const rows = known.map(({ key, words }) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, say(words))]);
  const whole = h(
    "div",
    { class: "sheet", role: "dialog", "aria-modal": "true", "aria-labelledby": "keys-title" },
    h(
      "div",
      { class: "card" },
      h("h2", { id: "keys-title" }, say(WORDS.keys)),
      h("dl", {}, rows),
      choice(WORDS.keysOn, enabled(), (on) => remember(STORED, on ? "1" : "0")),
      choice(WORDS.chimeOn, chimes(), setChimes),
      button(say(SHARED.close), () => close(), { class: "primary" }),
    ),
  );
  whole.addEventListener("keydown", kept);
  whole.addEventListener("click", (event) => event.target === whole && close());
  sheet = whole;
  closed = () => {
    if (before instanceof HTMLElement && before.isConnected) before.focus();
  };
  document.body.append(whole);
  whole.querySelector("button")?.focus();
}

/** What to do after the sheet has closed. @type {() => void} */
let closed = () => undefined;

function close() {
  if (!sheet) return;
  sheet.remove();
  sheet = null;
  closed();
}

/** Keep the focus in the sheet. @param {KeyboardEvent} event */
function kept(event) {
  if (event.key !== "Tab" || !sheet) return;
  const stops = [...sheet.querySelectorAll("input, button")];
  const [first, last] = [stops[0], stops[stops.length - 1]];
  const from = document.activeElement;
  if (event.shiftKey ? from !== first : from !== last) return;
  event.preventDefault();
  const to = event.shiftKey ? last : first;
  if (to instanceof HTMLElement) to.focus();
}

/** @param {Both} words @param {boolean} on @param {(on: boolean) => void} keep */
function choice(words, on, keep) {
  const box = h("input", { type: "checkbox", checked: on });
  box.addEventListener("change", () => keep(box.checked));
  return h("label", { class: "choice" }, box, say(words));
}
