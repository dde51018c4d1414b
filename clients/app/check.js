/** The first screen: the live call status, and the entry of a code. Implements specs/protocol.md section 7. */

import { Problem } from "../typescript/src/client.js";
import { LENGTH, caretAfter, digitsOf, possible } from "../web/code.js";
import { button, h } from "../web/elements.js";
import { grouped, say } from "../web/language.js";
import { statusCard } from "./status.js";
import { ask } from "./verdict.js";
import { WORDS } from "./words.js";

/** @typedef {import("../web/page.js").Page} Page */

/** @param {Page} page @param {AbortSignal} signal */
export function checkScreen(page, signal) {
  return h("div", { class: "check" }, h("h1", { class: "heard" }, say(WORDS.title)), statusCard(page, signal), codeCard(page));
}

/** The digits that each page has, while the person changes the language or looks at another tab. @type {WeakMap<Page, string>} */
const typing = new WeakMap();
const SLOW_MS = 300;

/** @param {Page} page */
function codeCard(page) {
  const hint = h("p", { id: "code-hint", class: "hint", role: "status" });
  const input = h("input", {
    id: "code",
    class: "code",
    // The keys below replace the on-screen keyboard. A hardware keyboard and pasting still work.
    inputmode: "none",
    autocomplete: "off",
    spellcheck: "false",
    placeholder: "000 000 000",
    "aria-describedby": "code-hint",
  });
  let shortened = false;
  const take = (/** @type {string} */ typed) => {
    const { digits, strange } = digitsOf(typed);
    shortened = strange;
    typing.set(page, digits);
    input.value = grouped(digits);
    // The person may have misheard a digit, or mistyped it. They may still send what they heard.
    const doubtful = digits.length === LENGTH && !possible(digits);
    tell(strange ? say(WORDS.codeStrange) : doubtful ? say(WORDS.codeSlip) : progress(digits.length), doubtful);
  };
  const tell = (/** @type {string} */ words, /** @type {boolean} */ wrong) => {
    input.setAttribute("aria-invalid", String(wrong));
    hint.classList.toggle("error", wrong);
    hint.textContent = words;
  };
  const check = async () => {
    const { digits } = digitsOf(input.value);
    if (digits.length < LENGTH) {
      tell(say(WORDS.codeShort, { count: LENGTH - digits.length }), false);
      input.focus();
      return;
    }
    if (shortened && !possible(digits)) {
      // These digits are not all that was typed. The person should look at them before they are sent.
      shortened = false;
      tell(say(WORDS.codeSlip), true);
      input.focus();
      return;
    }
    const slow = setTimeout(() => tell(say(WORDS.checking), false), SLOW_MS);
    const asked = ask(page, digits).finally(() => clearTimeout(slow));
    await asked.then(() => typing.delete(page)).catch((error) => {
      if (!(error instanceof Problem && error.slug === "malformed_code")) {
        page.fail(error);
        return;
      }
      take("");
      tell(say(WORDS.codeRepeat), true);
      input.focus();
    });
  };
  input.addEventListener("input", () => {
    const before = input.value.slice(0, input.selectionStart ?? input.value.length);
    const atEnd = before === input.value;
    take(input.value);
    const place = atEnd ? input.value.length : caretAfter(input.value, before.replace(/\D/g, "").length);
    input.setSelectionRange(place, place);
  });
  take(typing.get(page) ?? "");
  const submit = button(say(WORDS.check), check, { class: "primary wide" });
  const keys = "123456789".split("").map((digit) => key(digit, () => take(input.value + digit)));
  return h(
    "section",
    { class: "code-card" },
    h("h2", {}, say(WORDS.codeTitle)),
    h("p", { class: "how" }, say(WORDS.codeHow)),
    h(
      "form",
      {
        class: "stack",
        onsubmit: (/** @type {Event} */ event) => {
          event.preventDefault();
          submit.click();
        },
      },
      h("label", { for: "code", class: "heard" }, say(WORDS.code)),
      input,
      hint,
      h(
        "div",
        { class: "keys", role: "group", "aria-label": say(WORDS.code) },
        keys,
        key(say(WORDS.clear), () => take("")),
        key("0", () => take(input.value + "0")),
        key("⌫", () => take(digitsOf(input.value).digits.slice(0, -1)), say(WORDS.erase)),
      ),
      submit,
    ),
  );

  /** @param {string} label @param {() => void} press @param {string} [name] */
  function key(label, press, name) {
    return h("button", { type: "button", class: "key", onclick: press, "aria-label": name ?? null }, label);
  }
}

/** @param {number} count */
function progress(count) {
  if (count === 0) return "";
  return count === LENGTH ? say(WORDS.codeReady) : say(WORDS.codeShort, { count: LENGTH - count });
}
