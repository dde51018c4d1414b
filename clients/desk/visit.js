/**
 * The customer who is present, and what can be asked for them: a code, the calls, a report.
 * Implements specs/protocol.md section 7.19.
 */

import { CannotCheck, Problem } from "../typescript/src/client.js";
import { LENGTH, digitsOf } from "../web/code.js";
import { asLocal, callWindow } from "../web/call-window.js";
import { button, h, labelled } from "../web/elements.js";
import { asE164, grouped, phone, say } from "../web/language.js";
import { question as questions } from "../web/question.js";
import { reportForm } from "../web/report-form.js";
import { WORDS as SHARED } from "../web/words.js";
import { present } from "./present.js";
import { show } from "./slip.js";
import { WORDS } from "./words.js";

/** @typedef {import("../web/page.js").Page} Page */
/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]["Verdict"]} Verdict */
/** @typedef {import("../web/language.js").Language} Language */
/** @typedef {import("./present.js").Present} Present */

/** @param {Page} page */
export function visitScreen(page) {
  const visit = present();
  if (visit === null) {
    page.go("/");
    return h("p", {});
  }
  const { asked, customer } = visit;
  return h(
    "div",
    { class: "stack" },
    h("h1", {}, customer.name),
    h("p", { class: "told doubt" }, h("span", {}, say(WORDS.compare))),
    h(
      "dl",
      {},
      [
        [WORDS.foundBy, asked.application_id ?? phone(asked.number ?? "")],
        [WORDS.reason, asked.reason],
        [WORDS.speaks, say(WORDS.languages[customer.language])],
      ].map(([name, value]) => [h("dt", {}, say(/** @type {any} */ (name))), h("dd", {}, /** @type {string} */ (value))]),
    ),
    codeCard(page, asked, customer.language),
    callsCard(page, asked, customer.language),
    reportCard(page, asked, customer.language),
    h("div", { class: "actions" }, button(say(WORDS.leave), () => page.go("/"))),
  );
}

/** @param {Page} page @param {Present} who @param {Language} language */
function codeCard(page, who, language) {
  const code = h("input", { id: "code", class: "code", inputmode: "numeric", autocomplete: "off", spellcheck: "false", placeholder: "000 000 000" });
  code.addEventListener("input", () => (code.value = grouped(digitsOf(code.value).digits)));
  const number = h("input", { id: "code-number", inputmode: "tel", maxlength: 32, autocomplete: "off" });
  const wrong = h("p", { class: "error", role: "alert" });
  const send = questions();
  const ask = async () => {
    const { digits } = digitsOf(code.value);
    const caller = asE164(number.value);
    const short = digits.length < LENGTH;
    wrong.textContent = short ? say(WORDS.codeShort) : caller === "" ? say(SHARED.calledNoNumber) : "";
    if (wrong.textContent) return (short ? code : number).focus();
    const asked = { ...who, code: digits, caller_number: caller };
    /** @param {Verdict} verdict @returns {Verdict} */
    const same = (verdict) => verdict;
    try {
      const handlers = { genuine: same, notGenuine: same, ended: same };
      const verdict = await send(asked, (idempotencyKey) => page.client.counter.confirm(asked, handlers, { idempotencyKey }));
      show(page, { kind: "verdict", language, asked: grouped(digits), answer: verdict });
    } catch (error) {
      const known = error instanceof Problem ? mended(error) : null;
      if (known === null) return tell(page, wrong, error);
      wrong.textContent = say(known);
      code.focus();
    }
  };
  return h(
    "section",
    { class: "card" },
    h("h2", {}, say(WORDS.codeTitle)),
    labelled(say(WORDS.code), code),
    labelled(say(SHARED.calledNumber), number),
    wrong,
    button(say(WORDS.codeAsk), ask, { class: "primary" }),
  );
}

/** What the clerk can do about a refused code, or null. @param {Problem} problem */
function mended({ slug, errors }) {
  if (slug === "malformed_code") return WORDS.codeSlip;
  return slug === "invalid_field" && errors.some((each) => each.pointer === "/number") ? WORDS.otherNumber : null;
}

/** @param {Page} page @param {Present} who @param {Language} language */
function callsCard(page, who, language) {
  const { fields, question } = callWindow(page.now());
  const wrong = h("p", { class: "error", role: "alert" });
  const send = questions();
  const ask = async () => {
    const window = question();
    wrong.textContent = typeof window === "string" ? window : "";
    if (typeof window === "string") return;
    const asked = { ...who, ...window };
    try {
      const answer = await send(asked, (idempotencyKey) => page.client.counter.checkCalls(asked, { idempotencyKey }));
      show(page, { kind: "calls", language, asked: window.caller_number, answer });
    } catch (error) {
      tell(page, wrong, error);
    }
  };
  return folded(WORDS.callsTitle, fields, wrong, button(say(WORDS.callsAsk), ask, { class: "primary" }));
}

/** @param {Page} page @param {Present} who @param {Language} language */
function reportCard(page, who, language) {
  const at = h("input", { id: "report-at", type: "datetime-local", value: asLocal(page.now()), required: true });
  const form = reportForm();
  const wrong = h("p", { class: "error", role: "alert" });
  const send = questions();
  const report = async () => {
    const [said, when] = [form.read(), new Date(at.value)];
    const noTime = Number.isNaN(when.getTime());
    wrong.textContent = noTime ? say(SHARED.calledNoTime) : said === null ? say(SHARED.reportEmpty) : "";
    if (noTime) return at.focus();
    if (said === null) return form.kinds.querySelector("input")?.focus();
    const asked = { ...who, ...said, at: when.toISOString() };
    try {
      const answer = await send(asked, (idempotencyKey) => page.client.counter.report(asked, { idempotencyKey }));
      show(page, { kind: "report", language, asked: { ...asked, said: form.told(language) }, answer });
    } catch (error) {
      tell(page, wrong, error, WORDS.reportNoAnswer);
    }
  };
  const fields = [labelled(say(WORDS.reportAt), at), form.kinds, ...form.more];
  return folded(WORDS.reportTitle, fields, wrong, button(say(WORDS.reportSend), report, { class: "primary" }));
}

/**
 * @param {import("../web/language.js").Both} title @param {readonly Node[]} fields @param {Node} wrong
 * @param {Node} action
 */
function folded(title, fields, wrong, action) {
  return h("details", { class: "card" }, h("summary", {}, h("h2", {}, say(title))), h("div", { class: "stack" }, fields, wrong, action));
}

/**
 * Say that there was no answer, without losing what was filled in: the same question can be asked again.
 * @param {Page} page @param {Element} wrong @param {unknown} error @param {import("../web/language.js").Both} [words]
 */
function tell(page, wrong, error, words = WORDS.noAnswer) {
  if (error instanceof CannotCheck) wrong.textContent = say(words);
  else page.fail(error);
}
