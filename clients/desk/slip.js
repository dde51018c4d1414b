/**
 * The answer in the customer's language, as a slip to print with the receipt as QR codes.
 * Implements specs/protocol.md sections 7.19 and 8.5.
 */

import { named } from "../web/contacts.js";
import { button, h } from "../web/elements.js";
import { dateAndTime, inLanguage, phone, said, say } from "../web/language.js";
import { symbolsOf } from "../web/symbols.js";
import { WORDS as SHARED } from "../web/words.js";
import { WORDS } from "./words.js";

/** @typedef {import("../web/page.js").Page} Page */
/** @typedef {import("../web/language.js").Both} Both */
/** @typedef {import("../web/language.js").Language} Language */
/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]} Schemas */
/**
 * @typedef {{kind: "verdict", language: Language, asked: string, answer: Schemas["Verdict"]}
 *   | {kind: "calls", language: Language, asked: string | null, answer: Schemas["CallsChecked"]}
 *   | {kind: "report", language: Language, asked: Omit<Schemas["ReportAtCounter"], "reason">, answer: Schemas["ReportTaken"]}} Answered
 */

/** The answer on the screen. It is forgotten when the clerk leaves the screen. @type {Answered | null} */
let held = null;

/** Show an answer. @param {Page} page @param {Answered} answered */
export function show(page, answered) {
  held = answered;
  page.go("/slip");
}

/** @param {Page} page @param {AbortSignal} signal */
export async function slipScreen(page, signal) {
  const shown = held;
  if (shown === null) {
    page.go("/");
    return h("p", {});
  }
  signal.addEventListener("abort", () => {
    if (held === shown) held = null;
  });
  const symbols = h("div", { class: "symbols" });
  const print = button(say(WORDS.print), () => globalThis.print(), { class: "primary" });
  const draw = async () => {
    try {
      const { statement, proof } = shown.answer.receipt;
      const drawn = await page.client.receipts.draw({ statement, proof }, { signal });
      const again = symbols.contains(document.activeElement);
      symbols.replaceChildren(...symbolsOf(drawn.symbols, shown.language));
      print.hidden = false;
      if (again) print.focus();
    } catch (error) {
      if (!signal.aborted) symbols.replaceChildren(page.trouble(error, draw));
    }
  };
  // A slip without its evidence is not worth printing.
  print.hidden = true;
  await draw();
  return h(
    "div",
    { class: "stack" },
    h("div", { class: "actions" }, print, button(say(WORDS.back), () => page.go("/visit")), button(say(WORDS.leave), () => page.go("/"))),
    slip(page, shown, symbols),
  );
}

/** @param {Page} page @param {Answered} shown @param {Element} symbols */
function slip(page, shown, symbols) {
  const { language } = shown;
  const tell = (/** @type {Both} */ both, /** @type {Record<string, string>} */ values = {}) => inLanguage(language, both, values);
  const { heading, look, lead, asked, more } = bodyOf(page, shown);
  const number = page.facts.published_numbers[0];
  const id = "report_id" in shown.answer ? shown.answer.report_id : shown.answer.receipt_id;
  return h(
    "article",
    { class: "slip", lang: language },
    h("p", { class: "slip-bank" }, page.facts.bank_name),
    h("h1", {}, heading),
    h("p", { class: `lead ${look}` }, lead),
    h(
      "dl",
      {},
      h("dt", {}, tell(shown.kind === "report" ? WORDS.reported : WORDS.asked)), h("dd", {}, asked),
      h("dt", {}, tell(WORDS.answeredAt)), h("dd", {}, dateAndTime(shown.answer.at, language)),
      more.map(([name, value]) => [h("dt", {}, tell(name)), h("dd", {}, value)]),
      number && [h("dt", {}, tell(WORDS.ring)), h("dd", { class: "number" }, phone(number))],
      h("dt", {}, tell(WORDS.receiptNumber)), h("dd", { class: "small" }, id),
    ),
    symbols,
    h("p", { class: "small" }, tell(WORDS.proves)),
    h("p", { class: "small" }, tell(WORDS.keep)),
  );
}

/**
 * What the slip says. It is paper: it speaks of the moment of the answer, and never in the look of a live verdict.
 * @param {Page} page @param {Answered} shown
 * @returns {{heading: string, look: string, lead: string, asked: string, more: [Both, string][]}}
 */
