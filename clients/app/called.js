/**
 * "Did you call me?": a form for a window of time, and its signed answer.
 * Implements specs/protocol.md section 7.14.
 */

import { callWindow } from "../web/call-window.js";
import { announce, button, h } from "../web/elements.js";
import { dayAndTime, phone, said, say } from "../web/language.js";
import { question as questions } from "../web/question.js";
import { WORDS as SHARED } from "../web/words.js";
import { receiptButtons } from "./receipts.js";
import { WORDS } from "./words.js";

/** @typedef {import("../web/page.js").Page} Page */
/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]["CallsChecked"]} CallsChecked */
/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]["CheckedCall"]} CheckedCall */

/** @param {Page} page @param {string} at the bank's time, since the phone's may be wrong */
export function calledForm(page, at) {
  const { fields, question } = callWindow(Date.parse(at));
  const wrong = h("p", { class: "error", role: "alert" });
  const answer = h("div", { class: "stack", id: "called-answer" });
  const send = questions();
  const ask = async () => {
    answer.replaceChildren();
    const asked = question();
    wrong.textContent = typeof asked === "string" ? asked : "";
    if (typeof asked === "string") return;
    try {
      const checked = await send(asked, (idempotencyKey) => page.client.me.checkCalls(asked, { idempotencyKey }));
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
      fields,
      wrong,
      button(say(WORDS.calledAsk), ask, { class: "primary wide" }),
      answer,
    ),
  );
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
