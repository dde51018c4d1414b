/**
 * "Did you call me?": a form for a window of time, and its signed answer.
 * Implements specs/protocol.md section 7.14.
 */

import { announce, button, h } from "../web/elements.js";
import { dayAndTime, phone, said, say } from "../web/language.js";
import { WORDS as SHARED } from "../web/words.js";
import { receiptButtons } from "./receipts.js";
import { WORDS } from "./words.js";

/** @typedef {import("../web/page.js").Page} Page */
/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]["CallsChecked"]} CallsChecked */
/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]["CheckedCall"]} CheckedCall */

const MINUTE = 60_000;
const DAY = 1440 * MINUTE;

/** @param {Page} page @param {string} at the bank's time, since the phone's may be wrong */
export function calledForm(page, at) {
  // The end is the next full minute, so that a call of this minute is not left out.
  const now = Math.ceil(Date.parse(at) / MINUTE) * MINUTE;
  const from = h("input", { id: "called-from", type: "datetime-local", value: asLocal(now - DAY), required: true });
  const until = h("input", { id: "called-until", type: "datetime-local", value: asLocal(now), required: true });
  const number = h("input", { id: "called-number", inputmode: "tel", maxlength: 32 });
  const wrong = h("p", { class: "error", role: "alert" });
  const answer = h("div", { class: "stack", id: "called-answer" });
  /** The last question that got no answer, with its key. @type {{asked: string, key: string} | null} */
  let pending = null;
  const ask = async () => {
    answer.replaceChildren();
    const asked = question(from.value, until.value, number.value);
    wrong.textContent = typeof asked === "string" ? asked : "";
    if (typeof asked === "string") return;
    const body = JSON.stringify(asked);
    if (pending?.asked !== body) pending = { asked: body, key: crypto.randomUUID() };
    try {
      const checked = await page.client.me.checkCalls(asked, { idempotencyKey: pending.key });
      pending = null;
      answer.replaceChildren(...answered(page, checked));
      announce(said(checked.words));
    } catch (error) {
      page.fail(error);
    }
  };
  return h(
    "details",
    { class: "card" },
    h("summary", {}, say(WORDS.called)),
    h(
      "div",
      { class: "stack" },
      h("p", { class: "small" }, say(WORDS.calledWhy)),
      labelled(WORDS.calledFrom, from),
      labelled(WORDS.calledUntil, until),
      labelled(WORDS.calledNumber, number),
      wrong,
      button(say(WORDS.calledAsk), ask, { class: "primary wide" }),
      answer,
    ),
  );
}

/**
 * The question to send, or what is wrong with it.
 * @param {string} from @param {string} until @param {string} typed
 */
function question(from, until, typed) {
  const [begins, ends] = [new Date(from).getTime(), new Date(until).getTime()];
  if (Number.isNaN(begins) || Number.isNaN(ends)) return say(WORDS.calledNoTime);
  if (ends < begins) return say(WORDS.calledBackwards);
  if (ends - begins > 31 * DAY) return say(WORDS.calledTooLong);
  const number = asE164(typed);
  if (number === "") return say(WORDS.calledNoNumber);
  return { from: new Date(begins).toISOString(), until: new Date(ends).toISOString(), caller_number: number };
}

/**
 * A number as people type it in China, in E.164. Null for none, and empty if it cannot be a number.
 * @param {string} typed
 */
function asE164(typed) {
  const digits = typed.normalize("NFKC").replace(/[\s\-().]/g, "");
  if (digits === "") return null;
  const whole = digits.replace(/^(?:00|(?=861[0-9]{10}$))/, "+");
  const number = whole.startsWith("+") ? whole : `+86${whole.replace(/^0/, "")}`;
  return /^\+[1-9][0-9]{6,14}$/.test(number) ? number : "";
}

/** @param {Page} page @param {CallsChecked} checked */
function answered(page, checked) {
  const none = checked.calls.length === 0;
  return [
    h("div", { class: `told ${none ? "doubt" : "calm"}` }, h("p", {}, said(checked.words))),
    h("p", { class: "small" }, say(WORDS.calledWindow, { from: dayAndTime(checked.from), until: dayAndTime(checked.until) })),
    !none && h("ol", { class: "plain stack" }, checked.calls.map((call) => h("li", {}, entry(page, call)))),
    receiptButtons(checked.receipt_id, checked.receipt),
  ].filter((each) => each !== false);
}

/** @param {Page} page @param {CheckedCall} call */
function entry(page, call) {
  const purpose = page.facts.purposes[call.purpose];
  return [
    h("h3", {}, `${dayAndTime(call.connected_at ?? call.issued_at)} · ${purpose ? say(purpose) : call.purpose}`),
    h("p", {}, say(SHARED.officerLine, call.officer)),
    h(
      "p",
      { class: "small" },
      `${say(WORDS.fromNumber)} `,
      h("span", { class: "number" }, phone(call.caller_number)),
      ` · ${say(WORDS.toNumber)} `,
      h("span", { class: "number" }, phone(call.number)),
      ` · ${call.connected_at ? say(WORDS.states[call.state]) : say(WORDS.notConnected)}`,
    ),
  ];
}

/** @param {import("../web/language.js").Both} label @param {HTMLInputElement} input */
function labelled(label, input) {
  return h("div", {}, h("label", { for: input.id }, say(label)), input);
}

/** A time in the format of an input, in the time zone of the phone. @param {number} ms */
function asLocal(ms) {
  return new Date(ms - new Date(ms).getTimezoneOffset() * MINUTE).toISOString().slice(0, 16);
}