function bodyOf(page, shown) {
  const { language, answer } = shown;
  const tell = (/** @type {Both} */ both, /** @type {Record<string, string>} */ values = {}) => inLanguage(language, both, values);
  if (shown.kind === "report") {
    const { said: told, at, caller_number: from, code } = shown.asked;
    /** @type {[Both, string][]} */
    const rest = [[WORDS.reportAt, dateAndTime(at, language)], [WORDS.fromNumber, from ?? ""], [WORDS.code, code ?? ""]];
    const more = rest.filter(([, value]) => value !== "");
    return { heading: tell(WORDS.reportTaken), look: "plain", lead: tell(WORDS.reportTakenWhat), asked: told || "—", more };
  }
  if (shown.kind === "calls") {
    const { calls, words, from, until } = shown.answer;
    const window = tell(WORDS.window, { from: dateAndTime(from, language), until: dateAndTime(until, language) });
    const asked = shown.asked === null ? window : `${window} · ${tell(WORDS.fromNumber)} ${phone(shown.asked)}`;
    const heading = tell(calls.length ? WORDS.callsHeading : WORDS.noCallsHeading);
    return { heading, look: calls.length ? "plain" : "doubt", lead: said(words, language), asked, more: calls.map(entry) };
  }
  const { verdict, call, words } = shown.answer;
  const called = call?.called ? named(call.called, language) : null;
  const then = tell(WORDS.genuineWhat, { time: dateAndTime(answer.at, language) });
  const notToYou = called ? [tell(SHARED.toAnotherWhat, { contact: called }), tell(SHARED.toAnotherNotYou)] : [];
  const noLeg = call && !called && call.leg.mode !== "required" && !call.leg.connected_at ? [tell(SHARED.noLeg)] : [];
  const lead = verdict === "genuine" ? [then, ...noLeg, ...notToYou].join(language === "en" ? " " : "") : said(words, language);
  const look = verdict === "genuine" ? "plain" : verdict === "ended" ? "doubt" : "bad";
  return {
    heading: tell(called && verdict === "genuine" ? SHARED.toAnother : call?.began_at ? WORDS.pastCall : WORDS.headings[verdict]),
    look,
    lead,
    asked: `${tell(WORDS.code)} ${shown.asked}`,
    more: call ? details(call) : [],
  };

  /** @param {Schemas["CallDetails"]} call @returns {[Both, string][]} */
  function details(call) {
    const { officer, loan, purpose, leg, began_at: began, ended_at: ended } = call;
    const never = call.never_asks.map((each) => page.facts.items[each]?.[language] ?? each);
    return [
      ...(called ? [/** @type {[Both, string]} */ ([SHARED.toWhom, called])] : []),
      [WORDS.officer, tell(SHARED.officerLine, { ...officer })],
      ...(purpose === null ? [] : [/** @type {[Both, string]} */ ([WORDS.purpose, purposeOf(purpose)])]),
      ...(loan ? [/** @type {[Both, string]} */ ([WORDS.loan, `${loan.product} · ${loan.reference}`])] : []),
      [WORDS.fromNumber, phone(call.caller_number)],
      ...(began ? [/** @type {[Both, string]} */ ([WORDS.began, dateAndTime(began, language)])] : []),
      // If only the code has expired, the call may still go on.
      ...(ended
        ? [/** @type {[Both, string]} */ ([leg.connected_at && !leg.ended_at ? WORDS.codeEnded : WORDS.ended, dateAndTime(ended, language)])]
        : []),
      [WORDS.never, never.join(language === "en" ? "; " : "、")],
    ];
  }

  /** @param {Schemas["CheckedCall"]} call @returns {[Both, string]} */
  function entry(call) {
    const when = dateAndTime(call.connected_at ?? call.issued_at, language);
    const line = [when, tell(SHARED.officerLine, { ...call.officer }), purposeOf(call.purpose), phone(call.caller_number)];
    return [WORDS.call, line.join(" · ")];
  }

  /** @param {string} purpose */
  function purposeOf(purpose) {
    const known = page.facts.purposes[purpose];
    return known ? tell(known) : purpose;
  }
}
