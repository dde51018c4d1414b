/**
 * The code of a connected call, large enough to read across a desk, with what to say. Implements specs/protocol.md
 * section 5.
 */

import { announce, button, h } from "../web/elements.js";
import { grouped, inLanguage, say } from "../web/language.js";
import { copied } from "./copy.js";
import { WORDS as DAY } from "./day_words.js";
import { keyMark } from "./shortcuts.js";
import { spoken } from "./spoken.js";
import { WORDS } from "./words.js";

/** @typedef {import("../web/page.js").Page} Page */
/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]} Schemas */
/** @typedef {import("../web/language.js").Language} Language */

/**
 * @param {Page} page @param {Schemas["CallView"]} call @param {Schemas["Code"]} code
 * @param {Language} theirs the language of the person called
 * @param {AbortSignal} signal
 */
export function codeCard(page, call, code, theirs, signal) {
  const script = inLanguage(theirs, WORDS.script, {
    bank: page.facts.bank_name,
    name: call.officer.name,
    id: call.officer.id,
    code: spoken(code.digits, theirs),
  });
  return [
    h(
      "section",
      { class: "card code-card" },
      h("h2", {}, say(WORDS.code)),
      h("p", { class: "code", translate: "no" }, grouped(code.digits)),
      h("p", { class: "spoken", lang: theirs }, spoken(code.digits, theirs)),
      countdown(page, code, signal),
      button([say(DAY.copy), keyMark("c")], () => copyCode(code), { class: "copy" }),
    ),
    h("section", { class: "card stack" }, h("h2", {}, say(WORDS.readOut)), h("blockquote", { lang: theirs }, script), h("p", { class: "small" }, say(WORDS.readOutNever))),
  ];
}

/** @param {Schemas["Code"]} code */
export async function copyCode(code) {
  announce(say((await copied(code.digits)) ? DAY.copied : DAY.copyFailed));
}

/** Not in a live region: screen readers would read each second. @param {Page} page @param {Schemas["Code"]} code @param {AbortSignal} signal */
function countdown(page, code, signal) {
  const left = h("p", { class: "left" });
  const count = () => {
    const seconds = Math.max(0, Math.floor((Date.parse(code.expires_at) - page.now()) / 1000));
    left.textContent = say(WORDS.left, { time: `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}` });
  };
  count();
  const timer = setInterval(count, 1000);
  signal.addEventListener("abort", () => clearInterval(timer));
  return left;
}
