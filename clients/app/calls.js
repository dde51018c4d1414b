/** All calls that the bank has issued on the customer's applications. Implements specs/protocol.md section 7.5. */

import { named } from "../web/contacts.js";
import { h } from "../web/elements.js";
import { clockTime, dayAndTime, phone, say } from "../web/language.js";
import { showMore } from "../web/paging.js";
import { WORDS as SHARED } from "../web/words.js";
import { calledForm } from "./called.js";
import { missedCall } from "./missed.js";
import { receiptLink } from "./receipts.js";
import { WORDS as RECEIPT } from "./receipt_words.js";
import { WORDS } from "./words.js";

/** @typedef {import("../web/page.js").Page} Page */
/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]["PastCall"]} PastCall */

/** @param {Page} page @param {AbortSignal} signal */
export async function callsScreen(page, signal) {
  const list = h("ol", { class: "plain stack" });
  const more = h("div", { class: "actions" });
  /** @param {string} [cursor] */
  const load = async (cursor) => {
    const found = await page.client.me.calls({ limit: 20, ...(cursor && { cursor }) }, { signal });
    list.append(...found.calls.map((call) => h("li", { class: "card stack" }, callEntry(page, call))));
    showMore(more, list, found.next_cursor, load, page);
  };
  const [{ at }] = await Promise.all([page.client.me.callStatus({ signal }), load()]);
  return h(
    "div",
    { class: "stack" },
    h("h1", {}, say(WORDS.callsTitle)),
    h("p", { class: "small" }, say(WORDS.callsWhy)),
    h("p", { class: "actions" }, h("a", { class: "button", href: "#/receipts" }, say(RECEIPT.title))),
    calledForm(page, at),
    list.children.length ? list : h("p", { class: "card" }, say(WORDS.noCalls)),
    more,
  );
}

/** @param {Page} page @param {PastCall} call */
function callEntry(page, call) {
  const purpose = page.facts.purposes[call.purpose];
  const receipt = call.receipt_id;
  return [
    h("h2", {}, `${dayAndTime(call.issued_at)} · ${purpose ? say(purpose) : call.purpose}`),
    call.called && h("p", {}, `${say(SHARED.toWhom)} `, h("b", {}, named(call.called))),
    h("p", {}, say(SHARED.officerLine, call.officer)),
    h(
      "p",
      { class: "small" },
      `${say(WORDS.fromNumber)} `,
      h("span", { class: "number" }, phone(call.caller_number)),
      call.application_id && ` · ${call.application_id}`,
    ),
    h("p", { class: `badge ${call.confirmed_at && !call.called ? "good" : "doubt"}` }, `${state(call)} · ${confirmation(call)}`),
    receipt && h("p", {}, receiptLink(receipt)),
    // Only the person who was called can say that they did not get the call.
    !call.called && missedCall(page, call),
  ];
}

/** @param {PastCall} call */
function state(call) {
  return say(call.state === "confirmed" && !call.receipt_id ? WORDS.onThePhone : WORDS.states[call.state]);
}

/** Whether the call was confirmed. Without a receipt of this person, another contact was first. @param {PastCall} call */
function confirmation({ called, confirmed_at, receipt_id }) {
  if (!confirmed_at) return say(called ? WORDS.notConfirmed : WORDS.neverConfirmed);
  return say(receipt_id ? WORDS.youConfirmed : WORDS.confirmedByOther, { time: clockTime(confirmed_at) });
}
